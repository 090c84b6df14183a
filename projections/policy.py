"""Policies: the parameters of the figures as versioned data, no code (SPEC section 3)."""

from __future__ import annotations

import re
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from typing import Annotated, Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from projections.zones import zone, zone_data_release, zone_names
from schemas.canonical import canonical, sha256_hex
from schemas.events import FUNDINGS, Funding, Kind, Status, WithdrawalReason
from schemas.json_text import inspect_json
from schemas.text import one_line

__all__ = [
    "DEFAULT_POLICY",
    "Difference",
    "Policy",
    "PolicyError",
    "built_in_policies",
    "differing_parameters",
    "parse_policy",
]

DEFAULT_POLICY = "openclassrooms-2022"
_FAULTS_SHOWN = 3


class PolicyError(ValueError):
    """A JSON text is not a policy; the message is one printable line for whoever wrote it."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def _without_duplicates(members: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(members)) != len(members):
        raise ValueError("a list without duplicates")
    return members


def _day_of_common_year(text: str) -> str:
    if not re.fullmatch("[0-9]{2}-[0-9]{2}", text):
        raise ValueError("a day as MM-DD")
    try:
        date.fromisoformat(f"2023-{text}")
    except ValueError as error:
        raise ValueError("a day that every year has, as MM-DD") from error
    return text


def _known_zone(name: str) -> str:
    if name not in zone_names():
        raise ValueError("a zone of the time zone database, such as Europe/Paris")
    return name


def _partition(groups: dict[str, tuple[Funding, ...]]) -> dict[str, tuple[Funding, ...]]:
    members = sorted(member for group in groups.values() for member in group)
    if members != sorted(FUNDINGS):
        raise ValueError(f"each of {', '.join(FUNDINGS)} in exactly one group")
    return groups


_Unique = AfterValidator(_without_duplicates)
# RFC 8785 writes an integer as a binary64, so a larger one has no SHA-256.
_EXACT_MAX = 2**53 - 1
_Months = Annotated[int, Field(ge=1, le=_EXACT_MAX)]
_WindowDay = Annotated[str, AfterValidator(_day_of_common_year)]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Policy(BaseModel):
    """How a year's figures are to be read; the members are those of SPEC section 3, parameters.

    A published policy file is never rewritten: a report names id, version and SHA-256.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", serialize_by_alias=True)

    schema_name: Annotated[Literal["ledger/policy/v1"], Field(alias="schema")]
    id: _Name
    version: Annotated[int, Field(ge=-_EXACT_MAX, le=_EXACT_MAX)]
    zone: Annotated[str, AfterValidator(_known_zone)]
    outcome_window_months: _Months
    outcome_window_anchor: Literal["last_counted", "last_declared", "calendar_year"]
    outcome_window_scope: Literal["student", "student_and_kind"]
    outcome_date: Literal["outcome_on", "time"]
    outcome_kinds: Annotated[tuple[Kind, ...], _Unique]
    outcome_must_be_credited: bool
    orientation_months: _Months
    expected_date: Literal["first", "latest"]
    graduation_deadline: Literal["year_end", "expected_date"]
    excluded_withdrawals: Annotated[tuple[WithdrawalReason, ...], _Unique]
    placement_window: tuple[_WindowDay, _WindowDay]
    placement_months: _Months
    placement_base: Literal["respondents", "graduates"]
    placement_answer: Literal["any", "latest"]
    placement_statuses: Annotated[tuple[Status, ...], _Unique]
    funding_groups: Annotated[
        dict[_Name, Annotated[tuple[Funding, ...], Field(min_length=1)]], AfterValidator(_partition)
    ]

    @cached_property
    def sha256(self) -> str:
        """Lower-case hexadecimal SHA-256 of the RFC 8785 form."""
        return sha256_hex(canonical(self.model_dump(mode="json")))

    @cached_property
    def figures_key(self) -> str:
        """What stored figures are known by: another release of the zone data may change some."""
        if self.outcome_date == "outcome_on":
            return self.sha256
        return f"{self.sha256}@{zone_data_release()}"

    @cached_property
    def time_zone(self) -> ZoneInfo:
        """The zone in which an instant becomes a calendar date."""
        return zone(self.zone)

    @cached_property
    def kinds(self) -> frozenset[Kind]:
        """`outcome_kinds` for look-ups."""
        return frozenset(self.outcome_kinds)

    @cached_property
    def placement_days(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(month, day) of the first and of the last day of the placement window."""
        first, last = self.placement_window
        return (int(first[:2]), int(first[3:])), (int(last[:2]), int(last[3:]))

    @cached_property
    def funding_group(self) -> dict[Funding, str]:
        """The report's group of each funding value, `funding:<group>`."""
        return {
            member: f"funding:{name}"
            for name, members in self.funding_groups.items()
            for member in members
        }


def parse_policy(text: bytes, place: str) -> Policy:
    """Read a policy.

    Args:
        text: The JSON object.
        place: Where it comes from, for a person: a file for example.

    Raises:
        PolicyError: If it is not a policy; one line with the first three faults.
    """
    shape = inspect_json(text)
    if shape is None or not shape.unique:
        fault = "not JSON" if shape is None else "duplicate key in an object"
        raise PolicyError(f"policy {place}: {fault}; see `outcomes policy show`")
    try:
        return Policy.model_validate_json(text)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'policy'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        listed = "; ".join(faults[:_FAULTS_SHOWN])
        more = f" and {len(faults) - _FAULTS_SHOWN} more" if faults[_FAULTS_SHOWN:] else ""
        hint = "compare `outcomes policy show`"
        raise PolicyError(f"policy {place}: {listed}{more}; {hint}") from error


class Difference(NamedTuple):
    """A parameter in which two policies differ, as JSON has its values."""

    parameter: str
    before: Any
    after: Any


def differing_parameters(before: Policy, after: Policy) -> list[Difference]:
    """The parameters in which two policies differ, in the order of the specification."""
    first, second = before.model_dump(mode="json"), after.model_dump(mode="json")
    names = [name for name in first if name not in ("schema", "id", "version")]
    return [
        Difference(name, first[name], second[name]) for name in names if first[name] != second[name]
    ]


@cache
def built_in_policies() -> dict[str, Policy]:
    """The policies that come with the ledger, by id."""
    folder = files("projections") / "policies"
    policies = [parse_policy(entry.read_bytes(), entry.name) for entry in folder.iterdir()]
    return {policy.id: policy for policy in sorted(policies, key=lambda policy: policy.id)}
