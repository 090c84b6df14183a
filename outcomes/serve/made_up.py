"""A made-up school that goes on living: a few events a second, so that figures move."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from random import Random

from ledger.clock import now_ms
from ledger.errors import LedgerError, StoreError
from ledger.log import NewRecord, SqliteAddress, open_log
from outcomes.serve.appender import Appender, Slot
from outcomes.serve.threads import make_thread
from outcomes.synthetic import generate
from schemas.moments import utc_text

__all__ = ["FOLDER", "MadeUpSchool", "prepare_school", "seed_of"]

FOLDER = Path("demo-live")
"""Where its log lies, apart from every other."""

_SEED = 2022
_STUDENTS = 2_500
_NEWCOMERS = 400
_AT_ONCE = 40
_EVENTS_A_SECOND = 4.0
_YEARS = 4


def prepare_school(folder: Path = FOLDER) -> SqliteAddress:
    """The log of the school, with the history of some years; made where there is none.

    Raises:
        StoreError: If it cannot be made or opened.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}; run it in a folder of yours") from error
    address = SqliteAddress.of_file(folder / "ledger.db")
    if not address.path.exists():
        last = _last_year()
        with closing(open_log(address, create=True)) as log:
            log.append(
                NewRecord(record.key, record.value, record.recorded_at)
                for record in generate(
                    _STUDENTS, _SEED, first_year=last - _YEARS + 1, last_year=last
                )
            )
    return address


class MadeUpSchool:
    """Appends the events of newcomers, each in the order of their life, many lives at once."""

    def __init__(self, appender: Appender, seed: int) -> None:
        """Name where events go.

        Args:
            appender: Of the server.
            seed: Of the newcomers; one that was used before only repeats their events.
        """
        self._appender = appender
        self._seed = seed
        self._stop = threading.Event()
        self._thread = make_thread("made-up school", self._run)

    def start(self) -> None:
        """Begin to live."""
        self._thread.start()

    def stop(self) -> None:
        """Come to an end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        draws = Random(self._seed)  # noqa: S311 - a synthetic school needs no secrets
        for record in _newcomers(self._seed, draws):
            # Between half and one and a half times the mean, as if people did it.
            if self._stop.wait((0.5 + draws.random()) / _EVENTS_A_SECOND):
                return
            self._appender.submit(Slot([record]))


def seed_of(address: SqliteAddress) -> int:
    """A seed that no earlier run on the log has had."""
    try:
        with closing(open_log(address)) as log:
            return _SEED + sum(log.end().values())
    except LedgerError:
        return _SEED


def _newcomers(first_seed: int, draws: Random) -> Iterator[NewRecord]:
    last = _last_year()
    for seed in count(first_seed):
        lives = defaultdict[bytes | None, list[NewRecord]](list)
        for record in generate(_NEWCOMERS, seed, first_year=last, last_year=last):
            lives[record.key].append(NewRecord(record.key, record.value))
        waiting = [iter(life) for life in lives.values()]
        living = [waiting.pop() for _ in range(min(_AT_ONCE, len(waiting)))]
        while living:
            position = draws.randrange(len(living))
            event = next(living[position], None)
            if event is not None:
                yield event
            elif waiting:
                living[position] = waiting.pop()
            else:
                living.pop(position)


def _last_year() -> int:
    return int(utc_text(now_ms())[:4]) - 1
