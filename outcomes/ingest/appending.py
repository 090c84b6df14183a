"""Appending JSON lines to a log.

Files are judged whole before any of them is appended, so they are appended whole or not at all.
Standard input is appended in batches, each all or none, so that a live pipe works.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from typing import NamedTuple

from ledger.conflicts import Judged, find_conflicts, identity_of
from ledger.errors import (
    BadInputError,
    InterruptError,
    LedgerError,
    PartlyAcknowledgedError,
    UsageError,
)
from ledger.log import Cut, Log, LogAddress, NewRecord, open_to_append
from ledger.numbers import pluralise
from outcomes.ingest.entries import Entries
from outcomes.ingest.files import STDIN, open_input
from outcomes.ingest.judging import EVENTS, LineFinding, LineForm
from outcomes.ingest.lines import Line
from outcomes.ingest.personal_data import personal_data_findings
from outcomes.ingest.spool import open_spool
from schemas.finding import Finding

__all__ = ["JSON_LINES_HINT", "AppendOptions", "Appended", "Callbacks", "append_inputs"]

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
        skipped: How many entries were left out.
        noun: What an entry is: line, item, or event where there are both.
        end: The log's end after it; None where a failure leaves it unknown.
        warnings: How many entries look as if they name a person, by rule.
        conflicts: How many events say something else than earlier records of their identity; None
            where nobody has looked.
    """

    acknowledged: int
    skipped: int
    noun: str
    end: Cut | None
    warnings: Mapping[str, int]
    conflicts: int | None


class Callbacks(NamedTuple):
    """Who hears what while an append runs.

    Attributes:
        on_fault: Gets each fault.
        on_failure: Gets what is durable when an append fails, before the error is raised.
        progress: Shows how many records of standard input have been acknowledged.
    """

    on_fault: Callable[[LineFinding], None]
    on_failure: Callable[[Appended, LedgerError], None]
    progress: Callable[[], AbstractContextManager[Callable[[int], None]]]


def append_inputs(
    paths: Sequence[str], address: LogAddress, options: AppendOptions, callbacks: Callbacks
) -> Appended:
    """Append files whole or not at all, or standard input batch by batch.

    Args:
        paths: Files, or `-` alone.
        address: The log, which is made when it is missing and the input is without a fault.
        options: How.
        callbacks: Who hears of it.

    Raises:
        UsageError: If `-` is beside files.
        BadInputError: If a line is at fault and is not to be skipped; of standard input the
            batches before its own stay appended.
        InterruptError: If a person stopped it; says what the log holds.
        StoreError: If the log could not take them.
    """
    if STDIN in paths and len(paths) > 1:
        raise UsageError(
            "- is appended in batches and files whole; append them by separate commands"
        )
    with ExitStack() as stack:
        inputs = [
            Entries(stack.enter_context(open_input(path, JSON_LINES_HINT)), path, options.form)
            for path in paths
        ]
        opener = stack.enter_context(open_to_append(address))
        run = _Append(options, callbacks, opener, inputs)
        try:
            run.append_batches() if STDIN in paths else run.append_whole()
        except LedgerError as error:
            callbacks.on_failure(run.appended(), error)
            raise
        return run.appended()._replace(end=opener().end())


