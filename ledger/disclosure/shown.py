"""The shown report: what a publication says of a report, without an exact count behind it.

Everything in a publication is a function of this document, an edition and languages. A cell is a
type of its own, so that nothing downstream can print an exact count by mistake.

Source: SPEC section 7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
)

from ledger.decoding import decode_document
from ledger.errors import BadInputError
from schemas.canonical import canonical

__all__ = [
    "SHOWN_SCHEMA",
    "DisclosureName",
    "FewerThan",
    "ShownCell",
    "ShownCountRow",
    "ShownLog",
    "ShownPolicyName",
    "ShownRateRow",
    "ShownRecords",
    "ShownReport",
    "decode_shown",
    "encode_shown",
]

SHOWN_SCHEMA: Literal["ledger/shown/v1"] = "ledger/shown/v1"

# RFC 8785 writes an integer as a binary64, which has no larger ones exactly.
_EXACT_MAX = 2**53 - 1
_Natural = Annotated[int, Field(ge=0, le=_EXACT_MAX)]
_Whole = Annotated[int, Field(ge=-_EXACT_MAX, le=_EXACT_MAX)]
_FEWER_THAN = re.compile("<([1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class FewerThan:
    """A count from 1 to below a threshold."""

    threshold: int

    def __post_init__(self) -> None:
        assert self.threshold > 1

    def __str__(self) -> str:
        return f"<{self.threshold}"


def _cell(value: object) -> object:
    """The cell of a JSON value; anything that is none is left for its type to refuse."""
    match = _FEWER_THAN.fullmatch(value) if isinstance(value, str) else None
    return FewerThan(int(match[1])) if match and int(match[1]) > 1 else value


def _json_cell(cell: ShownCell) -> int | str | None:
    return str(cell) if isinstance(cell, FewerThan) else cell


def _sorted_once(rows: tuple[_Row, ...]) -> tuple[_Row, ...]:
    keys = [(row.measure, row.group) for row in rows]
    if keys != sorted(set(keys)):
        raise ValueError("rows by measure and group, each once")
    return rows


ShownCell = Annotated[
    _Natural | FewerThan | None,
    BeforeValidator(_cell),
    PlainSerializer(_json_cell),
]
"""A number as it is shown, *fewer than T*, or None for *not shown*."""

_Tuple = Field(strict=False)  # JSON has arrays only.
_Partition = Annotated[str, Field(pattern="^[0-9]{1,9}$")]
_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Members(BaseModel):
    """An object of the shown report; it has no other members, so nothing exact can come along."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", serialize_by_alias=True, validate_by_name=True
    )

    def as_json(self) -> dict[str, Any]:
        """The members that were given, as JSON values, in the order of the specification."""
        return self.model_dump(mode="json", exclude_unset=True)


class _ContentName(_Members):
    """An id and version, and the SHA-256 of the one content that they belong to."""

    id: str
    version: _Whole
    sha256: _Sha256


class ShownPolicyName(_ContentName):
    """The policy that the report was made under."""


class DisclosureName(_ContentName):
    """The disclosure profile that the report is shown under."""


class ShownLog(_Members):
    """The log that the report was made from.

    Attributes:
        name: See `Log.name`.
        cut: Partition, as decimal digits → offset.
        records: How many records lie below the cut, in first form.
        roots: Partition → root of its tree, hexadecimal; absent where there is none.
    """

    name: str
    cut: dict[_Partition, _Natural]
    records: ShownCell
    roots: dict[_Partition, str] | None = None


class ShownRecords(_Members):
    """Where the records went, each number in first form; of the rules none that is shown as 0."""

    events: ShownCell
    duplicates: ShownCell
    conflicts: ShownCell
    repeats: ShownCell
    retracted: ShownCell
    pending: ShownCell
    void: ShownCell
    orphans: ShownCell
    quarantined: dict[str, ShownCell]


class _Row(_Members):
    measure: str
    group: str


class ShownCountRow(_Row):
    """A count of the reference year and of the year before it.

    Attributes:
        count: Of the reference year.
        previous: Of the year before.
        growth: In tenths of a percent, from the two as shown; None for *not shown*.
    """

    count: ShownCell
    previous: ShownCell
    growth: _Whole | None


class ShownRateRow(_Row):
    """A rate in tenths of a percent, to the step of the profile; None for *not shown*."""

    tenths: _Natural | None


class ShownReport(_Members):
    """A year's report as a profile lets it be shown; see `ledger.report.model.Report`.

    Attributes:
        schema_name: Written as `schema`.
        rules: The version of the rules.
        reference_year: The year Y.
        policy: The policy that the figures were made under.
        disclosure: The profile.
        log: The log and the cut.
        records: Where every record below the cut went.
        counts: A row for every measure and group that is published, by code points.
        rates: Likewise.
        provisional: Measure → the last date on which it is not final yet.
        zone_data: The release of the zone rules, such as `2026.3`.
    """

    schema_name: Annotated[Literal["ledger/shown/v1"], Field(alias="schema")]
    rules: _Whole
    reference_year: Annotated[int, Field(ge=1900, le=2199)]
    policy: ShownPolicyName
    disclosure: DisclosureName
    log: ShownLog
    records: ShownRecords
    counts: Annotated[tuple[ShownCountRow, ...], _Tuple, AfterValidator(_sorted_once)]
    rates: Annotated[tuple[ShownRateRow, ...], _Tuple, AfterValidator(_sorted_once)]
    provisional: Mapping[str, str]
    zone_data: str


def encode_shown(shown: ShownReport) -> bytes:
    """The document `shown.json`: RFC 8785 form and a line end. Its hash names a publication."""
    return canonical(shown.as_json()) + b"\n"


def decode_shown(data: bytes, place: str) -> ShownReport:
    """Read a shown report back.

    Args:
        data: The bytes of `shown.json`.
        place: Where they come from, for a person.

    Raises:
        BadInputError: If they are no shown report, or not in the one form that it has.
    """
    shown = decode_document(ShownReport, data, "a shown report of `outcomes publish`", place)
    if encode_shown(shown) != data:
        raise BadInputError(
            f"{place}: its values are those of a shown report, its bytes are not: members sorted,"
            " no blanks, one line end (RFC 8785); take the file that was published"
        )
    return shown
