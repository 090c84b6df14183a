"""Every number the synthetic world rests on, in one place.

The world is calibrated so that the figures of the second year under the policy
`openclassrooms-2022` are close to those published about 2022: 29 % orientation, 41 % graduation,
48 % placement among respondents, career outcomes up 47 %. Nothing else in it is measured: shares,
delays and differences between groups are plausible guesses, made visible here.

Shares are of 1; delays are in days unless a name says otherwise.
"""

from __future__ import annotations

from typing import Final

from outcomes.synthetic.draws import Choice, RangeMix

# --- Who comes, and when -------------------------------------------------------------------------
YEARS_BEFORE: Final = 2  # intake starts this long before the first year whose figures are whole
YEARLY_GROWTH: Final = 1.46
MONTH_WEIGHTS: Final = (1.25, 1.05, 1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 1.35, 1.25, 1.0, 0.85)
INTAKE_MONTHS_AFTER: Final = 3  # of the year after the last one
LOG_MONTHS_AFTER: Final = 6

LEARNER_SHARE: Final = 0.26  # free courses only
DIRECT_SHARE: Final = 0.28  # enrolled by an employer or a contract, without an application
UNDECLARED_SHARE: Final = 0.08
UNDECLARED_AS_NULL: Final = 0.4  # the others leave the member out
NOT_ASKED_TWICE: Final = 0.5  # of those who stated their categories when they applied

# --- Groups: share; then factors on enrolling, graduating, answering, being placed ---------------
CATEGORIES: Final[dict[str, tuple[float, float, float, float, float]]] = {
    "job_seeker": (0.45, 1.10, 0.98, 1.04, 0.97),
    "low_qualification": (0.30, 0.92, 0.90, 0.94, 0.92),
    "disadvantaged_area": (0.15, 0.96, 0.94, 0.97, 0.93),
    "refugee": (0.03, 0.85, 0.92, 1.00, 0.78),
    "disability": (0.07, 0.95, 0.90, 1.02, 0.82),
}
FACTORS_OF_NONE: Final = (1.0, 1.05, 1.0, 1.08)

# --- Programmes: share, months -------------------------------------------------------------------
PROGRAMMES: Final[dict[str, tuple[float, int]]] = {
    "web-developer": (0.20, 9),
    "front-end-developer": (0.08, 6),
    "python-developer": (0.09, 12),
    "data-analyst": (0.12, 9),
    "data-scientist": (0.05, 12),
    "data-engineer": (0.04, 12),
    "it-support-technician": (0.11, 9),
    "systems-administrator": (0.06, 12),
    "cybersecurity-analyst": (0.05, 12),
    "digital-project-manager": (0.08, 12),
    "ux-designer": (0.06, 9),
    "digital-marketing": (0.04, 6),
    "software-architect": (0.02, 18),
}
PROGRAMME: Final = Choice({name: share for name, (share, _) in PROGRAMMES.items()})
MONTH_DAYS: Final = 30.4375

# --- From applying to enrolling ------------------------------------------------------------------
ORIENTATION: Final = 0.31
SECOND_APPLICATION: Final = 0.15
SECOND_APPLICATION_AFTER: Final = RangeMix((0.7, 5, 90), (0.3, 91, 420))
ENROLLED_AFTER: Final = RangeMix((0.55, 5, 45), (0.33, 46, 150), (0.09, 151, 365), (0.03, 366, 500))
ADMISSION_SURVEY: Final = 0.5
FREE_COURSE: Final = (
    0.6  # one more, asked after each; of learners, and of applicants never enrolled
)
FREE_COURSE_AFTER: Final = RangeMix((1.0, 10, 120))

FUNDING_OF_SEEKERS: Final = Choice({
    "job_centre": 0.34, "cpf": 0.27, "public_grant": 0.14, "self_paid": 0.12,
    "individual": 0.06, "apprenticeship": 0.04, "other": 0.03,
})  # fmt: skip
FUNDING_OF_OTHERS: Final = Choice({
    "cpf": 0.40, "self_paid": 0.24, "individual": 0.10, "employer": 0.13,
    "apprenticeship": 0.06, "public_grant": 0.04, "other": 0.03,
})  # fmt: skip
FUNDING_OF_DIRECT: Final = Choice({
    "apprenticeship": 0.37, "employer": 0.25, "cpf": 0.18, "public_grant": 0.08,
    "job_centre": 0.06, "self_paid": 0.04, "other": 0.02,
})  # fmt: skip

