"""The report of SPEC section 5 as frozen models, which keep the members that they do not know.

There are two degrees of trust. A `ReportOutline` is what somebody handed in: it has all that a
replay needs, and its cells may hold anything. A `Report` is one that the ledger has made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ledger.log import Cut

__all__ = [
    "REPORT_SCHEMA",
    "CountRow",
    "LogAtCut",
    "LogOutline",
    "PolicyName",
    "PolicyOutline",
    "RateRow",
    "RecordTotals",
    "RecordsOutline",
    "Report",
    "ReportOutline",
    "Row",
]

REPORT_SCHEMA: Literal["ledger/report/v1"] = "ledger/report/v1"

_Partition = Annotated[str, Field(pattern="^[0-9]{1,9}$")]
_Offset = Annotated[int, Field(ge=0)]
_Tuple = Field(strict=False)  # JSON has arrays only.


class _Members(BaseModel):
    """An object of the report; a member that was not given is not written either."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="allow", serialize_by_alias=True, validate_by_name=True
    )

    def as_json(self) -> dict[str, Any]:
        """The members as JSON values, in the order of the specification, unknown ones last."""
        return self.model_dump(mode="json", exclude_unset=True)


class PolicyOutline(_Members):
    """The policy that a report names."""

    id: str
    version: object = None
    sha256: str


class PolicyName(PolicyOutline):
    """The policy that a report was made under."""

    version: int


class LogOutline(_Members):
    """How far a report says that it has read its log."""

    name: object = None
    cut: dict[_Partition, _Offset]
    records: object = None
    roots: object = None


class LogAtCut(LogOutline):
    """The log that a report was made from, and how far it was read.

    Attributes:
        name: See `Log.name`.
        cut: Partition, as decimal digits → offset, in the normal form of SPEC section 5.
        records: How many records lie below the cut.
        roots: Partition, as decimal digits → root of its tree, hexadecimal; outside the digest.
    """

    name: str
    records: int


class RecordsOutline(_Members):
    """Where a report says that every record went."""


class RecordTotals(RecordsOutline):
    """Where every record went; see `projections.figures.RecordCounts`."""

    events: int
    duplicates: int
    conflicts: int
    repeats: int
    retracted: int
    pending: int
    void: int
    orphans: int
    quarantined: dict[str, int]


class Row(_Members):
    """A row of figures; its other members are its cells."""

    measure: str
    group: str


class CountRow(Row):
    """A count of the reference year and of the year before it."""

    count: int
    previous: int


class RateRow(Row):
    """A rate as its two counts; it is divided only when printed."""

    numerator: int
    denominator: int


def _without_duplicate_keys(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    known = set[tuple[str, str]]()
    for row in rows:
        cell = (row.measure, row.group)
        if cell in known:
            raise ValueError(f"duplicate key: two rows of {row.measure}|{row.group}")
        known.add(cell)
    return rows


_OutlineRows = Annotated[tuple[Row, ...], _Tuple, AfterValidator(_without_duplicate_keys)]


class ReportOutline(_Members):
    """A report whose cells are still to be checked: all that a replay needs to compare them."""

    schema_name: Annotated[Literal["ledger/report/v1"], Field(alias="schema")]
    rules: int
    reference_year: Annotated[int, Field(ge=1900, le=2199)]
    policy: PolicyOutline
    log: LogOutline
    records: RecordsOutline
    counts: _OutlineRows
    rates: _OutlineRows
    provisional: Mapping[str, object]
    zone_data: object = None
    digest: object

    @property
    def cut(self) -> Cut:
        """How far each partition was read."""
        return {int(partition): offset for partition, offset in self.log.cut.items()}


class Report(ReportOutline):
    """A year's figures under one policy at one cut.

    Attributes:
        schema_name: Written as `schema`.
        rules: The version of the rules.
        reference_year: The year Y.
        policy: The policy's id, version and SHA-256.
        log: The log and the cut.
        records: Where every record below the cut went.
        counts: A row for every measure and group shown, by code points of (measure, group).
        rates: Likewise.
        provisional: Measure → the last date on which it is not final yet.
        zone_data: The release of the zone rules, such as `2026.3`; outside the digest.
        digest: `sha256:` and the hash of all that the figures depend on.
        as_of: The moment that was asked for, in the policy's zone with its offset; in no document.
        latest: Likewise the latest `recorded_at` below the cut; None without records.
    """

    policy: PolicyName
    log: LogAtCut
    records: RecordTotals
    counts: Annotated[tuple[CountRow, ...], _Tuple]
    rates: Annotated[tuple[RateRow, ...], _Tuple]
    provisional: Mapping[str, str]
    zone_data: str
    digest: str
    as_of: Annotated[str | None, Field(exclude=True)] = None
    latest: Annotated[str | None, Field(exclude=True)] = None
