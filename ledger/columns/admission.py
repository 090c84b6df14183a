"""Column admission: SQL finds the records that certainly are ordinary events, with their columns.

Whatever it accepts `schemas.admission.admit` accepts too, with the same columns to the bit; tests
hold the two side by side over mutated events. What it does not accept is no finding: that record
goes to `admit`. So a check here may be stricter than the rules, and never looser.

DuckDB's JSON functions take more than JSON, and its casts more than the forms of SPEC section 1. So
the pattern of the whole text comes first, and a text is cast only where its form is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Final

from ledger.columns.compact import entry_bytes, envelope_bytes
from ledger.columns.database import minor_version
from ledger.columns.json_pattern import EMBEDDED, PLAIN, event_pattern
from ledger.columns.members import DATA, ENTRIES, MEMBERS, Entry, Member, entries
from ledger.columns.schema import QUARANTINED, SEPARATOR, entry_bit, type_bits
from schemas.envelope import DEFAULT_MEDIA_TYPE
from schemas.events import CATEGORIES, TEXT_MAX
from schemas.rules import VALUE_BYTES_MAX
from schemas.version import RULES_VERSION

__all__ = [
    "ADMITTED",
    "IS_ORDINARY_LINE",
    "IS_ORDINARY_TEXT",
    "admission_stamp",
]

TESTED_RULES, TESTED_DUCKDB = 1, "2.0"

_ENVELOPE = ("specversion", "id", "source", "type", "subject", "time")
_OPTIONAL_ENVELOPE = ("datacontenttype", "data_base64")
# A year that is plausible whatever the offset, and a clock that `schemas.moments` reads.
_TIME = (
    "(?:190[1-9]|19[1-9][0-9]|20[0-9]{2}|21[0-8][0-9]|219[0-8])-[0-9]{2}-[0-9]{2}"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    "(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_MICROSECOND_TEXT: Final = len("2022-01-01T00:00:00.000000Z")
_LINE = (
    r'\{"partition":(?:0|[1-9][0-9]{0,8}),"offset":(?:0|[1-9][0-9]{0,17}),"recorded_at":'
    '"(?:19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]'
    r'\.[0-9]{3}Z","key":"[A-Za-z0-9._:-]{1,64}","value":"VALUE"\}'
)


def admission_stamp() -> dict[str, object] | None:
    """The rules and minor version of DuckDB that column admission is for; None where it is off."""
    if (RULES_VERSION, minor_version()) != (TESTED_RULES, TESTED_DUCKDB):
        return None
    return {"rules": TESTED_RULES, "duckdb": TESTED_DUCKDB}


def _quoted(text: str) -> str:
    """A text as SQL.

    >>> _quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def _texts(texts: Iterable[str]) -> str:
    return ", ".join(map(_quoted, texts))


def _structure(members: Iterable[Member]) -> str:
    """The types in which `from_json` reads some members; a list as its JSON, without blanks."""
    return "{" + ", ".join(f'"{member.name}": {_json_type(member)}' for member in members) + "}"


def _json_type(member: Member) -> str:
    match member.kind:
        case "boolean":
            return '"BOOLEAN"'
        case "object":
            return _structure(member.parts)
        case _:
            return '"VARCHAR"'


def _column(path: str) -> str:
    return f"data.{path}"


def _is_there(entry: Entry) -> str:
    """SQL: whether an entry is there; a date is one where such a day exists."""
    column = f"{entry.path}_day" if entry.member.kind == "date" else _column(entry.path)
    return f"({column} is not null)::bigint"


def _bits(some: Iterable[Entry]) -> int:
    return sum(entry_bit(entry.path) for entry in some)


def _by_type(values: Iterable[object]) -> str:
    """SQL for a constant of each event type."""
    return f"[{', '.join(map(str, values))}][type_number]"


def _names(members: Iterable[Member]) -> str:
    return f"[{_texts(member.name for member in members)}]"


