"""Two engines, one meaning: by student in Python, by column in SQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from ledger.log import ArchiveAddress, Cut, Log, LogAddress
from ledger.replay import fold
from ledger.replay.figures_at_cut import FiguresAtCut
from projections.policy import Policy

__all__ = ["ENGINES", "Engine", "default_engine", "replay_each", "replay_with"]

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


def replay_with(
    engine: Engine,
    log: Log,
    cut: Cut,
    policies: Sequence[Policy],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> FiguresAtCut:
    """Replay a log up to a cut with one of the engines; see `replay_each`."""
    (found,) = replay_each(engine, log, [cut], policies, progress=progress)
    return found


def replay_each(
    engine: Engine,
    log: Log,
    cuts: Sequence[Cut],
    policies: Sequence[Policy],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> list[FiguresAtCut]:
    """Replay a log up to each of several cuts with one of the engines; both find the same.

    Args:
        engine: Which one.
        log: Any log; it is read once.
        cuts: How far to read, at least one; brought to the normal form first.
        policies: Any number, one given twice counts once; figures of all years come out for each.
        progress: Told the number of records read, now and then.

    Raises:
        CutNotHeldError: If the log does not hold a cut.
        StoreError: If the log cannot be read, or a temporary folder is full.
    """
    once = list({policy.sha256: policy for policy in policies}.values())
    if engine == "fold":
        return fold.replay_each(log, cuts, once, progress=progress)
    from ledger.replay import sql_engine  # noqa: PLC0415 - DuckDB is not for every command

    return sql_engine.replay_each(log, cuts, once, progress=progress)
