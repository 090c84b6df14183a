"""`outcomes explain`: the events behind a figure, and those that did not count (SPEC section 6)."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from outcomes.cli.options import (
    AsOfOption,
    CutOption,
    JsonOption,
    LogOption,
    PolicyOption,
    chosen_cut,
    log_url,
)
from outcomes.console import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.audit.explain import Part
    from projections.explanations import Explanation
    from projections.policy import Policy

    _Row = tuple[Part, Explanation]

__all__ = [
    "NO_RECORD",
    "GroupOption",
    "MeasureOption",
    "YearOption",
    "explain",
    "refuse_no_pseudonym",
    "refuse_unknown_cell",
]

NO_RECORD = "no record below the cut is about this student"
_READING = partial(terminal.progress, "explaining")


def _measures() -> list[str]:
    from projections.measures.catalogue import COUNTS, RATES

    return [*COUNTS, *(rate.name for rate in RATES)]


YearOption = Annotated[
    int, typer.Option("--year", min=1900, max=2199, metavar="Y", help="The reference year.")
]
MeasureOption = Annotated[
    str,
    typer.Option("--measure", metavar="M", help="A count or a rate.", autocompletion=_measures),
]
GroupOption = Annotated[
    str, typer.Option("--group", metavar="G", help="A group by which it is shown.")
]


def explain(
    year: YearOption,
    measure: MeasureOption,
    group: GroupOption = "all",
    student: Annotated[
        str | None, typer.Option(metavar="S", help="Only this student's events.")
    ] = None,
    log: LogOption = None,
    policy: PolicyOption = None,
    as_of: AsOfOption = None,
    cut: CutOption = None,
    counted: Annotated[bool, typer.Option("--counted", help="Only the rows that count.")] = False,
    counts: Annotated[bool, typer.Option("--counts", help="Numbers alone, no persons.")] = False,
    json: JsonOption = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="The rows alone, one a line.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="The rows, for a spreadsheet.")] = False,
) -> None:
    """The events behind a figure, and those that came near, each with the reason."""
    from ledger.audit.explain import ExplainQuery, Totals, explain_figure, explanation_row
    from ledger.audit.reading import unread_remark
    from ledger.log import open_log
    from ledger.policies import chosen_policy
    from outcomes.console import explain_page
    from outcomes.console.tables import print_csv, print_lines

    if sum((json or counts, jsonl, csv)) > 1:
        raise UsageError("--json, --jsonl and --csv are three forms, and --counts has no rows")
    chosen = chosen_policy(policy)
    refuse_unknown_cell(measure, group, chosen)
    refuse_no_pseudonym(student)
    opened = open_log(log_url(log))
    end = chosen_cut(opened, cut, as_of)
    query, totals = ExplainQuery(end, chosen, year, measure, group, student), Totals()
    remark = unread_remark(opened, [] if student is None else [student])
    if remark is not None:
        inform(remark)
    with ExitStack() as bar:
        advance = bar.enter_context(_READING(sum(end.values())))
        rows = explain_figure(opened, query, totals, advance)
        if counted:
            rows = (row for row in rows if row[1].is_counted)
        if terminal.is_screen() and not (json or counts):
            rows = _closing(bar, rows)
        if jsonl:
            print_lines(explanation_row(*row) for row in rows)
        elif csv:
            flat = (explain_page.flat_explanation(*row) for row in rows)
            print_csv(explain_page.EXPLAIN_COLUMNS, flat)
        elif json:
            explain_page.print_explanation(query, totals, rows, opened.name, with_rows=not counts)
        else:
            listed = explain_page.explain_lines(query, rows)
            explain_page.exhaust(rows) if counts else terminal.lines(listed)
    if not (jsonl or csv or json):
        terminal.lines(explain_page.totals_lines(query, totals))
    if student is not None and not totals.students:
        inform(NO_RECORD)


def _closing(bar: ExitStack, rows: Iterator[_Row]) -> Iterator[_Row]:
    """The same rows; the bar ends before the first, since they appear on the same terminal."""
    first = next(rows, None)
    bar.close()
    if first is not None:
        yield first
        yield from rows


def refuse_unknown_cell(measure: str, group: str, policy: Policy) -> None:
    """Refuse a measure or group that no report under a policy shows.

    Raises:
        UsageError: With what was probably meant.
    """
    from projections.measures.catalogue import COUNTS, MEMBERSHIP_GROUPS, groups_shown
    from schemas.reasons import suggestion

    if measure not in _measures():
        raise UsageError(f"--measure {measure}: no such measure{suggestion(measure, _measures())}")
    groups = groups_shown(measure, policy) if measure in COUNTS else MEMBERSHIP_GROUPS
    if group not in groups:
        raise UsageError(f"--group {group}: no such group of it{suggestion(group, groups)}")


def refuse_no_pseudonym(student: str | None) -> None:
    """Refuse what cannot be a subject, without repeating it: it may be a name.

    Raises:
        UsageError: If it is no pseudonym.
    """
    from schemas.envelope import SUBJECT

    if student is not None and not SUBJECT.fullmatch(student):
        raise UsageError("--student: not a pseudonym, 1 to 64 characters of A-Z a-z 0-9 . _ : -")
