"""The report in a terminal: what a person wants to look at first.

The figures of all but the largest schools fit 80 columns, and no figure is cut off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ledger.log import format_cut
from ledger.numbers import growth, percent, pluralise, thousands
from ledger.report.model import Report
from ledger.report.words import (
    ATTENTION,
    GROUPS,
    POINTS,
    SMALL_GROUP,
    SMALL_MARK,
    Cells,
    head_lines,
    heading_of,
    label_of,
    main_figure,
    names_of,
    plain_words,
    points_if_telling,
)
from projections.measures.catalogue import FAMILIES, RATES
from schemas.text import one_line

__all__ = ["movement_table", "plain_table", "report_page", "titled"]

_COMPARED = (
    "job_seeker",
    "low_qualification",
    "disadvantaged_area",
    "refugee",
    "disability",
    "any_category",
)
_PADDING = (0, 2, 0, 0)
_ROOM = 10_000
# Twelve lines would be longer than the rest of the page.
_BREAKDOWNS_HIDDEN = ("month",)
_HEADLINES = tuple(family.headline for family in FAMILIES if family.headline is not None)


def report_page(report: Report) -> Group:
    """The report as one page of text and tables."""
    cells = Cells(report)
    return Group(
        *_head(report, cells),
        _counts_table(report, cells),
        *(
            _rates_table(cells, heading)
            for heading in dict.fromkeys(rate.heading for rate in RATES)
        ),
        _breakdowns(cells),
        *_feet(report, cells),
    )


def _head(report: Report, cells: Cells) -> Iterator[RenderableType]:
    yield from head_lines(report)
    declared, _ = cells.counts["outcomes_declared", "all"]
    repeated, _ = cells.counts["outcomes_repeated", "all"]
    line = main_figure(report, cells)
    yield line.append(f"; {thousands(declared)} declared, {thousands(repeated)} of them repeats")


def plain_table(*columns: str) -> Table:
    """A table without lines: names to the left, numbers to the right."""
    table = Table(box=None, padding=_PADDING, pad_edge=False)
    table.add_column("", no_wrap=True, min_width=19)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def titled(title: str, table: Table) -> Group:
    """A table under its title, which may be wider."""
    return Group(Text(f"\n{title}", style="bold"), _Uncut(table))


class _Uncut:
    """A table that takes the room it needs: a figure is never cut off."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needed = Measurement.get(console, options.update(width=_ROOM), self._table).maximum
        width = max(options.max_width, needed)
        yield from console.render(self._table, options.update(width=width))


def _counts_table(report: Report, cells: Cells) -> Group:
    heads = (f"{label_of(measure)}{cells.star(measure)}" for measure in _HEADLINES)
    table = plain_table(*heads)
    columns = [_counts(cells, measure) for measure in _HEADLINES]
    for group, *row in zip(GROUPS, *columns, strict=True):
        table.add_row(GROUPS[str(group)], *row, style=_style(str(group)))
    return titled(f"Counts, and growth on {report.reference_year - 1}", table)


def _counts(cells: Cells, measure: str) -> list[Text]:
    """A measure's count and growth, a group a line."""
    rows = []
    for group in GROUPS:
        count, before = cells.counts[measure, group]
        mark = cells.count_mark(measure, group)
        rows.append((f"{mark}{thousands(count)}", growth(count, before)))
    return _aligned(rows, "", "")


def _rates_table(cells: Cells, heading: str) -> Group:
    """Each rate in percent, its points against those none of the five, and its two counts."""
    rates = [rate.name for rate in RATES if rate.heading == heading and not rate.is_bound]
    bounds = [rate.name for rate in RATES if rate.heading == heading and rate.is_bound]
    heads = [f"{label_of(name)}{cells.star(name)}" for name in rates]
    columns = [_rates(cells, name) for name in rates]
    if bounds:
        heads.append(" – ".join(map(label_of, bounds)) + cells.star(bounds[0]))
        columns.append([_bounds(cells, bounds, group) for group in GROUPS])
    table = plain_table(*heads)
    for group, *row in zip(GROUPS, *columns, strict=True):
        table.add_row(GROUPS[str(group)], *row, style=_style(str(group)))
    return titled(heading_of(heading), table)


def _rates(cells: Cells, name: str) -> list[Text]:
    """A rate in percent, its points against those none of the five, its counts, a group a line."""
    base = cells.rates[name, "no_category"]
    rows = []
    for group in GROUPS:
        rate = cells.rates[name, group]
        against = points_if_telling(rate, base) if group in _COMPARED else ""
        counts = f"{cells.rate_mark(name, group)}{thousands(rate[0])}/{thousands(rate[1])}"
        rows.append((percent(*rate), against, counts))
    return _aligned(rows, "", POINTS, "")


