"""What a profile lets be shown of a report: the one module here that sees exact figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ledger.audit.verify import policy_of
from ledger.disclosure.disclose import disclose
from ledger.disclosure.profile import Profile, built_in_profiles
from ledger.disclosure.shown import ShownReport
from ledger.errors import BadInputError, ConfigurationError
from ledger.evidence.proof_documents import CutProof
from ledger.log import Log
from ledger.log.progress import Notify, no_notice
from ledger.replay import ENGINES, Engine
from ledger.report import (
    Report,
    ReportQuery,
    decode_reports,
    encode_report,
    make_reports,
)
from ledger.report.document import complete_report
from ledger.report.make import ProgressBar, no_progress_bar
from ledger.report.model import LogAtCut
from outcomes.publish.making import Exact
from projections.policy import Policy
from schemas.version import RULES_VERSION

__all__ = [
    "Disclosed",
    "ProgressBar",
    "disclosed_again",
    "disclosed_from_log",
    "disclosed_from_report",
    "is_exact",
    "no_progress_bar",
]


class Disclosed(NamedTuple):
    """A report as it may be shown.

    Attributes:
        shown: What is shown.
        policy: That of the report.
        profile: What may be shown.
        exact: Of the report, under the profile `exact` alone.
        checkpoint: The signed checkpoint that covers its cut, where there is one.
    """

    shown: ShownReport
    policy: Policy
    profile: Profile
    exact: Exact | None
    checkpoint: CutProof | None = None


def disclosed_from_report(
    data: bytes, place: str, policies: Sequence[Policy], profile: Profile
) -> Disclosed:
    """Disclose a report that somebody hands in.

    Members that this ledger does not know are left aside: nobody could make them again.

    Args:
        data: The document.
        place: Where it comes from, for a person.
        policies: Under which it may have been made, besides the built-in ones.
        profile: What may be shown.

    Raises:
        BadInputError: If it is no single report, a cell is no count, or its digest is not that of
            its figures.
        ConfigurationError: If it was made under another policy, or rules that are not known.
    """
    outlines = decode_reports(data, place)
    if len(outlines) != 1:
        raise BadInputError(f"{place}: {len(outlines)} reports; a publication shows one of them")
    (outline,) = outlines.values()
    report = complete_report(outline, place)
    return _disclosed(report, policy_of(place, outline, policies), profile)


def disclosed_from_log(
    log: Log,
    query: ReportQuery,
    profile: Profile,
    *,
    progress: ProgressBar = no_progress_bar,
    notify: Notify = no_notice,
) -> Disclosed:
    """Disclose the report of a replay.

    Args:
        log: Any log.
        query: For one year under one policy.
        profile: What may be shown.
        progress: Shows how far the replay is.
        notify: Gets what a person may want to know of how it was done, one sentence.

    Raises:
        CutNotHeldError: If the log does not hold the cut.
        StoreError: If the log cannot be read.
    """
    (report,) = make_reports(log, query, progress=progress, notify=notify)
    return _disclosed(report, query.policies[0], profile)


def disclosed_again(
    log: Log,
    stated: Disclosed,
    *,
    progress: ProgressBar = no_progress_bar,
    notify: Notify = no_notice,
) -> dict[Engine, Disclosed]:
    """Disclose once more what a publication says that it shows, from replays at its cut.

    The log's name and the release of the zone data stay what the publication says: a copy may have
    another name, and another release need not change a figure (SPEC section 5).

    Args:
        log: Any log.
        stated: What the publication says.
        progress: See `disclosed_from_log`.
        notify: Likewise.

    Returns:
        What may be shown by the replay of each engine.

    Raises:
        ConfigurationError: If it was made under rules that are not known.
        CutNotHeldError: If the log does not hold the cut.
        StoreError: If the log cannot be read.
    """
    shown = stated.shown
    if shown.rules != RULES_VERSION:
        raise ConfigurationError(
            f"made under rules {shown.rules}, and this ledger knows rules {RULES_VERSION}; verify"
            " it with a ledger of those rules"
        )
    query = ReportQuery(
        years=[shown.reference_year],
        policies=[stated.policy],
        cuts=[{int(partition): offset for partition, offset in shown.log.cut.items()}],
        roots=shown.log.roots is not None,
    )
    again: dict[Engine, Disclosed] = {}
    first: Report | None = None
    for engine in ENGINES:
        (report,) = make_reports(
            log, replace(query, engine=engine), progress=progress, notify=notify
        )
        renamed = LogAtCut(**{**report.log.as_json(), "name": shown.log.name})
        report = report.model_copy(update={"log": renamed, "zone_data": shown.zone_data})
        # What two equal reports let be shown is worked out once.
        again[engine] = (
            next(iter(again.values()))
            if report == first
            else _disclosed(report, stated.policy, stated.profile)
        )
        first = report
    return again


def is_exact(profile: Profile) -> bool:
    """Whether a profile protects nothing, so that the exact report may come along."""
    return profile.sha256 == built_in_profiles()["exact"].sha256


def _disclosed(report: Report, policy: Policy, profile: Profile) -> Disclosed:
    exact = Exact(encode_report(report), report.digest) if is_exact(profile) else None
    return Disclosed(disclose(report, policy, profile), policy, profile, exact)
