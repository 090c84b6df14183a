"""What comes near a figure: each candidate counts, or has exactly one reason not to.

Explaining is a second reading of the rules. Beside its rule, each file in `measures` has a function
`explain_<family>` that puts the same questions to the same facts and names the events, and one,
`near_<family>`, that says near which figures a record comes that is not in force. The table of
candidates is in docs/audit.md; the reasons are listed in docs/GLOSSARY.md.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from projections.facts import Facts, Groups
from schemas.admission import Event

__all__ = ["Candidate", "Reason", "counted"]


class Reason(StrEnum):
    """Why a candidate does not count; the first that applies, in this order."""

    QUARANTINED = "quarantined_by_rule"
    DUPLICATE = "duplicate_of"
    CONFLICT = "conflict_with"
    RETRACTED = "retracted_by"
    REPEAT = "repeat_of"
    ORPHAN = "orphan"
    OUTSIDE_YEAR = "outside_year"
    KIND_NOT_IN_POLICY = "kind_not_in_policy"
    NOT_CREDITED = "not_credited"
    REPEATED_WITHIN_WINDOW = "repeated_within_window_of"
    CAREER_OUTCOME = "career_outcome"
    NOT_ENROLLED = "not_enrolled"
    ENROLLED_BEFORE_APPLYING = "enrolled_before_applying"
    ENROLLED_TOO_LATE = "enrolled_too_late"
    RESCHEDULED_OUT_OF_YEAR = "rescheduled_out_of_year"
    EXCLUDED_BY_WITHDRAWAL = "excluded_by_withdrawal"
    NOT_GRADUATED = "not_graduated"
    GRADUATED_AFTER_DEADLINE = "graduated_after_deadline"
    SILENT = "silent"
    OTHER_SURVEY = "other_survey"
    STATUS_UNKNOWN = "status_unknown"
    ANSWERED_BEFORE_GRADUATION = "answered_before_graduation"
    NOT_LATEST_ANSWER = "not_latest_answer"
    STATUS_NOT_IN_POLICY = "status_not_in_policy"
    NO_DATE = "no_date"
    FOUND_AFTER_LIMIT = "found_after_limit"
    NOT_IN_FIELD = "not_in_field"
    LATER_THAN_FIRST = "later_than_first"
    UNDECLARED_THEN = "undeclared_then"
    NOT_OF_GROUP_THEN = "not_of_this_group_then"


class Candidate(NamedTuple):
    """An event in force, with those that it rests on, before one cell's year and measure.

    Attributes:
        year: The reference year.
        measure: A count of the catalogue.
        events: The candidate itself, then what else decides about it.
        reason: Why it does not count; None where it does.
        cause: The event that the reason is about, such as the withdrawal; None where there is none.
        groups: What it counts under; none where it does not count.
        declared_by: The declaration that those groups follow from.
    """

    year: int
    measure: str
    events: tuple[Event, ...]
    reason: Reason | None = None
    cause: Event | None = None
    groups: Groups = ()
    declared_by: Event | None = None

    def in_group(self, group: str) -> Candidate:
        """The same candidate before the cell of a group: its membership then may exclude it."""
        if self.reason is not None or group in self.groups:
            return self
        reason = (
            Reason.UNDECLARED_THEN
            if "undeclared" in self.groups and ":" not in group
            else Reason.NOT_OF_GROUP_THEN
        )
        return self._replace(reason=reason, cause=self.declared_by, groups=())


def counted(
    year: int, measure: str, events: tuple[Event, ...], facts: Facts, day: date, *others: str
) -> Candidate:
    """A candidate that counts.

    Args:
        year: See `Candidate`.
        measure: See `Candidate`.
        events: See `Candidate`.
        facts: The student's.
        day: The date of the membership.
        others: Groups beside those of the membership.
    """
    groups = (*facts.groups_at(day), *others)
    declaration = facts.declaration_at(day)
    declared_by = None if declaration is None else declaration[-1]
    return Candidate(year, measure, events, groups=groups, declared_by=declared_by)
