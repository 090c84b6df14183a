"""The replay by column: the rules of the specification once more, as SQL over typed columns.

It is a second opinion, so it shares no figure code with `projections`: only policies, and the
containers that a report is made from. The rules are in `sql/`, one file a family; this module gives
them their parameters and runs them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files as resources
from pathlib import Path
from zoneinfo import ZoneInfo

from ledger.columns.database import Database
from ledger.columns.reading import ColumnsChangedError, open_columns
from ledger.errors import StoreError
from ledger.log import Cut, Log, furthest
from ledger.log.progress import ProgressCallback
from ledger.replay.figures_at_cut import FiguresAtCut, Selection
from ledger.temporary import temporary_folder
from projections.figures import Figures, RecordCounts
from projections.measures.catalogue import FAMILIES
from projections.policy import Policy

__all__ = ["query_columns", "query_log"]

_SCRIPTS = resources("ledger.replay") / "sql"
_HISTORY = ("records", "facts", "memberships")
_FAMILIES = tuple(family.name for family in FAMILIES)
# Each family's script creates the view of its contributions.
_CONTRIBUTION = "create or replace temp view contribution as " + " union all by name ".join(
    f"from {family}_contribution" for family in _FAMILIES
)
PASS_RECORDS = 4_000_000
ATTEMPTS = 10
_DAY = 86_400
# No admitted date is later than 2199, so a longer span changes nothing.
_MONTHS_MAX = 12 * 300


def query_log(
    log: Log, cuts: Sequence[Cut], selection: Selection, progress: ProgressCallback
) -> list[FiguresAtCut]:
    """Replay a log up to each of several cuts under several policies, reading it once.

    Args:
        log: Any log; typed columns that it does not keep are built in a temporary folder first.
        cuts: In their normal form, at least one.
        selection: Of each policy once.
        progress: Called with the number of records read.

    Raises:
        StoreError: If the log cannot be read, or the temporary folder is full.
    """
    end = furthest(cuts)
    for _ in range(ATTEMPTS):
        with suppress(ColumnsChangedError), open_columns(log, end, progress=progress) as columns:
            return [
                replace(query_columns(columns.files, cut, selection), remark=columns.remark)
                for cut in cuts
            ]
    raise StoreError(f"the archive of {log.name} kept changing while it was read; try again later")


def query_columns(files: Sequence[Path], cut: Cut, selection: Selection) -> FiguresAtCut:
    """Replay typed columns up to a cut under several policies.

    Figures add up over partitions, so a large log is replayed some partitions at a time, in memory
    that follows from the largest of them.

    Args:
        files: Typed columns that hold every record below the cut, once each; at least one file.
        cut: In its normal form; records at or above it are left out.
        selection: Of each policy once.

    Raises:
        StoreError: If a file is missing or not Parquet, or the temporary folder is full.
    """
    assert list(cut) == list(range(len(cut))), "the cut is not in its normal form"
    policies, years = selection
    counts = RecordCounts()
    figures = {policy.sha256: Figures() for policy in policies}
    latest: list[int] = []
    for partitions, files_read in _files_by_pass(files, list(passes(cut))):
        with (
            temporary_folder("outcomes-spill-") as folder,
            closing(Database(folder)) as database,
        ):
            part = {partition: cut[partition] for partition in partitions}
            _create_record_view(database, files_read, part, is_whole=part == cut)
            for name in _HISTORY:
                database.run(_script(name))
            for policy in policies:
                figures[policy.sha256].merge(_figures(database, policy, years))
            database.run(_script("counters"))
            counts.merge(_counters(database))
            ((recorded_at,),) = database.rows("select max(recorded_at) from record_count")
            latest += [] if recorded_at is None else [recorded_at]
    return FiguresAtCut(cut, counts, figures, max(latest, default=None), years=years)


def _script(name: str) -> str:
    return (_SCRIPTS / f"{name}.sql").read_text(encoding="utf-8")


def passes(cut: Cut) -> Iterator[list[int]]:
    """The partitions that are replayed together, several where they are small.

    >>> list(passes({0: 3_000_000, 1: 900_000, 2: 200_000, 3: 9_000_000}))
    [[0, 1], [2], [3]]
    """
    partitions, records = list[int](), 0
    for partition, end in cut.items():
        if partitions and records + end > PASS_RECORDS:
            yield partitions
            partitions, records = [], 0
        partitions.append(partition)
        records += end
    yield partitions


def _files_by_pass(
    files: Sequence[Path], parts: Sequence[list[int]]
) -> Iterator[tuple[list[int], Sequence[Path]]]:
    """The partitions of each pass that has a file, with the files that hold records of them."""
    if len(parts) == 1:
        yield parts[0], files
        return
    with temporary_folder("outcomes-spill-") as folder, closing(Database(folder)) as database:
        held = database.values_by_file(files, "partition")
    for partitions in parts:
        files_read = [file for file in files if any((file, part) in held for part in partitions)]
        if files_read:
            yield partitions, files_read


def _create_record_view(
    database: Database, files: Sequence[Path], cut: Cut, *, is_whole: bool
) -> None:
    """Create the view `typed_record` of the records of some partitions below the cut."""
    # Otherwise every statement reads the metadata of all files again.
    database.run("set parquet_metadata_cache = true")
    database.create_parquet_view("stored_record", files)
    # A cut is mostly the end, which the files' own statistics tell without reading a row.
    beyond = " or ".join(
        f'partition = {partition} and "offset" >= {end}' for partition, end in cut.items()
    )
    conditions = []
    if not is_whole:
        conditions.append(f"partition in ({', '.join(map(str, cut))})")
    database.run(f"create temp view record_beyond_cut as from stored_record where {beyond}")
    if database.rows("select 1 from record_beyond_cut limit 1"):
        conditions.append(f"not ({beyond})")
    condition = f" where {' and '.join(conditions)}" if conditions else ""
    database.run(f"create temp view typed_record as from stored_record{condition}")


def _figures(database: Database, policy: Policy, years: frozenset[int] | None) -> Figures:
    (first_month, first_day), (last_month, last_day) = policy.placement_days
    database.set_variables(
        outcome_window_months=min(policy.outcome_window_months, _MONTHS_MAX),
        outcome_window_anchor=policy.outcome_window_anchor,
        outcome_window_scope=policy.outcome_window_scope,
        outcome_date=policy.outcome_date,
        outcome_kinds=list(policy.outcome_kinds),
        outcome_must_be_credited=policy.outcome_must_be_credited,
        orientation_months=min(policy.orientation_months, _MONTHS_MAX),
        expected_date=policy.expected_date,
        graduation_deadline=policy.graduation_deadline,
        excluded_withdrawals=list(policy.excluded_withdrawals),
        placement_first=first_month * 100 + first_day,
        placement_last=last_month * 100 + last_day,
        placement_months=min(policy.placement_months, _MONTHS_MAX),
        placement_answer=policy.placement_answer,
        placement_statuses=list(policy.placement_statuses),
        years=None if years is None else sorted(years),
    )
    pairs = [(funding, name) for name, group in policy.funding_groups.items() for funding in group]
    database.run(
        "create or replace temp table funding_group as"
        " select unnest($fundings) as funding, unnest($names) as name",
        {"fundings": [funding for funding, _ in pairs], "names": [name for _, name in pairs]},
    )
    _set_zone(database, policy.time_zone)
    for family in _FAMILIES:
        database.run(_script(family))
    database.run(_CONTRIBUTION)
    database.run(_script("figures"))
    figures = Figures()
    for year, measure, group, count in database.rows("from cell"):
        figures.cells[year, measure, group] = count
    return figures


def _counters(database: Database) -> RecordCounts:
    counts = RecordCounts()
    for name, count in database.rows("from counter where count > 0"):
        if hasattr(counts, name):
            setattr(counts, name, count)
        else:
            counts.quarantined[name] = count
    return counts


def _set_zone(database: Database, zone: ZoneInfo) -> None:
    """Create `zone_offset`: the zone's offsets from UTC while outcomes were stated.

    From Python's zone data and not DuckDB's own, so that both engines use the same release.
    """
    bounds = "select epoch_us(min(time)), epoch_us(max(time)) from outcome"
    first, last = database.rows(bounds)[0]
    changes = (
        [] if first is None else list(zone_offsets(zone, first // 1_000_000, last // 1_000_000 + 1))
    )
    database.run(
        "create or replace temp table zone_offset as"
        " select make_timestamp(unnest($since::bigint[]) * 1000000) as since,"
        " unnest($seconds::bigint[]) as seconds",
        {"since": [since for since, _ in changes], "seconds": [seconds for _, seconds in changes]},
    )


def zone_offsets(zone: ZoneInfo, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The offsets of a zone between two moments, each with the second from which it applies.

    It assumes that no zone changes twice within a day and ends where it began.

    >>> from projections.zones import zone
    >>> list(zone_offsets(zone("Europe/Paris"), 1640995200, 1672531200))
    [(1640995200, 3600), (1648342800, 7200), (1667091600, 3600)]
    """
    offset = _offset(zone, first)
    yield first, offset
    for day in range(first, last, _DAY):
        following = _offset(zone, day + _DAY)
        if following != offset:
            low, high = day, day + _DAY
            while low + 1 < high:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(zone, middle) == offset else (low, middle)
            yield high, following
            offset = following


def _offset(zone: ZoneInfo, second: int) -> int:
    delta = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
    assert delta is not None
    return int(delta.total_seconds())
