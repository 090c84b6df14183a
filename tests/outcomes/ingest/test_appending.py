"""`outcomes.ingest.appending`: all or nothing, and what was acknowledged is always said."""

from __future__ import annotations

import gzip
import io
import json
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
    UsageError,
)
from ledger.log import parse_address
from outcomes.ingest import appending
from outcomes.ingest.appending import AppendOptions, Callbacks, append_inputs
from tests.e2e.command import count, event, events, rows


@contextmanager
def no_progress():
    yield lambda _: None


@pytest.fixture
def append(tmp_path):
    """Appends a file; its faults are collected. What was appended, without the warnings."""

    def fail(appended, error):
        do.failures.append((appended[:4], error))

    def do(data, *, name="events.jsonl", skip_invalid=False, batch=2, others=(), whole=False):
        do.faults, do.failures = [], []
        if name != "-":
            (tmp_path / name).write_bytes(data)
        done = append_inputs(
            [name if name == "-" else str(tmp_path / name), *(map(str, others))],
            parse_address(f"sqlite:{tmp_path / 'own.db'}"),
            AppendOptions(skip_invalid=skip_invalid, batch=batch),
            Callbacks(do.faults.append, fail, no_progress),
        )
        return done if whole else done[:4]

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
        assert (3, 0, "line", {0: 3}) == append(events(3))

    def test_a_fault_in_its_last_line_leaves_nothing(self, append):
        with pytest.raises(BadInputError, match="nothing appended, 1 line is at fault; fix what"):
            append(events(3) + b"{")
        assert [4] == [fault.number for fault in append.faults]
        assert not append.log.exists()

    def test_lines_at_fault_can_be_skipped(self, append):
        assert (2, 2, "line", {0: 2}) == append(
            event(1) + b"\n{\n" + event(2) + b"\n[]\n", skip_invalid=True
        )

    def test_items_of_an_array_are_appended_as_their_exact_bytes(self, append):
        items = [json.dumps(json.loads(event(n)), indent=2).encode() for n in range(3)]
        assert (3, 0, "item", {0: 3}) == append(
            gzip.compress(b"[\n" + b" ,\n".join(items) + b"\n]\n")
        )
        assert items == [row[4] for row in rows(append.log)]

    def test_an_item_at_fault_is_called_an_item(self, append):
        with pytest.raises(BadInputError, match="nothing appended, 2 items are at fault; fix"):
            append(b"[" + event(1) + b",{},2]")
        assert [("item", 2), ("item", 3)] == sorted({(f.noun, f.number) for f in append.faults})

    def test_several_files_are_appended_whole_or_not_at_all(self, append, tmp_path):
        faulty, other = tmp_path / "faulty.jsonl", tmp_path / "other.json"
        faulty.write_bytes(b"{\n")
        other.write_bytes(b"[" + event(3) + b",1]")
        with pytest.raises(BadInputError, match="nothing appended, 2 events are at fault"):
            append(events(2), others=[faulty, other])
        assert {str(faulty), str(other)} == {fault.file for fault in append.faults}
        assert not append.log.exists()
        assert (3, 2, "event", {0: 3}) == append(
            events(2), others=[faulty, other], skip_invalid=True
        )

    def test_standard_input_is_not_one_of_several(self, append):
        with pytest.raises(UsageError, match="append them by separate commands"):
            append(events(1), others=["-"])


class TestStandardInput:
    def test_an_array_goes_in_batches_and_says_what_was_acknowledged(self, append, stdin):
        stdin(b"[" + b",".join([event(1), event(2), event(3)]) + b"")
        with pytest.raises(
            BadInputError, match=r"after item 2; is it complete\? - 2 records acknowledged"
        ):
            append(b"", name="-")
        assert 2 == count(append.log)

    def test_batches_before_a_fault_stay_appended(self, append, stdin):
        stdin(events(4) + b"{\n")
        with pytest.raises(
            BadInputError, match="stopped at line 5, 4 records acknowledged before; "
        ):
            append(b"", name="-")
        assert 4 == count(append.log)
        assert [(4, 0, "line", {0: 4})] == [appended for appended, _ in append.failures]

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
        assert "4 records acknowledged before; sending all again is safe" in str(caught.value)
        assert error.exit_code == caught.value.exit_code

    def test_a_batch_that_was_acknowledged_in_part_is_added_up(self, append, stdin, failing):
        stdin(events(5))
        failing(3, PartlyAcknowledgedError("lost the broker, 1 acknowledged", 1))
        with pytest.raises(
            PartlyAcknowledgedError, match="1 acknowledged; 5 records acknowledged in all"
        ) as caught:
            append(b"", name="-")
        assert 5 == caught.value.acknowledged
        assert [((5, 0, "line", None), caught.value)] == append.failures

    def test_an_interruption_says_how_many_were_acknowledged(self, append, stdin, failing):
        stdin(events(5))
        failing(2, KeyboardInterrupt())
        with pytest.raises(InterruptError, match="interrupted, 2 records acknowledged"):
            append(b"", name="-")


class TestConflicts:
    @pytest.mark.parametrize(
        ("name", "batch", "end"), [("-", 2, {0: 6}), ("events.jsonl", 2, {0: 6}), ("-", 6, {0: 6})]
    )
    def test_they_are_counted_over_all_batches(self, name, batch, end, append, stdin):
        data = events(3) + events(3, time="2024-03-01T00:00:00Z")
        stdin(data)
        done = append(data, name=name, batch=batch, whole=True)
        assert (6, end, 3) == (done.acknowledged, done.end, done.conflicts)

    def test_where_a_batch_could_not_be_looked_at_nobody_has_looked(
        self, append, stdin, monkeypatch
    ):
        looked = []

        def once(log, judged):
            looked.append(judged)
            return [0] if len(looked) == 1 else None

        monkeypatch.setattr(appending, "find_conflicts", once)
        stdin(events(5))
        done = append(b"", name="-", whole=True)
        assert (5, None, 2) == (done.acknowledged, done.conflicts, len(looked))
