"""`outcomes.ingest.appending`: all or nothing, and what was acknowledged is always said."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager

import pytest

from ledger.errors import (
    BadInputError,
    ConfigurationError,
    DamagedArchiveError,
    InterruptError,
    PartlyAcknowledgedError,
    StoreError,
)
from ledger.log import parse_address
from outcomes.ingest import appending
from outcomes.ingest.appending import AppendOptions, append_input
from tests.e2e.command import count, event, events


@contextmanager
def no_progress():
    yield lambda _: None


@pytest.fixture
def append(tmp_path):
    """Appends a file; its faults are collected."""

    def do(data, *, name="events.jsonl", skip_invalid=False, batch=2):
        do.faults = []
        if name != "-":
            (tmp_path / name).write_bytes(data)
        return append_input(
            name if name == "-" else str(tmp_path / name),
            parse_address(f"sqlite:{tmp_path / 'own.db'}"),
            AppendOptions(skip_invalid=skip_invalid, batch=batch),
            on_fault=do.faults.append,
            progress=no_progress,
        )

    do.log = tmp_path / "own.db"
    return do


@pytest.fixture
def stdin(tmp_path, monkeypatch):
    """Makes bytes standard input."""
    file = tmp_path / "stdin"
    file.touch()
    with file.open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        yield file.write_bytes


@pytest.fixture
def failing(monkeypatch):
    """Makes the log fail at its nth append."""

    def fail(number, error):
        opening = appending.open_to_append

        @contextmanager
        def open_to_append(address):
            with opening(address) as opener:
                calls = []

                class Log:
                    def append(self, records):
                        calls.append(1)
                        if len(calls) == number:
                            raise error
                        return opener().append(records)

                    def end(self):
                        return opener().end()

                yield Log

        monkeypatch.setattr(appending, "open_to_append", open_to_append)

    return fail


class TestFile:
    def test_a_file_is_appended_whole(self, append):
        assert (3, 0, {0: 3}) == append(events(3))

    def test_a_fault_in_its_last_line_leaves_nothing(self, append):
        with pytest.raises(BadInputError, match="nothing appended, lines at fault: 1; fix them"):
            append(events(3) + b"{")
        assert [4] == [fault.number for fault in append.faults]
        assert not append.log.exists()

    def test_lines_at_fault_can_be_skipped(self, append):
        assert (2, 2, {0: 2}) == append(
            event(1) + b"\n{\n" + event(2) + b"\n[]\n", skip_invalid=True
        )


class TestStandardInput:
    def test_batches_before_a_fault_stay_appended(self, append, stdin):
        stdin(events(4) + b"{\n")
        with pytest.raises(BadInputError, match="stopped at line 5 with 4 acknowledged"):
            append(b"", name="-")
        assert 4 == count(append.log)

    @pytest.mark.parametrize(
        "error",
        [
            StoreError("disk full"),
            ConfigurationError("no such thing"),
            DamagedArchiveError(["one file is gone", "another too"]),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_an_error_keeps_its_kind_and_says_how_many_were_acknowledged(
        self, error, append, stdin, failing
    ):
        stdin(events(5))
        failing(3, error)
        with pytest.raises(type(error)) as caught:
            append(b"", name="-")
        assert str(caught.value).startswith(str(error))
        assert "4 were acknowledged before; sending all again is safe" in str(caught.value)
        assert error.exit_code == caught.value.exit_code

    def test_a_batch_that_was_acknowledged_in_part_is_added_up(self, append, stdin, failing):
        stdin(events(5))
        failing(3, PartlyAcknowledgedError("lost the broker, 1 acknowledged", 1))
        with pytest.raises(PartlyAcknowledgedError, match=r"1 acknowledged \(5 in all\)") as caught:
            append(b"", name="-")
        assert 5 == caught.value.acknowledged

    def test_an_interruption_says_how_many_were_acknowledged(self, append, stdin, failing):
        stdin(events(5))
        failing(2, KeyboardInterrupt())
        with pytest.raises(InterruptError, match="interrupted, 2 records acknowledged"):
            append(b"", name="-")
