"""`outcomes diff`: what moved between two cuts, policies or report files (SPEC section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ledger.errors import BadInputError, ConfigurationError, UsageError
from ledger.numbers import pluralise
from outcomes.cli import candidates
from outcomes.cli.options import JsonOption, LogOption, log_url, moment
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.audit.diff import Comparison
    from ledger.audit.diff_query import Cell, DiffQuery
    from ledger.audit.diff_summary import DiffSummary
    from ledger.audit.report_diff import Stated
    from ledger.audit.sorted_rows import SortedRows
    from ledger.log import Cut, Log
    from projections.policy import Policy

__all__ = ["diff"]

_READING = partial(terminal.progress, "comparing")
_STUDENTS = 20


def diff(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[A.json B.json]", help="Two reports, instead of --year."),
    ] = None,
    year: Annotated[
        int | None, typer.Option(min=1900, max=2199, metavar="Y", help="The reference year.")
    ] = None,
    log: LogOption = None,
    as_of: Annotated[
        list[str] | None,
        typer.Option("--as-of", metavar="T", help="One or two moments; one: against now."),
    ] = None,
    cut: Annotated[
        list[str] | None,
        typer.Option("--cut", metavar="CUT", help="One or two cuts; one: against the end."),
    ] = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            "--policy",
            metavar="ID|FILE",
            help="Two, to compare them; or that of both.",
            autocompletion=candidates.policies,
        ),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(metavar="M", help="Show its students.", autocompletion=candidates.counts),
    ] = None,
    group: Annotated[str | None, typer.Option(metavar="G", help="Only this group.")] = None,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="Students of a cell on the page, 0 for all.")
    ] = _STUDENTS,
    counts: Annotated[bool, typer.Option("--counts", help="Numbers alone, no persons.")] = False,
    json: JsonOption = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="The students, one a line.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="The students, for a spreadsheet.")] = False,
) -> None:
    """What moved between two cuts, policies or reports, and the students who moved it."""
    from ledger.audit.sorted_rows import SortedRows
    from outcomes.console.diff_page import DIFF_COLUMNS, diff_page, flat_row, print_diff
    from outcomes.console.tables import print_csv, print_lines

    if sum((json or counts, jsonl, csv)) > 1:
        raise UsageError("--json, --jsonl and --csv are three forms, and --counts has no rows")
    question = _Question(year, as_of or [], cut or [], policy or [], measure, group)
    listed = jsonl or csv or (not counts and bool(json or measure or group))
    with SortedRows() as rows:
        kept = rows if listed else None
        if files:
            summary, comparison = _of_files(files, log, question, kept)
        else:
            summary, comparison = _of_log(log_url(log), question, kept)
        shown = question.filtered(summary)
        if comparison is None and (jsonl or csv):
            raise UsageError("reports name no students; add --log URL of the log they were made of")
        students = comparison.student_rows(rows) if comparison and listed else ()
        if jsonl or csv:
            of_cells = (row for _, of_cell in students for row in of_cell)
            print_lines(of_cells) if jsonl else print_csv(DIFF_COLUMNS, map(flat_row, of_cells))
        elif json:
            print_diff(shown, students, with_students=listed and comparison is not None)
        else:
            terminal.lines(diff_page(shown, students, limit))


class _Question(NamedTuple):
    """What was typed."""

    year: int | None
    moments: list[str]
    cuts: list[str]
    policies: list[str]
    measure: str | None
    group: str | None

    def is_about(self, cell: Cell) -> bool:
        return self.measure in (None, cell.measure) and self.group in (None, cell.group)

    def filtered(self, summary: DiffSummary) -> DiffSummary:
        return summary._replace(
            changes=[change for change in summary.changes if self.is_about(change.cell)],
            rates=[change for change in summary.rates if self.is_about(change.cell)],
            previous_changes=list(filter(self.is_about, summary.previous_changes)),
            balanced=summary.balanced and list(filter(self.is_about, summary.balanced)),
        )


def _of_log(
    url: str, question: _Question, rows: SortedRows | None
) -> tuple[DiffSummary, Comparison]:
    from ledger.audit.diff_query import DiffQuery, Side
    from ledger.log import open_log

    if question.year is None:
        raise UsageError("--year is missing; write the reference year, or name two report files")
    policies = _policies(question)
    if question.moments and question.cuts:
        raise UsageError("--as-of and --cut both say how far to read; give one of them")
    _refuse_other_numbers(len(question.moments or question.cuts), len(policies))
    opened = open_log(url)
    first, second = _cuts(opened, question, is_one=len(policies) > 1)
    sides = Side(first, policies[0]), Side(second, policies[-1])
    return _compared(opened, DiffQuery(*sides, question.year), question, rows)


def _policies(question: _Question) -> list[Policy]:
    from ledger.policies import chosen_policy, find_policies

    return find_policies(question.policies) if question.policies else [chosen_policy(None)]


def _refuse_other_numbers(cuts: int, policies: int) -> None:
    if cuts > 2 or policies > 2:  # noqa: PLR2004 - two sides
        raise UsageError("a comparison has two sides; give --as-of, --cut or --policy twice")
    if cuts == 2 and policies == 2:  # noqa: PLR2004
        raise UsageError("compare two cuts, or two policies: what moved would have two causes")
    if cuts == 0 and policies == 1:
        raise UsageError(
            "nothing to compare; give --as-of or --cut once or twice, or --policy twice,"
            " or name two report files"
        )


def _cuts(log: Log, question: _Question, *, is_one: bool) -> tuple[Cut, Cut]:
    """The two cuts; the second is the log's end, or for two policies the first once more."""
    from ledger.log import parse_cut

    end = log.normalise(log.end())
    cuts = [log.normalise(parse_cut(text)) for text in question.cuts]
    cuts += [log.normalise(log.cut_as_of(moment(text))) for text in question.moments]
    if is_one:
        cuts = [cuts[0]] * 2 if cuts else [end, end]
    return cuts[0], cuts[1] if len(cuts) > 1 else end


