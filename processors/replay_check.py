"""Whether live figures are those of a replay of the same records: a second calculation.

The replay runs in a process of its own at the lowest priority, so that nobody waits for it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from typing import NamedTuple

from ledger.diagnostics import abort_process
from ledger.errors import LedgerError
from ledger.log import Cut, LogAddress, format_cut, open_log
from ledger.replay import replay, suitable_engine
from ledger.report import build_report
from processors.live_report import LiveReport
from projections.policy import Policy

__all__ = ["Comparison", "compare_with_replay"]

_LOWEST_PRIORITY = 19
_LOOK_SECONDS = 0.5


class Comparison(NamedTuple):
    """Live figures beside a replay of the same records.

    Attributes:
        policy: Its id.
        year: The reference year.
        cut: How far both have read.
        live: The digest of the live report.
        replayed: That of the replay.
    """

    policy: str
    year: int
    cut: str
    live: str
    replayed: str

    @property
    def agrees(self) -> bool:
        """Whether they are the same figures."""
        return self.live == self.replayed


def compare_with_replay(
    address: LogAddress, policy: Policy, live: LiveReport, is_stopped: Callable[[], bool]
) -> Comparison | None:
    """Replay the records that a live report rests on, and compare the digests.

    Args:
        address: Of the log.
        policy: Of the report.
        live: The report.
        is_stopped: Whether nobody waits for the answer any more.

    Returns:
        None if it was stopped, or if the log no longer holds those records.
    """
    report = live.report
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    # As text: a policy that has looked up its zone cannot be handed to another process.
    question = _Question(address, policy.model_dump_json(), report.reference_year, report.cut)
    process = context.Process(target=_answer, args=(question, theirs), name="replay", daemon=True)
    process.start()
    theirs.close()
    with closing(ours):
        while not ours.poll(_LOOK_SECONDS):
            if is_stopped():
                process.kill()
        digest = None
        with suppress(EOFError):
            digest = ours.recv()
    process.join()
    if digest is None:
        return None
    cut = format_cut(report.cut)
    return Comparison(policy.id, report.reference_year, cut, report.digest, digest)


class _Question(NamedTuple):
    address: LogAddress
    policy: str
    year: int
    cut: Cut


def _answer(question: _Question, connection: Connection) -> None:
    """In the child: the digest of a replay; nothing where the log cannot be read so far."""
    # Ctrl-C reaches the whole group; whoever asked ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_LOWEST_PRIORITY)
    try:
        digest = _replayed_digest(question)
    except LedgerError:
        return
    except BaseException as error:  # noqa: BLE001 - no traceback reaches a user
        abort_process(error)
    with suppress(OSError):
        connection.send(digest)


def _replayed_digest(question: _Question) -> str:
    policy = Policy.model_validate_json(question.policy)
    with closing(open_log(question.address)) as log:
        engine = suitable_engine(log, [question.cut])
        replayed = replay(log, question.cut, [policy], engine=engine)
        report = build_report(replayed, log_name=log.name, policy=policy, year=question.year)
        return report.digest
