"""Ports that a server keeps while it restarts."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import ports
from deploy.ports import PortLease

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def three_ports(monkeypatch, tmp_path):
    """Only three ports exist, and other test runs do not hold them."""
    (low, _, high) = PortLease(3).ports
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr(ports, "LOWEST_PORT", low)
    monkeypatch.setattr(ports, "HIGHEST_PORT", high)
    return low


class TestPortLease:
    def test_ports_are_consecutive_and_below_the_ephemeral_range(self):
        lease = PortLease(4)
        first = lease.ports[0]
        assert tuple(range(first, first + 4)) == lease.ports
        assert lease.ports[-1] < 32_768

    def test_a_leased_port_is_not_leased_again_before_its_release(self, three_ports):
        lease = PortLease(3)
        with pytest.raises(OSError, match="no 3 free ports"):
            PortLease(3)
        lease.release()
        assert lease.ports == PortLease(3).ports

    def test_another_process_does_not_lease_it_either(self, three_ports):
        lease = PortLease(2)
        script = (
            "from deploy import ports\n"
            f"ports.LOWEST_PORT = {three_ports}; ports.HIGHEST_PORT = {three_ports + 1}\n"
            "ports.PortLease(2)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert lease.ports == (three_ports, three_ports + 1)
        assert "no 2 free ports" in done.stderr

    def test_a_port_that_somebody_listens_on_is_passed_over(self, three_ports):
        with (
            socket.create_server(("127.0.0.1", three_ports + 1)),
            pytest.raises(OSError, match="no 2 free ports"),
        ):
            PortLease(2)

    def test_a_server_restarts_on_its_port(self):
        (port,) = PortLease(1).ports
        for _ in range(2):
            with socket.create_server(("127.0.0.1", port)) as server:
                assert port == server.getsockname()[1]
