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
from ledger.numbers import growth, percent, pluralise, points, thousands
from ledger.report.model import Report
from projections.measures.catalogue import FAMILIES, RATES
from schemas.text import one_line

__all__ = ["movement_table", "plain_table", "report_page", "titled"]

_GROUPS = {
    "all": "all",
    "job_seeker": "job seekers",
    "low_qualification": "low qualification",
    "disadvantaged_area": "disadvantaged areas",
    "refugee": "refugees",
    "disability": "with disabilities",
    "any_category": "any of the five",
    "no_category": "none of the five",
    "undeclared": "undeclared",
}
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
_AGAINST = f"percentage points against “{_GROUPS['no_category']}”"
# Words for the keys of `projections.measures.catalogue`; a key without words is shown as it is.
_HEADINGS = {
    "conversion": f"Conversion rates, {_AGAINST}",
    "employment": f"Graduate employment, {_AGAINST}",
    "employment_in_field": "Employment in the field of study, and bounds of the placement rate",
    "kind": "Outcomes by kind",
    "population": "by population",
    "funding": "Enrolled by funding",
}
_LABELS = {
    "career_outcomes": "outcomes",
    "students_enrolled": "enrolled",
    "orientation_rate": "orientation",
    "graduation_rate": "graduation",
    "response_rate": "response",
    "placement_rate": "placement",
    "placement_in_field_rate": "in the field",
    "placement_rate_if_silent_not_placed": "if the silent are: not placed",
    "placement_rate_if_silent_placed": "placed",
}
# Twelve lines would be longer than the rest of the page.
_BREAKDOWNS_HIDDEN = ("month",)
_HEADLINES = tuple(family.headline for family in FAMILIES if family.headline is not None)


class _Cells:
    """A report's cells by measure and group."""

    def __init__(self, report: Report) -> None:
        self.counts = {(row.measure, row.group): (row.count, row.previous) for row in report.counts}
        self.rates = {
            (row.measure, row.group): (row.numerator, row.denominator) for row in report.rates
        }
        self.provisional = report.provisional

    def mark(self, measure: str) -> str:
        """A star on what is provisional."""
        return "*" if measure in self.provisional else ""


def report_page(report: Report) -> Group:
    """The report as one page of text and tables."""
    cells = _Cells(report)
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


def _head(report: Report, cells: _Cells) -> Iterator[RenderableType]:
    policy, year = report.policy, report.reference_year
    title = Text(f"Impact report {year}", style="bold")
    name = one_line(policy.id)
    title.append(f"   policy {name} version {policy.version} ({policy.sha256[:12]})", "dim")
    yield title
    outcomes, before = cells.counts["career_outcomes", "all"]
    declared, _ = cells.counts["outcomes_declared", "all"]
    repeated, _ = cells.counts["outcomes_repeated", "all"]
    yield Text.assemble(
        (f"{thousands(outcomes)} career outcomes{cells.mark('career_outcomes')}", "bold green"),
        f", {growth(outcomes, before)} on {year - 1} ({thousands(before)}); "
        f"{thousands(declared)} declared, {thousands(repeated)} of them repeats",
    )


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


def _counts_table(report: Report, cells: _Cells) -> Group:
    heads = (f"{_label(measure)}{cells.mark(measure)}" for measure in _HEADLINES)
    table = plain_table(*heads)
    columns = [_counts(cells, measure) for measure in _HEADLINES]
    for group, *row in zip(_GROUPS, *columns, strict=True):
        table.add_row(_GROUPS[str(group)], *row, style=_style(str(group)))
    return titled(f"Counts, and growth on {report.reference_year - 1}", table)


def _counts(cells: _Cells, measure: str) -> list[Text]:
    """A measure's count and growth, a group a line."""
    pairs = [cells.counts[measure, group] for group in _GROUPS]
    return _aligned(
        [(thousands(count), growth(count, before)) for count, before in pairs], "", "dim"
    )


