"""Verification: compare a report with the figures of a fresh replay, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ledger.errors import BadInputError, ConfigurationError
from ledger.report.document import Report
from schemas.version import RULES_VERSION

__all__ = ["Difference", "difference_line", "differences", "read_report"]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class _Policy(_Shape):
    id: str
    version: int
    sha256: str


class _Log(_Shape):
    cut: dict[Annotated[str, Field(pattern="^[0-9]{1,9}$")], Annotated[int, Field(ge=0)]]
    records: int


class _Records(_Shape):
    quarantined: dict[str, int]


class _Row(_Shape):
    measure: str
    group: str


def _no_row_twice(rows: list[_Row]) -> list[_Row]:
    if len({(row.measure, row.group) for row in rows}) != len(rows):
        raise ValueError("a row stands twice")
    return rows


class _Report(_Shape):
    """As much of a report's shape as a comparison needs."""

    schema_name: Annotated[Literal["ledger/report/v1"], Field(alias="schema")]
    rules: int
    reference_year: Annotated[int, Field(ge=1900, le=2199)]
    policy: _Policy
    log: _Log
    records: _Records
    counts: Annotated[list[_Row], AfterValidator(_no_row_twice)]
    rates: Annotated[list[_Row], AfterValidator(_no_row_twice)]
    provisional: dict[str, str]
    digest: str


class Difference(NamedTuple):
    """A place where a report and the replay do not agree.

    Attributes:
        cell: Such as `career_outcomes|all previous`, `records|events` or `digest`.
        stated: What the report says; "nothing" where it says nothing.
        replayed: What the log says, likewise.
    """

    cell: str
    stated: object
    replayed: object


def read_report(path: str) -> Report:
    """Read a report file.

    Raises:
        BadInputError: If it is unreadable or no report.
        ConfigurationError: If it is a report under rules that this ledger does not know.
    """
    try:
        report = orjson.loads(Path(path).read_bytes())
    except OSError as error:
        hint = "name a file that `outcomes report --json` printed"
        raise BadInputError(f"{path}: {error.strerror}; {hint}") from error
    except orjson.JSONDecodeError as error:
        raise BadInputError(f"{path}: not JSON ({error}); is it a report?") from error
    rules = report.get("rules") if isinstance(report, dict) else None
    if type(rules) is int and rules != RULES_VERSION:
        raise ConfigurationError(
            f"{path}: made under rules {rules}, this ledger knows {RULES_VERSION};"
            " verify it with a ledger of those rules"
        )
    fault = _fault(report)
    if fault:
        raise BadInputError(f"{path}: not a report of `outcomes report --json`: {fault}")
    checked: Report = report
    return checked


def differences(stated: Report, replayed: Report) -> Iterator[Difference]:
    """Every place at which two reports of one cut, policy and year do not agree.

    `log.name` is left aside, since a copy may have another, and so is what `outcomes live` adds;
    all else is compared, and a type that differs is a difference.
    """
    theirs, ours = dict(_cells(stated)), dict(_cells(replayed))
    for cell in sorted(theirs.keys() | ours.keys()):
        one, other = theirs.get(cell, _ABSENT), ours.get(cell, _ABSENT)
        if type(one) is not type(other) or one != other:
            yield Difference(cell, one, other)


def difference_line(difference: Difference, one: str, other: str) -> str:
    """A difference as a person reads it, with its size where both sides are numbers.

    >>> difference_line(Difference("applicants|all count", 310, 312), "the report says", "the log")
    'applicants|all count: the report says 310, the log 312 (+2)'
    """
    cell, stated, replayed = difference
    size = ""
    if type(stated) is int and type(replayed) is int:
        size = f" ({replayed - stated:+,})"
    return f"{cell}: {one} {stated}, {other} {replayed}{size}"


_ABSENT = "nothing"
_LEFT_ASIDE = ("log|name", "live")


def _cells(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every member of a report by a path; a row is named by its measure and group."""
    if path in _LEFT_ASIDE:
        return
    if isinstance(value, dict):
        members = dict(value)
        if path in ("counts", "rates"):
            name = f"{members.pop('measure')}|{members.pop('group')}"
            yield name, "a row"
            yield from ((f"{name} {member}", child) for member, child in members.items())
            return
        for member, child in members.items():
            yield from _cells(child, f"{path}|{member}" if path else str(member))
    elif isinstance(value, list) and path in ("counts", "rates"):
        for row in value:
            yield from _cells(row, path)
    else:
        yield path, value


def _fault(report: object) -> str | None:
    """What keeps an object from being a report; its figures are judged by the comparison."""
    try:
        _Report.model_validate(report)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'report'}: {first['msg']}"
    return None
