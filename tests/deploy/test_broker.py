"""`make kafka`: a broker in the foreground that keeps its data and leaves nothing running."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.broker import NoKafkaError, kafka_jars
from deploy.ports import PortLease

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = str(Path(sys.executable).with_name("outcomes"))
COMMAND = [sys.executable, "-m", "deploy.broker"]


def settings(folder: Path, port: object) -> dict[str, str]:
    return {**os.environ, "KAFKA_FOLDER": str(folder), "KAFKA_PORT": str(port)}


@pytest.fixture
def port() -> Iterator[int]:
    """A free port with a free one above it."""
    lease = PortLease(2)
    yield lease.ports[0]
    lease.release()


@contextmanager
def foreground(folder: Path, port: int) -> Iterator[str]:
    """The broker, with its output up to the line that names the log; then Ctrl-C."""
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
        assert 0 == process.wait(60)
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
    def test_a_topic_survives_ctrl_c_and_a_restart(self, kafka, port: int, tmp_path: Path) -> None:
        kafka.own()  # Java and Kafka are installed.
        url = f"kafka://127.0.0.1:{port}/student-lifecycle"

        with foreground(tmp_path, port) as printed:
            assert f"export OUTCOMES_LOG={url}\n" in printed
            assert "created" in create_topic(url)
        with foreground(tmp_path, port):
            assert "exists, left as it is" in create_topic(url)


class TestRefusals:
    """One line that says what is wrong and what to do."""

    def test_an_occupied_port(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            message = refusal(tmp_path, port)
        assert f"make kafka: port {port}: Address already in use; choose two others:" in message

    @pytest.mark.parametrize("setting", ["0", "-1", "9092x", "65535"])
    def test_an_invalid_port(self, tmp_path: Path, setting: str) -> None:
        expected = f"make kafka: KAFKA_PORT={setting} is not a port; write 1 to 65534"
        assert expected == refusal(tmp_path, setting)

    def test_a_folder_that_another_broker_uses(self, tmp_path: Path) -> None:
        with (tmp_path / "lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            message = refusal(tmp_path, 9092)
        assert f"make kafka: a broker is running on {tmp_path}; stop that one first" == message

    def test_a_folder_that_cannot_be_created(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        message = refusal(tmp_path / "file", 9092)
        assert f"make kafka: {tmp_path}/file: File exists; set KAFKA_FOLDER" == message

    def test_no_java(self, port: int, tmp_path: Path) -> None:
        message = refusal(tmp_path, port, PATH=str(tmp_path))
        assert "make kafka: no java; install a Java 17 runtime" == message

    def test_no_maven_before_the_first_download(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        java = tmp_path / "java"
        java.touch(mode=0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(
            NoKafkaError, match="Kafka is missing and so is mvn to download it; install maven"
        ):
            kafka_jars(tmp_path / "cache")
