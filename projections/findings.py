"""Findings that one event shows by itself: they change no figure, an auditor asks about them.

Source: SPEC section 1, Findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from schemas.admission import Event
from schemas.events import Enrolled
from schemas.finding import Finding
from schemas.moments import Instant, instant, utc_text

__all__ = ["stated_findings"]

_EPOCH = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
_HOUR = 3_600
_PLANS = ("expected_graduation_on", "enrolled_on")


def stated_findings(event: Event) -> Iterator[Finding]:
    """The findings that follow from an event and its `recorded_at` alone."""
    fact = event.fact
    recorded_on = _EPOCH + event.recorded_at // _DAY_MS
    for name in type(fact).model_fields:
        day = getattr(fact, name)
        if isinstance(day, date) and name not in _PLANS and day.toordinal() > recorded_on + 1:
            rule = "fact_must_not_follow_its_recording"
            recorded = utc_text(event.recorded_at).partition("T")[0]
            yield Finding(rule, f"/data/{name}", f"{day} is after {recorded}")
    stated_at = instant(event.time)
    assert stated_at is not None
    seconds, millis = divmod(event.recorded_at, 1_000)
    if stated_at > Instant(seconds + _HOUR, millis * 1_000_000):
        rule = "time_must_not_follow_recording"
        yield Finding(rule, "/time", f"more than 1 h after {utc_text(event.recorded_at)}")
    if isinstance(fact, Enrolled) and fact.expected_graduation_on < fact.enrolled_on:
        yield Finding(
            "expected_graduation_must_not_precede_enrolment",
            "/data/expected_graduation_on",
            f"{fact.expected_graduation_on} is before {fact.enrolled_on}",
        )
