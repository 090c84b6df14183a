"""Events changed at random, judged by column admission and by `schemas.admission`.

    .venv/bin/python -m tests.ledger.columns.mutants --count 1000000

What is made of a seed is always the same. Each change is one that somebody might make: another
serialiser, a byte that was lost, a member of another type or name, a date of another form.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import pytest

from ledger.columns import staging, writing
from ledger.columns.members import MEMBERS
from schemas.events import CATEGORIES
from schemas.partition import partition_of
from schemas.record import Record
from tests.ledger.columns import mutant_words as words

PARTITIONS = 3
BATCH = 100_000


class Text(NamedTuple):
    """JSON as it is written."""

    text: str


class Pairs(list):
    """An object as its members in order, repeated ones too; a name may be `Text`."""


def records(count, seed):
    """So many records, all at different offsets."""
    chance = Random(seed)
    for offset in range(count):
        partition, key, value = _record(chance)
        yield Record(partition, offset, chance.choice((0, -1, 1_650_000_000_000)), key, value)


def every_byte(seed):
    """Of an event of each type: every byte left out, doubled, replaced, and one put before it."""
    chance, offset = Random(seed), 0
    for kind in words.EVENTS:
        value = _plain(_event(chance, kind), chance).encode()
        for position in range(len(value) + 1):
            head, tail = value[:position], value[position + 1 :]
            byte, other = value[position : position + 1], bytes([chance.choice(words.BYTES)])
            any_byte = bytes([chance.randrange(256)])
            for middle in (b"", byte + byte, other, other + byte, any_byte):
                changed = head + middle + tail
                yield Record(partition_of(b"s-1", PARTITIONS), offset, 0, b"s-1", changed)
                offset += 1


def every_event(chance, times):
    """Events of every type, as often as given, with some of their optional members."""
    for kind in words.EVENTS:
        for _ in range(times):
            yield _event(chance, kind)


def _record(chance):
    if chance.random() < 0.01:
        key = b"s-1"
        return partition_of(key, PARTITIONS), key, chance.choice((None, *words.WHOLE))
    event = _event(chance, chance.choice(list(words.EVENTS)))
    for _ in range(chance.choice((0, 0, 1, 1, 1, 2, 3))):
        chance.choice(_CHANGES)(event, chance)
    if chance.randrange(_RARE) == 0:
        _sized(event, chance)
    subject = next((value for name, value in event if name == "subject"), "s-1")
    style = chance.choice((*STYLES, _plain, _blanks, _escaped))
    value = style(event, chance).encode("utf-8", "surrogatepass")
    if chance.random() < 0.15:
        value = _other_bytes(value, chance)
    key = subject.encode() if isinstance(subject, str) else b"s-1"
    if chance.random() < 0.03:
        key = chance.choice((None, b"", b"s-2", b"\xff", b"s-1\n", b"s-1 ", b"x" * 65))
    partition = partition_of(key or b"", PARTITIONS)
    if chance.random() < 0.02:
        partition = (partition + 1) % PARTITIONS
    return partition, key, value


def _event(chance, kind):
    data = Pairs()
    required = {member.name for member in MEMBERS[f"ledger.{kind}.v1"] if member.required}
    for name, value in words.EVENTS[kind].items():
        if name in required or chance.random() < 0.6:
            data.append((name, Pairs(value.items()) if isinstance(value, dict) else value))
        elif chance.random() < 0.4:
            data.append((name, Text("null")))
    own = {"type": f"ledger.{kind}.v1", "id": str(chance.randrange(9))}
    event = Pairs((words.ENVELOPE | own).items())
    if chance.random() < 0.4:
        event.append(("datacontenttype", "application/json"))
    if chance.random() < 0.2:
        event.append(("traceparent", chance.choice(("00-1", "é", Text("null")))))
    event.append(("data", data))
    return event


def _objects(event):
    """All objects of an event."""
    waiting = [event]
    while waiting:
        place = waiting.pop()
        yield place
        waiting += [value for _, value in place if isinstance(value, Pairs)]


def _place(event, chance):
    """Some object of the event, and the index of a member of it."""
    place = chance.choice([each for each in _objects(event) if each] or [event])
    return place, chance.randrange(len(place)) if place else None


def _value(chance):
    kind = chance.choice((words.TEXTS, words.JSON, words.DATES, words.TIMES))
    text = chance.choice(kind)
    return Text(text) if kind is words.JSON else text


def _another_value(event, chance):
    place, index = _place(event, chance)
    if index is not None:
        place[index] = (place[index][0], _value(chance))


def _nulled(event, chance):
    place, index = _place(event, chance)
    if index is None or chance.random() < 0.2:
        place.append((chance.choice(words.NAMES), Text("null")))
    else:
        place[index] = (place[index][0], Text("null"))


def _another_scalar(event, chance):
    place, index = _place(event, chance)
    if index is not None:
        scalar = chance.choice(("0", "1", "true", "false", '"true"', '"false"', "[]", "{}"))
        place[index] = (place[index][0], Text(scalar))


def _another_text(event, chance):
    place, index = _place(event, chance)
    if index is not None and isinstance(place[index][1], str):
        place[index] = (place[index][0], chance.choice(words.TEXTS))


def _another_date(event, chance):
    dates = [
        (each, index) for each in _objects(event) for index, (name, _) in enumerate(each)
        if str(name).endswith("_on")
    ]  # fmt: skip
    if dates:
        place, index = chance.choice(dates)
        place[index] = (place[index][0], chance.choice(words.DATES))


def _set(name, values):
    def change(event, chance):
        for index, (each, _) in enumerate(event):
            if each == name:
                event[index] = (name, chance.choice(values))

    return change


def _added(event, chance):
    place, index = _place(event, chance)
    place.insert(index or 0, (chance.choice(words.NAMES), _value(chance)))


def _doubled(event, chance):
    place, index = _place(event, chance)
    if index is not None:
        name, value = place[index]
        other = chance.choice((value, value, _value(chance)))
        place.insert(chance.randrange(len(place) + 1), (name, other))


def _renamed(event, chance):
    place, index = _place(event, chance)
    if index is not None:
        name, value = place[index]
        escaped = Text("".join(f"\\u{ord(char):04x}" for char in str(name)))
        others = (*words.NAMES, str(name).upper(), str(name).title(), f"{name} ", escaped)
        place[index] = (chance.choice(others), value)


def _removed(event, chance):
    place, index = _place(event, chance)
    if index is not None:
        del place[index]


def _reordered(event, chance):
    chance.shuffle(chance.choice(list(_objects(event))))


def _other_type(event, chance):
    kind = chance.choice((*words.EVENTS, "student.moved"))
    form = chance.choice(("ledger.{}.v1", "ledger.{}.v1", "ledger.{}.v2", "ledger.{}.v01", "{}"))
    _set("type", [form.format(kind)])(event, chance)


def _sized(event, chance):
    """An extension attribute that makes the text as long as the rules allow, or a byte longer."""
    size = len(_plain(event, chance).encode("utf-8", "surrogatepass")) + len(',"pad":""')
    event.append(("pad", "x" * (65_536 + chance.choice((-1, 0, 1)) - size)))


def _categories(event, chance):
    names = [chance.choice((*CATEGORIES, "Refugee", "")) for _ in range(chance.randrange(6))]
    for place in _objects(event):
        for index, (name, _) in enumerate(place):
            if name == "categories":
                place[index] = (name, names)


_CHANGES = (
    _another_value, _another_scalar, _another_scalar, _nulled, _another_text, _another_text,
    _another_date, _another_date, _set("time", words.TIMES), _set("time", words.TIMES), _added,
    _doubled, _renamed, _removed, _reordered, _reordered, _other_type, _categories,
    _set("subject", words.SUBJECTS), _set("datacontenttype", words.MEDIA),
    _set("id", words.TEXTS), _set("source", words.TEXTS),
)  # fmt: skip
_RARE = 300


def _written(value, chance, text, blank):
    if isinstance(value, Text):
        return value.text
    if isinstance(value, Pairs):
        members = (
            f"{_written(name, chance, text, blank)}{blank('before')}:{blank()}"
            f"{_written(each, chance, text, blank)}"
            for name, each in value
        )
        return f"{{{blank()}{f'{blank()},{blank()}'.join(members)}{blank()}}}"
    if isinstance(value, list):
        items = (_written(each, chance, text, blank) for each in value)
        return f"[{f'{blank()},{blank()}'.join(items)}]"
    return text(value) if isinstance(value, str) else json.dumps(value)


def _nothing(*_):
    return ""


def _raw(value):
    return json.dumps(value, ensure_ascii=False)


def _plain(event, chance):
    return _written(event, chance, _raw, _nothing)


def _as_php(event, chance):
    return _written(event, chance, lambda value: json.dumps(value).replace("/", "\\/"), _nothing)


def _as_dotnet(event, chance):
    def text(value):
        escaped = json.dumps(value).replace('\\"', "\\u0022")
        return "".join(f"\\u{ord(char):04X}" if char in "+<>&'`" else char for char in escaped)

    return _written(event, chance, text, _nothing)


def _as_python(event, chance):
    # Blanks after commas and colons alone.
    return _written(event, chance, json.dumps, _nothing).replace('","', '", "').replace('":', '": ')


def _blanks(event, chance):
    def blank(where=""):
        if where == "before" and chance.random() < 0.98:
            return ""
        many = ("", "", " ", "  ", "\t", "\n", "\r\n")
        return chance.choice(many if chance.random() < 0.3 else ("", " "))

    return f"{blank()}{_written(event, chance, _raw, blank)}{blank()}"


def _escaped(event, chance):
    def text(value):
        return '"' + "".join(
            f"\\u{ord(char):04{chance.choice('xX')}}"
            if ord(char) < 0x10000 and chance.random() < 0.3
            else json.dumps(char, ensure_ascii=chance.random() < 0.5)[1:-1]
            for char in value
        ) + '"'  # fmt: skip

    return _written(event, chance, text, _nothing)


STYLES = (_plain, _as_php, _as_dotnet, _as_python)
"""How emitters write an event by default."""


def _other_bytes(value, chance):
    if chance.randrange(_RARE) == 0:
        return value + b" " * (65_536 + chance.choice((-1, 0, 1)) - len(value))
    position = chance.randrange(len(value) + 1)
    byte = bytes([chance.choice(words.BYTES) if chance.random() < 0.7 else chance.randrange(256)])
    return chance.choice((
        value[:position] + byte + value[position:],
        value[:position] + byte + value[position + 1 :],
        value[:position] + value[position + 1 :],
        value[:position],
        value + byte,
        byte + value,
    ))  # fmt: skip


class Comparison(NamedTuple):
    """Both ways, side by side.

    Attributes:
        records: How many were judged.
        events: How many of them are events.
        accepted: How many of these column admission has accepted.
        differences: Rows that only one of the ways has.
    """

    records: int
    events: int
    accepted: int
    differences: list


@contextmanager
def _way(*, by_columns):
    """One of the ways; yields the list of the records that `schemas` has judged."""
    judged, row_line = [], staging.row_line

    def noted(record, partitions):
        judged.append(record)
        return row_line(record, partitions)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "row_line", noted)
        patch.setattr(writing, "FEW_RECORDS", 0)
        if not by_columns:
            patch.setattr(writing, "admission_stamp", lambda: None)
        yield judged


def compare(records, folder):
    """Write the typed columns of some records in both ways."""
    by_columns, by_rules = Path(folder, "columns.parquet"), Path(folder, "rules.parquet")
    with _way(by_columns=True) as judged:
        writing.write_columns(records, PARTITIONS, by_columns)
    with _way(by_columns=False) as all_judged:
        writing.write_columns(records, PARTITIONS, by_rules)
    assert len(records) == len(all_judged)
    with duckdb.connect() as connection:
        first, second = (f"from read_parquet('{path}')" for path in (by_columns, by_rules))
        differences = connection.execute(
            f"(({first}) except all ({second})) union all (({second}) except all ({first}))"
        ).fetchall()
        ((events,),) = connection.execute(f"select count(*) {second} where rule is null").fetchall()
    return Comparison(len(records), events, len(records) - len(judged), differences)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(argv)
    total = [0, 0, 0]
    batches = [list(every_byte(chosen.seed))] if chosen.count >= BATCH else []
    made = records(chosen.count, chosen.seed)
    with TemporaryDirectory() as folder:
        while batch := batches.pop() if batches else list(islice(made, BATCH)):
            compared = compare(batch, folder)
            total = [a + b for a, b in zip(total, compared[:3], strict=True)]
            sys.stdout.write("{:,} records, {:,} events, {:,} accepted\n".format(*total))
            sys.stdout.flush()
            for row in compared.differences[:20]:
                record = next(each for each in batch if each.offset == row[1])
                sys.stdout.write(f"{row}\n  {record}\n")
            if compared.differences:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
