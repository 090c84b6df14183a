"""`outcomes.console.streams`: a write is whole or fails."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from outcomes.console.streams import whole_streams


@pytest.fixture
def stdout(monkeypatch):
    """Makes a descriptor standard output."""
    opened = []

    def replace(descriptor, encoding="utf-8"):
        opened.append(os.fdopen(descriptor, "w", encoding=encoding))
        monkeypatch.setattr(sys, "stdout", opened[0])

    yield replace
    opened[0].close()


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def test_a_write_larger_than_a_pipe_waits_for_its_reader(stdout, pipe):
    reading, writing = pipe
    os.set_blocking(writing, False)
    stdout(writing)
    received = bytearray()

    def read():
        while len(received) < 1_000_000:
            received.extend(os.read(reading, 10_000))

    reader = threading.Thread(target=read)
    reader.start()
    with whole_streams():
        assert 1_000_000 == sys.stdout.buffer.write(b"x" * 1_000_000)
        sys.stdout.flush()
    reader.join(60)

    assert b"x" * 1_000_000 == received


def test_what_another_package_prints_takes_the_same_way(stdout, pipe):
    reading, writing = pipe
    stdout(writing, "ascii")

    with whole_streams():
        print("caf\u00e9", flush=True)  # noqa: T201 - what another package does

    assert b"caf\\xe9\n" == os.read(reading, 100)


def test_a_reader_that_went_away_is_an_error(stdout):
    reading, writing = os.pipe()
    os.close(reading)
    stdout(writing)

    with whole_streams():
        with pytest.raises(BrokenPipeError):
            sys.stdout.buffer.write(b"x" * 100_000)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, writing)
        os.close(nowhere)
        sys.stdout.flush()


def test_a_closed_stream_stays_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)

    with whole_streams():
        assert sys.stdout is None


def test_afterwards_the_streams_are_those_of_before():
    before = sys.stdout, sys.stderr

    with whole_streams():
        pass

    assert before == (sys.stdout, sys.stderr)
