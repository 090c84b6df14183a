"""Dead letters over HTTP: which are open, which are repaired, and repairing them.

The use cases are those of `outcomes dead-letters`; the pointers come from those who fold the log,
so that a page needs no reading of the whole log.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ledger.audit.dead_letters import dead_letter_at, letter_row, repaired_by
from ledger.audit.findings import ADMISSION, dead_letter_row
from ledger.errors import BadInputError, UsageError
from ledger.log import ArchiveAddress, Location, Log, LogAddress
from ledger.log.identity import record_hash
from ledger.log.progress import ProgressCallback
from ledger.repairs import LetterCounts, Repairs
from outcomes.ingest.resubmitting import (
    UNCHANGED_RULES,
    Correction,
    corrected_record,
    corrections,
    refuse_repaired,
    repair,
    repair_rows,
)
from outcomes.serve.log_reading import LogReading
from outcomes.serve.problems import Problem
from processors.dead_letters import DeadLetter
from processors.letter_pointers import folded_dead_letters

__all__ = ["LETTERS_AT_ONCE", "Letter", "LetterDesk", "LetterPage", "LetterQuery"]

LETTERS_AT_ONCE = 1_000
"""How many letters one request repairs at most."""

_Result = TypeVar("_Result")
_ROWS = 50
_WAIT_SECONDS = 1.5
_SEARCH_SECONDS = 5.0


class LetterQuery(NamedTuple):
    """Which letters are listed.

    Attributes:
        state: `open` or `repaired`.
        rule: Only those that fail it; all where None.
        page: From 1.
    """

    state: str = "open"
    rule: str | None = None
    page: int = 1


class LetterPage(NamedTuple):
    """A page of letters.

    Attributes:
        counts: Of all letters.
        rows: As `outcomes dead-letters list --json` has them.
        pages: How many there are of the letters that were asked for.
    """

    counts: LetterCounts
    rows: list[dict[str, Any]]
    pages: int


class Letter(NamedTuple):
    """One letter.

    Attributes:
        row: As `outcomes dead-letters show --json` has it.
        text: Its value, to be corrected; None where that is no text.
        needs_text: Whether the event itself is at fault.
    """

    row: dict[str, Any]
    text: str | None
    needs_text: bool


class LetterDesk:
    """Lists, shows and repairs the dead letters of a log."""

    def __init__(self, address: LogAddress, state: Path | None) -> None:
        """Name the log.

        Args:
            address: Of the log.
            state: The read model of an embedded log; beside the log where None.
        """
        self._address = address
        self._state = state
        self._reading = LogReading(address)
        self._lock = threading.Lock()
        self._repairs = Repairs()
        self._first: dict[int, str] = {}

    @property
    def is_sealed(self) -> bool:
        """Whether the log takes no events."""
        return isinstance(self._address, ArchiveAddress)

    async def page(self, query: LetterQuery) -> LetterPage:
        """Count all letters, and list some.

        Raises:
            Problem: 503 if they cannot be read.
        """

        def work(log: Log, _: ProgressCallback) -> LetterPage:
            with self._lock:
                repairs = self._read_on(log)
                return self._page(log, query, repairs)

        return await self._reading.run(work)

    async def show(self, place: Location) -> Letter:
        """One letter.

        Raises:
            Problem: 404 if there is none, 503 if it cannot be read.
        """

        def work(log: Log, _: ProgressCallback) -> Letter:
            record, rule = _letter_at(log, place)
            row = letter_row(log, place)
            with self._lock:
                row["repaired_by"] = repaired_by(self._read_on(log), place)
            return Letter(row, _text_of(record.value), rule not in UNCHANGED_RULES)

        return await self._reading.run(work)

    async def repair(
        self, place: Location, corrected: bytes | None, *, dry_run: bool, caller: str
    ) -> dict[str, str]:
        """Append the event that repairs a letter, or see whether it would be taken.

        Args:
            place: Of the letter.
            corrected: The event; None where the letter's own bytes are right.
            dry_run: Append nothing.
            caller: Their name, for the log of the server.

        Returns:
            `letter`, and `event` if it was appended: places.

        Raises:
            Problem: 404 if there is no such letter, 405 if the log takes no events, 409 if it is
                repaired, 422 if the event is at fault or another's, 503 if the log is away.
        """

        def work(log: Log, _: ProgressCallback) -> dict[str, str]:
            _letter_at(log, place)
            with self._lock:
                self._refuse_repaired(log, place)
                try:
                    fixes = [Correction(place, corrected_record(log, place, corrected))]
                except BadInputError as error:
                    raise Problem(422, str(error)) from error
                (row,) = _repaired(log, fixes, None if dry_run else caller)
            return row

        return await self._append(work)

    async def repair_all(self, rule: str, *, dry_run: bool, caller: str) -> list[dict[str, str]]:
        """Repair the open letters of a rule that asks for no change, so many at once at most.

        Args:
            rule: One of `UNCHANGED_RULES`.
            dry_run: Append nothing.
            caller: See `repair`.

        Returns:
            Of each letter its place, and `event`, or `fault` where it needs a correction.

        Raises:
            Problem: 405, 422 for another rule, 503.
        """
        if rule not in UNCHANGED_RULES:
            raise Problem(422, f"only letters of {' and '.join(UNCHANGED_RULES)} need no change")

        def work(log: Log, _: ProgressCallback) -> list[dict[str, str]]:
            with self._lock:
                repairs = self._read_on(log)
                pointers = folded_dead_letters(self._address, self._state)
                places = [
                    _place(each)
                    for each in pointers
                    if each.rule == rule and repairs.event(_place(each)) is None
                ]
                fixes = list(corrections(log, places[:LETTERS_AT_ONCE]))
                return _repaired(log, fixes, None if dry_run else caller)

        return await self._append(work)

    async def _append(self, work: Callable[[Log, ProgressCallback], _Result]) -> _Result:
        if self.is_sealed:
            raise Problem(405, "an archive is sealed; repair its log", headers={"Allow": ""})
        return await self._reading.run(work, appends=True)

    def _page(self, log: Log, query: LetterQuery, repairs: Repairs) -> LetterPage:
        counts = {"open": Counter[str](), "repaired": Counter[str]()}
        wanted = list[DeadLetter]()
        first, total = (query.page - 1) * _ROWS, 0
        for each in folded_dead_letters(self._address, self._state):
            state = "open" if repairs.event(_place(each)) is None else "repaired"
            counts[state][each.rule] += 1
            if state == query.state and query.rule in (None, each.rule):
                if first <= total < first + _ROWS:
                    wanted.append(each)
                total += 1
        rows = [
            {
                **dead_letter_row(record, each.rule, log.partitions),
                "repaired_by": repaired_by(repairs, _place(each)),
            }
            for each in wanted
            for record in islice(_record_at(log, _place(each)), 1)
        ]
        pages = max(1, -(-total // _ROWS))
        return LetterPage(
            LetterCounts(_in_order(counts["open"]), _in_order(counts["repaired"])), rows, pages
        )

    def _refuse_repaired(self, log: Log, place: Location) -> None:
        try:
            refuse_repaired(log, place, self._read_on(log))
        except UsageError as error:
            raise Problem(409, str(error)) from error

    def _read_on(self, log: Log) -> Repairs:
        """The repairs up to the log's end; from the beginning where another log took its place."""
        first = {number: record_hash(each) for number, each in log.first_records().items()}
        if any(first.get(number) != known for number, known in self._first.items()):
            self._repairs = Repairs()
        self._first = first
        end = log.end()
        # What was read is kept, so that a long log is through after a few requests.
        self._repairs.read_on(log, end, seconds=_SEARCH_SECONDS)
        if not self._repairs.reaches(end):
            detail = "the log is being searched for repairs"
            raise Problem(503, detail, headers={"Retry-After": "1"})
        return self._repairs


def _repaired(log: Log, fixes: Sequence[Correction], caller: str | None) -> list[dict[str, str]]:
    """What became of each letter, or would become where no caller is named."""
    if caller is None:
        return repair_rows(fixes)
    return repair(log, fixes, caller=caller, wait_seconds=_WAIT_SECONDS)


def _letter_at(log: Log, place: Location) -> Any:  # noqa: ANN401 - record and rule
    try:
        return dead_letter_at(log, place)
    except UsageError as error:
        raise Problem(404, str(error)) from error


def _record_at(log: Log, place: Location) -> Iterator[Any]:
    assert place.offset is not None
    return log.read({place.partition: place.offset}, {place.partition: place.offset + 1})


def _place(letter: DeadLetter) -> Location:
    return Location(letter.partition, letter.offset)


def _in_order(counts: Counter[str]) -> dict[str, int]:
    return {rule: counts[rule] for rule in ADMISSION if counts[rule]}


def _text_of(value: bytes | None) -> str | None:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        return None
