"""Verification: replay a report's cut with both engines and compare cell by cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from ledger.errors import ConfigurationError
from ledger.log import Cut, Log
from ledger.log.progress import Notify, no_notice
from ledger.replay import ENGINES, Engine
from ledger.report.make import ProgressBar, ReportQuery, make_reports, no_progress_bar
from ledger.report.model import Report, ReportOutline, Row
from projections.policy import Policy, built_in_policies

__all__ = [
    "Difference",
    "Verification",
    "difference_line",
    "differences",
    "policy_of",
    "verify_reports",
]


class Difference(NamedTuple):
    """A cell on which two reports do not agree.

    Attributes:
        cell: Such as `career_outcomes|all previous`, `records|events` or `digest`.
        stated: What the first report says; "nothing" where it says nothing.
        replayed: What the second one says, likewise.
    """

    cell: str
    stated: object
    replayed: object


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of one report.

    Attributes:
        name: What a person knows the report by.
        log_name: The log that the report names; None where it names none.
        zone_data: The release of the zone rules that the report names; None where it names none.
        fresh: The same report by the fold.
        second: The same report by the columnar engine.
        differences: Between the report and the fold.
        disagreements: Between the fold and the columnar engine.
    """

    name: str
    log_name: str | None
    zone_data: str | None
    fresh: Report
    second: Report
    differences: Sequence[Difference]
    disagreements: Sequence[Difference]

    @property
    def has_other_log_name(self) -> bool:
        """Whether the report names another log: that is not compared, since a copy may have one."""
        return self.log_name is not None and self.log_name != self.fresh.log.name

    @property
    def has_other_zone_data(self) -> bool:
        """Whether the report names another release than that of this ledger: dates may differ."""
        return self.zone_data is not None and self.zone_data != self.fresh.zone_data

    @property
    def cells(self) -> int:
        """How many cells of figures were compared."""
        return 2 * (len(self.fresh.counts) + len(self.fresh.rates))


def verify_reports(
    log: Log,
    reports: Mapping[str, ReportOutline],
    policies: Sequence[Policy] = (),
    *,
    progress: ProgressBar = no_progress_bar,
    notify: Notify = no_notice,
) -> list[Verification]:
    """Make each report again from the log, by each of the two engines, and compare.

    Args:
        log: Any log.
        reports: By what a person knows them by.
        policies: Under which they may have been made, besides the built-in ones.
        progress: Shows how far a replay is.
        notify: Gets what a person may want to know of how it was done, one sentence.

    Raises:
        ConfigurationError: If a report was made under another policy.
        CutNotHeldError: If the log does not hold a report's cut.
        StoreError: If the log cannot be read, or a temporary folder is full.
    """
    keys = [
        (report.cut, policy_of(name, report, policies), report.reference_year)
        for name, report in reports.items()
    ]
    fold, columnar = (
        _replayed(log, engine, keys, progress=progress, notify=notify) for engine in ENGINES
    )
    return [
        Verification(
            name,
            _text(stated.log.name),
            _text(stated.zone_data),
            fresh,
            second,
            list(differences(stated, fresh)),
            list(differences(fresh, second)),
        )
        for (name, stated), fresh, second in zip(reports.items(), fold, columnar, strict=True)
    ]


def differences(stated: ReportOutline, replayed: ReportOutline) -> Iterator[Difference]:
    """Every cell on which two reports of one cut, policy and year do not agree.

    Left aside are `log.name`, since a copy may have another, `zone_data`, and members that this
    ledger does not know (SPEC section 5). A type that differs is a difference, and rows in another
    order are.
    """
    theirs, ours = dict(_cells(stated)), dict(_cells(replayed))
    for cell in sorted(theirs.keys() | ours.keys()):
        first, second = theirs.get(cell, _ABSENT), ours.get(cell, _ABSENT)
        if type(first) is not type(second) or first != second:
            yield Difference(cell, first, second)
    for kind in ("counts", "rates"):
        rows = [(row.measure, row.group) for row in getattr(stated, kind)]
        if rows != sorted(rows):
            yield Difference(f"{kind} rows", "in another order", "by measure and group")


def difference_line(difference: Difference, first: str, second: str) -> str:
    """A difference as a person reads it, with its size where both sides are numbers.

    >>> difference_line(Difference("applicants|all count", 310, 312), "the report says", "the log")
    'applicants|all count: the report says 310, the log 312 (+2)'
    """
    cell, stated, replayed = difference
    size = ""
    if type(stated) is int and type(replayed) is int:
        size = f" ({replayed - stated:+,})"
    return f"{cell}: {first} {stated}, {second} {replayed}{size}"


_ABSENT = "nothing"


def _replayed(
    log: Log,
    engine: Engine,
    keys: Sequence[tuple[Cut, Policy, int]],
    *,
    progress: ProgressBar,
    notify: Notify,
) -> list[Report]:
    """The report of each cut, policy and year asked for, in order, from one reading of the log."""
    cuts, policies, years = (_unique(values) for values in zip(*keys, strict=True))
    query = ReportQuery(years, policies, cuts, engine=engine)
    reports = make_reports(log, query, progress=progress, notify=notify)
    by_key = list(zip(product(cuts, policies, years), reports, strict=True))
    return [next(report for known, report in by_key if known == key) for key in keys]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _unique(values: Iterable[Any]) -> list[Any]:
    """Values in order, each once; cuts cannot be hashed."""
    unique: list[Any] = []
    for value in values:
        if value not in unique:
            unique.append(value)
    return unique


def policy_of(name: str, report: ReportOutline, policies: Sequence[Policy]) -> Policy:
    """The policy that a report was made under.

    Raises:
        ConfigurationError: If it is neither built in nor among the policies given.
    """
    sha256 = report.policy.sha256
    candidates = [policy for policy in policies if policy.sha256 == sha256]
    built_in = built_in_policies().get(report.policy.id)
    if built_in is not None and built_in.sha256 == sha256:
        candidates.append(built_in)
    if not candidates:
        raise ConfigurationError(
            f"{name} was made under policy {report.policy.id} {sha256[:12]}…, which is neither"
            " built in nor given; name that policy's file with --policy"
        )
    return candidates[0]


def _cells(report: ReportOutline) -> Iterator[tuple[str, object]]:
    """Every value that is compared, by its path; a row is named by its measure and group."""
    yield "schema", report.schema_name
    yield "rules", report.rules
    yield "reference_year", report.reference_year
    yield from _members("policy", report.policy.as_json())
    yield from _members("log|cut", report.log.cut)
    yield "log|records", _value(report.log.records)
    records = report.records.as_json()
    quarantined = records.pop("quarantined", _ABSENT)
    yield from _members("records", records)
    if isinstance(quarantined, dict):
        yield from _members("records|quarantined", quarantined)
    else:
        yield "records|quarantined", _value(quarantined)
    for row in (*report.counts, *report.rates):
        yield from _row(row)
    yield from _members("provisional", report.provisional)
    yield "digest", _value(report.digest)


def _row(row: Row) -> Iterator[tuple[str, object]]:
    members = row.as_json()
    name = f"{members.pop('measure')}|{members.pop('group')}"
    yield name, "a row"
    for member, value in members.items():
        yield f"{name} {member}", _value(value)


def _members(path: str, members: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in members.items():
        yield f"{path}|{name}", _value(value)


def _value(value: object) -> object:
    """A value as a line can show it: no cell of a report of ours holds any other."""
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else value
