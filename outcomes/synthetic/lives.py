"""What happens to one person: applying, learning, answering, finding work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from outcomes.synthetic import assumptions as assumed
from outcomes.synthetic import category_sets

if TYPE_CHECKING:
    from outcomes.synthetic.draws import Choice
    from outcomes.synthetic.person import Person


_DURATION_DAYS: Final = {
    name: int(months * assumed.MONTH_DAYS) for name, (_, months) in assumed.PROGRAMMES.items()
}

# Parts of a year in which outcomes are drawn evenly.
_LEARNER, _APPLICANT, _TRAINING, _PLACED = range(4)


def simulate_life(person: Person, day: int) -> None:
    """Simulate one life from its first *day* on and state all of its facts.

    The first fact is never one that is stated late, so that everybody appears in the log.
    """
    u = person.even("path", day)
    if u < assumed.LEARNER_SHARE:
        _learn(person, day)
    elif u < assumed.LEARNER_SHARE + assumed.DIRECT_SHARE:
        _enrol(person, day, "", _programme(person, day), assumed.FUNDING_OF_DIRECT)
    else:
        _apply(person, day)


def _programme(person: Person, day: int) -> str:
    return assumed.PROGRAMME.pick(person.even("programme", day))


def _seeks_work(person: Person) -> bool:
    return bool(person.categories & category_sets.JOB_SEEKER)


def _in_no_category(person: Person) -> bool:
    """Return whether the person is in no category: reports compare these with the others."""
    return not person.categories


def _learn(person: Person, day: int) -> None:
    """Use free courses only: most learners are known because they have an outcome, on *day*."""
    has_outcome = person.happens("outcome", assumed.OUTCOME_OF_LEARNER, day, _LEARNER)
    came = day
    if has_outcome:
        came -= assumed.OUTCOME_AFTER.pick(person.draw())
        if came < 0:
            came = int(person.draw() * day)
    if person.declares:
        person.declare_categories(came, "/lms")
    _take_free_courses(person, came)
    if has_outcome:
        _outcomes(person, day, assumed.KIND_OF_LEARNER)


def _take_free_courses(person: Person, day: int) -> None:
    """Take one course or more, and answer a survey after each."""
    while True:
        person.answer_survey(day, "free_course", "seeking" if _seeks_work(person) else "employed")
        if person.draw() >= assumed.FREE_COURSE:
            return
        day += assumed.FREE_COURSE_AFTER.pick(person.draw())


def _apply(person: Person, day: int) -> None:
    """Apply once or twice, and perhaps become a student."""
    programme = _programme(person, day)
    application = person.apply(day, programme)
    last = day
    if person.happens("second", assumed.SECOND_APPLICATION, day):
        last += person.delay("second_after", assumed.SECOND_APPLICATION_AFTER, day)
        person.apply(last, assumed.PROGRAMME.pick(person.draw()))
    if person.draw() < assumed.ADMISSION_SURVEY:
        person.answer_survey(day + 2, "admission", "unknown")
    chance = assumed.ORIENTATION * category_sets.ENROLLING[person.categories]
    if person.happens("enrol", chance, day, _in_no_category(person)):
        funding = assumed.FUNDING_OF_SEEKERS if _seeks_work(person) else assumed.FUNDING_OF_OTHERS
        enrolled = day + person.delay("enrol_after", assumed.ENROLLED_AFTER, day)
        _enrol(person, enrolled, application, programme, funding)
    else:
        if person.draw() < assumed.FREE_COURSE:
            _take_free_courses(person, last + assumed.FREE_COURSE_AFTER.pick(person.draw()))
        last += person.delay("outcome_after", assumed.OUTCOME_AFTER, last)
        if person.happens("outcome", assumed.OUTCOME_OF_APPLICANT, last, _APPLICANT):
            _outcomes(person, last, assumed.KIND_OF_LEARNER)


def _enrol(
    person: Person,
    day: int,
    application: str,
    programme: str,
    funding: Choice[str],
) -> None:
    """Go through one enrolment after another."""
    if day >= person.end:
        return
    for _ in range(assumed.ENROLLMENTS_MAX):
        expected = day + _DURATION_DAYS[programme]
        funded_by = funding.pick(person.draw())
        enrolment = person.enrol(day, expected, programme, funded_by, application)
        again, day = _study(person, day, expected, enrolment, programme)
        if day >= person.end or person.draw() >= again:
            return
        day += assumed.AGAIN_AFTER.pick(person.draw())
        if day >= person.end:
            return
        application, programme = "", _programme(person, day)


def _study(
    person: Person,
    day: int,
    expected: int,
    enrolment: str,
    programme: str,
) -> tuple[float, int]:
    """Go through one enrolment; return the chance of another one, and the last day."""
    chance = assumed.GRADUATION * category_sets.GRADUATING[person.categories]
    if person.happens("graduate", chance, expected, _in_no_category(person)):
        offset = person.delay("graduate_when", assumed.GRADUATED_FROM_EXPECTED, expected)
        last = max(day + 30, expected + offset)
        if last > expected and person.happens("reschedule", assumed.RESCHEDULED_IF_LATE, expected):
            _reschedule(person, enrolment, (day, expected), expected)
        _attend(person, day, last)
        person.graduate(last, enrolment, programme)
        _look_for_work(person, last, enrolment)
        return assumed.AGAIN_AFTER_GRADUATION, last
    last = day + 7 + int(person.draw() * (expected - day - 7))
    if person.happens("reschedule", assumed.RESCHEDULED_IF_STOPPED, expected, part=1):
        _reschedule(person, enrolment, (day, last), expected)
    _attend(person, day, last)
    if person.draw() >= assumed.WITHDRAWAL:
        return assumed.AGAIN_AFTER_STOPPING, last
    reason = assumed.WITHDRAWAL_REASON.pick(person.draw())
    person.withdraw(last, enrolment, reason)
    if reason != "deceased" and person.draw() < assumed.JOB_SURVEY_WITHOUT_GRADUATION:
        answered = last + assumed.ANSWERED_AFTER.pick(person.draw())
        person.answer_job_survey(answered, enrolment, assumed.STATUS_NOT_PLACED.pick(person.draw()))
    return assumed.AGAIN_AFTER_WITHDRAWAL[reason], last


def _reschedule(
    person: Person,
    enrolment: str,
    within: tuple[int, int],
    expected: int,
) -> None:
    """Move the expected date once or twice, decided *within* two days."""
    first, last = within
    day = first + 1 + int(person.draw() * (last - first - 1))
    expected += person.delay("reschedule_by", assumed.RESCHEDULED_BY, expected)
    person.reschedule(day, enrolment, expected)
    if person.happens("reschedule", assumed.RESCHEDULED_TWICE, expected, part=2):
        if person.draw() >= assumed.RESCHEDULED_TWICE_ON_ONE_DAY:
            day += int(person.draw() * (last - day))
        person.reschedule(day, enrolment, expected + assumed.RESCHEDULED_BY.pick(person.draw()))


def _attend(person: Person, first: int, last: int) -> None:
    """Answer now and then during an enrolment, and sometimes change for the better already."""
    day = first + assumed.CHECK_IN_EVERY.pick(person.draw())
    last = min(last, person.end)
    while day < last:
        if person.draw() < assumed.CHECK_IN_ANSWERED:
            person.answer_survey(day, "satisfaction", "studying")
        day += assumed.CHECK_IN_EVERY.pick(person.draw())
    if person.draw() < assumed.CATEGORIES_CHANGE:
        person.categories ^= category_sets.JOB_SEEKER
        person.declares = True
        person.declare_categories(first + int(person.draw() * (last - first)), "/crm")
    day = first + int(person.draw() * (last - first))
    if person.happens("outcome", assumed.OUTCOME_IN_TRAINING, day, _TRAINING):
        _outcomes(person, day, assumed.KIND_IN_TRAINING)


def _look_for_work(person: Person, graduated: int, enrolment: str) -> None:
    """Find a job soon, later or not at all; half of all answer the job survey."""
    chance = assumed.RESPONSE * category_sets.ANSWERING[person.categories]
    responds = person.happens("respond", chance, graduated, _in_no_category(person))
    chance = assumed.PLACEMENT * category_sets.PLACED[person.categories]
    soon = person.happens("placed", chance, graduated, 2 * responds + _in_no_category(person))
    found_on = None
    if soon:
        after = person.delay("found_after", assumed.JOB_FOUND_FROM_GRADUATION, graduated)
        found_on = max(graduated + after, 0)
    elif person.happens("found_later", assumed.FOUND_LATER, graduated):
        found_on = graduated + assumed.JOB_FOUND_LATER.pick(person.draw())
    answered = graduated + assumed.ANSWERED_AFTER.pick(person.draw())
    if responds:
        _answer(person, answered, enrolment, found_on, surely=soon)
    elif person.draw() < assumed.ANSWERED_UNKNOWN:
        person.answer_job_survey(answered, enrolment, "unknown")
    if found_on is None:
        return
    if person.happens("outcome", assumed.OUTCOME_OF_PLACED, found_on, _PLACED):
        _outcomes(person, found_on, assumed.KIND_OF_PLACED)


def _answer(
    person: Person,
    day: int,
    enrolment: str,
    found_on: int | None,
    *,
    surely: bool,
) -> None:
    """Answer the job survey, and again when there is news (*surely*, or perhaps)."""
    if found_on is not None and found_on <= day:
        status = assumed.STATUS_PLACED.pick(person.draw())
        person.answer_job_survey(day, enrolment, status, found_on)
        if person.draw() < assumed.ANSWERED_AGAIN:
            person.answer_job_survey(
                day + 60 + int(person.draw() * 90), enrolment, status, found_on
            )
        return
    person.answer_job_survey(day, enrolment, assumed.STATUS_NOT_PLACED.pick(person.draw()))
    if not surely and person.draw() >= assumed.ANSWERED_AGAIN:
        return
    if found_on is None:
        again = day + 40 + int(person.draw() * 90)
        person.answer_job_survey(again, enrolment, assumed.STATUS_NOT_PLACED.pick(person.draw()))
    else:
        again = found_on + 5 + int(person.draw() * 60)
        person.answer_job_survey(
            again, enrolment, assumed.STATUS_PLACED.pick(person.draw()), found_on
        )


def _outcomes(person: Person, day: int, kinds: Choice[str]) -> None:
    """Declare an outcome and those that follow it, within 12 months or later."""
    credited = person.happens("credited", assumed.CREDITED, day)
    person.declare_outcome(day, kinds.pick(person.draw()), credited=credited)
    while day < person.end:
        u = person.even("outcome_again", day)
        if u < assumed.REPEATED_WITHIN_12_MONTHS:
            day += person.delay("again_after", assumed.REPEATED_WITHIN, day)
        elif u < assumed.REPEATED_WITHIN_12_MONTHS + assumed.REPEATED_LATER:
            day += assumed.REPEATED_AFTER.pick(person.draw())
        else:
            return
        person.declare_outcome(day, assumed.KIND_REPEATED.pick(person.draw()), credited=credited)
