"""Making reports: a query, one reading of the log, and the year's figures as documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from ledger.errors import CutNotHeldError, DamagedArchiveError, StoreError
from ledger.evidence.heads import TreeHeads, heads_at
from ledger.log import Cut, Log
from ledger.log.progress import Notify, ProgressCallback, no_notice, no_progress
from ledger.replay import Engine, FiguresAtCut, Selection, replay_each, suitable_engine
from ledger.report.document import digest_of
from ledger.report.model import (
    REPORT_SCHEMA,
    CountRow,
    LogAtCut,
    PolicyName,
    RateRow,
    RecordTotals,
    Report,
)
from projections.figures import Figures
from projections.maturity import provisional_until
from projections.measures.catalogue import COUNTS, MEMBERSHIP_GROUPS, RATES, groups_shown
from projections.policy import Policy
from projections.zones import zone_data_release
from schemas.moments import is_time, midnight, utc_text
from schemas.version import RULES_VERSION

__all__ = [
    "ProgressBar",
    "ReportQuery",
    "build_report",
    "make_reports",
    "no_progress_bar",
    "provisional",
    "years_shown",
    "zoned_text",
]

# A day from the calendar's ends, since a zone is up to a day away from UTC.
_FIRST_SECOND, _LAST_SECOND = midnight(date(1, 1, 2)), midnight(date.max)

ProgressBar = Callable[[int], AbstractContextManager[ProgressCallback]]
"""Opens a display of so many records; the function that it yields takes how many have been read."""


@contextmanager
def no_progress_bar(_total: int) -> Iterator[ProgressCallback]:
    """Shows nothing."""
    yield no_progress


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What is asked of a log.

    Attributes:
        years: Reference years.
        policies: To report under.
        cuts: How far to read; the log's end where neither these nor moments are given.
        moments: The same as moments, in milliseconds; not together with cuts.
        engine: Which replay; None for the one that suits the log.
        roots: Whether reports carry the root of each partition.
    """

    years: Sequence[int]
    policies: Sequence[Policy]
    cuts: Sequence[Cut] = ()
    moments: Sequence[int] = ()
    engine: Engine | None = None
    roots: bool = False

    def __post_init__(self) -> None:
        assert not (self.cuts and self.moments)

    def cuts_of(self, log: Log) -> Sequence[Cut]:
        """Every cut that is asked for, as the log has them now."""
        if self.moments:
            return [log.cut_as_of(moment) for moment in self.moments]
        return self.cuts or [log.end()]


def make_reports(
    log: Log,
    query: ReportQuery,
    *,
    progress: ProgressBar = no_progress_bar,
    notify: Notify = no_notice,
) -> list[Report]:
    """The reports that a query asks for, by cut, then policy, then year, from one reading.

    Args:
        log: Any log.
        query: What is asked.
        progress: Shows how far the replay is.
        notify: Gets what a person may want to know of how it was done, one sentence.

    Raises:
        CutNotHeldError: If the log does not hold a cut.
        StoreError: If the log cannot be read, or a temporary folder is full.
    """
    cuts = query.cuts_of(log)
    with progress(max(sum(cut.values()) for cut in cuts)) as advance:
        replayed = _replayed(log, cuts, query, advance)
    if replayed[0].remark is not None:
        notify(replayed[0].remark)
    moments: Sequence[int | None] = query.moments or [None] * len(replayed)
    heads: Sequence[TreeHeads | None] = [None] * len(replayed)
    if query.roots:
        heads = heads_at(log, [figures.cut for figures in replayed], notify=notify)
    return [
        _with_roots(
            build_report(figures, log_name=log.name, policy=policy, year=year, as_of=as_of), trees
        )
        for figures, as_of, trees in zip(replayed, moments, heads, strict=True)
        for policy in query.policies
        for year in query.years
    ]


def _with_roots(report: Report, heads: TreeHeads | None) -> Report:
    """The report with the roots of its log, which are outside the digest."""
    if heads is None:
        return report
    roots = {str(partition): heads[partition].root.hex() for partition in sorted(heads)}
    log = LogAtCut(**{**report.log.as_json(), "roots": roots})
    return report.model_copy(update={"log": log})


