"""Random histories and policies that lean on the edges of the rules.

A history draws its dates from a few of its own, with their anniversaries, and its ids from very
few, so that equal dates, repeats, duplicates, conflicts and retractions of anything are common.
"""

from __future__ import annotations

import json
from datetime import date, timedelta

from hypothesis import strategies as st

from ledger.log import NewRecord
from schemas.events import CATEGORIES, FUNDINGS, KINDS, STATUSES
from schemas.moments import milliseconds
from tests.support.histories import encode, event, oracle, story

YEARS = (2021, 2022, 2023, 2024)
SUBJECTS = ("s-1", "s-2", "A:b_c.d", "s-3")
WITHDRAWALS = ("left", "transferred", "deceased", "incarcerated", "military")
ZONES = ("Europe/Paris", "UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata")

_DATES = (
    "2020-02-29", "2020-12-31", "2021-01-01", "2021-02-28", "2021-06-30", "2021-07-01",
    "2021-08-31", "2021-12-31", "2022-01-01", "2022-02-28", "2022-03-01", "2022-06-30",
    "2022-07-01", "2022-12-31", "2023-01-01", "2023-02-28", "2023-06-30", "2023-12-31",
    "2024-02-29", "2024-06-30", "2024-12-31", "2025-02-28",
)  # fmt: skip
_SPANS = (0, 1, 6, 6, 12, 12, 12)
_TIMES = (
    "2021-12-31T22:59:59.999999999Z",
    "2021-12-31T23:00:00Z",
    "2022-01-01T00:00:00+01:00",
    "2022-01-01T00:00:00.000000001+01:00",
    "2022-06-30T21:59:59.9Z",
    "2022-06-30T22:00:00.10Z",
    "2022-06-30T22:00:00.1Z",
    "2022-12-31T12:30:00-11:30",
    "2023-03-01T00:00:00+14:00",
    "2024-02-29T23:59:59.123456789-00:00",
    "2024-12-31T23:59:59Z",
)
_IDS = ("1", "2", "3", "é", "\uffff", "\U00010000", "\u2028\x7f\x00")
_SOURCES = ("/a", "/a", "/b")
_ENROLMENTS = ("e1", "e2")
_APPLICATIONS = ("a1", "a2")
_RECORDED = tuple(
    milliseconds(text)
    for text in (
        "2021-12-31T22:59:59.999Z", "2021-12-31T23:00:00Z", "2022-06-30T21:59:59.999Z",
        "2022-12-31T22:59:59.999Z", "2022-12-31T23:00:00Z", "2023-06-30T21:59:59.999Z",
        "2023-06-30T22:00:00Z", "2023-12-31T22:59:59.999Z", "2023-12-31T23:00:00Z",
        "2024-06-30T22:00:00Z", "2025-12-31T22:59:59.999Z", "2025-12-31T23:00:00Z",
    )
)  # fmt: skip
_JUNK = (
    None,
    b"",
    b"{}",
    b"\xff\xfe",
    b'{"a":1,"a":2}',
    b'{"a":1e999}',
    b"[" * 17 + b"]" * 17,
    b" " * 65_537,
    b"null",
)


def _months_later(text, months, days):
    on = date.fromisoformat(oracle().months_after(text, months)) + timedelta(days=days)
    return on.isoformat()


@st.composite
def _dates(draw):
    """A few dates, some of them a span of a rule apart, or a day more or less."""
    result = draw(st.lists(st.sampled_from(_DATES), min_size=1, max_size=4))
    for start in list(result):
        result += [start, _months_later(start, draw(st.sampled_from(_SPANS)),
                                       draw(st.sampled_from((-1, 0, 0, 1))))]  # fmt: skip
    return result


def _optional(**members):
    """Objects in which some of the members are absent, or null."""
    return st.fixed_dictionaries(
        {}, optional={name: st.none() | values for name, values in members.items()}
    )


def _data(on):
    """For each type, the strategy of its data over one history's dates."""
    day = st.sampled_from(on)
    enrolment = st.sampled_from(_ENROLMENTS)
    application = st.sampled_from(_APPLICATIONS)
    programme = st.sampled_from(("dev", "data"))
    categories = st.lists(st.sampled_from(CATEGORIES), max_size=2, unique=True)
    output = _optional(categories=categories)
    linked = _optional(categories=categories, application_id=application)

    def data(more=None, **members):
        fixed = st.fixed_dictionaries(members)
        return fixed if more is None else st.builds(lambda a, b: a | b, fixed, more)

    return {
        "student.applied": data(
            output, application_id=application, programme=programme, applied_on=day
        ),
        "student.enrolled": data(
            linked, enrollment_id=enrolment, programme=programme, enrolled_on=day,
            expected_graduation_on=day, funding=st.sampled_from(FUNDINGS),
        ),
        "enrollment.rescheduled": data(
            enrollment_id=enrolment, expected_graduation_on=day, decided_on=day
        ),
        "student.withdrew": data(
            enrollment_id=enrolment, withdrew_on=day, reason=st.sampled_from(WITHDRAWALS)
        ),
        "student.graduated": data(
            _optional(credential=st.just("x")), enrollment_id=enrolment, graduated_on=day
        ),
        "survey.answered": data(
            _optional(job_found_on=day, in_field=st.booleans(), enrollment_id=enrolment),
            survey=st.sampled_from(("job", "job", "job", "joy")), answered_on=day,
            status=st.sampled_from((*STATUSES, "employed", "employed", "self_employed")),
        ),
        "outcome.declared": data(
            outcome_on=day, kind=st.sampled_from((*KINDS, "raise", "raise")),
            credited=st.sampled_from((True, True, True, False)), stated_by=st.just("staff"),
        ),
        "categories.declared": data(declared_on=day, categories=categories),
        "event.retracted": data(
            retracts=st.fixed_dictionaries(
                {"source": st.sampled_from(_SOURCES), "id": st.sampled_from(_IDS)}
            ),
            reason=st.just("other"),
        ),
    }  # fmt: skip


