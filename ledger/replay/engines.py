"""Two engines, one meaning: by student in Python, by column in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from ledger.log import ArchiveAddress, Cut, Log, LogAddress
from ledger.log.progress import ProgressCallback, no_progress
from ledger.replay.figures_at_cut import FiguresAtCut
from ledger.replay.fold import fold_log
from projections.policy import Policy

__all__ = ["ENGINES", "Engine", "default_engine", "replay", "replay_each"]

Engine = Literal["fold", "columnar"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


def default_engine(address: LogAddress) -> Engine:
    """The engine that suits a log: columns where an archive keeps them ready, else the fold.

    >>> from ledger.log import parse_address
    >>> default_engine(parse_address("archive:2022"))
    'columnar'
    >>> default_engine(parse_address("sqlite:ledger.db"))
    'fold'
    """
    return "columnar" if isinstance(address, ArchiveAddress) else "fold"


def replay(
    log: Log,
    cut: Cut,
    policies: Sequence[Policy],
    *,
    engine: Engine = "fold",
    progress: ProgressCallback = no_progress,
) -> FiguresAtCut:
    """Replay a log up to a cut; see `replay_each`."""
    (figures,) = replay_each(log, [cut], policies, engine=engine, progress=progress)
    return figures


def replay_each(
    log: Log,
    cuts: Sequence[Cut],
    policies: Sequence[Policy],
    *,
    engine: Engine = "fold",
    progress: ProgressCallback = no_progress,
) -> list[FiguresAtCut]:
    """Replay a log up to each of several cuts, reading it once; both engines give the same figures.

    Args:
        log: Any log.
        cuts: How far to read, at least one; brought to the normal form first.
        policies: Any number; a policy that is given twice is applied once.
        engine: Which of the two.
        progress: Called with the number of records read.

    Returns:
        For each cut the figures of all years under each policy.

    Raises:
        CutNotHeldError: If the log does not hold a cut.
        StoreError: If the log cannot be read, or a temporary folder is full.
    """
    distinct = list({policy.sha256: policy for policy in policies}.values())
    normal_cuts = [log.normalise(cut) for cut in cuts]
    if engine == "fold":
        return fold_log(log, normal_cuts, distinct, progress)
    from ledger.replay.sql_engine import query_log  # noqa: PLC0415 - DuckDB is not for every command

    return query_log(log, normal_cuts, distinct, progress)
