"""Reports that somebody hands in, judged under a profile: what would be hidden of each, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.audit.verify import policy_of
from ledger.disclosure.disclose import Disclosure, judge
from ledger.disclosure.profile import Profile
from ledger.report.document import complete_report, decode_reports
from projections.policy import Policy

__all__ = ["judge_reports"]


def judge_reports(
    data: bytes, place: str, policies: Sequence[Policy], profile: Profile
) -> Iterator[tuple[str, Disclosure]]:
    """Judge one report or an array of several, each by its name.

    Args:
        data: The document.
        place: Where it comes from, for a person.
        policies: That they may have been made under, besides the built-in ones.
        profile: Says what may be shown.

    Raises:
        BadInputError: If they are no reports, or such as no school can have.
        ConfigurationError: If one was made under an unknown policy or unknown rules.
    """
    for name, outline in decode_reports(data, place).items():
        report = complete_report(outline, name)
        yield name, judge(report, policy_of(name, outline, policies), profile)
