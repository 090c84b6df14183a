"""`make kafka`: a broker in the foreground, which keeps its data and leaves nothing running."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.broker import NoKafkaError, free_ports, kafka_jars

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = str(Path(sys.executable).with_name("outcomes"))
COMMAND = [sys.executable, "-m", "deploy.broker"]


def settings(folder: Path, port: object) -> dict[str, str]:
    return {**os.environ, "KAFKA_FOLDER": str(folder), "KAFKA_PORT": str(port)}


def port_of_two() -> int:
    """A port that is free and has a free one behind it.

    Below those that systems hand out, so that no connection of another test takes one meanwhile.
    """
    for port in random.Random(os.getpid()).sample(range(20_000, 30_000, 2), 5_000):
        try:
            for one in (port, port + 1):
                socket.create_server(("127.0.0.1", one)).close()
        except OSError:
            continue
        return port
    raise AssertionError("no two neighbouring ports are free")


@contextmanager
def foreground(folder: Path, port: int) -> Iterator[str]:
    """The broker with what it prints up to the line that names the log; then Ctrl-C."""
    process = subprocess.Popen(
        COMMAND, cwd=ROOT, env=settings(folder, port), stdout=subprocess.PIPE, text=True
    )
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if "topic create" in line:
                break
        yield "".join(printed)
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(30)
    finally:
        process.kill()
        process.communicate()


def create_topic(url: str) -> str:
    command = [OUTCOMES, "topic", "create", "--log", url, "--partitions", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def refusal(folder: Path, port: object, **more: str) -> str:
    done = subprocess.run(
        COMMAND,
        cwd=ROOT,
        env={**settings(folder, port), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (1, "") == (done.returncode, done.stdout)
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.kafka
class TestForeground:
    def test_it_keeps_a_topic_over_ctrl_c_and_a_new_start(self, kafka, tmp_path: Path) -> None:
        kafka.own()  # Java and Kafka are here.
        port = port_of_two()
        url = f"kafka://127.0.0.1:{port}/student-lifecycle"

        with foreground(tmp_path, port) as printed:
            assert f"export OUTCOMES_LOG={url}\n" in printed
            assert "made" in create_topic(url)
        with foreground(tmp_path, port):
            assert "exists, left as it is" in create_topic(url)


class TestRefusals:
    """One line that says what is wrong and what to do."""

    def test_a_port_that_is_taken(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            told = refusal(tmp_path, port)
        assert f"make kafka: port {port}: Address already in use; choose two others:" in told

    @pytest.mark.parametrize("port", ["0", "-1", "9092x", "65535"])
    def test_what_is_no_port(self, tmp_path: Path, port: str) -> None:
        expected = f"make kafka: KAFKA_PORT={port} is no port; write 1 to 65534"
        assert expected == refusal(tmp_path, port)

    def test_a_folder_that_another_broker_uses(self, tmp_path: Path) -> None:
        with (tmp_path / "lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            told = refusal(tmp_path, 9092)
        assert f"make kafka: a broker runs on {tmp_path} already; end that one first" == told

    def test_a_folder_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        told = refusal(tmp_path / "file", 9092)
        assert f"make kafka: {tmp_path}/file: File exists; set KAFKA_FOLDER" == told

    def test_no_java(self, tmp_path: Path) -> None:
        told = refusal(tmp_path, free_ports(1)[0], PATH=str(tmp_path))
        assert "make kafka: no java; install a Java 17 runtime" == told

    def test_no_maven_and_nothing_fetched_yet(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        java = tmp_path / "java"
        java.touch(mode=0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(NoKafkaError, match="no Kafka and no mvn to fetch it; install maven"):
            kafka_jars(tmp_path / "cache")
