"""Why a candidate does not count, in words, marked for translation (docs/GLOSSARY.md, Reasons)."""

from __future__ import annotations

from outcomes.presentation.languages import Language
from outcomes.presentation.words import _

__all__ = ["REASONS", "VERDICTS", "reason_words", "verdict_words"]


REASONS = {
    "quarantined_by_rule": _("quarantined"),
    "duplicate_of": _("a duplicate of another record"),
    "conflict_with": _("in conflict with another record"),
    "retracted_by": _("retracted"),
    "repeat_of": _("stated again under another identity"),
    "orphan": _("without an enrolment in force"),
    "outside_year": _("outside the year"),
    "kind_not_in_policy": _("of a kind that the policy leaves out"),
    "not_credited": _("not credited to the school"),
    "repeated_within_window_of": _("within the window after another outcome"),
    "career_outcome": _("a career outcome, no repeat"),
    "not_enrolled": _("never enrolled"),
    "enrolled_before_applying": _("enrolled before applying"),
    "enrolled_too_late": _("enrolled too late"),
    "rescheduled_out_of_year": _("rescheduled to another year"),
    "excluded_by_withdrawal": _("excluded by a withdrawal"),
    "not_graduated": _("not graduated"),
    "graduated_after_deadline": _("graduated after the deadline"),
    "silent": _("no answer that is considered"),
    "other_survey": _("an answer to another survey"),
    "status_unknown": _("an answer with status unknown"),
    "answered_before_graduation": _("answered before graduating"),
    "not_latest_answer": _("not the latest answer"),
    "status_not_in_policy": _("a status that places nobody"),
    "no_date": _("without the date of the job"),
    "found_after_limit": _("a job found too late"),
    "not_in_field": _("a job outside the field of study"),
    "later_than_first": _("later than the one that counts"),
    "undeclared_then": _("no categories declared then"),
    "not_of_this_group_then": _("not in this group then"),
}

VERDICTS = {
    "event": _("in force"),
    "duplicate": REASONS["duplicate_of"],
    "conflict": REASONS["conflict_with"],
    "quarantined": REASONS["quarantined_by_rule"],
    "repeat": REASONS["repeat_of"],
    "retracted": REASONS["retracted_by"],
    "orphan": REASONS["orphan"],
    "pending": _("retracts an event that is not there"),
    "void": _("retracts a retraction"),
}


def reason_words(reason: str, language: Language) -> str:
    """A reason in a language.

    Args:
        reason: A `projections.candidates.Reason`.
        language: To say it in.
    """
    return language.gettext(REASONS[reason])


def verdict_words(verdict: str, language: Language) -> str:
    """What became of a record, in a language.

    Args:
        verdict: A `projections.student.RecordVerdict`.
        language: To say it in.
    """
    return language.gettext(VERDICTS[verdict])
