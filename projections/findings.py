"""Findings: they change no figure, an auditor asks about them (SPEC section 1, Findings).

Three follow from an event alone, so `validate` knows them too; the others from all that is known of
a student.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple, cast

from projections.history import Resolution, resolve
from schemas.admission import Event
from schemas.events import Answered, Applied, Enrolled, Graduated, Rescheduled, Retracted, Withdrew
from schemas.finding import Finding
from schemas.moments import Instant, instant, utc_text

__all__ = ["FINDINGS", "EventFinding", "conflict_finding", "stated_findings", "student_findings"]

FINDINGS = (
    "content_must_not_change",
    "fact_must_be_stated_once",
    "enrolment_must_exist",
    "retraction_must_name_an_event",
    "retraction_must_not_name_a_retraction",
    "application_must_exist",
    "enrolment_must_not_precede_application",
    "expected_graduation_must_not_precede_enrolment",
    "graduation_must_not_precede_enrolment",
    "graduation_must_not_follow_death",
    "rescheduling_must_not_follow_the_date_it_moves",
    "job_must_not_precede_enrolment",
    "fact_must_not_follow_its_recording",
    "time_must_not_follow_recording",
    "retraction_must_come_from_its_source",
)
"""The names of all findings, in the order of the specification."""

_EPOCH = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
_HOUR = 3_600
_PLANS = ("expected_graduation_on", "enrolled_on")


class EventFinding(NamedTuple):
    """A finding with its events.

    Attributes:
        finding: Rule, member and reason.
        events: The event that the finding is about, then the one that it is compared with, if any.
    """

    finding: Finding
    events: tuple[Event, ...]


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


def conflict_finding(event: Event, first: Event) -> EventFinding:
    """The finding on a conflict, a later record of the identity of `first` and other content."""
    reason = "another content than the first record of this identity"
    return _finding("content_must_not_change", "", reason, event, first)


def student_findings(events: Sequence[Event]) -> Iterator[EventFinding]:
    """All findings on one student's events but the conflicts, which are not among these events.

    What was retracted is not asked about any more.

    Args:
        events: As `history.History.events` keeps them.
    """
    resolution = resolve(events)
    retracted = {event.offset for event in resolution.retracted}
    for event in events:
        if event.offset not in retracted:
            for finding in stated_findings(event):
                yield EventFinding(finding, (event,))
    yield from _retraction_findings(events, resolution)
    yield from _in_force_findings(resolution)


def _finding(rule: str, pointer: str, reason: str, *events: Event) -> EventFinding:
    return EventFinding(Finding(rule, pointer, reason), events)


def _retraction_findings(events: Sequence[Event], resolution: Resolution) -> Iterator[EventFinding]:
    by_identity = {(event.source, event.id): event for event in events}
    void = {event.offset for event in resolution.void}
    for event in events:
        if not isinstance(event.fact, Retracted):
            continue
        target = by_identity.get((event.fact.retracts.source, event.fact.retracts.id))
        if target is None:
            rule, reason = "retraction_must_name_an_event", "the event that it names is not there"
            yield _finding(rule, "/data/retracts", reason, event)
            continue
        if event.offset in void:
            rule, reason = "retraction_must_not_name_a_retraction", "it names a retraction"
            yield _finding(rule, "/data/retracts", reason, event, target)
        if event.source != target.source:
            rule, reason = "retraction_must_come_from_its_source", "not the source of what it names"
            yield _finding(rule, "/source", reason, event, target)


def _in_force_findings(resolution: Resolution) -> Iterator[EventFinding]:
    applications: dict[str, Event] = {}
    enrolments: dict[str, Event] = {}
    for event in resolution.in_force:
        if isinstance(event.fact, Applied):
            applications[event.fact.application_id] = event
        elif isinstance(event.fact, Enrolled):
            enrolments[event.fact.enrollment_id] = event
    for event in resolution.repeats:
        yield _repeat_finding(event, applications, enrolments)
    for event in resolution.orphans:
        rule, reason = "enrolment_must_exist", "no enrolment of this `enrollment_id` is in force"
        yield _finding(rule, "/data/enrollment_id", reason, event)
    yield from _application_findings(enrolments.values(), applications)
    yield from _graduation_findings(resolution.in_force, enrolments)
    yield from _rescheduling_findings(resolution.in_force, enrolments)
    yield from _job_findings(resolution.in_force, enrolments)


def _repeat_finding(
    event: Event, applications: Mapping[str, Event], enrolments: Mapping[str, Event]
) -> EventFinding:
    fact = event.fact
    if isinstance(fact, Applied):
        member, first = "application_id", applications[fact.application_id]
    else:
        assert isinstance(fact, Enrolled)
        member, first = "enrollment_id", enrolments[fact.enrollment_id]
    reason = f"an earlier event has stated this `{member}`"
    return _finding("fact_must_be_stated_once", f"/data/{member}", reason, event, first)


def _application_findings(
    enrolments: Iterable[Event], applications: Mapping[str, Event]
) -> Iterator[EventFinding]:
    for event in enrolments:
        fact = event.fact
        assert isinstance(fact, Enrolled)
        if fact.application_id is None:
            continue
        linked = applications.get(fact.application_id)
        if linked is None:
            rule, reason = "application_must_exist", "the application that it names is not there"
            yield _finding(rule, "/data/application_id", reason, event)
            continue
        assert isinstance(linked.fact, Applied)
        if fact.enrolled_on < linked.fact.applied_on:
            rule = "enrolment_must_not_precede_application"
            reason = f"{fact.enrolled_on} is before {linked.fact.applied_on}"
            yield _finding(rule, "/data/enrolled_on", reason, event, linked)


def _graduation_findings(
    in_force: Sequence[Event], enrolments: Mapping[str, Event]
) -> Iterator[EventFinding]:
    deaths = [
        (fact.withdrew_on, event)
        for event in in_force
        if isinstance(fact := event.fact, Withdrew) and fact.reason == "deceased"
    ]
    died_on, death = min(deaths, key=_day, default=(date.max, None))
    for event in in_force:
        fact = event.fact
        if not isinstance(fact, Graduated):
            continue
        enrolment = enrolments[fact.enrollment_id]
        assert isinstance(enrolment.fact, Enrolled)
        if fact.graduated_on < enrolment.fact.enrolled_on:
            rule = "graduation_must_not_precede_enrolment"
            reason = f"{fact.graduated_on} is before {enrolment.fact.enrolled_on}"
            yield _finding(rule, "/data/graduated_on", reason, event, enrolment)
        if death is not None and fact.graduated_on > died_on:
            rule = "graduation_must_not_follow_death"
            reason = f"{fact.graduated_on} is after {died_on}"
            yield _finding(rule, "/data/graduated_on", reason, event, death)


def _rescheduling_findings(
    in_force: Sequence[Event], enrolments: Mapping[str, Event]
) -> Iterator[EventFinding]:
    """By the day of the decision each one moves the date that the one before it has set."""
    expected = {
        name: event.fact.expected_graduation_on
        for name, event in enrolments.items()
        if isinstance(event.fact, Enrolled)
    }
    decisions = [
        (fact.decided_on, event, fact)
        for event in in_force
        if isinstance(fact := event.fact, Rescheduled)
    ]
    for _, event, fact in sorted(decisions, key=_day):
        before = expected[fact.enrollment_id]
        expected[fact.enrollment_id] = fact.expected_graduation_on
        if fact.decided_on > before:
            rule = "rescheduling_must_not_follow_the_date_it_moves"
            reason = f"{fact.decided_on} is after {before}"
            enrolment = enrolments[fact.enrollment_id]
            yield _finding(rule, "/data/decided_on", reason, event, enrolment)


def _job_findings(
    in_force: Sequence[Event], enrolments: Mapping[str, Event]
) -> Iterator[EventFinding]:
    starts = [
        (fact.enrolled_on, event)
        for event in enrolments.values()
        if isinstance(fact := event.fact, Enrolled)
    ]
    enrolled_on, first = min(starts, key=_day, default=(date.min, None))
    for event in in_force:
        fact = event.fact
        found_on = fact.job_found_on if isinstance(fact, Answered) else None
        if first is not None and found_on is not None and found_on < enrolled_on:
            rule = "job_must_not_precede_enrolment"
            reason = f"{found_on} is before {enrolled_on}"
            yield _finding(rule, "/data/job_found_on", reason, event, first)


def _day(dated: tuple[Any, ...]) -> date:
    return cast("date", dated[0])
