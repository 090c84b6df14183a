"""SIGTERM to a server with many open streams and events on their way: all end in time and in order.

`python -m tests.faults.ending --streams 500` runs it at full size; a test runs a small sample.
"""

from __future__ import annotations

import argparse
import resource
import socket
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path

from ledger.log import open_log
from tests.support.applications import changed
from tests.support.server import Server
from tests.support.workers import PATIENCE, wait_until

SECONDS_MAX = 5.0
_LAST_CHUNK = b"0\r\n\r\n"


class Sender(threading.Thread):
    """Sends events one after the other until the server is gone."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.acknowledged = {}
        self._server = server
        self._number = number

    def run(self):
        for turn in range(1_000_000):
            event = changed(id=f"{self._number}-{turn}", subject=f"s-{self._number}")
            try:
                answer = self._server.post(event)
            except OSError:
                return
            assert answer.status in (200, 503), answer
            for place in answer.json().get("events", ()):
                self.acknowledged[place["partition"], place["offset"]] = event


def opened_stream(server):
    """A connection on which a stream has begun."""
    connection = socket.create_connection(server.address, timeout=PATIENCE)
    host = f"{server.address[0]}:{server.address[1]}"
    connection.sendall(f"GET /v1/stream?year=2022 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
    return connection


def rest_of(connection):
    """The last bytes of a stream."""
    last = b""
    while chunk := connection.recv(65_536):
        last = (last + chunk)[-100:]
    return last


def run(folder, streams, senders=4):
    """Open streams, send events, end the server; the seconds that it took."""
    log = folder / "ledger.db"
    server = Server(f"sqlite:{log}", "--insecure-dev")
    with ExitStack() as resources:
        resources.callback(server.kill)
        server.post(changed())
        server.wait_for_figures()
        connections = [resources.enter_context(opened_stream(server)) for _ in range(streams)]
        threads = [Sender(server, number) for number in range(senders)]
        for thread in threads:
            thread.start()
        wait_until(
            lambda: all(len(thread.acknowledged) > 5 for thread in threads), "events on their way"
        )
        started = time.monotonic()
        assert 0 == server.stop()
        seconds = time.monotonic() - started
        for thread in threads:
            thread.join(PATIENCE)
        assert all(rest_of(each).endswith(_LAST_CHUNK) for each in connections), "cut off"
    with closing(open_log(f"sqlite:{log}")) as held:
        end = held.end()
        records = {(each.partition, each.offset): each.value for each in held.read({0: 0}, end)}
    for thread in threads:
        assert thread.acknowledged.items() <= records.items(), "an acknowledged event is lost"
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    request = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    with tempfile.TemporaryDirectory() as folder:
        seconds = run(Path(folder), request.streams)
    print(f"{request.streams} streams: ended after {seconds:.1f} s with exit code 0; nothing lost")
    return int(seconds > SECONDS_MAX)


if __name__ == "__main__":
    sys.exit(main())