def _rates_table(cells: _Cells, heading: str) -> Group:
    """Each rate in percent, its points against those none of the five, and its two counts."""
    rates = [rate.name for rate in RATES if rate.heading == heading and not rate.is_bound]
    bounds = [rate.name for rate in RATES if rate.heading == heading and rate.is_bound]
    heads = [f"{_label(name)}{cells.mark(name)}" for name in rates]
    columns = [_rates(cells, name) for name in rates]
    if bounds:
        heads.append(" – ".join(map(_label, bounds)) + cells.mark(bounds[0]))
        columns.append([_bounds(cells, bounds, group) for group in _GROUPS])
    table = plain_table(*heads)
    for group, *row in zip(_GROUPS, *columns, strict=True):
        table.add_row(_GROUPS[str(group)], *row, style=_style(str(group)))
    return titled(_heading(heading), table)


def _heading(key: str) -> str:
    return _HEADINGS.get(key, _plain(key))


def _label(measure: str) -> str:
    return _LABELS.get(measure, _plain(measure))


def _plain(key: str) -> str:
    return key.replace("_", " ")


def _rates(cells: _Cells, name: str) -> list[Text]:
    """A rate in percent, its points against those none of the five, its counts, a group a line."""
    base = cells.rates[name, "no_category"]
    rows = []
    for group in _GROUPS:
        rate = cells.rates[name, group]
        against = points(rate, base) if group in _COMPARED else ""
        rows.append((percent(*rate), against, f"{thousands(rate[0])}/{thousands(rate[1])}"))
    return _aligned(rows, "", "cyan", "dim")


def _bounds(cells: _Cells, bounds: Sequence[str], group: str) -> Text:
    return Text(" – ".join(percent(*cells.rates[name, group]) for name in bounds))


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


def _breakdowns(cells: _Cells) -> _Uncut:
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


def _breakdown(cells: _Cells, measure: str, key: str) -> Table:
    table = Table(
        title=f"\n{_heading(key)}",
        box=None,
        title_justify="left",
        title_style="bold",
        show_header=False,
    )
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    rows = [
        (_plain(group.removeprefix(f"{key}:")), count)
        for (name, group), (count, _) in cells.counts.items()
        if name == measure and group.startswith(f"{key}:")
    ]
    for label, count in sorted(rows, key=lambda row: (-row[1], row[0])):
        # As text: what a policy calls its groups is no markup.
        table.add_row(Text(one_line(label)), thousands(count))
    return table


def _style(group: str) -> str:
    return "bold" if group == "all" else ""


def _feet(report: Report, cells: _Cells) -> Iterator[RenderableType]:
    yield Text()
    dates = sorted(set(cells.provisional.values()))
    if dates:
        yield Text("* provisional, observation period still open:", style="yellow")
    for date in dates:
        measures = (name for name, until in cells.provisional.items() if until == date)
        yield Text(f"  {_names(measures)} until {date}", style="yellow")
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
        yield Text(f"         {thousands(count):>6}  {rule}", style="yellow")
    yield Text(
        f"Log      {log.name}, rules {report.rules}, cut {format_cut(report.cut)}", overflow="fold"
    )
    yield Text(f"Digest   {report.digest}")


def _names(measures: Iterator[str]) -> str:
    names = sorted(measures)
    placement = [name for name in names if name.startswith("placement")]
    others = [_plain(name) for name in names if name not in placement]
    return " and ".join([*others, *(["placement rates"] if placement else [])])


def movement_table(then: Report, now: Report, known_on: str) -> Group:
    """How late facts moved a year's main figures between two cuts."""
    before, after = _Cells(then), _Cells(now)
    table = plain_table(f"known on {known_on}", "now", "moved")
    for measure in _HEADLINES:
        (count, _), (count_now, _) = before.counts[measure, "all"], after.counts[measure, "all"]
        moved = f"{count_now - count:+,}".replace("-", "−")
        figure = f"{thousands(count)}{before.mark(measure) or ' '}"
        table.add_row(_label(measure), figure, thousands(count_now), moved)
    for name in (rate.name for rate in RATES if not rate.is_bound):
        rate, rate_now = before.rates[name, "all"], after.rates[name, "all"]
        figure = f"{percent(*rate)}{before.mark(name) or ' '}"
        table.add_row(_label(name), figure, percent(*rate_now), f"{points(rate_now, rate)} points")
    return titled(f"How late facts moved {now.reference_year}", table)
