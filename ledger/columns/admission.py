"""Column admission: SQL finds the records that certainly are ordinary events, with their columns.

Whatever it accepts `schemas.admission.admit` accepts too, with the same columns to the bit; tests
hold the two side by side over mutated events. What it does not accept is no finding: that record
goes to `admit`. So a check here may be stricter than the rules, and never looser.

DuckDB's JSON functions take more than JSON, and its casts more than the forms of SPEC section 1. So
the pattern of the whole text comes first, and a text is cast only where its form is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ledger.columns.compact import data_bytes, envelope_bytes
from ledger.columns.database import minor_version
from ledger.columns.json_pattern import EMBEDDED, PLAIN, event_pattern
from ledger.columns.members import DATA, MEMBERS, Member
from ledger.columns.schema import QUARANTINED, SEPARATOR, member_bit
from schemas.envelope import DEFAULT_MEDIA_TYPE
from schemas.events import CATEGORIES, TEXT_MAX
from schemas.moments import FIRST_DAY, LAST_DAY
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
    """The types in which `from_json` reads some members."""
    return "{" + ", ".join(f'"{member.name}": {_json_type(member)}' for member in members) + "}"


def _json_type(member: Member) -> str:
    match member.kind:
        case "boolean":
            return '"BOOLEAN"'
        case "categories":
            return '["VARCHAR"]'
        case "object":
            return _structure(member.parts)
        case _:
            return '"VARCHAR"'


def _is_kept(member: Member, column: str) -> str:
    """SQL: whether a member is as its type says; null where a required one is missing."""
    condition = _condition(member, column)
    if member.required:
        return condition or f"{column} is not null"
    return f"case when {column} is null then true else {condition} end" if condition else "true"


def _condition(member: Member, column: str) -> str:
    match member.kind:
        case "text":
            # Bytes, which are at least as many as the characters that the rules count.
            is_hash = member.name == "sha256"
            return (
                f"regexp_full_match({column}, '[0-9a-f]{{64}}')"
                if is_hash
                else f"strlen({column}) between 1 and {TEXT_MAX}"
            )
        case "choice":
            return f"{column} in ({_texts(member.choices)})"
        case "date":
            # That it is in the one form, the pattern of the whole text has seen to.
            return f"{member.name}_day between date '{FIRST_DAY}' and date '{LAST_DAY}'"
        case "boolean":
            return ""
        case "categories":
            return f"len({column}) = bit_count(category_bits)"
        case "object":
            parts = (_is_kept(part, f"{column}.{part.name}") for part in member.parts)
            return f"({' and '.join(parts)})"


def _by_type(expressions: Iterable[str]) -> str:
    cases = (
        f"when '{name}' then {expression}"
        for name, expression in zip(MEMBERS, expressions, strict=True)
    )
    return f"case type {' '.join(cases)} end"


def _column(member: Member) -> str:
    return f"data.{member.name}"


def _members_there(members: Iterable[Member]) -> str:
    """SQL: a bit for each member of a type that is required, or is there and not null."""
    required = sum(member_bit(member.name) for member in members if member.required)
    optional = (
        f" + ({_column(member)} is not null)::bigint * {member_bit(member.name)}"
        for member in members
        if not member.required
    )
    return f"{required}::bigint{''.join(optional)}"


def _data_is_kept(members: Iterable[Member]) -> str:
    """SQL: whether `data` has each member of a type as it should be, no other, and none twice.

    Where as many names are there as members of the type are not null, each is there once; so it is
    where the text is compact, see `ledger.columns.compact`.
    """
    names = _texts(member.name for member in members)
    kept = " and ".join(_is_kept(member, _column(member)) for member in members)
    # Of a case only the branch that is taken is worked out; of an `or` both sides are.
    return (
        f"({kept} and case when is_compact then true"
        " when len(data_names) = bit_count(members_there) then true"
        " else len(list_distinct(data_names)) = len(data_names)"
        f" and list_has_all([{names}], data_names) end)"
    )


def _as_texts(member: Member) -> Iterator[str]:
    column = _column(member)
    match member.kind:
        case "boolean":
            yield f"{column}::varchar"
        case "categories":
            yield f"array_to_string({column}, ',')"
        case "object":
            yield from (f"{column}.{part.name}" for part in member.parts)
        case _:
            yield column


def _typed(member: Member) -> str:
    match member.kind:
        case "date":
            return f"{member.name}_day as {member.name}"
        case "categories":
            return f"{_SORTED_CATEGORIES}[category_bits + 1] as {member.name}"
        case _:
            return f"{_column(member)} as {member.name}"


def _category_set(bits: int) -> str:
    return f"[{_texts(name for bit, name in enumerate(CATEGORIES) if bits >> bit & 1)}]::varchar[]"


_SORTED_CATEGORIES = f"[{', '.join(map(_category_set, range(1 << len(CATEGORIES))))}]"
_CATEGORY_BITS = " + ".join(
    f"{1 << bit} * list_contains(data.categories, '{name}')::utinyint"
    for bit, name in enumerate(CATEGORIES)
)
_EVENT = (
    "{"
    + ", ".join(f'"{name}": "VARCHAR"' for name in (*_ENVELOPE, *_OPTIONAL_ENVELOPE))
    + f', "data": {_structure(DATA.values())}'
    + "}"
)
_IS_COMPACT = (
    f"strlen(value) = {envelope_bytes(_ENVELOPE, ['datacontenttype'])}"
    f" + {_by_type(map(data_bytes, MEMBERS.values()))}"
)
_DAYS = ", ".join(
    f"try_cast({_column(member)} as date) as {member.name}_day"
    for member in DATA.values()
    if member.kind == "date"
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

_ENVELOPE_IS_KEPT = f"""
    specversion = '1.0'
    and subject = key
    and strlen(id) between 1 and {TEXT_MAX}
    and strlen(source) between 1 and {TEXT_MAX}
    and regexp_full_match(time, '{_TIME}')
    and try_cast(time as timestamptz) is not null
    and (datacontenttype is null or datacontenttype = '{DEFAULT_MEDIA_TYPE}')
    and data_base64 is null
    and case when is_compact then true
        when len(names) = {len(_ENVELOPE) + 1} + (datacontenttype is not null)::int then true
        else len(list_distinct(names)) = len(names) end
