"""`outcomes sample`: an audit sample that anybody can draw again (SPEC section 6)."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from ledger.numbers import pluralise, thousands
from outcomes.cli.explain import (
    GroupOption,
    MeasureOption,
    YearOption,
    refuse_unknown_cell,
)
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

__all__ = ["sample"]

_COLUMNS = (
    "number",
    "subject",
    "rests_on_it",
    "partition",
    "offset",
    "recorded_at",
    "type",
    "dates",
    "source",
    "id",
    "verdict",
    "leaf_sha256",
    "ticket",
    "document_seen",
    "remark",
)
_REPLAYING = partial(terminal.progress, "replaying")
_DRAWING = partial(terminal.progress, "drawing")
_TRACING = partial(terminal.progress, "tracing")


def sample(
    year: YearOption,
    measure: MeasureOption,
    seed: Annotated[int, typer.Option(metavar="N", help="Agreed after the digest was published.")],
    size: Annotated[int, typer.Option(min=1, metavar="K", help="How many are drawn.")],
    group: GroupOption = "all",
    log: LogOption = None,
    policy: PolicyOption = None,
    as_of: AsOfOption = None,
    cut: CutOption = None,
    json: JsonOption = False,
) -> None:
    """Draw students of a figure for an audit, and print the work sheet as CSV."""
    from ledger.audit.explain import ExplainQuery
    from ledger.audit.reading import unread_remark
    from ledger.audit.sample import SampleQuery, draw_sample, work_sheet
    from ledger.log import open_log
    from ledger.policies import chosen_policy
    from ledger.report import ReportQuery, make_reports
    from outcomes.console.tables import print_csv, print_document

    chosen = chosen_policy(policy)
    refuse_unknown_cell(measure, group, chosen)
    figure = ExplainQuery({}, chosen, year, measure, group)
    if len(figure.parts()) > 1:
        counts = " or ".join(dict.fromkeys(part.measure for part in figure.parts()))
        raise UsageError(f"--measure {measure}: a rate is sampled by its counts, {counts}")
    opened = open_log(log_url(log))
    end = chosen_cut(opened, cut, as_of)
    (report,) = make_reports(opened, ReportQuery([year], [chosen], [end]), progress=_REPLAYING)
    query = SampleQuery(figure._replace(cut=end), report.digest, seed, size)
    with _DRAWING(sum(end.values())) as advance:
        drawn, units = draw_sample(opened, query, advance)
    with _TRACING(sum(end.values())) as advance:
        rows = work_sheet(opened, query, drawn, advance)
        if json:
            head = {
                "schema": "ledger/sample/v1",
                "reference_year": year,
                "measure": measure,
                "group": group,
                "digest": report.digest,
                "seed": seed,
                "size": len(drawn),
                "units": units,
            }
            print_document(head, {"rows": rows})
        else:
            print_csv(_COLUMNS, ({**row, "rests_on_it": _mark(row["rests_on_it"])} for row in rows))
    remark = unread_remark(opened, [])
    if remark is not None:
        inform(remark)
    inform(
        f"{pluralise(len(drawn), 'unit')} drawn of {thousands(units)}, by seed {seed}"
        f" and digest {report.digest}"
    )


def _mark(is_so: bool) -> str:
    return "yes" if is_so else ""