class _Append:
    """One run: what it has acknowledged, and how many lines were at fault."""

    def __init__(
        self,
        options: AppendOptions,
        callbacks: Callbacks,
        opener: Callable[[], Log],
        inputs: Sequence[Entries],
    ) -> None:
        self.options = options
        self.callbacks = callbacks
        self.opener = opener
        self.inputs = inputs
        self.acknowledged = 0
        self.end: Cut | None = None
        self.at_fault = 0
        self.warnings = Counter[str]()
        self.conflicts: int | None = 0

    def appended(self) -> Appended:
        """What has been made durable so far."""
        skipped = self.at_fault if self.options.skip_invalid else 0
        return Appended(
            self.acknowledged, skipped, self._noun(), self.end, self.warnings, self.conflicts
        )

    def append_whole(self) -> None:
        """Judge all lines first, then append all of them, or none where a line is at fault."""
        try:
            with open_spool() as spool:
                for entries in self.inputs:
                    for batch in entries.batches(self.options.batch):
                        judged = self._judge(entries, batch)
                        if not self._refused():
                            spool.put(judged)
                if self._refused():
                    count = pluralise(self.at_fault, self._noun())
                    are = "is" if self.at_fault == 1 else "are"
                    raise BadInputError(
                        f"nothing appended, {count} {are} at fault; fix what is listed, or append"
                        " the rest with --skip-invalid"
                    )
                self._append(record for record, _ in spool.judged())
                self._count_conflicts(spool.judged())
        except KeyboardInterrupt as error:
            names = " and ".join(entries.path for entries in self.inputs)
            whole = f"the log holds all of {names} or nothing of it"
            raise InterruptError(f"interrupted, {whole}; sending it again is safe") from error

    def append_batches(self) -> None:
        """Append batch after batch of standard input, each all or none."""
        (entries,) = self.inputs
        try:
            with self.callbacks.progress() as advance:
                for batch in self._batches(entries):
                    before = self.at_fault
                    judged = self._judge(entries, batch)
                    if self._refused():
                        raise BadInputError(
                            f"stopped at {entries.noun} {batch[0].number:,}, {self._count()}"
                            f" acknowledged before; {self.at_fault - before:,} of a batch of"
                            f" {pluralise(len(batch), entries.noun)} at fault, fix what is listed"
                            " and send all again"
                        )
                    self._append_batch([record for record, _ in judged])
                    self._count_conflicts(judged)
                    advance(self.acknowledged)
        except KeyboardInterrupt as error:
            raise InterruptError(
                f"interrupted, {self._count()} acknowledged; sending all again is safe"
            ) from error

    def _batches(self, entries: Entries) -> Iterator[list[Line]]:
        try:
            yield from entries.batches(self.options.batch)
        except BadInputError as error:
            if not self.acknowledged:
                raise
            raise error.with_context(f"{self._count()} acknowledged before") from error

    def _append_batch(self, records: list[NewRecord]) -> None:
        try:
            self._append(records)
        except PartlyAcknowledgedError as error:
            error.acknowledged = self.acknowledged
            error.args = (f"{error}; {self._count()} acknowledged in all",)
            raise
        except LedgerError as error:
            raise error.with_context(
                f"{self._count()} acknowledged before; sending all again is safe"
            ) from error

    def _append(self, records: Iterable[NewRecord]) -> None:
        try:
            count, self.end = self.opener().append(records)
        except PartlyAcknowledgedError as error:
            self.acknowledged += error.acknowledged
            self.end = None
            raise
        self.acknowledged += count

    def _count_conflicts(self, judged: Iterable[Judged]) -> None:
        """Add what their sender should hear of, as long as all of it can be found."""
        if self.options.form is not EVENTS:
            return
        rest = iter(judged)
        while self.conflicts is not None and (part := list(islice(rest, self.options.batch))):
            positions = find_conflicts(self.opener(), part)
            self.conflicts = None if positions is None else self.conflicts + len(positions)

    def _count(self) -> str:
        return pluralise(self.acknowledged, "record")

    def _noun(self) -> str:
        nouns = {entries.noun for entries in self.inputs}
        return nouns.pop() if len(nouns) == 1 else "event"

    def _refused(self) -> bool:
        return bool(self.at_fault) and not self.options.skip_invalid

    def _judge(self, entries: Entries, batch: list[Line]) -> list[Judged]:
        """What of a batch is to be appended; its faults are reported."""
        judge = self.options.form.judge
        judged = list[Judged]()
        for line in batch:
            record, faults, members = judge(line)
            if record is None:
                self._report(entries, line, faults)
            elif members:
                if findings := personal_data_findings(members):
                    self.warnings.update({each.rule for each in findings})
                judged.append((record, identity_of(record, members)))
            else:
                judged.append((record, None))
        return judged

    def _report(self, entries: Entries, line: Line, faults: list[Finding]) -> None:
        self.at_fault += 1
        file = entries.path if len(self.inputs) > 1 else None
        for fault in faults:
            self.callbacks.on_fault(LineFinding(line.number, fault, entries.noun, file))
