"""The shown cells of a report as cells of a table, in a language."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.disclosure.shown import FewerThan, ShownCell, ShownReport
from outcomes.presentation.languages import Language
from outcomes.presentation.words import FUNDING, GROUPS, KINDS, MEASURES, POPULATIONS, key_words
from outcomes.publish.document import Cell, Role, Row
from projections.measures.catalogue import groups_shown
from projections.policy import Policy

__all__ = ["Figures", "role_of"]

_TENTHS = 10


class Figures:
    """What a report shows, by measure and group; a measure left out is not shown.

    Attributes:
        shown: The report.
        policy: Of the report.
        language: To show it in.
        counts: Rows by measure and group.
        rates: Likewise.
        decimals: Of percentages: 0 where all of them are whole points.
    """

    def __init__(self, shown: ShownReport, policy: Policy, language: Language) -> None:
        self.shown = shown
        self.policy = policy
        self.language = language
        self.counts = {(row.measure, row.group): row for row in shown.counts}
        self.rates = {(row.measure, row.group): row for row in shown.rates}
        tenths = [*(row.growth for row in shown.counts), *(row.tenths for row in shown.rates)]
        self.decimals = 1 if any(each and each % _TENTHS for each in tenths) else 0

    def has(self, measure: str) -> bool:
        """Whether a count is published at all."""
        return (measure, "all") in self.counts

    def count(self, measure: str, group: str = "all") -> Cell:
        """A count of the reference year."""
        row = self.counts.get((measure, group))
        return self.cell_of(row.count if row else None)

    def previous(self, measure: str, group: str = "all") -> Cell:
        """A count of the year before."""
        row = self.counts.get((measure, group))
        return self.cell_of(row.previous if row else None)

    def growth(self, measure: str, group: str = "all") -> Cell:
        """Growth on the year before."""
        row = self.counts.get((measure, group))
        if row is None or row.growth is None:
            return self.cell_of(None)
        tenths = row.growth
        text = self.language.tenths(tenths, self.decimals, is_signed=True)
        return Cell(text, tenths, "number")

    def rate(self, measure: str, group: str = "all") -> Cell:
        """A rate."""
        row = self.rates.get((measure, group))
        if row is None or row.tenths is None:
            return self.cell_of(None)
        return Cell(self.language.tenths(row.tenths, self.decimals), row.tenths, "number")

    def cell_of(self, shown: ShownCell) -> Cell:
        """A shown count as a cell."""
        if shown is None:
            return Cell(self.language.gettext("not shown"), None, "not_shown")
        if isinstance(shown, FewerThan):
            text = self.language.gettext("fewer than {threshold}")
            return Cell(
                text.format(threshold=self.language.number(shown.threshold)), None, "fewer_than"
            )
        return Cell(self.language.number(shown), shown, "number")

    def groups(self, measure: str, key: str = "") -> list[str]:
        """The groups of a count in the order of the policy; with a key those of a breakdown."""
        shown = groups_shown(measure, self.policy)
        return [group for group in shown if group.startswith(f"{key}:" if key else "")]

    def measure_name(self, measure: str) -> str:
        """A measure in words."""
        return self._words(MEASURES, measure)

    def group_name(self, group: str) -> str:
        """A group in words; a key of a policy of one's own is shown as it is."""
        key, _, value = group.partition(":")
        if key == "month":
            return self.language.month_in_full(int(value))
        words = {"kind": KINDS, "population": POPULATIONS, "funding": FUNDING}.get(key, GROUPS)
        return self._words(words, value or key)

    def _words(self, words: dict[str, str], key: str) -> str:
        return self.language.gettext(words[key]) if key in words else key_words(key)

    def count_rows(self, measures: tuple[str, ...], groups: list[str]) -> Iterator[Row]:
        """A row for each group: count, the year before and growth of each measure."""
        for group in groups:
            cells = [
                cell(measure, group)
                for measure in measures
                for cell in (self.count, self.previous, self.growth)
            ]
            yield Row(self.group_name(group), tuple(cells), role_of(group))


def role_of(group: str) -> Role:
    """How a row of a group is set."""
    roles: dict[str, Role] = {"all": "total", "no_category": "complement"}
    return roles.get(group, "part")