# --- From enrolling to graduating ----------------------------------------------------------------
GRADUATION: Final = 0.437  # sooner or later, of all enrolments
WITHDRAWAL: Final = 0.56  # of those who never graduate; the rest just stop
WITHDRAWAL_REASON: Final = Choice({
    "left": 0.800, "transferred": 0.160, "military": 0.018, "incarcerated": 0.012,
    "deceased": 0.010,
})  # fmt: skip
GRADUATED_FROM_EXPECTED: Final = RangeMix(
    (0.22, -120, -15), (0.38, -14, 0), (0.25, 1, 90), (0.15, 91, 330)
)
RESCHEDULED_IF_LATE: Final = 0.62
RESCHEDULED_IF_STOPPED: Final = 0.18
RESCHEDULED_TWICE: Final = 0.22
RESCHEDULED_TWICE_ON_ONE_DAY: Final = 0.15
RESCHEDULED_BY: Final = RangeMix((0.7, 30, 120), (0.3, 121, 270))
RESCHEDULING_REASON: Final = Choice({
    "student": 0.66, "school": 0.14, "employer": 0.08, "other": 0.12,
})  # fmt: skip
RESCHEDULING_REASON_GIVEN: Final = 0.85
CREDENTIAL: Final = 0.8
CHECK_IN_EVERY: Final = RangeMix((1.0, 25, 70))  # between two satisfaction surveys of a student
CHECK_IN_ANSWERED: Final = 0.8
CATEGORIES_CHANGE: Final = 0.12
AGAIN_AFTER_GRADUATION: Final = 0.09
AGAIN_AFTER_STOPPING: Final = 0.02
AGAIN_AFTER_WITHDRAWAL: Final = {
    "left": 0.05, "transferred": 0.75, "military": 0.1, "incarcerated": 0.0, "deceased": 0.0,
}  # fmt: skip
AGAIN_AFTER: Final = RangeMix((0.6, 3, 60), (0.4, 61, 300))
ENROLLMENTS_MAX: Final = 3

# --- The job survey ------------------------------------------------------------------------------
RESPONSE: Final = 0.49
PLACEMENT: Final = 0.49  # of respondents, within six months; of the silent too
FOUND_LATER: Final = 0.24  # of those not placed: a job after more than six months
ANSWERED_AFTER: Final = RangeMix((0.30, 25, 150), (0.70, 160, 230))
ANSWERED_AGAIN: Final = 0.22
ANSWERED_UNKNOWN: Final = 0.06  # an answer of those who do not say what they do
JOB_FOUND_FROM_GRADUATION: Final = RangeMix((0.12, -60, -1), (0.50, 0, 60), (0.38, 61, 176))
JOB_FOUND_LATER: Final = RangeMix((1.0, 190, 330))
STATUS_PLACED: Final = Choice({"employed": 0.88, "self_employed": 0.12})
STATUS_NOT_PLACED: Final = Choice({
    "seeking": 0.56, "studying": 0.20, "not_seeking": 0.10, "employed": 0.08,
    "volunteering": 0.04, "military": 0.02,
})  # fmt: skip
EMPLOYMENT: Final = Choice({
    "full_time": 0.66, "part_time": 0.12, "temporary": 0.22,
})  # fmt: skip
IN_FIELD: Final = 0.74
ANSWER_NAMES_ENROLLMENT: Final = 0.75
BY_SCHOOL: Final = 0.04
JOB_SURVEY_WITHOUT_GRADUATION: Final = 0.12

