"""Apache Kafka without docker: fetched once by Maven, one process, KRaft, loopback only.

`make kafka` runs it until Ctrl-C. `make live` and the tests run their own by the same recipe,
thrown away afterwards. This is a broker to try things on: one node, no copies, no passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

__all__ = ["Broker", "NoKafkaError", "die_with_parent", "free_ports", "is_ready", "kafka_jars"]

ROOT = Path(__file__).resolve().parents[1]
RECIPE = Path(__file__).parent / "kafka"
CACHE = ROOT / ".kafka"
DEFAULT_PORT = 9092
_PORT_MAX = 65_534
_CLUSTER = "outcomesLedgerKafka0AA"
_FETCH_SECONDS = 600
_READY_SECONDS = 60
_STOP_SECONDS = 20
_POLL_SECONDS = 0.1
_SET_PARENT_DEATH_SIGNAL = 1
# Loaded here, since between fork and exec a child must not load anything.
_LIBC = ctypes.CDLL(None)


class NoKafkaError(Exception):
    """There is no broker to be had; the message says why in one line."""


def kafka_jars(cache: Path = CACHE) -> Path:
    """The folder of Kafka's jars, copied by Maven when it is missing.

    Raises:
        NoKafkaError: If Java or Maven is missing, or Maven cannot fetch.
    """
    if shutil.which("java") is None:
        raise NoKafkaError("no java; install a Java 17 runtime")
    recipe = RECIPE / "pom.xml"
    libs = cache / "libs"
    stamp = cache / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == recipe.read_bytes():
        return libs
    maven = shutil.which("mvn")
    if maven is None:
        raise NoKafkaError("no Kafka and no mvn to fetch it; install maven")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as folder:
        fresh = Path(folder) / "libs"
        command = [maven, "-B", "-q", "-f", str(recipe), "dependency:copy-dependencies"]
        command += ["-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        _run(*command, doing="Maven cannot fetch Kafka", seconds=_FETCH_SECONDS)
        shutil.rmtree(libs, ignore_errors=True)
        with contextlib.suppress(
            OSError
        ):  # Another run may have been first; its jars are the same.
            fresh.rename(libs)
    shutil.copy(recipe, stamp)
    return libs


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Broker:
    """One Kafka process; its ports and its data stay the same over a restart.

    Attributes:
        folder: Holds its settings, `broker.log` and its data.
        bootstrap: `host:port`.
    """

    def __init__(  # noqa: PLR0913 - the two last are the tests'
        self,
        folder: Path,
        jars: Path,
        *,
        port: int,
        controller: int,
        settings: str = "",
        format_with: Sequence[str] = (),
    ) -> None:
        """Write the settings, and make the data folder ready unless it is.

        Args:
            folder: Exists; what it holds from an earlier run is used.
            jars: From `kafka_jars`.
            port: Where clients are served.
            controller: Where the node speaks to itself.
            settings: More lines for `server.properties`; they go before those of the recipe.
            format_with: More arguments for Kafka's `StorageTool format`.

        Raises:
            NoKafkaError: If the data folder cannot be made.
        """
        self.folder = folder
        self.bootstrap = f"127.0.0.1:{port}"
        self._classes = f"{jars}/*"
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = folder / "server.properties"
        recipe = Template((RECIPE / "server.properties").read_text(encoding="utf-8"))
        base = recipe.substitute(port=port, controller=controller, folder=folder)
        self._properties.write_text(base + settings, encoding="utf-8")
        if not (folder / "data" / "meta.properties").exists():
            tool = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", self._classes]
            tool += ["kafka.tools.StorageTool", "format", "-t", _CLUSTER]
            _run(*tool, "-c", str(self._properties), *format_with, doing="Kafka's StorageTool")

    def start(self) -> None:
        """Start, and return when clients are served.

        Raises:
            NoKafkaError: If that does not come to pass within a minute.
        """
        flags = ["-Xmx512m", "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        flags.append(f"-Dlog4j2.configurationFile={RECIPE / 'log4j2.xml'}")
        command = ["java", *flags, "-cp", self._classes, "kafka.Kafka", str(self._properties)]
        with (self.folder / "broker.log").open("ab") as log:
            before = log.tell()
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no locks
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not asyncio.run(is_ready(self.bootstrap)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                told = (self.folder / "broker.log").read_bytes()[before:].decode(errors="replace")
                said = [line for line in told.splitlines() if not line.startswith("\tat ")]
                raise NoKafkaError(f"Kafka does not start: {' | '.join(said[-3:])}")
            time.sleep(_POLL_SECONDS)

    def wait(self) -> None:
        """Return when it has ended."""
        if self._process is not None:
            self._process.wait()

    def stop(self) -> None:
        """End it in good order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop, and start on the same ports and data."""
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
        self._process = None


def die_with_parent() -> None:
    """Let the kernel end a child when whoever started it is gone, `kill -9` included (Linux)."""
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


def _run(*command: str, doing: str, seconds: float = 60) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except OSError as error:
        raise NoKafkaError(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise NoKafkaError(f"{doing}: no end after {seconds:.0f} s") from error
    if done.returncode:
        raise NoKafkaError(f"{doing}: {' '.join((done.stdout + done.stderr).split())[:300]}")


def _wanted_port() -> int:
    """The port to serve on, `KAFKA_PORT`; the next one is the controller's."""
    wanted = os.environ.get("KAFKA_PORT") or str(DEFAULT_PORT)
    if not wanted.isdecimal() or not 1 <= int(wanted) <= _PORT_MAX:
        raise NoKafkaError(f"KAFKA_PORT={wanted} is no port; write 1 to {_PORT_MAX}")
    port = int(wanted)
    for one in (port, port + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", one))
            except OSError as error:
                raise NoKafkaError(
                    f"port {one}: {error.strerror}; choose two others:"
                    f" make kafka KAFKA_PORT={port + 100}"
                ) from error
    return port


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep a second broker from the same data: Kafka's own lock comes after it has written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("wb")
    except OSError as error:
        raise NoKafkaError(f"{folder}: {error.strerror}; set KAFKA_FOLDER") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise NoKafkaError(f"a broker runs on {folder} already; end that one first") from error
        yield


def _serve(port: int, folder: Path) -> None:
    if not (CACHE / "pom.xml").exists():
        print("Fetching Apache Kafka with Maven (once, about a minute) ...", flush=True)
    broker = Broker(folder, kafka_jars(), port=port, controller=port + 1)
    try:
        broker.start()
        _greet(broker)
        broker.wait()
    finally:
        broker.stop()
    raise NoKafkaError(f"Kafka has ended by itself; see {broker.folder / 'broker.log'}")


def _greet(broker: Broker) -> None:
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
        with _alone(folder):
            _serve(_wanted_port(), folder)
    except NoKafkaError as error:
        print(f"make kafka: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
