"""An explanation for a person, and as JSON, JSON lines or CSV for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import TYPE_CHECKING, Any

from ledger.audit.explain import Part, Totals, explanation_row, reference_row
from ledger.audit.sorted_rows import SortedRows
from ledger.numbers import pluralise, thousands
from outcomes.console.tables import print_document

if TYPE_CHECKING:
    from ledger.audit.explain import ExplainQuery
    from projections.explanations import Explanation, Reference

__all__ = [
    "EXPLAIN_COLUMNS",
    "exhaust",
    "explain_head",
    "explain_lines",
    "flat_explanation",
    "place",
    "print_explanation",
    "reason_text",
    "short_type",
    "totals_as_json",
    "totals_lines",
]

EXPLAIN_COLUMNS = (
    "subject",
    "counted",
    "reason",
    "rule",
    "cause",
    "measure",
    "part",
    "partition",
    "offset",
    "type",
    "source",
    "id",
    "rests_on",
    "groups",
)
_PAGE_LINES = 40
_WORDS = {
    "career_outcome": "a career outcome, no repeat",
    "repeated_within_window_of": "repeated within the window of",
    "outside_year": "outside the year",
    "enrolled_before_applying": "enrolled before applying",
    "rescheduled_out_of_year": "rescheduled out of the year",
    "found_after_limit": "found after the limit",
    "graduated_after_deadline": "graduated after the deadline",
    "later_than_first": "later than the first",
    "not_in_field": "not in the field",
    "not_latest_answer": "not the latest answer",
    "kind_not_in_policy": "kind not in the policy",
    "status_not_in_policy": "status not in the policy",
}
_NUMBER = Struct(">Q")
_Rows = Iterable[tuple[Part, "Explanation"]]


def explain_head(query: ExplainQuery, log_name: str) -> dict[str, Any]:
    """What was asked, as the document says it."""
    policy = query.policy
    head: dict[str, Any] = {
        "schema": "ledger/explain/v1",
        "reference_year": query.year,
        "measure": query.measure,
        "group": query.group,
        "policy": {"id": policy.id, "version": policy.version, "sha256": policy.sha256},
        "log": {"name": log_name, "cut": {str(number): end for number, end in query.cut.items()}},
    }
    return head if query.subject is None else {**head, "student": query.subject}


def totals_as_json(query: ExplainQuery, totals: Totals) -> dict[str, Any]:
    """The figure, and the numbers by reason."""
    return {
        "figure": totals.figures(query),
        "counts": [
            {
                "part": part.name,
                "measure": part.measure,
                "sign": part.sign,
                "counted": totals.counted[part],
                "reasons": _reasons(totals, part),
            }
            for part in query.parts()
        ],
        "unclaimed": totals.unclaimed,
    }


def print_explanation(
    query: ExplainQuery, totals: Totals, rows: _Rows, log_name: str, *, with_rows: bool
) -> None:
    """One JSON document; see docs/json/explain.json. The figure comes before its rows."""
    if not with_rows:
        exhaust(rows)
        print_document(explain_head(query, log_name) | totals_as_json(query, totals), {})
        return
    with SortedRows() as spooled:
        for number, row in enumerate(rows):
            spooled.add(_NUMBER.pack(number), explanation_row(*row))
        head = explain_head(query, log_name) | totals_as_json(query, totals)
        print_document(head, {"rows": spooled})


def exhaust(rows: _Rows) -> None:
    """Read all rows for what they add up to."""
    for _ in rows:
        pass


def explain_lines(query: ExplainQuery, rows: _Rows) -> Iterator[str]:
    """A line for each candidate, with the heads of the columns again after each page."""
    is_rate = len(query.parts()) > 1
    for number, (part, explanation) in enumerate(rows):
        if number % _PAGE_LINES == 0:
            yield from [""] if number else []
            head = f"{'student':16}  {'record':>10}  {'type':20}"
            yield f"{head}  part" if is_rate else head.rstrip()
        first = explanation.events[0]
        named = f"{_part_name(part):22}  " if is_rate else ""
        where = f"{explanation.subject:16}  {place(first):>10}  {short_type(first):20}"
        yield f"{where}  {named}{reason_text(explanation)}"


def totals_lines(query: ExplainQuery, totals: Totals) -> Iterator[str]:
    """The figure, how many candidates do not count for which reason, and what none can claim."""
    whose = "" if query.subject is None else f" of {query.subject}"
    figures = totals.figures(query)
    figure = (
        thousands(figures)
        if isinstance(figures, int)
        else f"{thousands(figures['numerator'])} of {thousands(figures['denominator'])}"
    )
    yield f"{query.measure} {query.year}, {query.group}{whose}: {figure}"
    for part in query.parts():
        yield f"{thousands(totals.counted[part]):>9}  {_part_name(part)} counted"
        for reason, count in _reasons(totals, part).items():
            yield f"{thousands(count):>9}  {_without_cause(_words(reason))}"
    if totals.unclaimed:
        yield f"{pluralise(totals.unclaimed, 'quarantined record')} that no figure can claim"


def flat_explanation(part: Part, explanation: Explanation) -> dict[str, Any]:
    """A candidate as a line of a table."""
    first, *others = explanation.events
    return {
        **explanation_row(part, explanation),
        "counted": "yes" if explanation.is_counted else "no",
        **(reference_row(first) or {}),
        "cause": None if explanation.cause is None else place(explanation.cause),
        "rests_on": " ".join(map(place, others)),
        "groups": " ".join(explanation.groups),
        "part": _part_name(part),
    }


def reason_text(explanation: Explanation) -> str:
    """Counted, and where; or the reason in words, with what it is about."""
    if explanation.reason is None:
        return f"counted: {', '.join(explanation.groups)}"
    words = _words(explanation.reason)
    if explanation.rule is not None:
        return f"{words} {explanation.rule}"
    if explanation.cause is None:
        return words
    is_about = words.endswith((" of", " with", " by", " withdrawal"))
    return (
        f"{words} {place(explanation.cause)}"
        if is_about
        else f"{words}, see {place(explanation.cause)}"
    )


def place(reference: Reference) -> str:
    """Partition and offset."""
    return f"{reference.partition}:{reference.offset}"


def short_type(reference: Reference) -> str:
    """The entity and the fact of a type; one that is not the ledger's as it is."""
    name = reference.type or "unknown"
    return name.removeprefix("ledger.").rpartition(".v")[0] or name


def _without_cause(words: str) -> str:
    """A reason of many candidates, without the preposition before what it is about."""
    first, _, last = words.rpartition(" ")
    return first if last in ("of", "with", "by") else words


def _words(reason: str) -> str:
    return _WORDS.get(reason, reason.replace("_", " "))


def _reasons(totals: Totals, part: Part) -> dict[str, int]:
    """By how often they occur."""
    counts = {reason: count for (each, reason), count in totals.reasons.items() if each == part}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _part_name(part: Part) -> str:
    if part.name == "figure":
        return part.measure
    return f"{part.name} {'− ' if part.sign < 0 else ''}{part.measure}"