_LIFE = 7


@st.composite
def _lives(draw, on, subject):
    """The stages of one life on any days, so that rules about later stages are reached too."""
    if draw(st.booleans()):
        return []
    days = [draw(st.sampled_from(on)) for _ in range(8)]
    status = draw(st.sampled_from(("employed", "employed", "seeking")))
    lines = (
        f"applied a1 {days[0]}",
        f"enrolled e1 {days[1]} {days[2]} funding={draw(st.sampled_from(FUNDINGS))}",
        f"graduated e1 {days[3]}",
        f"answered {days[3]} {status} job_found_on={days[4]} in_field=true",
        f"outcome {days[5]} raise",
        f"outcome {days[6]} raise",
        f"withdrew e1 {days[7]} deceased",
    )
    kept = draw(st.lists(st.sampled_from(lines), unique=True, max_size=_LIFE))
    return [
        item | {"subject": subject, "id": f"life-{item['id']}"} for item in story("\n".join(kept))
    ]


@st.composite
def histories(draw, *, subjects=SUBJECTS, max_size=30):
    """Events of a few students in log order, all of which are admitted."""
    on = draw(_dates())
    data = _data(on)
    kinds = st.sampled_from((*data, "student.enrolled", "student.graduated", "outcome.declared"))
    ids = st.sampled_from(_IDS) | st.integers(10, 99).map(str)
    result = draw(_lives(on, subjects[0])) if max_size >= _LIFE else []
    for kind in draw(st.lists(kinds, max_size=max_size - len(result))):
        if result and draw(st.sampled_from((False,) * 9 + (True,))):
            result.append(dict(draw(st.sampled_from(result))))
            continue
        result.append(
            event(
                kind,
                draw(data[kind]),
                subject=draw(st.sampled_from(subjects)),
                id=draw(ids),
                source=draw(st.sampled_from(_SOURCES)),
                time=draw(st.sampled_from(_TIMES)),
            )
        )
    return result


@st.composite
def _damaged(draw, event):
    """A record that is not quite that of an event: another key, a second spelling, or junk."""
    key, value = event["subject"].encode(), encode(event)
    cut = draw(st.integers(0, len(value)))
    damaged = (
        (draw(st.sampled_from((None, b"", b"s-2", b"\xff"))), value),
        (key, draw(st.sampled_from(_JUNK))),
        (key, value[:cut]),
        (key, json.dumps(event, indent=1).encode()),
        (key, encode(dict(reversed((event | {"traceparent": [1e300]}).items())))),
        (key, encode(event | {"type": draw(st.sampled_from(("ledger.a.b.v1", "x", 1)))})),
        (key, encode(event | {"data": event["data"] | {"x": 0}})),
    )
    return draw(st.sampled_from(damaged))


@st.composite
def records(draw, events=None):
    """A history as records to append, with some that are no events, and when they were recorded."""
    results = []
    for item in draw(histories() if events is None else events):
        key, value = item["subject"].encode(), encode(item)
        if draw(st.sampled_from((False,) * 7 + (True,))):
            key, value = draw(_damaged(item))
        results.append(NewRecord(key, value, draw(st.sampled_from(_RECORDED))))
    return results


def _some(words):
    return st.lists(st.sampled_from(words), unique=True)


@st.composite
def _funding_groups(draw):
    groups = {}
    for funding in draw(st.permutations(FUNDINGS)):
        groups.setdefault(draw(st.sampled_from(("all", "x", "é", "\U00010000"))), []).append(
            funding
        )
    return groups


def _usual(value, *others):
    """Mostly one value, so that a history is not emptied by several parameters at once."""
    return st.sampled_from((value,) * (2 * len(others)) + others)


_WINDOW_DAYS = ("01-01", "02-28", "03-01", "06-30", "07-01", "12-31")

policies = st.fixed_dictionaries(
    {
        "schema": st.just("ledger/policy/v1"),
        "id": st.sampled_from(("p", "openclassrooms-2022")),
        "version": st.integers(-1, 3),
        "zone": st.sampled_from(ZONES),
        "outcome_window_months": st.sampled_from((12, 12, 12, 1, 6, 24, 1_000_000)),
        "outcome_window_anchor": st.sampled_from(
            ("last_counted", "last_declared", "calendar_year")
        ),
        "outcome_window_scope": st.sampled_from(("student", "student_and_kind")),
        "outcome_date": st.sampled_from(("outcome_on", "time")),
        "outcome_kinds": st.one_of(st.just(list(KINDS)), st.just(list(KINDS)), _some(KINDS)),
        "outcome_must_be_credited": st.booleans(),
        "orientation_months": st.sampled_from((12, 12, 1, 6, 24, 200_000)),
        "expected_date": st.sampled_from(("first", "latest")),
        "graduation_deadline": st.sampled_from(("year_end", "expected_date")),
        "excluded_withdrawals": st.just(["deceased"]) | _some(WITHDRAWALS),
        "placement_window": st.one_of(
            st.sampled_from((["01-01", "12-31"], ["07-01", "06-30"], ["03-01", "02-28"])),
            st.lists(st.sampled_from(_WINDOW_DAYS), min_size=2, max_size=2),
        ),
        "placement_months": st.sampled_from((6, 6, 1, 12)),
        "placement_base": st.sampled_from(("respondents", "graduates")),
        "placement_answer": st.sampled_from(("any", "latest")),
        "placement_statuses": st.just(["employed", "self_employed"]) | _some(STATUSES),
        "funding_groups": _funding_groups(),
    }
)
