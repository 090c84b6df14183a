"""Opening a figure: the students and events behind it, and those that came near (docs/audit.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ledger.audit.found import ReadStudent
from ledger.audit.reading import students_about, students_near
from ledger.audit.sorted_rows import Row
from ledger.columns.lookup import Search, search_dates, search_everybody
from ledger.log import Cut, Log
from ledger.log.progress import ProgressCallback, no_progress
from projections.explanations import Cell, Explanation, Reference, explain_cell, is_claimable
from projections.measures.catalogue import FAMILIES, RATES
from projections.policy import Policy
from projections.student import RecordVerdict

__all__ = ["ExplainQuery", "Part", "Totals", "explain_figure", "explanation_row", "reference_row"]


# By family the dates of its candidates (docs/audit.md, What came near), and how many years beside
# the reference year they may lie in; for a family that is not here everybody is read.
_DATES = {
    "career_outcomes": {"outcome_on": 0},
    "orientation": {"applied_on": 0},
    "enrolment": {"enrolled_on": 0},
    "graduation": {"expected_graduation_on": 0, "graduated_on": 0},
    # The placement window may begin or end in another year.
    "placement": {"graduated_on": 1},
}


class Part(NamedTuple):
    """A count that a figure is made of.

    Attributes:
        name: `figure` for a count; of a rate `numerator` or `denominator`.
        measure: The count.
        sign: 1, or -1 where it is subtracted.
    """

    name: str
    measure: str
    sign: int = 1


class ExplainQuery(NamedTuple):
    """Which figure is opened.

    Attributes:
        cut: In its normal form.
        policy: The parameters.
        year: The reference year.
        measure: A count or a rate.
        group: One by which the measure is shown.
        subject: Only this student's share; None for all.
    """

    cut: Cut
    policy: Policy
    year: int
    measure: str
    group: str
    subject: str | None = None

    def parts(self) -> list[Part]:
        """The counts that the measure is made of, the numerator's first."""
        for rate in RATES:
            if rate.name == self.measure:
                base = rate.denominator or self.policy.placement_base
                above = [Part("numerator", measure, sign) for measure, sign in rate.numerator]
                return [*above, Part("denominator", base)]
        return [Part("figure", self.measure)]


@dataclass(slots=True)
class Totals:
    """What the rows of an explanation add up to; complete once all have been read.

    Attributes:
        counted: How many candidates of each part count.
        reasons: How many do not, by part and reason.
        unclaimed: Quarantined records that no figure can claim: their type, student or date cannot
            be read.
        students: How many were read.
    """

    counted: Counter[Part] = field(default_factory=Counter)
    reasons: Counter[tuple[Part, str]] = field(default_factory=Counter)
    unclaimed: int = 0
    students: int = 0

    def figures(self, query: ExplainQuery) -> int | dict[str, int]:
        """The figure; of a rate numerator and denominator."""
        sums: Counter[str] = Counter()
        for part in query.parts():
            sums[part.name] += part.sign * self.counted[part]
        if "figure" in sums:
            return sums["figure"]
        return {"numerator": sums["numerator"], "denominator": sums["denominator"]}

    def add(self, part: Part, explanation: Explanation) -> None:
        """Count a candidate."""
        if explanation.reason is None:
            self.counted[part] += 1
        else:
            self.reasons[part, explanation.reason.value] += 1


def explain_figure(
    log: Log, query: ExplainQuery, totals: Totals, progress: ProgressCallback = no_progress
) -> Iterator[tuple[Part, Explanation]]:
    """Every candidate of a figure, student by student, as the log is read.

    Each student's counted candidates are compared with what the student adds to the figure, so what
    has been yielded is right however far it is read.

    Args:
        log: Any log.
        query: Which figure.
        totals: Gets the sums.
        progress: Called with the number of records read.

    Raises:
        RuntimeError: If they are not equal: a fault of the ledger.
        StoreError: If the log cannot be read.
    """
    parts = query.parts()
    for read in _students(log, query, progress):
        totals.students += 1
        totals.unclaimed += _unclaimed(read)
        for part in parts:
            cell = Cell(query.year, part.measure, query.group)
            for explanation in explain_cell(read.student, query.policy, cell):
                first = explanation.events[0]
                is_asked_for = query.subject in (None, explanation.subject)
                if is_asked_for and read.is_about((first.partition, first.offset)):
                    totals.add(part, explanation)
                    yield part, explanation


def _students(log: Log, query: ExplainQuery, progress: ProgressCallback) -> Iterator[ReadStudent]:
    if query.subject is None:
        return students_near(log, query.cut, _search(query), progress)
    return map(ReadStudent, students_about(log, query.cut, {query.subject}, progress))


def _search(query: ExplainQuery) -> Search:
    """Those who may have a candidate: with a date of its kind in the year, or near it.

    That this leaves nobody out is held by a test against reading everybody.
    """
    measures = {part.measure for part in query.parts()}
    families = [family.name for family in FAMILIES if measures & set(family.counts)]
    if not set(families) <= set(_DATES):
        return search_everybody()
    beside: dict[str, int] = {}
    for family in families:
        for column, years in _DATES[family].items():
            beside[column] = max(years, beside.get(column, 0))
    if "outcome_on" in beside and query.policy.outcome_date == "time":
        # In the zone of the policy it may be a day of another year.
        beside["time"] = 1
    return search_dates(
        {column: (query.year - years, query.year + years) for column, years in beside.items()}
    )


def _unclaimed(read: ReadStudent) -> int:
    return sum(
        record.verdict is RecordVerdict.QUARANTINED and not is_claimable(record)
        for record in read.records()
    )


def explanation_row(part: Part, explanation: Explanation) -> Row:
    """A candidate as JSON has it; see docs/json/explain.json."""
    row: dict[str, Any] = {
        "subject": explanation.subject,
        "counted": explanation.is_counted,
        "reason": explanation.reason,
        "rule": explanation.rule,
        "cause": reference_row(explanation.cause),
        "groups": list(explanation.groups),
        "declared_by": reference_row(explanation.declared_by),
        "measure": explanation.measure,
        "part": part.name,
        "sign": part.sign,
        "events": [reference_row(reference) for reference in explanation.events],
    }
    return row


def reference_row(reference: Reference | None) -> dict[str, Any] | None:
    """What names a record, as JSON has it."""
    return None if reference is None else reference._asdict()