def _replayed(
    log: Log, cuts: Sequence[Cut], query: ReportQuery, progress: ProgressCallback
) -> list[FiguresAtCut]:
    """Replay by the engine that is asked for, or by one that suits and finds room."""
    engine = query.engine or suitable_engine(log, cuts)
    selection = Selection(query.policies, years_shown(query.years))
    try:
        return replay_each(log, cuts, selection, engine=engine, progress=progress)
    except (CutNotHeldError, DamagedArchiveError):
        raise
    except StoreError as error:
        if query.engine is not None or engine == "fold":
            raise
        remark = f"replayed student by student, since the columnar engine was stopped: {error}"
    replayed = replay_each(log, cuts, selection, engine="fold", progress=progress)
    return [replace(figures, remark=remark) for figures in replayed]


def years_shown(years: Iterable[int]) -> frozenset[int]:
    """The years whose figures the reports of some years show: each, and the one before."""
    return frozenset(shown for year in years for shown in (year - 1, year))


def build_report(
    replayed: FiguresAtCut, *, log_name: str, policy: Policy, year: int, as_of: int | None = None
) -> Report:
    """The report of one year under one policy.

    Args:
        replayed: From a replay that was asked for this policy, and the years that are shown.
        log_name: See `Log.name`.
        policy: One of those that were replayed.
        year: The reference year.
        as_of: The moment that the cut was taken at, in milliseconds, if it was asked for.
    """
    assert replayed.years is None or years_shown([year]) <= replayed.years
    figures = replayed.figures[policy.sha256]
    cut = {str(partition): replayed.cut[partition] for partition in sorted(replayed.cut)}
    report = Report(
        schema_name=REPORT_SCHEMA,
        rules=RULES_VERSION,
        reference_year=year,
        policy=PolicyName(id=policy.id, version=policy.version, sha256=policy.sha256),
        log=LogAtCut(name=log_name, cut=cut, records=replayed.records.records),
        records=RecordTotals(**replayed.records.as_dict()),
        counts=tuple(_counts(figures, policy, year)),
        rates=tuple(_rates(figures, policy, year)),
        provisional=provisional(policy, year, replayed.latest_recorded_at),
        zone_data=zone_data_release(),
        digest="",
        as_of=zoned_text(as_of, policy),
        latest=zoned_text(replayed.latest_recorded_at, policy),
    )
    return report.model_copy(update={"digest": digest_of(report)})


def provisional(policy: Policy, year: int, latest_recorded_at: int | None) -> dict[str, str]:
    """The measures that are not final yet, with the last date on which they were not.

    Source: SPEC section 4, Maturity.
    """
    last_days = sorted(provisional_until(policy, year).items())
    dates = {measure: last_day.isoformat() for measure, last_day in last_days}
    if latest_recorded_at is None:
        return dates
    # A foreign producer's clock may claim any time, one without a date too.
    seconds = min(max(_FIRST_SECOND, latest_recorded_at // 1_000), _LAST_SECOND)
    moment = datetime.fromtimestamp(seconds, UTC)
    latest_on = moment.astimezone(policy.time_zone).date().isoformat()
    return {measure: until for measure, until in dates.items() if latest_on <= until}


def zoned_text(milliseconds: int | None, policy: Policy) -> str | None:
    """A moment in the policy's zone as RFC 3339, in UTC where its offset has no whole minutes."""
    if milliseconds is None:
        return None
    seconds, millis = divmod(milliseconds, 1_000)
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND:
        return utc_text(milliseconds)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=millis * 1_000)
    text = moment.astimezone(policy.time_zone).isoformat(
        timespec="milliseconds" if millis else "seconds"
    )
    return text if is_time(text) else utc_text(milliseconds)


def _counts(figures: Figures, policy: Policy, year: int) -> Iterator[CountRow]:
    cells = sorted(
        (measure, group) for measure in COUNTS for group in groups_shown(measure, policy)
    )
    for measure, group in cells:
        yield CountRow(
            measure=measure,
            group=group,
            count=figures.count(year, measure, group),
            previous=figures.count(year - 1, measure, group),
        )


def _rates(figures: Figures, policy: Policy, year: int) -> Iterator[RateRow]:
    for name in sorted(rate.name for rate in RATES):
        for group in sorted(MEMBERSHIP_GROUPS):
            numerator, denominator = figures.rate(year, name, group, policy)
            yield RateRow(measure=name, group=group, numerator=numerator, denominator=denominator)
