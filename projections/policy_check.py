"""What is wrong with a policy, and which of its parameters cannot have an effect.

What has no effect follows from the rules in `projections.measures`.

Source: SPEC section 3, parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from projections.policy import Policy
from schemas.json_places import escape_pointer, repeated_members
from schemas.json_text import inspect_json
from schemas.reasons import model_reason

__all__ = ["MEASURES_OF_PARAMETERS", "Remark", "policy_faults", "policy_warnings"]

_OUTCOMES = ("career_outcomes", "outcomes_declared", "outcomes_repeated")
_WINDOW = ("career_outcomes", "outcomes_repeated")
_GRADUATION = ("expected_to_graduate", "graduated_as_expected", "graduation_rate")
_PLACED_RATES = (
    "placement_rate",
    "placement_in_field_rate",
    "placement_rate_if_silent_not_placed",
    "placement_rate_if_silent_placed",
)
_PLACED = ("placed", "placed_in_field", *_PLACED_RATES)

MEASURES_OF_PARAMETERS: dict[str, tuple[str, ...]] = {
    "zone": _OUTCOMES,
    "outcome_window_months": _WINDOW,
    "outcome_window_anchor": _WINDOW,
    "outcome_window_scope": _WINDOW,
    "outcome_date": _OUTCOMES,
    "outcome_kinds": _OUTCOMES,
    "outcome_must_be_credited": _OUTCOMES,
    "orientation_months": ("became_students", "orientation_rate"),
    "expected_date": _GRADUATION,
    "graduation_deadline": _GRADUATION,
    "excluded_withdrawals": _GRADUATION,
    "placement_window": ("graduates", "respondents", "response_rate", *_PLACED),
    "placement_months": _PLACED,
    "placement_base": ("placement_rate", "placement_in_field_rate"),
    "placement_answer": _PLACED,
    "placement_statuses": _PLACED,
    "funding_groups": ("students_enrolled",),
}
"""The measures that a parameter can move, in the order of the specification."""

# From 1899-12-31, where a zone is behind UTC, to 2200-01-01, where one is ahead.
_MONTHS_MAX = 3_601
_JOBS = ("employed", "self_employed")
_MONTHS = ("outcome_window_months", "orientation_months", "placement_months")


class Remark(NamedTuple):
    """Something about a policy.

    Attributes:
        pointer: JSON pointer (RFC 6901) to the parameter; empty for the whole.
        reason: A few words for whoever wrote it.
    """

    pointer: str
    reason: str


def policy_faults(text: bytes) -> list[Remark]:
    """Everything that keeps a JSON text from being a policy, with the words that are allowed."""
    shape = inspect_json(text)
    if shape is None:
        return [Remark("", "not JSON")]
    if not shape.unique:
        return [
            Remark(pointer, f"a member that is there {count:,} times; keep one")
            for pointer, count in repeated_members(text)
        ]
    try:
        Policy.model_validate_json(text)
    except ValidationError as error:
        return [_fault(each) for each in error.errors(include_url=False)]
    return []


def policy_warnings(policy: Policy) -> Iterator[Remark]:
    """The parameters that move no figure as the others are, and words that can hardly count."""
    yield from _outcome_warnings(policy)
    for name in _MONTHS:
        if getattr(policy, name) > _MONTHS_MAX:
            reason = f"more than {_MONTHS_MAX:,} months; no two dates of events are so far apart"
            yield Remark(f"/{name}", reason)
    yield from _placement_warnings(policy)


def _outcome_warnings(policy: Policy) -> Iterator[Remark]:
    if not policy.outcome_kinds:
        yield Remark("/outcome_kinds", "empty, so that no outcome is ever considered")
        names = ("window_months", "window_anchor", "window_scope", "date", "must_be_credited")
        for name in names:
            yield Remark(f"/outcome_{name}", "no effect, since outcome_kinds is empty")
        return
    if policy.outcome_window_anchor == "calendar_year":
        reason = "no effect, since outcome_window_anchor is calendar_year"
        yield Remark("/outcome_window_months", reason)
    if len(policy.outcome_kinds) == 1:
        yield Remark("/outcome_window_scope", "no effect, since outcome_kinds has one kind")


def _placement_warnings(policy: Policy) -> Iterator[Remark]:
    statuses = policy.placement_statuses
    for index, status in enumerate(statuses):
        if status == "unknown":
            reason = "no effect, since an answer of unknown status is never considered"
            yield Remark(f"/placement_statuses/{index}", reason)
        elif status not in _JOBS:
            reason = f"{status} places only by an answer that has a job_found_on as well"
            yield Remark(f"/placement_statuses/{index}", reason)
    if not set(statuses) - {"unknown"}:
        yield Remark("/placement_statuses", "nobody is ever placed, since no status places")
        for name in ("placement_months", "placement_answer"):
            yield Remark(f"/{name}", "no effect on a figure, since no status places")


def _fault(fault: ErrorDetails) -> Remark:
    pointer = "".join(map(escape_pointer, fault["loc"]))
    reason = _REASONS.get(fault["type"])
    return Remark(pointer, reason(fault) if reason else model_reason(fault, Policy))


def _own(fault: ErrorDetails) -> str:
    """What a validator of `projections.policy` says."""
    return str(fault["ctx"]["error"])


_REASONS: dict[str, Callable[[ErrorDetails], str]] = {
    "value_error": _own,
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "greater_than_equal": lambda fault: f"at least {fault['ctx']['ge']:,}",
    "less_than_equal": lambda fault: f"at most {fault['ctx']['le']:,}",
    "tuple_type": lambda _: "an array",
    "too_short": lambda _: "an array of at least 1",
    "too_long": lambda _: "a first and a last day, no more",
}