def _compared(
    log: Log, query: DiffQuery, question: _Question, rows: SortedRows | None
) -> tuple[DiffSummary, Comparison]:
    from ledger.audit.diff import compare, known_cells
    from ledger.audit.diff_summary import summarise

    cells = known_cells(query.before.policy, query.after.policy)
    _refuse_unknown_names(question, cells)
    query = query._replace(wanted={cell for cell in cells if question.is_about(cell)})
    with _READING(max(sum(query.before.cut.values()), sum(query.after.cut.values()))) as advance:
        comparison = compare(log, query, rows=rows, progress=advance)
    return summarise(log, comparison), comparison


def _refuse_unknown_names(question: _Question, cells: Sequence[Cell]) -> None:
    from schemas.reasons import suggestion

    measures = list(dict.fromkeys(cell.measure for cell in cells))
    if question.measure is not None and question.measure not in measures:
        raise UsageError(
            f"--measure {question.measure}: no such count{suggestion(question.measure, measures)}"
        )
    groups = list(
        dict.fromkeys(cell.group for cell in cells if question.measure in (None, cell.measure))
    )
    if question.group is not None and question.group not in groups:
        raise UsageError(
            f"--group {question.group}: no such group{suggestion(question.group, groups)}"
        )


def _of_files(
    files: Sequence[str], log: str | None, question: _Question, rows: SortedRows | None
) -> tuple[DiffSummary, Comparison | None]:
    from ledger.audit.diff_query import DiffQuery, Side
    from ledger.audit.diff_summary import summarise_stated
    from ledger.audit.report_diff import refuse_other_figures
    from ledger.audit.verify import policy_of
    from ledger.log import open_log
    from ledger.policies import find_policies
    from projections.policy import differing_parameters

    if question.year is not None or question.moments or question.cuts:
        raise UsageError("a report names its year and its cut; leave out --year, --as-of and --cut")
    before, after = _stated(files)
    known = find_policies(question.policies)
    if log is not None:
        opened = open_log(log)
        first, second = (
            Side(opened.normalise(each.report.cut), policy_of(each.name, each.report, known))
            for each in (before, after)
        )
        query = DiffQuery(first, second, before.report.reference_year)
        summary, comparison = _compared(opened, query, question, rows)
        refuse_other_figures(comparison, (before, after))
        return summary, comparison
    parameters = []
    with suppress(ConfigurationError):
        policies = [policy_of(each.name, each.report, known) for each in (before, after)]
        parameters = differing_parameters(*policies)
    return summarise_stated(before, after, parameters), None


def _stated(files: Sequence[str]) -> tuple[Stated, Stated]:
    """The two reports of some files.

    Raises:
        BadInputError: If they hold another number of reports, or two of different years.
    """
    from ledger.audit.report_diff import read_stated
    from ledger.report import decode_reports
    from outcomes.ingest.files import name_of, read_file

    hint = "name a file that `outcomes report --json` printed"
    stated = [
        read_stated(name, report)
        for file in files
        for name, report in decode_reports(read_file(file, hint), name_of(file)).items()
    ]
    if len(stated) != 2:  # noqa: PLR2004 - two sides
        raise BadInputError(f"{pluralise(len(stated), 'report')} given; a comparison has two sides")
    first, second = (each.report.reference_year for each in stated)
    if first != second:
        raise BadInputError(f"reports of {first} and of {second}; compare two of one year")
    return stated[0], stated[1]
