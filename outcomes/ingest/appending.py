"""Appending JSON lines to a log.

A file is judged whole before any of it is appended, so it is appended whole or not at all. Standard
input is appended in batches, each all or none, so that a live pipe works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from ledger.errors import BadInputError, InterruptError, LedgerError, PartlyAcknowledgedError
from ledger.log import Cut, Log, LogAddress, NewRecord, open_to_append
from ledger.numbers import pluralise
from outcomes.ingest.files import STDIN, open_input
from outcomes.ingest.judging import EVENTS, LineFinding, LineForm
from outcomes.ingest.lines import Line, read_lines
from outcomes.ingest.spool import open_spool

__all__ = ["JSON_LINES_HINT", "AppendOptions", "Appended", "append_input"]

JSON_LINES_HINT = "name a file of JSON lines, or - for standard input"


class AppendOptions(NamedTuple):
    """How input is appended.

    Attributes:
        form: What its lines are.
        skip_invalid: Leave out lines at fault and append the others.
        batch: Lines of standard input a batch at most.
    """

    form: LineForm = EVENTS
    skip_invalid: bool = False
    batch: int = 10_000


class Appended(NamedTuple):
    """What an append has made durable.

    Attributes:
        acknowledged: How many records.
        skipped: How many lines were left out.
        end: The log's end after it.
    """

    acknowledged: int
    skipped: int
    end: Cut


def append_input(
    path: str,
    address: LogAddress,
    options: AppendOptions,
    *,
    on_fault: Callable[[LineFinding], None],
    progress: Callable[[], AbstractContextManager[Callable[[int], None]]],
) -> Appended:
    """Append a file whole or not at all, or standard input batch by batch.

    Args:
        path: A file, or `-`.
        address: The log, which is made when it is missing and the input is without a fault.
        options: How.
        on_fault: Gets each fault.
        progress: Shows how many records of standard input have been acknowledged.

    Raises:
        BadInputError: If a line is at fault and is not to be skipped; of standard input the
            batches before its own stay appended.
        InterruptError: If a person stopped it; says what the log holds.
        StoreError: If the log could not take them.
    """
    run = _Append(options, on_fault)
    with open_input(path, JSON_LINES_HINT) as stream, open_to_append(address) as opener:
        batches = read_lines(stream, options.batch, bytes_max=options.form.bytes_max)
        if path == STDIN:
            with progress() as advance:
                count = run.append_batches(opener, batches, advance)
        else:
            count = run.append_whole(opener, batches, path)
        return Appended(count, len(run.lines_at_fault), opener().end())


class _Append:
    """One run, with the lines found at fault."""

    def __init__(self, options: AppendOptions, on_fault: Callable[[LineFinding], None]) -> None:
        self.options = options
        self.on_fault = on_fault
        self.lines_at_fault = set[int]()

    def append_whole(
        self, opener: Callable[[], Log], batches: Iterable[list[Line]], path: str
    ) -> int:
        """Judge all lines first, then append all of them, or none where a line is at fault."""
        try:
            with open_spool() as spool:
                for batch in batches:
                    for record in self._judged(batch):
                        if not self._refused():
                            spool.put(record)
                if self._refused():
                    count = len(self.lines_at_fault)
                    raise BadInputError(
                        f"nothing appended, lines at fault: {count}; fix them, or append the others"
                        " with --skip-invalid"
                    )
                return opener().append(spool.records()).records
        except KeyboardInterrupt as error:
            whole = f"the log holds all of {path} or nothing of it"
            raise InterruptError(f"interrupted, {whole}; sending it again is safe") from error

    def append_batches(
        self,
        opener: Callable[[], Log],
        batches: Iterable[list[Line]],
        advance: Callable[[int], None],
    ) -> int:
        """Append batch after batch, each all or none."""
        acknowledged = 0
        try:
            for batch in batches:
                before = len(self.lines_at_fault)
                records = list(self._judged(batch))
                if self._refused():
                    raise BadInputError(
                        f"stopped at line {batch[0].number} with {acknowledged} acknowledged, at"
                        f" fault: {len(self.lines_at_fault) - before} of the next {len(batch)}"
                        " lines; fix them and send all again"
                    )
                acknowledged += _append(opener, records, acknowledged)
                advance(acknowledged)
        except KeyboardInterrupt as error:
            count = f"{pluralise(acknowledged, 'record')} acknowledged"
            raise InterruptError(f"interrupted, {count}; sending all again is safe") from error
        return acknowledged

    def _refused(self) -> bool:
        return bool(self.lines_at_fault) and not self.options.skip_invalid

    def _judged(self, batch: list[Line]) -> Iterator[NewRecord]:
        for line in batch:
            record, faults = self.options.form.judge(line)
            for fault in faults:
                self.lines_at_fault.add(line.number)
                self.on_fault(LineFinding(line.number, fault))
            if record is not None:
                yield record


def _append(opener: Callable[[], Log], records: list[NewRecord], before: int) -> int:
    try:
        return opener().append(records).records
    except PartlyAcknowledgedError as error:
        error.acknowledged += before
        error.args = (f"{error} ({error.acknowledged} in all)",)
        raise
    except LedgerError as error:
        raise error.with_context(
            f"{before} were acknowledged before; sending all again is safe"
        ) from error
