"""Apache Kafka without docker: downloaded once by Maven, one process, KRaft, loopback only.

`make kafka` runs it until Ctrl-C. `make live` and the tests run temporary ones from the same
recipe. This broker is for trials: one node, no replicas, no passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from string import Template

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.tools import ToolError, maven_jars, run_tool

__all__ = ["Broker", "NoKafkaError", "is_ready", "kafka_jars", "kill_with_parent"]

ROOT = Path(__file__).resolve().parents[1]
RECIPE = Path(__file__).parent / "kafka"
CACHE = ROOT / ".kafka"
DEFAULT_PORT = 9092
_PORT_MAX = 65_534
_CLUSTER = "outcomesLedgerKafka0AA"
_READY_SECONDS = 60
_STOP_SECONDS = 20
_POLL_SECONDS = 0.1
_SET_PARENT_DEATH_SIGNAL = 1
# Loaded here: between fork and exec a child must not load libraries.
_LIBC = ctypes.CDLL(None)


class NoKafkaError(Exception):
    """No broker is available; the message says why in one line."""


def kafka_jars(cache: Path = CACHE, before_download: Callable[[], None] = lambda: None) -> Path:
    """The folder of Kafka's jars, downloaded by Maven if missing.

    Args:
        cache: See `maven_jars`.
        before_download: See `maven_jars`.

    Raises:
        NoKafkaError: If Java or Maven is missing, or Maven cannot download.
    """
    try:
        return maven_jars("Kafka", RECIPE / "pom.xml", cache, before_download)
    except ToolError as error:
        raise NoKafkaError(str(error)) from error


class Broker:
    """One Kafka process, which keeps its ports and data over a restart.

    Attributes:
        folder: Contains its settings, `broker.log` and its data.
        bootstrap: `host:port`.
    """

    def __init__(  # noqa: PLR0913 - the last three are for tests
        self,
        folder: Path,
        jars: Path,
        *,
        port: int,
        controller: int,
        settings: str = "",
        format_with: Sequence[str] = (),
        heap_mb: int = 512,
    ) -> None:
        """Write the settings, and format the data folder unless it is.

        Args:
            folder: An existing folder; data from an earlier run is used.
            jars: From `kafka_jars`.
            port: The port for clients.
            controller: The port of the KRaft controller.
            settings: More lines for `server.properties`; they override those of the recipe.
            format_with: More arguments for Kafka's `StorageTool format`.
            heap_mb: The heap's limit.

        Raises:
            NoKafkaError: If the data folder cannot be formatted.
        """
        self.folder = folder
        self.bootstrap = f"127.0.0.1:{port}"
        self._classes = f"{jars}/*"
        self._heap_mb = heap_mb
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = folder / "server.properties"
        recipe = Template((RECIPE / "server.properties").read_text(encoding="utf-8"))
        base = recipe.substitute(port=port, controller=controller, folder=folder)
        self._properties.write_text(base + settings, encoding="utf-8")
        if not (folder / "data" / "meta.properties").exists():
            tool = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", self._classes]
            tool += ["kafka.tools.StorageTool", "format", "-t", _CLUSTER]
            tool += ["-c", str(self._properties), *format_with]
            try:
                run_tool(*tool, tool="Kafka's StorageTool")
            except ToolError as error:
                raise NoKafkaError(str(error)) from error

    def start(self) -> None:
        """Start, and return when clients are served.

        Raises:
            NoKafkaError: If it does not answer within a minute.
        """
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start without waiting until clients are served."""
        flags = [f"-Xmx{self._heap_mb}m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        flags.append(f"-Dlog4j2.configurationFile={RECIPE / 'log4j2.xml'}")
        command = ["java", *flags, "-cp", self._classes, "kafka.Kafka", str(self._properties)]
        with (self.folder / "broker.log").open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=kill_with_parent,  # noqa: PLW1509 - one system call, no locks
            )

    def wait_until_ready(self) -> None:
        """Return when clients are served.

        Raises:
            NoKafkaError: If it does not answer within a minute.
        """
        assert self._process is not None, "the broker is launched first"
        deadline = time.monotonic() + _READY_SECONDS
        while not asyncio.run(is_ready(self.bootstrap)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                log = (self.folder / "broker.log").read_bytes()[self._log_start :]
                lines = log.decode(errors="replace").splitlines()
                messages = [line for line in lines if not line.startswith("\tat ")]
                raise NoKafkaError(f"Kafka does not start: {' | '.join(messages[-3:])}")
            time.sleep(_POLL_SECONDS)

    def wait(self) -> None:
        """Return when it has exited."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """Stop it gracefully."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        self._signal(signal.SIGKILL)

    def restart(self) -> None:
        """Stop, and start on the same ports and data."""
        self.stop()
        self.start()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
        self._process = None


def kill_with_parent() -> None:
    """Let the kernel kill a child whose parent is gone, `kill -9` included (Linux)."""
    if sys.platform == "linux":
        _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


async def is_ready(bootstrap: str) -> bool:
    """Whether a Kafka answers at `host:port`."""
    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2_000)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"])


def _port_setting() -> int:
    """The port for clients, `KAFKA_PORT`; the next one is the controller's."""
    setting = os.environ.get("KAFKA_PORT") or str(DEFAULT_PORT)
    if not setting.isdecimal() or not 1 <= int(setting) <= _PORT_MAX:
        raise NoKafkaError(f"KAFKA_PORT={setting} is not a port; write 1 to {_PORT_MAX}")
    port = int(setting)
    for number in (port, port + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", number))
            except OSError as error:
                raise NoKafkaError(
                    f"port {number}: {error.strerror}; choose two others:"
                    f" make kafka KAFKA_PORT={port + 100}"
                ) from error
    return port


@contextlib.contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Keep a second broker off the same data: Kafka's own lock comes after its first writes."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("wb")
    except OSError as error:
        raise NoKafkaError(f"{folder}: {error.strerror}; set KAFKA_FOLDER") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NoKafkaError(f"a broker is running on {folder}; stop that one first") from error
        yield


def _serve(port: int, folder: Path) -> None:
    jars = kafka_jars(
        before_download=lambda: print(
            "Downloading Apache Kafka with Maven (once, about a minute) ...", flush=True
        )
    )
    broker = Broker(folder, jars, port=port, controller=port + 1)
    try:
        broker.start()
        _print_usage(broker)
        broker.wait()
    finally:
        broker.stop()
    raise NoKafkaError(f"Kafka exited; see {broker.folder / 'broker.log'}")


def _print_usage(broker: Broker) -> None:
    print(f"Apache Kafka on {broker.bootstrap}, data in {broker.folder / 'data'}")
    print("Ctrl-C stops it. In another terminal:", end="\n\n")
    print(f"  export OUTCOMES_LOG=kafka://{broker.bootstrap}/student-lifecycle")
    print("  .venv/bin/outcomes topic create", end="\n\n", flush=True)


def main() -> int:
    """Run a broker until Ctrl-C; `KAFKA_PORT` and `KAFKA_FOLDER` say where."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)
    try:
        folder = Path(os.environ.get("KAFKA_FOLDER") or CACHE).absolute()
        with _lock_folder(folder):
            _serve(_port_setting(), folder)
    except NoKafkaError as error:
        print(f"make kafka: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