# --- Outcomes ------------------------------------------------------------------------------------
OUTCOME_OF_PLACED: Final = 0.55
OUTCOME_IN_TRAINING: Final = 0.14
OUTCOME_OF_LEARNER: Final = 0.85
OUTCOME_OF_APPLICANT: Final = 0.18  # who never enrols
OUTCOME_AFTER: Final = RangeMix((0.45, 20, 150), (0.40, 151, 330), (0.15, 331, 480))
REPEATED_WITHIN_12_MONTHS: Final = 0.095
REPEATED_WITHIN: Final = RangeMix((1.0, 12, 350))
REPEATED_LATER: Final = 0.08
REPEATED_AFTER: Final = RangeMix((0.15, 360, 370), (0.85, 371, 620))
KIND_OF_PLACED: Final = Choice({"new_job": 0.80, "apprenticeship": 0.07, "business": 0.13})
KIND_IN_TRAINING: Final = Choice({
    "internship": 0.30, "apprenticeship": 0.24, "new_job": 0.22, "new_title": 0.08, "raise": 0.10,
    "internal_mobility": 0.06,
})  # fmt: skip
KIND_OF_LEARNER: Final = Choice({
    "new_job": 0.42, "internship": 0.13, "apprenticeship": 0.06, "business": 0.10,
    "new_title": 0.09, "raise": 0.14, "internal_mobility": 0.06,
})  # fmt: skip
KIND_REPEATED: Final = Choice({
    "raise": 0.34, "new_title": 0.26, "internal_mobility": 0.14, "new_job": 0.22,
    "business": 0.04,
})  # fmt: skip
CREDITED: Final = 0.85  # the first outcome and those that follow it
STATED_BY: Final = Choice({"student": 0.88, "employer": 0.06, "registry": 0.02, "staff": 0.04})
EVIDENCE: Final = 0.24
EVIDENCE_URI: Final = 0.5
OUTCOME_FROM_ALUMNI: Final = 0.8  # the others tell it in a survey

# --- From a fact to its statement, from the statement to the log ---------------------------------
STATED_SOON: Final = RangeMix((0.8, 0, 0), (0.2, 1, 4))
STATED_LATE: Final = RangeMix((0.6, 0, 5), (0.3, 6, 45), (0.1, 60, 300))  # outcomes and answers
WITHDRAWAL_STATED: Final = RangeMix((0.8, 0, 10), (0.2, 11, 60))
GRADUATION_STATED: Final = RangeMix((0.70, 0, 7), (0.22, 8, 40), (0.08, 41, 260))
RECORDED_AFTER_SECONDS: Final = RangeMix(
    (0.88, 1, 90), (0.10, 91, 43_200), (0.015, 43_201, 432_000), (0.005, 432_001, 6_900_000)
)
ENROLMENT_ARRIVES_LAST: Final = 0.015  # of those with an application: a platform joined late
ENROLMENT_ARRIVES_AFTER: Final = RangeMix((1.0, 150, 420))

# --- Disorder, per event -------------------------------------------------------------------------
DISORDER: Final = {
    "resent": 0.0200,  # the same bytes again
    "corrected": 0.0110,  # retracted, and stated again with another date
    "retracted": 0.0040,
    "contradicted": 0.0010,  # one id, two contents
    "broken": 0.0005,  # a damaged attempt before the good one
    "retraction_of_nothing": 0.0003,
    "retraction_of_retraction": 0.0003,
}
REPEATED_ENROLMENT: Final = 0.008  # a second platform states the enrolment under its own id
RESENT_AFTER_SECONDS: Final = RangeMix(
    (0.7, 1, 600), (0.25, 601, 86_400), (0.05, 86_401, 2_600_000)
)
CORRECTED_AFTER: Final = RangeMix((0.7, 1, 20), (0.3, 21, 120))
CORRECTED_BY: Final = RangeMix((0.8, 1, 15), (0.2, 16, 60))
RETRACTION_ARRIVES_FIRST: Final = 0.10
RETRACTION_FROM_ELSEWHERE: Final = 0.08
RETRACTION_REASON: Final = Choice({
    "entered_wrongly": 0.55, "withdrawn_by_student": 0.25, "other": 0.20,
})  # fmt: skip
DAMAGE: Final = {  # of what is broken
    "half_an_object": 0.20,
    "unknown_member": 0.20,
    "unknown_version": 0.15,
    "impossible_date": 0.15,
    "foreign_key": 0.15,
    "no_key": 0.15,
}
