"""`serve` and every other command on one file at once."""

from __future__ import annotations

from socket import gethostname

import pytest

from tests.e2e.command import run, started
from tests.support.applications import changed
from tests.support.server import serving
from tests.support.workers import wait_until

LOG = ("--log", "sqlite:ledger.db")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beside")
    lines = run("generate", "--students", "60", "--seed", "7", folder=folder).out
    (folder / "events.jsonl").write_bytes(lines)
    assert 0 == run("append", "events.jsonl", folder=folder).code
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with serving("sqlite:ledger.db", "--insecure-dev", folder=folder) as server:
        server.wait_for_figures()
        yield server


def owner(server):
    return server.wait_for_figures()["live"]["partitions"][0]["owner"]


class TestBeside:
    """While a server runs every other command does its work, and figures are those of a replay."""

    def test_what_append_adds_is_seen(self, folder, server):
        before = server.wait_for_figures()["log"]["records"]
        (folder / "one.jsonl").write_bytes(changed(id="beside") + b"\n")

        assert 0 == run("append", "one.jsonl", *LOG, folder=folder).code

        wait_until(
            lambda: server.wait_for_figures()["log"]["records"] == before + 1, "it is folded"
        )

    def test_report_has_the_digest_of_the_page(self, folder, server):
        live = server.wait_for_figures()
        assert live["log"]["records"]

        replayed = run("report", "--year", "2022", "--json", *LOG, folder=folder).json

        assert live["digest"] == replayed["digest"]

    @pytest.mark.parametrize("command", [("backup", "copy.db"), ("archive", "sealed"), ("doctor",)])
    def test_what_reads_it_works(self, folder, server, command):
        assert 200 == server.post(changed(id="-".join(command))).status

        assert 0 == run(*command, *LOG, folder=folder).code

    def test_a_second_worker_is_refused_and_the_server_goes_on(self, folder, server):
        done = run("worker", *LOG, folder=folder)

        assert 69 == done.code
        assert f"has a worker already, {gethostname()}-{server.process.pid};".encode() in done.err
        assert 200 == server.post(changed(id="after")).status

    def test_live_shows_the_figures_of_the_server(self, folder, server):
        def is_same():
            live = run("live", "--year", "2022", "--json", *LOG, folder=folder).json
            return server.wait_for_figures()["digest"] == live["digest"]

        wait_until(is_same, "the same figures")


def test_a_server_takes_over_when_a_worker_ends(folder, tmp_path):
    (tmp_path / "events.jsonl").write_bytes((folder / "events.jsonl").read_bytes())
    assert 0 == run("append", "events.jsonl", folder=tmp_path).code
    with started("worker", folder=tmp_path) as worker:
        wait_until(
            lambda: run("live", "--year", "2022", "--max-lag", "60", folder=tmp_path).code == 0,
            "the worker's figures",
        )
        with serving("sqlite:ledger.db", "--insecure-dev", folder=tmp_path) as server:
            assert owner(server).endswith(f"-{worker.pid}")
            worker.kill()
            worker.wait()
            assert 200 == server.post(changed(id="later")).status
            wait_until(
                lambda: (name := owner(server)) and not name.endswith(f"-{worker.pid}"),
                "a worker of the server's own",
            )
