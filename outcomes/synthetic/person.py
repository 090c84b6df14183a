"""One person, and the facts about them as JSON, passed to the scribe.

Every text is made of known words, digits and hexadecimal ids, so nothing needs escaping. A fact
after the end of the log is not stated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from outcomes.synthetic import assumptions as assumed
from outcomes.synthetic import category_sets
from outcomes.synthetic.days import DAY_MS, Days

if TYPE_CHECKING:
    from outcomes.synthetic.draws import EvenDraws, RangeMix
    from outcomes.synthetic.scribe import Scribe

_SOON: Final = assumed.STATED_SOON
_LATE: Final = assumed.STATED_LATE

# The platform that states a fact, and the fact.
_APPLIED: Final = ("/crm", "student.applied")
_ENROLLED: Final = ("/lms", "student.enrolled")
_ENROLLED_ELSEWHERE: Final = ("/crm", "student.enrolled")
_RESCHEDULED: Final = ("/lms", "enrollment.rescheduled")
_WITHDREW: Final = ("/lms", "student.withdrew")
_GRADUATED: Final = ("/lms", "student.graduated")
_ANSWERED: Final = ("/survey", "survey.answered")


class Person:
    """Writes what happens to one person as facts of the specification.

    Attributes:
        categories: The person's set of categories now, declared or not.
        declares: Whether the person says which categories they are in.
        draw: The person's own next number in [0, 1).
        end: The first day after the log.
    """

    __slots__ = (
        "_applications",
        "_enrollments",
        "_even",
        "_iso",
        "_month",
        "_scribe",
        "_year",
        "categories",
        "declares",
        "draw",
        "end",
    )

    def __init__(self, days: Days, even: EvenDraws, scribe: Scribe, day: int) -> None:
        """Draw the categories of a person who arrives on *day*."""
        self._iso = days.iso
        self._year = days.year
        self._month = days.month
        self._even = even
        self._scribe = scribe
        self._applications = 0
        self._enrollments = 0
        self.draw = scribe.draw
        self.end = days.end_ms // DAY_MS
        self.categories = category_sets.SETS.pick(self.even("categories", day))
        self.declares = not self.happens("undeclared", assumed.UNDECLARED_SHARE, day)

    def even(self, purpose: str, day: int) -> float:
        """Return the next number in [0, 1) of a purpose, even within the year of *day*."""
        return self._even.draw(purpose, self._year[day])

    def happens(self, purpose: str, chance: float, day: int, part: int = 0) -> bool:
        """Return whether something with a *chance* happens, met within the year of *day*.

        Args:
            purpose: What may happen.
            chance: In [0, 1].
            day: The day by whose year a figure counts it.
            part: Divides the year further, 0 to 3.
        """
        return self._even.happens(purpose, self._year[day] * 4 + part, chance, self.draw())

    def delay(self, purpose: str, ranges: RangeMix, day: int) -> int:
        """Return days out of *ranges*, even within the month of *day*."""
        return ranges.pick(self._even.draw(purpose, self._month[day]))

    def apply(self, day: int, programme: str) -> str:
        """Apply; return the application's id."""
        application = f"ap-{self._scribe.token}{self._applications}"
        self._applications += 1
        if day < self.end:
            data = (
                f'{{"application_id":"{application}","programme":"{programme}",'
                f'"applied_on":"{self._iso[day]}"{self._categories_json()}}}'
            )
            self._scribe.state_fact(_APPLIED, day, data, _SOON)
        return application

    def enrol(self, day: int, expected: int, programme: str, funding: str, application: str) -> str:
        """Enrol, without *application* if it is empty; return the enrolment's id."""
        enrolment = f"en-{self._scribe.token}{self._enrollments}"
        self._enrollments += 1
        if day >= self.end:
            return enrolment
        draw = self.draw
        linked = f'"application_id":"{application}",' if application else ""
        categories = (
            "" if application and draw() < assumed.NOT_ASKED_TWICE else self._categories_json()
        )
        data = (
            f'{{"enrollment_id":"{enrolment}",{linked}"programme":"{programme}",'
            f'"enrolled_on":"{self._iso[day]}","expected_graduation_on":"{self._iso[expected]}",'
            f'"funding":"{funding}"{categories}}}'
        )
        late = 0
        if application and draw() < assumed.ENROLMENT_ARRIVES_LAST:
            late = assumed.ENROLMENT_ARRIVES_AFTER.pick(draw())
        self._scribe.state_fact(_ENROLLED, day, data, _SOON, late)
        if draw() < assumed.REPEATED_ENROLMENT:
            self._scribe.state_fact(_ENROLLED_ELSEWHERE, day, data, _SOON)
        return enrolment

    def reschedule(self, day: int, enrolment: str, expected: int) -> None:
        """Move the expected graduation."""
        if day >= self.end:
            return
        reason = ""
        if self.draw() < assumed.RESCHEDULING_REASON_GIVEN:
            reason = f',"reason":"{assumed.RESCHEDULING_REASON.pick(self.draw())}"'
        data = (
            f'{{"enrollment_id":"{enrolment}","decided_on":"{self._iso[day]}",'
            f'"expected_graduation_on":"{self._iso[expected]}"{reason}}}'
        )
        self._scribe.state_fact(_RESCHEDULED, day, data, _SOON)

    def withdraw(self, day: int, enrolment: str, reason: str) -> None:
        """Leave an enrolment."""
        if day < self.end:
            data = (
                f'{{"enrollment_id":"{enrolment}","withdrew_on":"{self._iso[day]}",'
                f'"reason":"{reason}"}}'
            )
            self._scribe.state_fact(_WITHDREW, day, data, assumed.WITHDRAWAL_STATED)

    def graduate(self, day: int, enrolment: str, programme: str) -> None:
        """Graduate."""
        if day >= self.end:
            return
        credential = ""
        if self.draw() < assumed.CREDENTIAL:
            credential = f',"credential":"{programme}-certificate"'
        data = f'{{"enrollment_id":"{enrolment}","graduated_on":"{self._iso[day]}"{credential}}}'
        self._scribe.state_fact(_GRADUATED, day, data, assumed.GRADUATION_STATED)

    def answer_survey(self, day: int, survey: str, status: str) -> None:
        """Answer a survey that no figure reads."""
        if day < self.end:
            data = f'{{"survey":"{survey}","answered_on":"{self._iso[day]}","status":"{status}"}}'
            self._scribe.state_fact(_ANSWERED, day, data, _SOON)

    def answer_job_survey(
        self, day: int, enrolment: str, status: str, found_on: int | None = None
    ) -> None:
        """Answer the job survey, with the day on which a job was found if there is one."""
        if day >= self.end:
            return
        more = ""
        if self.draw() < assumed.ANSWER_NAMES_ENROLLMENT:
            more = f',"enrollment_id":"{enrolment}"'
        if found_on is not None:
            more += self._job(status, found_on)
        data = f'{{"survey":"job","answered_on":"{self._iso[day]}","status":"{status}"{more}}}'
        self._scribe.state_fact(_ANSWERED, day, data, _LATE)

    def _job(self, status: str, found_on: int) -> str:
        draw = self.draw
        in_field = "true" if draw() < assumed.IN_FIELD else "false"
        by_school = "true" if draw() < assumed.BY_SCHOOL else "false"
        freelance = status == "self_employed"
        employment = "freelance" if freelance else assumed.EMPLOYMENT.pick(draw())
        return (
            f',"job_found_on":"{self._iso[max(found_on, 0)]}","in_field":{in_field},'
            f'"employment":"{employment}","by_school":{by_school},{self._provenance()}'
        )

    def declare_outcome(self, day: int, kind: str, *, credited: bool) -> None:
        """Declare a career outcome."""
        if day >= self.end:
            return
        draw = self.draw
        data = (
            f'{{"outcome_on":"{self._iso[day]}","kind":"{kind}",'
            f'"credited":{"true" if credited else "false"},{self._provenance()}}}'
        )
        source = "/alumni" if draw() < assumed.OUTCOME_FROM_ALUMNI else "/survey"
        self._scribe.state_fact((source, "outcome.declared"), day, data, _LATE)

    def declare_categories(self, day: int, source: str) -> None:
        """Declare the categories apart from an application or an enrolment."""
        if day < self.end:
            sets = category_sets.TEXTS
            data = f'{{"declared_on":"{self._iso[day]}","categories":{sets[self.categories]}}}'
            self._scribe.state_fact((source, "categories.declared"), day, data, _SOON)

    def _categories_json(self) -> str:
        """Return the member `categories`, null or absent where the person says nothing."""
        if self.declares:
            return f',"categories":{category_sets.TEXTS[self.categories]}'
        return ',"categories":null' if self.draw() < assumed.UNDECLARED_AS_NULL else ""

    def _provenance(self) -> str:
        """Return `stated_by`, and for some `evidence`."""
        draw = self.draw
        stated_by = f'"stated_by":"{assumed.STATED_BY.pick(draw())}"'
        if draw() >= assumed.EVIDENCE:
            return stated_by
        sha256 = "".join([f"{int(draw() * 4_294_967_296):08x}" for _ in range(8)])
        uri = f',"uri":"evidence:{sha256[:12]}"' if draw() < assumed.EVIDENCE_URI else ""
        return f'{stated_by},"evidence":{{"sha256":"{sha256}"{uri}}}'
