"""Statements about one person, with the disorder that real platforms add on the way to the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from outcomes.synthetic import assumptions as assumed
from outcomes.synthetic.days import CLOCK, DAY_MS, SECONDS, Days
from outcomes.synthetic.draws import Choice, RangeMix

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR_MS: Final = 3_600_000

# Lines hold `recorded_at`, person and number as digits of fixed width, so that sorting the bytes
# sorts the records; then one letter, the key up to a tab, and the value.
_GOOD: Final = "g"
_BROKEN: Final = "b"
_BROKEN_WITHOUT_KEY: Final = "n"

_OPENS_AT: Final = 6 * 3600  # seconds of the UTC day: 6 to 20 h is the same date in Paris
_OPEN_FOR: Final = 14 * 3600
_DISORDER: Final = Choice(assumed.DISORDER)
_DISORDERLY: Final = sum(assumed.DISORDER.values())
_DAMAGE: Final = Choice(assumed.DAMAGE)

# Source to (prefix of its ids, writes local time, more members of the envelope).
_STYLES: Final = {
    "/crm": ("crm", False, ""),
    "/lms": ("lms", True, '"datacontenttype":"application/json",'),
    "/survey": ("sv", False, ""),
    "/alumni": ("al", True, ""),
}


def parse_line(line: bytes) -> tuple[int, bytes | None, bytes, bool]:
    """Return `recorded_at`, key, value and whether the record is broken, of a line."""
    letter = line[29:30]
    key, _, value = line[30:-1].partition(b"\t")
    return int(line[:14]), None if letter == b"n" else key, value, letter != b"g"


class Statement:
    """One event as its platform holds it, before the log has it."""

    __slots__ = ("data", "day", "identity", "kind", "stated_ms")

    def __init__(
        self, identity: tuple[str, str], kind: str, day: int, stated_ms: int, data: str
    ) -> None:
        """Take `(source, id)`, `<entity>.<fact>`, the day of the fact, `time`, JSON of `data`."""
        self.identity = identity
        self.kind = kind
        self.day = day
        self.stated_ms = stated_ms
        self.data = data


class Scribe:
    """Writes one person's events as sortable lines.

    Attributes:
        draw: The person's own next number in [0, 1).
        token: Ten digits of the person's own, for all their ids but the pseudonym.
        lines: One line a record, unsorted.
    """

    __slots__ = ("_days", "_index", "_number", "_subject", "draw", "lines", "token")

    def __init__(
        self, days: Days, draw: Callable[[], float], index: int, subject: str, token: str
    ) -> None:
        """Write for person *index*, whose pseudonym is *subject*."""
        self._days = days
        self._index = index
        self._subject = subject
        self._number = 0
        self.draw = draw
        self.token = token
        self.lines: list[bytes] = []

    def state_fact(
        self, what: tuple[str, str], day: int, data: str, after: RangeMix, arrives_after: int = 0
    ) -> None:
        """State a fact of *day*; disorder may follow.

        Args:
            what: The platform, and `<entity>.<fact>`.
            day: The date in *data* that says when it happened.
            data: JSON of the event's `data`.
            after: Days from the fact to its statement.
            arrives_after: Days from the statement to the log, beside the usual delay.
        """
        draw = self.draw
        source, kind = what
        stated_ms = self._open_ms(day + after.pick(draw()))
        statement = Statement(self._identity(source), kind, day, stated_ms, data)
        arrived_ms = self._arrived_ms(stated_ms) + arrives_after * DAY_MS
        if draw() < _DISORDERLY and arrived_ms < self._days.end_ms:
            self._state_with_disorder(statement, arrived_ms)
        else:
            self._add_line(arrived_ms, self._value(statement))

    def _state_with_disorder(self, statement: Statement, arrived_ms: int) -> None:
        value = self._value(statement)
        disorder = _DISORDER.pick(self.draw())
        if disorder in {"corrected", "retracted"}:
            self._retract(statement, arrived_ms, again=disorder == "corrected")
            return
        self._add_line(arrived_ms, value)
        if disorder == "resent":
            later_ms = assumed.RESENT_AFTER_SECONDS.pick(self.draw()) * 1000
            self._add_line(arrived_ms + later_ms, value)
        elif disorder == "contradicted":
            self._contradict(statement, arrived_ms)
        elif disorder == "broken":
            self._break(statement, arrived_ms)
        else:
            self._retract_nothing(statement, arrived_ms, nothing=disorder.endswith("nothing"))

    def _retract(self, statement: Statement, arrived_ms: int, *, again: bool) -> None:
        """Retract a statement, which may arrive after its own retraction."""
        draw = self.draw
        day = arrived_ms // DAY_MS + assumed.CORRECTED_AFTER.pick(draw())
        retracted_ms = self._open_ms(day)
        reason = "superseded" if again else assumed.RETRACTION_REASON.pick(draw())
        source = statement.identity[0]
        if draw() < assumed.RETRACTION_FROM_ELSEWHERE:
            source = "/crm"
        retraction = self._retraction(source, statement.identity, day, retracted_ms, reason)
        taken_ms = self._arrived_ms(retracted_ms)
        self._add_line(taken_ms, self._value(retraction))
        late_ms = taken_ms + int(draw() * 72 * HOUR_MS)
        first = draw() < assumed.RETRACTION_ARRIVES_FIRST and late_ms < self._days.end_ms
        self._add_line(late_ms if first else arrived_ms, self._value(statement))
        if again:
            self._correct(statement, retracted_ms)

    def _correct(self, statement: Statement, stated_ms: int) -> None:
        """State the fact again under a new id, with an earlier date."""
        identity = self._identity(statement.identity[0])
        data = self._with_earlier_date(statement, assumed.CORRECTED_BY.pick(self.draw()))
        right = Statement(identity, statement.kind, statement.day, stated_ms, data)
        self._add_line(self._arrived_ms(stated_ms), self._value(right))

    def _contradict(self, statement: Statement, arrived_ms: int) -> None:
        """Send the same id with another date, as a platform that updates in place does."""
        data = self._with_earlier_date(statement, assumed.CORRECTED_BY.pick(self.draw()))
        stated_ms = self._open_ms(arrived_ms // DAY_MS + 1)
        other = Statement(statement.identity, statement.kind, statement.day, stated_ms, data)
        self._add_line(self._arrived_ms(stated_ms), self._value(other))

    def _retract_nothing(self, statement: Statement, arrived_ms: int, *, nothing: bool) -> None:
        """Retract an event that no platform stated, or a retraction."""
        source = statement.identity[0]
        day = arrived_ms // DAY_MS + 1
        stated_ms = self._open_ms(day)
        first = self._retraction(source, self._identity(source), day, stated_ms, "other")
        self._add_line(self._arrived_ms(stated_ms), self._value(first))
        if not nothing:
            stated_ms = self._open_ms(day + 1)
            second = self._retraction(source, first.identity, day + 1, stated_ms, "other")
            self._add_line(self._arrived_ms(stated_ms), self._value(second))

    def _break(self, statement: Statement, arrived_ms: int) -> None:
        """Add a damaged attempt that reached the log before the good one."""
        draw = self.draw
        tried_ms = statement.stated_ms + int(draw() * (arrived_ms - statement.stated_ms))
        value = self._value(statement)
        key, letter = self._subject, _BROKEN
        match _DAMAGE.pick(draw()):
            case "half_an_object":
                value = value[: int(len(value) * (0.2 + 0.7 * draw()))]
            case "unknown_member":
                value = value[:-2] + ',"newsletter":true}}'
            case "unknown_version":
                value = value.replace('.v1","subject"', '.v2","subject"')
            case "impossible_date":
                date = self._days.iso[statement.day]
                value = value.replace(f'"{date}"', f'"{date[:4]}-02-30"')
            case "foreign_key":
                key = statement.identity[1]
            case _:
                key, letter = "", _BROKEN_WITHOUT_KEY
        self._add_line(tried_ms, value, key, letter)

    def _retraction(
        self, source: str, retracts: tuple[str, str], day: int, stated_ms: int, reason: str
    ) -> Statement:
        data = (
            f'{{"retracts":{{"source":"{retracts[0]}","id":"{retracts[1]}"}},"reason":"{reason}"}}'
        )
        return Statement(self._identity(source), "event.retracted", day, stated_ms, data)

    def _with_earlier_date(self, statement: Statement, days: int) -> str:
        """Return the data with its date *days* earlier, not before day 0."""
        iso = self._days.iso
        return statement.data.replace(iso[statement.day], iso[max(statement.day - days, 0)], 1)

    def _identity(self, source: str) -> tuple[str, str]:
        self._number += 1
        return source, f"{_STYLES[source][0]}-{self.token}{self._number:02x}"

    def _open_ms(self, day: int) -> int:
        """Return a moment of the day at which people state things."""
        return day * DAY_MS + (_OPENS_AT * 1000 + int(self.draw() * _OPEN_FOR * 1000))

    def _arrived_ms(self, stated_ms: int) -> int:
        draw = self.draw
        return stated_ms + assumed.RECORDED_AFTER_SECONDS.pick(draw()) * 1000 + int(draw() * 1000)

    def _value(self, statement: Statement) -> str:
        source, identifier = statement.identity
        _, local, more = _STYLES[source]
        day, ms = divmod(statement.stated_ms, DAY_MS)
        seconds = ms // 1000
        if local:
            seconds += self._days.offset_hours[day] * 3600
            zone = self._days.offset_text[day]
        else:
            zone = f".{ms % 1000:03d}Z" if source == "/crm" else "Z"
        return (
            f'{{"specversion":"1.0","id":"{identifier}","source":"{source}",'
            f'"type":"ledger.{statement.kind}.v1","subject":"{self._subject}",'
            f'"time":"{self._days.iso[day]}T{CLOCK[seconds // 60]}{SECONDS[seconds % 60]}{zone}",'
            f'{more}"data":{statement.data}}}'
        )

    def _add_line(
        self, recorded_ms: int, value: str, key: str | None = None, letter: str = _GOOD
    ) -> None:
        """Keep a record, unless the log ends before it."""
        if recorded_ms >= self._days.end_ms:
            return
        self._number += 1
        key = self._subject if key is None else key
        recorded_at = self._days.zero_ms + recorded_ms
        head = f"{recorded_at:014d}{self._index:012d}{self._number:03d}{letter}{key}"
        self.lines.append(f"{head}\t{value}\n".encode())
