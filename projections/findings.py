"""Findings that one event shows by itself: they change no figure, an auditor asks about them.

Source: SPEC section 1, Findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from schemas.admission import Event
from schemas.events import Enrolled
from schemas.finding import Finding
from schemas.moments import Instant, instant, utc_text

__all__ = ["stated_findings"]

_EPOCH = date(1970, 1, 1)
_HOUR = 3_600
_NOT_YET = ("expected_graduation_on", "enrolled_on")


def stated_findings(event: Event) -> Iterator[Finding]:
    """The findings that follow from an event and its `recorded_at` alone."""
    fact = event.fact
    recorded_on = _EPOCH + timedelta(milliseconds=event.recorded_at)
    for name in type(fact).model_fields:
        on = getattr(fact, name)
        late = isinstance(on, date) and name not in _NOT_YET and on > recorded_on + timedelta(1)
        if late:
            rule = "fact_must_not_follow_its_recording"
            yield Finding(rule, f"/data/{name}", f"{on} is after {recorded_on}")
    at = instant(event.time)
    assert at is not None
    seconds, millis = divmod(event.recorded_at, 1_000)
    if at > Instant(seconds + _HOUR, millis * 1_000_000):
        rule = "time_must_not_follow_recording"
        yield Finding(rule, "/time", f"more than 1 h after {utc_text(event.recorded_at)}")
    if isinstance(fact, Enrolled) and fact.expected_graduation_on < fact.enrolled_on:
        yield Finding(
            "expected_graduation_must_not_precede_enrolment",
            "/data/expected_graduation_on",
            f"{fact.expected_graduation_on} is before {fact.enrolled_on}",
        )
