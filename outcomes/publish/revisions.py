"""Revisions of a publication: whether there can be one for the reason that is given."""

from __future__ import annotations

from ledger.disclosure.shown import ShownReport
from outcomes.publish.sections.changes import CORRECTION, REASONS

__all__ = ["CORRECTION", "REASONS", "WORDS_ALONE", "reason_fault"]

WORDS_ALONE = "edition"


def reason_fault(reason: str | None, before: ShownReport, after: ShownReport) -> str | None:
    """Why a revision cannot have a reason; None where it can. An error can be in anything.

    Args:
        reason: Why there is a revision.
        before: What the revision before it shows.
        after: What it shows.
    """
    if reason == CORRECTION:
        return None
    same = {
        "late-facts": (before.log.cut == after.log.cut, "both read the log up to the same cut"),
        "policy": (before.policy == after.policy, "both have the same policy"),
        "disclosure": (before.disclosure == after.disclosure, "both have the same profile"),
        WORDS_ALONE: (before != after, "more than words differs: what is shown does"),
    }
    if reason not in same:
        return f"it is none of {', '.join(REASONS)}"
    is_wrong, fault = same[reason]
    return fault if is_wrong else None
