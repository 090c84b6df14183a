"""Disclosure profiles: what a publication may show, as versioned data, no code.

Source: SPEC section 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from ledger.errors import ConfigurationError
from ledger.named_content import read_named, refuse_other_content
from projections.measures.catalogue import COUNTS, RATES
from schemas.canonical import canonical, sha256_hex
from schemas.json_places import escape_pointer, repeated_members
from schemas.json_text import inspect_json
from schemas.reasons import model_reason, suggestion

__all__ = [
    "DEFAULT_PROFILE",
    "Profile",
    "ProfileFault",
    "RateStep",
    "built_in_profiles",
    "load_profile",
    "profile_faults",
    "read_profile",
]

DEFAULT_PROFILE = "round-5"

_FAULTS_SHOWN = 3
_MEASURES = (*COUNTS, *(rate.name for rate in RATES))
# RFC 8785 writes an integer as a binary64, so a larger one has no SHA-256.
_EXACT_MAX = 2**53 - 1
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Tuple = Field(strict=False)  # JSON has arrays only.
_Positive = Annotated[int, Field(ge=1, le=_EXACT_MAX)]

RateStep = tuple[_Positive, _Positive]
"""From which denominator on, as shown, a rate has which step, in tenths of a point."""


def _measures(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in _MEASURES:
            raise ValueError(f"measures only{suggestion(name, _MEASURES)}")
    if len(set(names)) != len(names):
        raise ValueError("measures, each once")
    return names


def _ascending(steps: tuple[RateStep, ...]) -> tuple[RateStep, ...]:
    leasts = [least for least, _ in steps]
    if leasts != sorted(set(leasts)):
        raise ValueError("pairs by their least denominator, ascending, each once")
    return steps


class Profile(BaseModel):
    """What may be shown of a report; the members are those of SPEC section 7.

    A profile that a publication names is never rewritten.

    Attributes:
        left_out: Measures that are not published.
        threshold: T; a count from 1 to T - 1 is shown as *fewer than T*.
        rounding: R; any other count is shown as the nearest multiple, halves up.
        rate_steps: The last pair that a rate reaches gives its step.
        ambiguity: A; a protected count is in danger when the least and the greatest value that it
            can have differ by less than A - 1.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", serialize_by_alias=True)

    schema_name: Annotated[Literal["ledger/disclosure/v1"], Field(alias="schema")]
    id: _Name
    version: Annotated[int, Field(ge=-_EXACT_MAX, le=_EXACT_MAX)]
    left_out: Annotated[tuple[str, ...], _Tuple, AfterValidator(_measures)]
    threshold: Annotated[int, Field(ge=2, le=_EXACT_MAX)] | None
    rounding: Annotated[int, Field(ge=2, le=_EXACT_MAX)] | None
    rate_steps: Annotated[
        tuple[Annotated[RateStep, _Tuple], ...], _Tuple, AfterValidator(_ascending)
    ]
    ambiguity: _Positive

    @field_validator("rounding")
    @classmethod
    def _not_below_threshold(cls, rounding: int | None, info: ValidationInfo) -> int | None:
        threshold = info.data.get("threshold")
        if threshold and rounding and rounding > 2 * threshold:
            raise ValueError(
                f"at most twice the threshold, {2 * threshold:,}; else a count above it would be"
                " shown as 0"
            )
        return rounding

    @field_validator("ambiguity")
    @classmethod
    def _not_beyond_forms(cls, ambiguity: int, info: ValidationInfo) -> int:
        if not {"threshold", "rounding"} <= info.data.keys():
            return ambiguity
        values, form = min(_values_by_form(info.data["threshold"], info.data["rounding"]))
        if ambiguity > values:
            raise ValueError(f"at most {values:,}, the number of counts that {form} stands for")
        return ambiguity

    @cached_property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the RFC 8785 form."""
        return sha256_hex(canonical(self.model_dump(mode="json")))


def _values_by_form(threshold: int | None, rounding: int | None) -> Iterator[tuple[int, str]]:
    """For how many counts a form stands; of the rounded numbers the smallest, others for more."""
    if threshold:
        yield threshold - 1, f"“fewer than {threshold}”"
    if rounding:
        first = threshold or 0
        number = (2 * first + rounding) // (2 * rounding) * rounding
        yield number + (rounding + 1) // 2 - first, f"{number:,}"
    if not threshold and not rounding:
        yield 1, "a number that is not rounded"


class ProfileFault(NamedTuple):
    """What keeps a JSON text from being a profile.

    Attributes:
        pointer: JSON pointer (RFC 6901) to the member; empty for the whole.
        reason: A few words for whoever wrote it.
    """

    pointer: str
    reason: str


def profile_faults(text: bytes) -> list[ProfileFault]:
    """Everything that keeps a JSON text from being a profile."""
    shape = inspect_json(text)
    if shape is None:
        return [ProfileFault("", "not JSON")]
    if not shape.unique:
        return [
            ProfileFault(pointer, f"a member that is there {count:,} times; keep one")
            for pointer, count in repeated_members(text)
        ]
    try:
        Profile.model_validate_json(text)
    except ValidationError as error:
        return [_fault(each) for each in error.errors(include_url=False)]
    return []


@cache
def built_in_profiles() -> dict[str, Profile]:
    """The profiles that come with the ledger, by id."""
    folder = files("ledger.disclosure") / "profiles"
    texts = sorted((entry.name, entry.read_bytes()) for entry in folder.iterdir())
    profiles = [Profile.model_validate_json(text) for _, text in texts]
    return {profile.id: profile for profile in profiles}


def load_profile(name: str, *, source: str = "--disclosure") -> Profile:
    """The profile of a built-in id or of a JSON file.

    Args:
        name: The id or the file.
        source: What has named it, for messages.

    Raises:
        ConfigurationError: If it is neither, not a valid profile, or one that has the id and
            version of a built-in profile and another content.
    """
    known = built_in_profiles()
    if name in known:
        return known[name]
    text = read_profile(name, source=source)
    faults = profile_faults(text)
    if faults:
        listed = "; ".join(": ".join(filter(None, fault)) for fault in faults[:_FAULTS_SHOWN])
        more = f" and {len(faults) - _FAULTS_SHOWN} more" if faults[_FAULTS_SHOWN:] else ""
        raise ConfigurationError(
            f"{source} {name}: {listed}{more}; compare `outcomes disclosure show`"
        )
    profile = Profile.model_validate_json(text)
    refuse_other_content(profile, known, f"{source} {name}")
    return profile


def read_profile(name: str, *, source: str = "profile") -> bytes:
    """The bytes of a profile's file.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    return read_named(name, built_in_profiles(), source)


def _fault(fault: ErrorDetails) -> ProfileFault:
    pointer = "".join(map(escape_pointer, fault["loc"]))
    kind = fault["type"]
    if kind == "value_error":
        return ProfileFault(pointer, str(fault["ctx"]["error"]))
    if kind in _REASONS:
        return ProfileFault(pointer, _REASONS[kind].format(**fault.get("ctx", {})))
    return ProfileFault(pointer, model_reason(fault, Profile))


_REASONS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "greater_than_equal": "at least {ge:,}",
    "less_than_equal": "at most {le:,}",
    "tuple_type": "an array",
    "too_long": "a denominator and a step, no more",
}
