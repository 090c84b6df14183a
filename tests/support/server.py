"""The HTTP server as a process of its own, and a client without any library."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.support.workers import OUTCOMES, PATIENCE, wait_until

BATCH = "application/cloudevents-batch+json"
EVENT = "application/cloudevents+json"
_URL = re.compile(r"(https?)://([^:/\s]+):(\d+)/")


class Answer(NamedTuple):
    """What a server has said."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self):
        return json.loads(self.body)


class Server:
    """`outcomes serve` on a free port of the loopback; ended by its own process id."""

    def __init__(self, log, *options, environment=None, folder=None, port=0):
        environment = {**os.environ, "OUTCOMES_LOG_FORMAT": "json", **(environment or {})}
        place = () if log is None else ("--log", log)
        self.process = subprocess.Popen(
            [sys.executable, str(OUTCOMES), "serve", *place, "--port", str(port), *options],
            cwd=folder,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.lines = []
        self._url = None
        self._acknowledged = {}
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        try:
            wait_until(self._has_started, "the server")
        except BaseException:
            self.kill()
            raise

    def _read(self):
        with self.process.stderr as lines:
            for line in lines:
                self.lines.append(line)
                self._url = self._url or _URL.search(line)

    def _has_started(self):
        assert self.process.poll() is None, self.lines
        return self._url

    @property
    def address(self):
        return self._url[2], int(self._url[3])

    @property
    def origin(self):
        return self._url[0].rstrip("/")

    def ask(self, path, **options):
        """One request on a connection of its own; header names with _ for -."""
        return self._answer(path, read=True, **options)

    def _answer(self, path, *, read, method="GET", body=None, token=None, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            names["Authorization"] = f"Bearer {token}"
        with closing(http.client.HTTPConnection(*self.address, timeout=PATIENCE)) as connection:
            connection.request(method, path, body, names)
            answer = connection.getresponse()
            lower = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, lower, answer.read() if read else b"")

    def head_of(self, path, **options):
        """The status and the headers of an answer, whose body may have no end."""
        return self._answer(path, read=False, **options)[:2]

    def resident_peak(self):
        """The most bytes that were resident, Linux alone."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(text.partition("VmHWM:")[2].split()[0]) * 1_024

    def post(self, events, *, kind=None, path="/v1/events", **options):
        """Send one event as bytes, or a list of them as a batch."""
        if isinstance(events, list):
            body, kind = b"[" + b",".join(events) + b"]", kind or BATCH
        else:
            body, kind = events, kind or EVENT
        answer = self.ask(path, method="POST", body=body, Content_Type=kind, **options)
        if answer.status == 200:
            for place in answer.json()["events"]:
                partition, end = str(place["partition"]), place["offset"] + 1
                self._acknowledged[partition] = max(end, self._acknowledged.get(partition, 0))
        return answer

    def say(self, data, seconds=PATIENCE):
        """Bytes on a bare connection, and all that comes back until it is closed."""
        answer = b""
        # A server that has refused the beginning does not wait for the rest.
        with (
            socket.create_connection(self.address, timeout=seconds) as connection,
            suppress(ConnectionError),
        ):
            with suppress(ConnectionError):
                connection.sendall(data)
            while chunk := connection.recv(65_536):
                answer += chunk
        return answer

    @contextmanager
    def stream(self, path="/v1/stream?year=2022", **headers):
        """The server-sent events of a stream, one by one, as (id, event, data)."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection(*self.address, timeout=PATIENCE)) as connection:
            connection.request("GET", path, headers=names)
            answer = connection.getresponse()
            assert 200 == answer.status, answer.read()
            yield _events(answer)

    def wait_for_figures(self, year=2022, token=None):
        """Wait until there are figures without a lag, with all that was posted; the report.

        An answer may be half a second old: its lag says nothing of what was posted since.
        """

        def seen():
            answer = self.ask(f"/v1/reports/{year}", token=token)
            if answer.status != 200:
                return None
            report = answer.json()
            cut = report["log"]["cut"]
            if any(cut[partition] < end for partition, end in self._acknowledged.items()):
                return None
            return None if any(lag["records"] for lag in report["live"]["partitions"]) else report

        return wait_until(seen, "figures without a lag")

    def log_so_far(self):
        """The lines of its log up to this moment: each comes after the answer that it is about."""
        trace = secrets.token_hex(16)
        self.ask("/v1/health", traceparent=f"00-{trace}-{trace[:16]}-01")
        wait_until(lambda: any(trace in line for line in self.lines), "the end of the log")
        return list(self.lines)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def _events(answer):
    fields = {}
    for raw in answer:
        line = raw.decode().rstrip("\n")
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields.get("id"), fields["event"], json.loads(fields["data"])
            fields = {}


@contextmanager
def serving(log, *options, **more):
    """A server that ends with the block, whatever happens in it."""
    server = Server(log, *options, **more)
    try:
        yield server
    finally:
        server.kill()
        wait_for_port(server.address)


def wait_for_port(address):
    """Wait until nobody listens there."""

    def is_free():
        with closing(socket.socket()) as probe:
            return probe.connect_ex(address) != 0

    wait_until(is_free, f"the end of the server at {address}")


def eventually(ask, expected, what):
    """Wait until an answer has a status; the answer."""
    until = time.monotonic() + PATIENCE
    answer = ask()
    while answer.status != expected and time.monotonic() < until:
        time.sleep(0.05)
        answer = ask()
    assert expected == answer.status, (what, answer)
    return answer
