"""From a report to what may be shown of it (SPEC section 7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import ValidationError

from ledger.decoding import fault_of
from ledger.disclosure.consistency import contradictions
from ledger.disclosure.first_form import first_form
from ledger.disclosure.forms import Forms, form_of, growth_of
from ledger.disclosure.hiding import Hidden, hide
from ledger.disclosure.profile import Profile
from ledger.disclosure.shown import (
    SHOWN_SCHEMA,
    DisclosureName,
    ShownCountRow,
    ShownLog,
    ShownPolicyName,
    ShownRateRow,
    ShownRecords,
    ShownReport,
)
from ledger.errors import BadInputError, ConfigurationError
from ledger.report.model import Report
from projections.policy import Policy

__all__ = ["Disclosure", "disclose", "judge"]


class Disclosure(NamedTuple):
    """How a report was judged.

    Attributes:
        first: Its first form.
        hidden: What was hidden of it, and why.
        shown: What may be shown.
    """

    first: Forms
    hidden: Hidden
    shown: ShownReport


def disclose(report: Report, policy: Policy, profile: Profile) -> ShownReport:
    """What may be shown of a report.

    Args:
        report: Any.
        policy: The one that it was made under.
        profile: Says what may be shown.

    Raises:
        BadInputError: If no school can have the counts of the report.
        ConfigurationError: If the report was made under another policy.
    """
    return judge(report, policy, profile).shown


def judge(report: Report, policy: Policy, profile: Profile) -> Disclosure:
    """What may be shown of a report, and why no more; see `disclose`."""
    named = report.policy
    if named.sha256 != policy.sha256:
        raise ConfigurationError(
            f"the report was made under {named.id} version {named.version} ({named.sha256[:12]}),"
            f" not under {policy.id} version {policy.version} ({policy.sha256[:12]}); give its"
            " policy with --policy"
        )
    contradiction = next(contradictions(report, policy), None)
    if contradiction is not None:
        raise BadInputError(
            f"report {report.reference_year}: {contradiction}; see `outcomes verify`"
        )
    first = first_form(report, policy, profile)
    hidden = hide(first, policy, profile)
    try:
        return Disclosure(first, hidden, _shown(report, hidden.forms, profile))
    except ValidationError as error:
        raise BadInputError(
            f"report {report.reference_year} cannot be shown{fault_of(error)}"
        ) from error


def _shown(report: Report, forms: Forms, profile: Profile) -> ShownReport:
    policy = report.policy
    return ShownReport(
        schema_name=SHOWN_SCHEMA,
        rules=report.rules,
        reference_year=report.reference_year,
        policy=ShownPolicyName(id=policy.id, version=policy.version, sha256=policy.sha256),
        disclosure=DisclosureName(id=profile.id, version=profile.version, sha256=profile.sha256),
        log=_log(report, profile),
        records=_records(report, profile),
        counts=tuple(_count_rows(forms, profile)),
        rates=tuple(
            ShownRateRow(measure=measure, group=group, tenths=tenths)
            for (measure, group), tenths in sorted(forms.rates.items())
        ),
        provisional={**report.provisional},
        zone_data=report.zone_data,
    )


def _log(report: Report, profile: Profile) -> ShownLog:
    log = report.log
    members = {"name": log.name, "cut": log.cut, "records": form_of(profile, log.records)}
    return ShownLog.model_validate(members | ({"roots": log.roots} if log.roots else {}))


def _records(report: Report, profile: Profile) -> ShownRecords:
    """Numbers in first form; a rule whose number is shown as 0 is not listed, as one not hit."""
    totals = report.records
    quarantined = {rule: form_of(profile, hits) for rule, hits in totals.quarantined.items()}
    numbers = {
        name: form_of(profile, getattr(totals, name))
        for name in ShownRecords.model_fields
        if name != "quarantined"
    }
    hit = {rule: form for rule, form in quarantined.items() if form != 0}
    return ShownRecords.model_validate(numbers | {"quarantined": hit})


def _count_rows(forms: Forms, profile: Profile) -> Iterator[ShownCountRow]:
    for cell in sorted(cell for cell in forms.counts if not cell.years_back):
        count, previous = forms.counts[cell], forms.counts[cell._replace(years_back=1)]
        growth = growth_of(profile, count, previous)
        yield ShownCountRow(
            measure=cell.measure, group=cell.group, count=count, previous=previous, growth=growth
        )
