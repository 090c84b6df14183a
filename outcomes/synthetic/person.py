"""One person, and what is said about them: facts as JSON, handed to the scribe.

Every text is made of known words, digits and hexadecimal ids, so nothing needs escaping. A fact
after the end of the log is not stated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from outcomes.synthetic import assumptions as assumed
from outcomes.synthetic import category_sets
from outcomes.synthetic.days import DAY_MS, Days

if TYPE_CHECKING:
    from outcomes.synthetic.draws import Even, Spread
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
    """Says what happens to one person, in the words of the specification.

    Attributes:
        categories: The person's set of categories now, said or not.
        declares: Whether the person says which categories they are in.
        draw: The person's own next number in [0, 1).
        end: The first day after the log.
        categories: The person's set of categories now, said or not.
        declares: Whether the person says which categories they are in.
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

    def __init__(self, days: Days, even: Even, scribe: Scribe, day: int) -> None:
        """Draw the categories of a person who comes on *day*."""
        self._iso = days.iso
        self._year = days.year
        self._month = days.month
        self._even = even
        self._scribe = scribe
        self._applications = 0
        self._enrollments = 0
        self.draw = scribe.draw
        self.end = days.end_ms // DAY_MS
        self.categories = category_sets.SETS.at(self.even("categories", day))
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

    def delay(self, purpose: str, spread: Spread, day: int) -> int:
        """Return days out of *spread*, even within the month of *day*."""
        return spread.at(self._even.draw(purpose, self._month[day]))

    def applied(self, day: int, programme: str) -> str:
        """Apply; return the application's id."""
        application = f"ap-{self._scribe.token}{self._applications}"
        self._applications += 1
        if day < self.end:
            data = (
                f'{{"application_id":"{application}","programme":"{programme}",'
                f'"applied_on":"{self._iso[day]}"{self._said()}}}'
            )
            self._scribe.state(_APPLIED, day, data, _SOON)
        return application

    def enrolled(
        self, day: int, expected: int, programme: str, funding: str, application: str
    ) -> str:
        """Enrol, without *application* if it is empty; return the enrolment's id."""
        enrollment = f"en-{self._scribe.token}{self._enrollments}"
        self._enrollments += 1
        if day >= self.end:
            return enrollment
        draw = self.draw
        linked = f'"application_id":"{application}",' if application else ""
        said = "" if application and draw() < assumed.NOT_ASKED_TWICE else self._said()
        data = (
            f'{{"enrollment_id":"{enrollment}",{linked}"programme":"{programme}",'
            f'"enrolled_on":"{self._iso[day]}","expected_graduation_on":"{self._iso[expected]}",'
            f'"funding":"{funding}"{said}}}'
        )
        late = 0
        if application and draw() < assumed.ENROLMENT_ARRIVES_LAST:
            late = assumed.ENROLMENT_ARRIVES_AFTER.at(draw())
        self._scribe.state(_ENROLLED, day, data, _SOON, late)
        if draw() < assumed.REPEATED_ENROLMENT:
            self._scribe.state(_ENROLLED_ELSEWHERE, day, data, _SOON)
        return enrollment

    def rescheduled(self, day: int, enrollment: str, expected: int) -> None:
        """Move the expected graduation."""
        if day >= self.end:
            return
        reason = ""
        if self.draw() < assumed.RESCHEDULING_REASON_GIVEN:
            reason = f',"reason":"{assumed.RESCHEDULING_REASON.at(self.draw())}"'
        data = (
            f'{{"enrollment_id":"{enrollment}","decided_on":"{self._iso[day]}",'
            f'"expected_graduation_on":"{self._iso[expected]}"{reason}}}'
        )
        self._scribe.state(_RESCHEDULED, day, data, _SOON)

    def withdrew(self, day: int, enrollment: str, reason: str) -> None:
        """Leave an enrolment."""
        if day < self.end:
            data = (
                f'{{"enrollment_id":"{enrollment}","withdrew_on":"{self._iso[day]}",'
                f'"reason":"{reason}"}}'
            )
            self._scribe.state(_WITHDREW, day, data, assumed.WITHDRAWAL_STATED)

    def graduated(self, day: int, enrollment: str, programme: str) -> None:
        """Graduate."""
        if day >= self.end:
            return
        credential = ""
        if self.draw() < assumed.CREDENTIAL:
            credential = f',"credential":"{programme}-certificate"'
        data = f'{{"enrollment_id":"{enrollment}","graduated_on":"{self._iso[day]}"{credential}}}'
        self._scribe.state(_GRADUATED, day, data, assumed.GRADUATION_STATED)

    def answered(self, day: int, survey: str, status: str) -> None:
        """Answer a survey that no figure reads."""
        if day < self.end:
            data = f'{{"survey":"{survey}","answered_on":"{self._iso[day]}","status":"{status}"}}'
            self._scribe.state(_ANSWERED, day, data, _SOON)

    def answered_job(
        self, day: int, enrollment: str, status: str, found: int | None = None
    ) -> None:
        """Answer the job survey, with the day on which a job was *found* if there is one."""
        if day >= self.end:
            return
        more = ""
        if self.draw() < assumed.ANSWER_NAMES_ENROLLMENT:
            more = f',"enrollment_id":"{enrollment}"'
        if found is not None:
            more += self._job(status, found)
        data = f'{{"survey":"job","answered_on":"{self._iso[day]}","status":"{status}"{more}}}'
        self._scribe.state(_ANSWERED, day, data, _LATE)

    def _job(self, status: str, found: int) -> str:
        draw = self.draw
        in_field = "true" if draw() < assumed.IN_FIELD else "false"
        by_school = "true" if draw() < assumed.BY_SCHOOL else "false"
        freelance = status == "self_employed"
        employment = "freelance" if freelance else assumed.EMPLOYMENT.at(draw())
        return (
            f',"job_found_on":"{self._iso[max(found, 0)]}","in_field":{in_field},'
            f'"employment":"{employment}","by_school":{by_school},{self._stated()}'
        )

    def outcome(self, day: int, kind: str, *, credited: bool) -> None:
        """Declare a career outcome."""
        if day >= self.end:
            return
        draw = self.draw
        data = (
            f'{{"outcome_on":"{self._iso[day]}","kind":"{kind}",'
            f'"credited":{"true" if credited else "false"},{self._stated()}}}'
        )
        source = "/alumni" if draw() < assumed.OUTCOME_FROM_ALUMNI else "/survey"
        self._scribe.state((source, "outcome.declared"), day, data, _LATE)

    def declared_categories(self, day: int, source: str) -> None:
        """Declare the categories apart from an application or an enrolment."""
        if day < self.end:
            sets = category_sets.TEXTS
            data = f'{{"declared_on":"{self._iso[day]}","categories":{sets[self.categories]}}}'
            self._scribe.state((source, "categories.declared"), day, data, _SOON)

    def _said(self) -> str:
        """Return the member `categories`, null or absent where the person says nothing."""
        if self.declares:
            return f',"categories":{category_sets.TEXTS[self.categories]}'
        return ',"categories":null' if self.draw() < assumed.UNDECLARED_AS_NULL else ""

    def _stated(self) -> str:
        """Return `stated_by`, and for some `evidence`."""
        draw = self.draw
        stated_by = f'"stated_by":"{assumed.STATED_BY.at(draw())}"'
        if draw() >= assumed.EVIDENCE:
            return stated_by
        sha256 = "".join([f"{int(draw() * 4_294_967_296):08x}" for _ in range(8)])
        uri = f',"uri":"evidence:{sha256[:12]}"' if draw() < assumed.EVIDENCE_URI else ""
        return f'{stated_by},"evidence":{{"sha256":"{sha256}"{uri}}}'
