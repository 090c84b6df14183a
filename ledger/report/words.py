"""The words of a report in a terminal, and its cells as text: what the page and the brief share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from ledger.log import format_cut
from ledger.numbers import growth, points, thousands
from ledger.report.model import Report
from schemas.text import one_line

__all__ = [
    "ATTENTION",
    "EMPHASIS",
    "GROUPS",
    "POINTS",
    "SMALL_GROUP",
    "SMALL_MARK",
    "Cells",
    "head_lines",
    "heading_of",
    "label_of",
    "main_figure",
    "names_of",
    "plain_words",
    "points_if_telling",
]

# Half as bright as white: at least 4.3 times as bright as black, and as dark beside white.
EMPHASIS = "bold color(28)"
POINTS = "color(30)"
ATTENTION = "color(130)"

SMALL_GROUP = 10
"""Fewer people than this are too few to compare."""
SMALL_MARK = "†"

GROUPS = {
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
_AGAINST = f"percentage points against “{GROUPS['no_category']}”"
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
# A longer cut is at the foot of the page alone.
_CUT_CHARACTERS = 11


class Cells:
    """A report's cells by measure and group."""

    def __init__(self, report: Report) -> None:
        self.counts = {(row.measure, row.group): (row.count, row.previous) for row in report.counts}
        self.rates = {
            (row.measure, row.group): (row.numerator, row.denominator) for row in report.rates
        }
        self.provisional = report.provisional

    def star(self, measure: str) -> str:
        """A star on what is provisional."""
        return "*" if measure in self.provisional else ""

    def count_mark(self, measure: str, group: str) -> str:
        """A dagger where one of the two years has fewer people than can be compared."""
        return SMALL_MARK if any(0 < n < SMALL_GROUP for n in self.counts[measure, group]) else ""

    def rate_mark(self, name: str, group: str) -> str:
        """A dagger on a rate of fewer people than can be compared."""
        return SMALL_MARK if 0 < self.rates[name, group][1] < SMALL_GROUP else ""

    @property
    def has_small_groups(self) -> bool:
        """Whether anything shown by membership group has a dagger."""
        marks = [self.rate_mark(name, group) for name, group in self.rates]
        marks += [self.count_mark(*cell) for cell in self.counts if cell[1] in GROUPS]
        return any(marks)


def points_if_telling(rate: tuple[int, int], base: tuple[int, int]) -> str:
    """The difference of two rates in points; empty where either is of too few people."""
    return "" if min(rate[1], base[1]) < SMALL_GROUP else points(rate, base)


def head_lines(report: Report) -> Iterator[Text]:
    """What is reported, as of when it is known, and from what."""
    cut = format_cut(report.cut)
    shown_cut = f", cut {cut}" if len(cut) <= _CUT_CHARACTERS else ""
    yield Text(f"Impact report {report.reference_year}{_known(report)}{shown_cut}", "bold")
    policy = report.policy
    yield Text(
        f"log {one_line(report.log.name)}, policy {one_line(policy.id)}"
        f" version {policy.version} ({policy.sha256[:12]})"
    )


def main_figure(report: Report, cells: Cells) -> Text:
    """The career outcomes, with their growth."""
    outcomes, before = cells.counts["career_outcomes", "all"]
    mark = cells.count_mark("career_outcomes", "all")
    year_before = report.reference_year - 1
    grown = f"{growth(outcomes, before)} on {year_before} ({thousands(before)})"
    return Text.assemble(
        (f"{mark}{thousands(outcomes)} career outcomes{cells.star('career_outcomes')}", EMPHASIS),
        f", {grown if before else f'none in {year_before}'}",
    )


def _known(report: Report) -> str:
    if report.as_of is not None:
        return f" as known at {report.as_of}"
    return ", no records" if report.latest is None else f", latest record {report.latest}"


def plain_words(key: str) -> str:
    """A key without words of its own."""
    return key.replace("_", " ")


def heading_of(key: str) -> str:
    """What a table is called."""
    return _HEADINGS.get(key, plain_words(key))


def label_of(measure: str) -> str:
    """What a measure is called above or beside its figures."""
    return _LABELS.get(measure, plain_words(measure))


def names_of(measures: Iterator[str] | Sequence[str]) -> str:
    """Measures in a sentence; the placement rates are named once."""
    listed = sorted(measures)
    placement = [name for name in listed if name.startswith("placement")]
    others = [plain_words(name) for name in listed if name not in placement]
    return " and ".join([*others, *(["placement rates"] if placement else [])])
