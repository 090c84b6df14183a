"""The nine facts of a student's journey, in their usual order (SPEC section 1, types).

Each class is the `data` object of one event type. They are strict: nothing is coerced, an unknown
member is an error, and `null` means the same as absent where a member may be absent.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetPydanticSchema,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, core_schema

from schemas.moments import FIRST_DAY, LAST_DAY, day
from schemas.patterns import DAY, text_schema

__all__ = [
    "CATEGORIES",
    "CHOICES",
    "FACTS",
    "FUNDINGS",
    "KINDS",
    "STATUSES",
    "TEXT_MAX",
    "Answered",
    "Applied",
    "Categories",
    "CategoriesDeclared",
    "Category",
    "Enrolled",
    "Fact",
    "Funding",
    "Graduated",
    "Kind",
    "OutcomeDeclared",
    "Rescheduled",
    "Retracted",
    "Status",
    "WithdrawalReason",
    "Withdrew",
]

Category = Literal["job_seeker", "low_qualification", "disadvantaged_area", "refugee", "disability"]
Funding = Literal[
    "self_paid",
    "cpf",
    "individual",
    "employer",
    "apprenticeship",
    "job_centre",
    "public_grant",
    "other",
]
Kind = Literal[
    "new_job",
    "internship",
    "apprenticeship",
    "business",
    "new_title",
    "raise",
    "internal_mobility",
]
Status = Literal[
    "employed",
    "self_employed",
    "studying",
    "military",
    "volunteering",
    "seeking",
    "not_seeking",
    "unknown",
]
WithdrawalReason = Literal["left", "transferred", "deceased", "incarcerated", "military"]
StatedBy = Literal["student", "employer", "registry", "staff"]
ReschedulingReason = Literal["student", "school", "employer", "other"]
RetractionReason = Literal["entered_wrongly", "withdrawn_by_student", "superseded", "other"]
Employment = Literal["full_time", "part_time", "temporary", "freelance"]

CATEGORIES: tuple[Category, ...] = get_args(Category)
FUNDINGS: tuple[Funding, ...] = get_args(Funding)
KINDS: tuple[Kind, ...] = get_args(Kind)
STATUSES: tuple[Status, ...] = get_args(Status)
CHOICES: dict[str, tuple[str, ...]] = {
    "Category": CATEGORIES,
    "Employment": get_args(Employment),
    "Funding": FUNDINGS,
    "Kind": KINDS,
    "ReschedulingReason": get_args(ReschedulingReason),
    "RetractionReason": get_args(RetractionReason),
    "StatedBy": get_args(StatedBy),
    "Status": STATUSES,
    "WithdrawalReason": get_args(WithdrawalReason),
}
"""What a member may be, by the name of the choice."""

TEXT_MAX = 200
Text = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_MAX)]


_NO_DAY = ("calendar_date", "a date that exists, as YYYY-MM-DD")


class _Days(dict[str, date]):
    """Days by their text; kept are those of plausible years alone, so that they stay few."""

    def __missing__(self, text: str) -> date:
        calendar_day = day(text)
        if calendar_day is None:
            raise PydanticCustomError(*_NO_DAY)
        if FIRST_DAY <= calendar_day <= LAST_DAY:
            self[text] = calendar_day
        return calendar_day


def _as_category_set(value: object) -> frozenset[str]:
    if isinstance(value, list) and {*map(type, value)} <= _TEXTS:
        members = _category_set(tuple(value))
        if members is not None:
            return members
    raise PydanticCustomError("category_set", "a list of categories without duplicates")


@lru_cache(maxsize=256)
def _category_set(names: tuple[str, ...]) -> frozenset[str] | None:
    members = frozenset(names)
    return members if len(members) == len(names) and members <= _CATEGORY_SET else None


_CATEGORY_SET = frozenset[str](CATEGORIES)
_TEXTS = frozenset({str})
_SHA256 = "^[0-9a-f]{64}$"

# A text first, since the cache could not look anything else up.
_DAY = core_schema.chain_schema(
    [
        core_schema.custom_error_schema(
            core_schema.str_schema(strict=True),
            custom_error_type=_NO_DAY[0],
            custom_error_message=_NO_DAY[1],
        ),
        core_schema.no_info_plain_validator_function(_Days().__getitem__),
    ]
)
Day = Annotated[
    date,
    GetPydanticSchema(lambda _source, _handler: _DAY),
    WithJsonSchema(text_schema(DAY, format="date")),
]
Categories = Annotated[
    frozenset[Category],
    PlainValidator(_as_category_set),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "enum": list(CATEGORIES)},
            "uniqueItems": True,
        },
    ),
]


class _Data(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Evidence(_Data):
    """A document that backs a statement, named by its hash.

    Attributes:
        sha256: 64 lower-case hexadecimal digits.
        uri: Where it is kept.
    """

    sha256: Annotated[str, StringConstraints(pattern=_SHA256), WithJsonSchema(text_schema(_SHA256))]
    uri: Text | None = None


class Applied(_Data):
    """A person asked to join a programme."""

    TYPE: ClassVar = "ledger.student.applied.v1"

    application_id: Text
    programme: Text
    applied_on: Day
    categories: Categories | None = None


class Enrolled(_Data):
    """A person became a student of a programme."""

    TYPE: ClassVar = "ledger.student.enrolled.v1"

    enrollment_id: Text
    application_id: Text | None = None
    programme: Text
    enrolled_on: Day
    expected_graduation_on: Day
    funding: Funding
    categories: Categories | None = None


class Rescheduled(_Data):
    """The expected graduation of an enrolment was moved."""

    TYPE: ClassVar = "ledger.enrollment.rescheduled.v1"

    enrollment_id: Text
    expected_graduation_on: Day
    decided_on: Day
    reason: ReschedulingReason | None = None


class Withdrew(_Data):
    """A student left an enrolment before graduating."""

    TYPE: ClassVar = "ledger.student.withdrew.v1"

    enrollment_id: Text
    withdrew_on: Day
    reason: WithdrawalReason


class Graduated(_Data):
    """A student graduated from an enrolment."""

    TYPE: ClassVar = "ledger.student.graduated.v1"

    enrollment_id: Text
    graduated_on: Day
    credential: Text | None = None


class Answered(_Data):
    """A person answered a survey; only the survey named `job` is counted."""

    TYPE: ClassVar = "ledger.survey.answered.v1"

    survey: Text
    enrollment_id: Text | None = None
    answered_on: Day
    status: Status
    job_found_on: Day | None = None
    in_field: bool | None = None
    employment: Employment | None = None
    by_school: bool | None = None
    stated_by: StatedBy | None = None
    evidence: Evidence | None = None


class OutcomeDeclared(_Data):
    """A career outcome was declared: a job, a business, a raise."""

    TYPE: ClassVar = "ledger.outcome.declared.v1"

    outcome_on: Day
    kind: Kind
    credited: bool
    stated_by: StatedBy
    evidence: Evidence | None = None


class CategoriesDeclared(_Data):
    """A person stated the complete set of categories they belong to."""

    TYPE: ClassVar = "ledger.categories.declared.v1"

    declared_on: Day
    categories: Categories


class Identity(_Data):
    """The name of one event among those of its student."""

    source: Text
    id: Text


class Retracted(_Data):
    """An event of the same student is taken back."""

    TYPE: ClassVar = "ledger.event.retracted.v1"

    retracts: Identity
    reason: RetractionReason


Fact = (
    Applied
    | Enrolled
    | Rescheduled
    | Withdrew
    | Graduated
    | Answered
    | OutcomeDeclared
    | CategoriesDeclared
    | Retracted
)

FACTS: dict[str, type[Fact]] = {fact.TYPE: fact for fact in get_args(Fact)}
