"""A comparison for a person, and as JSON or a table for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from ledger.numbers import percent, pluralise, points, thousands
from outcomes.console.tables import Nested, print_document

if TYPE_CHECKING:
    from ledger.audit.diff import Change, RateChange
    from ledger.audit.diff_summary import DiffSummary
    from ledger.audit.sorted_rows import Row

__all__ = ["DIFF_COLUMNS", "diff_page", "flat_row", "print_diff"]

DIFF_COLUMNS = ("measure", "group", "subject", "before", "after", "change", "reasons", "events")

# Of records that would not count on either side.
_OF_OTHER_RECORDS = {"other_survey", "duplicate_of", "conflict_with"}
_Students = Iterable[tuple["Change", Iterator["Row"]]]


def print_diff(summary: DiffSummary, students: _Students, *, with_students: bool) -> None:
    """One JSON document; see docs/json/diff.json."""
    cells: Iterable[Any] = map(_cell, summary.changes)
    if with_students:
        cells = (
            Nested(_cell(change), "students", map(_student, rows)) for change, rows in students
        )
    print_document(
        summary.as_json(), {"cells": cells, "rates": (_rate(change) for change in summary.rates)}
    )


def flat_row(row: Row) -> dict[str, Any]:
    """A student and a cell as a line of a table."""
    events = (
        f"{_place(event)} {event['type']} {event['source']} {event['id']}"
        for event in row["events"]
    )
    return {
        **row,
        "change": row["after"] - row["before"],
        "reasons": _reasons(row),
        "events": "; ".join(events),
    }


def diff_page(summary: DiffSummary, students: _Students, limit: int) -> Iterator[str]:
    """The two sides, the cells that differ, and the students of those that were asked for."""
    yield f"What moved in {summary.year}"
    yield from _sides(summary)
    yield ""
    if not summary.changes and not summary.rates:
        yield "none of the figures asked for differs"
    else:
        last = "" if summary.balanced is None else f"{'students':>9}"
        yield f"{'':47}{'before':>8}{'after':>8}{'change':>8}{last}"
    for change in summary.changes:
        yield _change_line(change, has_students=summary.balanced is not None)
    if summary.rates:
        yield ""
        yield f"{'rates':56}{'before':>8}{'after':>8}{'points':>8}"
    for rate in summary.rates:
        name = f"{rate.cell.measure} {rate.cell.group}"
        before, after = percent(*rate.before), percent(*rate.after)
        yield f"{name:56}{before:>8}{after:>8}{points(rate.after, rate.before):>8}"
    yield from _remarks(summary)
    for change, rows in students:
        yield from _student_lines(change, rows, limit)


def _sides(summary: DiffSummary) -> Iterator[str]:
    for name, side in (("before", summary.before), ("after ", summary.after)):
        policy = side["policy"]
        cut = ",".join(f"{partition}:{offset}" for partition, offset in side["cut"].items())
        records = "" if side["records"] is None else f"{pluralise(side['records'], 'record')}, "
        latest = side["latest_recorded_at"]
        yield f"{name}  {records}cut {cut}" + (f", up to {latest}" if latest else "")
        version = f"version {policy.get('version')} ({policy['sha256'][:12]})"
        yield f"        policy {policy['id']} {version}"
        if "file" in side:
            yield f"        {side['file']}"
    for name, before, after in summary.parameters:
        yield f"  {name}: {_json(before)} → {_json(after)}"


def _change_line(change: Change, *, has_students: bool) -> str:
    measure, group = change.cell
    numbers = f"{thousands(change.before):>8}{thousands(change.after):>8}"
    students = f"{thousands(change.students):>9}" if has_students else ""
    return f"{measure:22} {group:24}{numbers}{_signed(change):>8}{students}"


def _remarks(summary: DiffSummary) -> Iterator[str]:
    if summary.balanced or summary.previous_changes:
        yield ""
    if summary.balanced:
        cells = pluralise(len(summary.balanced), "cell")
        more = " more" if summary.changes else ""
        yield f"{cells}{more} equal, although students moved in and as many out"
    if summary.previous_changes:
        earlier = summary.year - 1
        count = pluralise(len(summary.previous_changes), "count")
        verb = "differs" if len(summary.previous_changes) == 1 else "differ"
        yield f"{count} of {earlier} {verb}, see --year {earlier}"


def _student_lines(change: Change, rows: Iterator[Row], limit: int) -> Iterator[str]:
    measure, group = change.cell
    yield ""
    yield f"{measure}|{group}: {_signed(change)} by {pluralise(change.students, 'student')}"
    for row in islice(rows, limit or None):
        yield f"  {row['subject']}  {row['before']} → {row['after']}  {_reasons(row)}"
        yield from (f"      {_place(event)} {event['type']}" for event in row["events"])
    # Reading the rest checks that the changes add up.
    left = sum(1 for _ in rows)
    if left:
        yield f"  {thousands(left)} more; --limit 0 shows all"


def _reasons(row: Row) -> str:
    """Why the student counted less before, or counts less now, in a few words."""
    is_more = row["before"] < row["after"]
    fewer, more = ("before", "after") if is_more else ("after", "before")
    candidates = row["reasons"]
    excluded = {_place(each): each["reason"] for each in candidates[fewer] if not each["counted"]}
    counted = [_place(each) for each in candidates[more] if each["counted"]]
    reasons = {excluded[place] for place in counted if place in excluded}
    if not reasons:
        known = {each["reason"] for each in candidates[more]}
        reasons = {*excluded.values()} - known - _OF_OTHER_RECORDS
    when = "before" if is_more else "now"
    return f"{when} {', '.join(sorted(reasons))}" if reasons else f"no candidate {when}"


def _cell(change: Change) -> dict[str, Any]:
    return {**change.cell._asdict(), "before": change.before, "after": change.after}


def _rate(change: RateChange) -> dict[str, Any]:
    members = ("numerator", "denominator")
    return {
        **change.cell._asdict(),
        "before": dict(zip(members, change.before, strict=True)),
        "after": dict(zip(members, change.after, strict=True)),
    }


def _student(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("measure", "group")}


def _signed(change: Change) -> str:
    return f"{change.after - change.before:+,}".replace("-", "−")


def _place(event: Mapping[str, Any]) -> str:
    return f"{event['partition']}:{event['offset']}"


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
