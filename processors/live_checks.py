"""What `outcomes doctor` says of live figures, of who keeps them, and of quarantined records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.errors import NoFiguresError, StoreError
from ledger.log import ArchiveAddress, Check, Log, LogAddress, format_cut
from ledger.numbers import pluralise
from ledger.repairs import LetterCounts, Repairs, count_letters
from ledger.replay import replay
from processors.lag import Lag, unattended
from processors.live_figures import open_live_figures
from processors.live_report import LiveStatus
from processors.quarantine import scan_quarantined

__all__ = ["examine_live"]

SCAN_SECONDS = 10.0


def examine_live(address: LogAddress, log: Log, *, deep: bool = False) -> Iterator[Check]:
    """Check what workers keep of a log, and count its quarantined records.

    Args:
        address: Of the log.
        log: Opened.
        deep: Count quarantined records by replaying all of the log.

    Raises:
        StoreError: If the log cannot be read.
    """
    status: LiveStatus | None = None
    try:
        with open_live_figures(address) as figures:
            status = figures.status()
    except NoFiguresError as error:
        yield Check("live figures", "fine", f"not kept: {error}")
    except StoreError as error:
        yield Check("live figures", "warning", str(error))
    if status is not None:
        cut = {lag.partition: lag.next_offset for lag in status.lag}
        yield Check("live figures", "fine", f"{status.place} reaches {format_cut(cut)}")
        yield _worker_check(status.lag, is_sealed=isinstance(address, ArchiveAddress))
    if deep:
        replayed, repairs = replay(log, log.end(), []), Repairs()
        repairs.read_on(log, replayed.cut)
        letters = count_letters(replayed.records.quarantined, repairs, replayed.cut)
        yield _quarantine_check(letters, pluralise(replayed.records.records, "record"))
    elif status is not None:
        folded = f"{pluralise(status.records.records, 'record')} folded"
        yield _quarantine_check(status.letters, folded)
    else:
        yield _scan_check(log)


def _worker_check(lags: Sequence[Lag], *, is_sealed: bool) -> Check:
    waiting = pluralise(sum(lag.records for lag in lags), "record")
    alone = unattended(lags, is_sealed=is_sealed)
    if alone:
        numbers = ", ".join(map(str, alone))
        return Check(
            "worker",
            "warning",
            f"none has partition {numbers}, so figures stand still; {waiting} waiting; start"
            " `outcomes worker`",
        )
    owners = sorted({lag.owner for lag in lags if lag.owner is not None})
    return Check("worker", "fine", f"{', '.join(owners) or 'none needed'}; {waiting} waiting")


def _quarantine_check(letters: LetterCounts, among: str) -> Check:
    repaired = f"; {letters.repaired_total:,} repaired" if letters.repaired_total else ""
    if not letters.is_complete:
        repaired += "; not all of the log was searched for repairs"
    if not letters.open_total:
        return Check("quarantined", "fine", f"none of {among}{repaired and f' open{repaired}'}")
    rules = ", ".join(f"{rule} {letters.open[rule]:,}" for rule in sorted(letters.open))
    return Check("quarantined", "warning", f"{letters.open_total:,} of {among}: {rules}{repaired}")


def _scan_check(log: Log) -> Check:
    end = log.end()
    scan = scan_quarantined(log, end, SCAN_SECONDS)
    among = pluralise(scan.records, "record")
    if not scan.is_complete:
        among = (
            f"the {among} that could be read in {SCAN_SECONDS:.0f} s, of"
            f" {sum(end.values()):,}; --deep reads all"
        )
    if not scan.is_complete:
        return _quarantine_check(LetterCounts(scan.by_rule, {}), among)
    repairs = Repairs()
    if scan.by_rule:
        repairs.read_on(log, end, seconds=SCAN_SECONDS)
    return _quarantine_check(count_letters(scan.by_rule, repairs, end), among)
