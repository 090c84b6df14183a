"""Records of a synthetic world, in the order of their appending."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Final

from ledger.external_sort import Codec, SpilledRuns
from outcomes.synthetic.days import Days
from outcomes.synthetic.draws import EvenDraws, pseudonym
from outcomes.synthetic.lives import simulate_life
from outcomes.synthetic.person import Person
from outcomes.synthetic.scribe import Scribe, parse_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CHUNK_STUDENTS: Final = 20_000  # about 60 MB of lines
_MERGE_BYTES: Final = 262_144
_YEARS: Final = range(1975, 2190)  # the dates around them stay plausible to admission


@dataclass(frozen=True, slots=True)
class WorldRecord:
    """One record of the log.

    Attributes:
        recorded_at: When it was appended, in milliseconds since 1970-01-01 UTC.
        key: The subject; another text, or None, where the emitter is broken.
        value: The event as JSON, damaged where the emitter is broken; without a line end.
        broken: Whether admission will quarantine it.
    """

    recorded_at: int
    key: bytes | None
    value: bytes
    broken: bool


def generate(
    students: int, seed: int, *, first_year: int = 2021, last_year: int = 2023
) -> Iterator[WorldRecord]:
    """Invent the history of a school, the same bytes for the same arguments anywhere.

    A larger world of the same seed holds all persons of a smaller one, unchanged. Randomness comes
    from `random()` of a `random.Random(f"{seed}/...")` per person, whose sequence is promised to
    stay the same in all versions of Python, and from integer arithmetic.

    Args:
        students: Number of distinct persons, free learners included; about 5 records each.
        seed: Any integer.
        first_year: The first year whose figures look whole; the log begins two years before.
        last_year: The last such year; the log ends with June of the next.

    Returns:
        Records by `recorded_at`, those of one millisecond by person and number. Memory is that
        of 20,000 persons; beyond that the records go through temporary files.

    Raises:
        ValueError: If *students* is negative or the years are not between 1975 and 2189, in order.
    """
    if students < 0:
        raise ValueError(f"students must not be negative, got {students}")
    if not _YEARS[0] <= first_year <= last_year <= _YEARS[-1]:
        raise ValueError(
            f"the years {first_year} to {last_year}: both are from {_YEARS[0]} to {_YEARS[-1]},"
            " in order"
        )
    return _records(students, seed, Days(first_year, last_year), CHUNK_STUDENTS)


def _records(students: int, seed: int, days: Days, chunk: int) -> Iterator[WorldRecord]:
    """Yield the records in order, by way of a file when there is more than one chunk."""
    chunks = _chunks(students, seed, days, chunk)
    lines = _sorted_lines(chunks) if students > chunk else sorted(next(chunks, []))
    for line in lines:
        yield WorldRecord(*parse_line(line))


def _sorted_lines(chunks: Iterable[list[bytes]]) -> Iterator[bytes]:
    """Yield the lines of all chunks in the order of their bytes."""
    with SpilledRuns(_LINES, merge_bytes=_MERGE_BYTES) as runs:
        for chunk in chunks:
            runs.spill(chunk)
        yield from runs.merge([])


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines, each with its line end, of blocks that are cut anywhere."""
    begun = b""
    for block in blocks:
        for line in BytesIO(begun + block):
            if line.endswith(b"\n"):
                begun = b""
                yield line
            else:
                begun = line
    assert not begun, "a run ends with a line end"


_LINES: Final = Codec[bytes](None, iter, _lines)


def _chunks(students: int, seed: int, days: Days, chunk: int) -> Iterator[list[bytes]]:
    """Yield the lines of *chunk* persons at a time, unsorted."""
    even = EvenDraws(seed)
    rng = Random()  # noqa: S311, a synthetic world needs no secrets
    key = (_key(rng, seed, "subjects"), _key(rng, seed, "tokens"))
    for first in range(0, students, chunk):
        lines: list[bytes] = []
        for index in range(first, min(first + chunk, students)):
            rng.seed(f"{seed}/{index}")
            subject = f"s-{pseudonym(index, *key[0])}"
            token = pseudonym(index, *key[1])
            scribe = Scribe(days, rng.random, index, subject, token)
            day = days.arrival_day(even.draw("arrival", 0))
            simulate_life(Person(days, even, scribe, day), day)
            lines += scribe.lines
        yield lines


def _key(rng: Random, seed: int, purpose: str) -> tuple[int, int]:
    """Return the two keys of a permutation of indices."""
    rng.seed(f"{seed}/{purpose}")
    return int(rng.random() * 2**40), int(rng.random() * 2**40)