def _bounds(cells: Cells, bounds: Sequence[str], group: str) -> Text:
    range_shown = " – ".join(percent(*cells.rates[name, group]) for name in bounds)
    return Text(f"{cells.rate_mark(bounds[0], group)}{range_shown}")


def _aligned(rows: Sequence[tuple[str, ...]], *styles: str) -> list[Text]:
    """Each row's parts as one cell, aligned to the right under those of the other rows."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        Text(" ").join(
            Text(part.rjust(width), style)
            for part, width, style in zip(row, widths, styles, strict=True)
        )
        for row in rows
    ]


def _breakdowns(cells: Cells) -> _Uncut:
    side_by_side = Table.grid(padding=(0, 4))
    side_by_side.add_row(
        *(
            _breakdown(cells, family.headline, breakdown.key)
            for family in FAMILIES
            for breakdown in family.breakdowns
            if family.headline is not None and breakdown.key not in _BREAKDOWNS_HIDDEN
        )
    )
    return _Uncut(side_by_side)


def _breakdown(cells: Cells, measure: str, key: str) -> Table:
    heading = heading_of(key)
    table = Table(
        title=f"\n{heading}",
        # Narrower, it would break the heading.
        min_width=len(heading),
        box=None,
        title_justify="left",
        title_style="bold",
        show_header=False,
    )
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    rows = [
        (plain_words(group.removeprefix(f"{key}:")), count)
        for (name, group), (count, _) in cells.counts.items()
        if name == measure and group.startswith(f"{key}:")
    ]
    for label, count in sorted(rows, key=lambda row: (-row[1], row[0])):
        # As text: what a policy calls its groups is no markup.
        table.add_row(Text(one_line(label)), thousands(count))
    return table


def _style(group: str) -> str:
    return "bold" if group == "all" else ""


def _feet(report: Report, cells: Cells) -> Iterator[RenderableType]:
    yield Text()
    dates = sorted(set(cells.provisional.values()))
    if dates:
        yield Text("* provisional, observation period still open:", style=ATTENTION)
    for date in dates:
        measures = (name for name, until in cells.provisional.items() if until == date)
        yield Text(f"  {names_of(measures)} until {date}", style=ATTENTION)
    if cells.has_small_groups:
        years = f"{report.reference_year} or {report.reference_year - 1}"
        yield Text(f"{SMALL_MARK} fewer than {SMALL_GROUP} people in {years}: too few to compare")
    yield from _accounts(report)


def _accounts(report: Report) -> Iterator[RenderableType]:
    records, log = report.records, report.log
    yield Text(
        f"Records  {thousands(log.records)} = {pluralise(records.events, 'event')}"
        f" + {pluralise(records.duplicates, 'duplicate')}"
        f" + {pluralise(records.conflicts, 'conflict')}"
        f" + {thousands(sum(records.quarantined.values()))} quarantined"
    )
    yield Text(
        f"of which {pluralise(records.repeats, 'repeat')},"
        f" {thousands(records.retracted)} retracted, {pluralise(records.orphans, 'orphan')};"
        f" retractions {thousands(records.pending)} pending, {thousands(records.void)} void"
    )
    for rule, count in records.quarantined.items():
        yield Text(f"         {thousands(count):>6}  {rule}", style=ATTENTION)
    others = (records.conflicts, records.repeats, records.orphans, records.pending, records.void)
    if records.quarantined or any(others):
        yield Text("`outcomes findings` names them, and what else an auditor asks about")
    yield Text(
        f"Log      {log.name}, rules {report.rules}, cut {format_cut(report.cut)}", overflow="fold"
    )
    yield Text(f"Digest   {report.digest}")


def movement_table(then: Report, now: Report, known_on: str) -> Group:
    """How late facts moved a year's main figures between two cuts."""
    before, after = Cells(then), Cells(now)
    table = plain_table(f"known on {known_on}", "now", "moved")
    for measure in _HEADLINES:
        (count, _), (count_now, _) = before.counts[measure, "all"], after.counts[measure, "all"]
        moved = f"{count_now - count:+,}".replace("-", "−") if count_now != count else "0"
        figure = f"{thousands(count)}{before.star(measure) or ' '}"
        table.add_row(label_of(measure), figure, thousands(count_now), moved)
    for name in (rate.name for rate in RATES if not rate.is_bound):
        rate, rate_now = before.rates[name, "all"], after.rates[name, "all"]
        figure = f"{percent(*rate)}{before.star(name) or ' '}"
        moved = points_if_telling(rate_now, rate)
        table.add_row(
            label_of(name), figure, percent(*rate_now), f"{moved} points" if moved else ""
        )
    return titled(f"How late facts moved {now.reference_year}", table)