def _choices_by_type() -> Iterator[str]:
    """SQL: whether a member is one of its type's choices, where types differ in them."""
    for name in DATA:
        choices = {
            number: member.choices
            for number, members in enumerate(MEMBERS.values(), 1)
            for member in members
            if member.name == name
        }
        if len(set(choices.values())) > 1:
            allowed = _texts(f"{number}{each}" for number in choices for each in choices[number])
            column = _column(name)
            yield (
                f"case when {column} is null then true"
                f" else concat(type_number, {column}) in ({allowed}) end"
            )


def _typed(member: Member) -> str:
    match member.kind:
        case "date":
            return f"{member.name}_day as {member.name}"
        case "categories":
            return f"{_SORTED_CATEGORIES}[category_bits + 1] as {member.name}"
        case _:
            return f"{_column(member.name)} as {member.name}"


def _category_set(bits: int) -> list[str]:
    return [name for bit, name in enumerate(CATEGORIES) if bits >> bit & 1]


_CATEGORY_SETS = [_category_set(bits) for bits in range(1 << len(CATEGORIES))]
_SORTED_CATEGORIES = f"[{', '.join(f'[{_texts(names)}]::varchar[]' for names in _CATEGORY_SETS)}]"
# As JSON without blanks, whatever their order.
_CATEGORY_BYTES = [len(json.dumps(names, separators=(",", ":"))) for names in _CATEGORY_SETS]
_CATEGORY_BITS = " + ".join(
    f"""{1 << bit} * contains(data.categories, '"{name}"')::utinyint"""
    for bit, name in enumerate(CATEGORIES)
)
_EVENT = (
    "{"
    + ", ".join(f'"{name}": "VARCHAR"' for name in (*_ENVELOPE, *_OPTIONAL_ENVELOPE))
    + f', "data": {_structure(DATA.values())}'
    + "}"
)
_DAYS = ", ".join(
    f"try_cast({_column(member.name)} as date) as {member.name}_day"
    for member in DATA.values()
    if member.kind == "date"
)
_TYPE_NUMBER = f"list_position([{_texts(MEMBERS)}], type)"
_TEXTS = f"concat_ws('{SEPARATOR}', time, {', '.join(map(_column, ENTRIES))})"
# Which entries are there, and above that the bytes that they take but for their texts. In `texts` a
# separator is before each.
_WRITTEN_BITS = 32
assert len(ENTRIES) <= _WRITTEN_BITS
_SHAPE = " + ".join(
    f"{_is_there(entry)} * {entry_bit(path) + (entry_bytes(entry) - 1 << _WRITTEN_BITS)}"
    for path, entry in ENTRIES.items()
)
_IS_COMPACT = "strlen(value) = " + envelope_bytes(
    _ENVELOPE, ["datacontenttype"], f"strlen(texts) - strlen(time) + (shape >> {_WRITTEN_BITS})"
)
_ENTRIES_BY_TYPE = [list(entries(members)) for members in MEMBERS.values()]
_ALLOWED = _by_type(map(_bits, _ENTRIES_BY_TYPE))
_REQUIRED = _by_type(_bits(e for e in each if e.required) for each in _ENTRIES_BY_TYPE)
_TYPE_BITS = _by_type(map(type_bits, MEMBERS))
_ANY_TEXTS = ("source", "id", *(_column(path) for path, each in ENTRIES.items() if each.is_text))
_OPTIONAL_DAYS = (
    f"({_column(path)} is null) = ({path}_day is null)"
    for path, entry in ENTRIES.items()
    if entry.member.kind == "date" and not entry.required
)

IS_ORDINARY_TEXT = (
    f"strlen(value) <= {VALUE_BYTES_MAX}"
    f" and regexp_full_match(value, {_quoted(event_pattern(PLAIN))})"
)
"""SQL: whether the column `value` certainly is JSON of the right types."""

IS_ORDINARY_LINE = (
    f"regexp_full_match(line, {_quoted(_LINE.replace('VALUE', event_pattern(EMBEDDED)))})"
)
"""SQL: whether the column `line`, of an archive, is a record with such a value."""

