"""Two engines, one meaning: by student in Python, by column in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from ledger.log import Cut, Log
from ledger.log.archive import as_archive
from ledger.log.progress import ProgressCallback, no_progress
from ledger.replay.figures_at_cut import FiguresAtCut, Selection
from ledger.replay.fold import fold_log
from projections.policy import Policy

__all__ = ["ENGINES", "Engine", "replay", "replay_each", "suitable_engine"]

Engine = Literal["fold", "columnar"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


COLUMNAR_FROM = 40_000
"""Records from which on the columnar engine takes less CPU time, columns included; measured."""


def suitable_engine(log: Log, cuts: Sequence[Cut]) -> Engine:
    """The engine that answers sooner: by column where columns are kept, or records are many."""
    many = max(sum(cut.values()) for cut in cuts) >= COLUMNAR_FROM
    return "columnar" if many or _keeps_columns(log) else "fold"


def _keeps_columns(log: Log) -> bool:
    archive = as_archive(log)
    if archive is None:
        return False
    # DuckDB is not for every command.
    from ledger.columns.cache import segments_without_columns  # noqa: PLC0415

    return not segments_without_columns(archive)


def replay(
    log: Log,
    cut: Cut,
    policies: Sequence[Policy],
    *,
    engine: Engine = "fold",
    progress: ProgressCallback = no_progress,
) -> FiguresAtCut:
    """Replay a log up to a cut, for all years; see `replay_each`."""
    selection = Selection(policies)
    (figures,) = replay_each(log, [cut], selection, engine=engine, progress=progress)
    return figures


def replay_each(
    log: Log,
    cuts: Sequence[Cut],
    selection: Selection,
    *,
    engine: Engine = "fold",
    progress: ProgressCallback = no_progress,
) -> list[FiguresAtCut]:
    """Replay a log up to each of several cuts, reading it once; both engines give the same figures.

    Args:
        log: Any log.
        cuts: How far to read, at least one; brought to the normal form first.
        selection: Of any number of policies; one that is given twice is applied once.
        engine: Which of the two.
        progress: Called with the number of records read.

    Returns:
        For each cut the figures under each policy; the fold makes those of all years.

    Raises:
        CutNotHeldError: If the log does not hold a cut.
        StoreError: If the log cannot be read, or a temporary folder is full.
    """
    distinct = list({policy.sha256: policy for policy in selection.policies}.values())
    normal_cuts = [log.normalise(cut) for cut in cuts]
    if engine == "fold":
        return fold_log(log, normal_cuts, distinct, progress)
    from ledger.replay.sql_engine import query_log  # noqa: PLC0415 - DuckDB is not for every command

    return query_log(log, normal_cuts, Selection(distinct, selection.years), progress)