"""
_EVIDENCE_NAMES = "json_keys(value, '$.data.evidence')"
# Only the parts of an evidence may be missing; which they are, only few events need to be asked.
_NULLS = f"""
    case when is_compact then '' when len(data_names) = bit_count(members_there) then ''
        else array_to_string(list_sort(data_names), ',') end
    || case when data.evidence is null or data.evidence.uri is not null then ''
        when list_contains({_EVIDENCE_NAMES}, 'uri') then '!' else '?' end
"""
_CONTENT = (
    f"concat_ws('{SEPARATOR}', type, time, members_there, {_NULLS},"
    f" {', '.join(text for member in DATA.values() for text in _as_texts(member))})"
)
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
            {_by_type(map(_members_there, MEMBERS.values()))} as members_there,
            coalesce({_IS_COMPACT}, false) as is_compact,
            case when not is_compact then json_keys(value, ['$', '$.data']) end as all_names,
            all_names[1] as names,
            all_names[2] as data_names
        from member
    ),
    ordinary as (
        from day where {_ENVELOPE_IS_KEPT} and {_by_type(map(_data_is_kept, MEMBERS.values()))}
    )
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
        epoch_us(time::timestamptz) as micros,
        ({_NANOS}) as time_nanos,
        {_CONTENT} as content,
        {", ".join(map(_typed, DATA.values()))},
        category_bits
    from ordinary
"""  # noqa: S608 - of constants
"""SQL: the rows of the table `record` that are certainly ordinary events."""