# Bytes, which are at least as many as the characters that the rules count.
_IS_SHORT = f"""
    case when strlen(texts) + strlen(source) + strlen(id) <= {TEXT_MAX} then true
        else {" and ".join(f"coalesce(strlen({text}) <= {TEXT_MAX}, true)" for text in _ANY_TEXTS)}
        end
"""
_IS_KEPT = f"""
    specversion = '1.0'
    and subject = key
    and strlen(id) > 0
    and strlen(source) > 0
    and regexp_full_match(time, '{_TIME}')
    and moment is not null
    and (datacontenttype is null or datacontenttype = '{DEFAULT_MEDIA_TYPE}')
    and data_base64 is null
    and there & {_REQUIRED} = {_REQUIRED}
    and there | {_ALLOWED} = {_ALLOWED}
    and (category_bits is null or strlen(data.categories) = {_CATEGORY_BYTES}[category_bits + 1])
    and {" and ".join((*_OPTIONAL_DAYS, *_choices_by_type()))}
    and {_IS_SHORT}
"""
# Where as many names are there as members are not null, each is there once; so it is where the text
# is compact, see `ledger.columns.compact`. Of a case only the branch that is taken is worked out.
_MEMBERS = f"bit_count(there & {_bits(each for each in ENTRIES.values() if each.is_first)})"
_NAMES_ARE_KEPT = f"""
    case when is_compact then true
        when len(names) = {len(_ENVELOPE) + 1} + (datacontenttype is not null)::int then true
        else len(list_distinct(names)) = len(names) end
    and case when is_compact then true
        when len(data_names) = {_MEMBERS} then true
        else len(list_distinct(data_names)) = len(data_names)
            and list_has_all({_by_type(map(_names, MEMBERS.values()))}, data_names) end
"""
_EVIDENCE_NAMES = "json_keys(value, '$.data.evidence')"
# Only the parts of an evidence may be null; which they are, only few events need to be asked.
_NULLS = f"""
    case when is_compact then '' else
        case when len(data_names) = {_MEMBERS} then ''
            else array_to_string(list_sort(data_names), ',') end
        || case when data.evidence is null or data.evidence.uri is not null then ''
            when list_contains({_EVIDENCE_NAMES}, 'uri') then '!' else '' end
        end
"""
_CONTENT = f"concat(there + {_TYPE_BITS}, '{SEPARATOR}', {_NULLS}, '{SEPARATOR}', texts)"
_NANOS = f"""
    case when strlen(time) > {_MICROSECOND_TEXT}
        then rpad(regexp_extract(time, '[.][0-9]{{6}}([0-9]+)', 1), 3, '0')::smallint
        else 0::smallint end
"""

ADMITTED = f"""
    with parsed as (
        select
            partition,
            "offset",
            recorded_at,
            key,
            student,
            value,
            from_json(value, {_quoted(_EVENT)}) as event
        from record join known_key using (key, partition)
        where is_ordinary_text
    ),
    member as (
        select
            * exclude (event),
            {", ".join(f"event.{name} as {name}" for name in (*_ENVELOPE, *_OPTIONAL_ENVELOPE))},
            event.data as data
        from parsed
    ),
    day as (
        select
            *,
            {_DAYS},
            ({_CATEGORY_BITS})::utinyint as category_bits,
            try_cast(time as timestamptz) as moment,
            {_TYPE_NUMBER} as type_number,
            {_TEXTS} as texts
        from member
    ),
    shaped as (
        select *, {_SHAPE} as shape, shape & {(1 << _WRITTEN_BITS) - 1} as there from day
    ),
    named as (
        select
            *,
            coalesce({_IS_COMPACT}, false) as is_compact,
            case when not is_compact then json_keys(value, ['$', '$.data']) end as all_names,
            all_names[1] as names,
            all_names[2] as data_names
        from shaped
    ),
    ordinary as (from named where {_IS_KEPT} and {_NAMES_ARE_KEPT})
    select
        partition,
        "offset",
        recorded_at,
        null::varchar as rule,
        {", ".join(f"null::uuid as {name}" for name in QUARANTINED)},
        student,
        subject,
        source,
        id,
        type,
        epoch_us(moment) as micros,
        ({_NANOS}) as time_nanos,
        {_CONTENT} as content,
        {", ".join(map(_typed, DATA.values()))},
        category_bits
    from ordinary
"""  # noqa: S608 - of constants
"""SQL: the rows of the table `record` that are certainly ordinary events."""
