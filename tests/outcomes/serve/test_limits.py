"""What one client may cost in time: headers and bodies that do not arrive end, and nothing else."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from contextlib import closing

import pytest
import uvicorn
from fastapi import FastAPI, Request

from outcomes.serve import limits
from outcomes.serve.problems import Problem
from outcomes.serve.server import listen
from tests.support.bounds import in_time
from tests.support.workers import PATIENCE, wait_until

HEADER_SECONDS = 0.4
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n"


@pytest.fixture(scope="module")
def address():
    """A small app behind the protocol of the server, with short limits."""
    app = FastAPI()

    @app.get("/")
    async def get():
        return "fine"

    @app.post("/")
    async def post(request: Request):
        try:
            return str(await limits.read_body(request, 100))
        except Problem as problem:
            return problem.response()

    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app, http=limits.BoundedProtocol, ws="none", log_config=None, timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    with pytest.MonkeyPatch.context() as patch, closing(listener):
        patch.setattr(limits, "_HEADER_SECONDS", HEADER_SECONDS)
        patch.setattr(limits, "_BODY_SECONDS", HEADER_SECONDS)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
        )
        thread.start()
        wait_until(lambda: server.started, "the server")
        yield listener.getsockname()
        server.should_exit = True
        thread.join(PATIENCE)


def all_that_comes(connection):
    answer = b""
    while chunk := connection.recv(65_536):
        answer += chunk
    return answer


def answer_to(address, sent):
    """All that comes back; the server has what is sent well before its time is up."""

    def attempt():
        late = time.monotonic() + HEADER_SECONDS / 2
        with socket.create_connection(address, timeout=PATIENCE) as connection:
            connection.sendall(sent)
            is_late = time.monotonic() > late
            return None if is_late else all_that_comes(connection)

    return in_time(attempt)


@pytest.mark.parametrize("sent", [b"", GET[:20], GET + GET[:20]], ids=["no", "some", "more"])
def test_a_connection_whose_headers_do_not_arrive_is_closed(address, sent):
    assert sent.count(b"\r\n\r\n") == answer_to(address, sent).count(b"200 OK")


def test_a_body_that_does_not_arrive_gets_408(address):
    assert b"HTTP/1.1 408" in answer_to(address, POST + b"12345")


def test_a_connection_that_is_used_stays_open(address):
    def attempt():
        until = time.monotonic() + 3 * HEADER_SECONDS
        late = time.monotonic() + HEADER_SECONDS / 2
        with closing(http.client.HTTPConnection(*address, timeout=PATIENCE)) as connection:
            while time.monotonic() < until:
                try:
                    connection.request("GET", "/")
                    answer = connection.getresponse().read()
                except OSError:
                    # It may be closed where the request itself came too late.
                    assert time.monotonic() > late
                    return None
                assert b'"fine"' == answer
                late = time.monotonic() + HEADER_SECONDS / 2
        return True

    assert in_time(attempt)


def test_an_answer_does_not_wait_for_the_clients_acknowledgement():
    with (
        closing(listen("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
