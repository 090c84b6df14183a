"""The live figures, read by one thread for all who ask, and what has changed since."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import orjson

from ledger.clock import now_ms
from ledger.diagnostics import logger
from ledger.errors import LedgerError, NoFiguresError, StoreError
from ledger.log import format_cut
from ledger.report import Report
from outcomes.serve.health import Pulse
from outcomes.serve.threads import make_thread
from processors.live_report import LiveFigures, LiveReport, lag_members
from projections.policy import Policy
from schemas.moments import utc_text

__all__ = ["FiguresKey", "LiveHub", "live_members"]

_POLL_SECONDS = 0.2
_FRESH_SECONDS = 0.5
_ANSWER_SECONDS = 20.0
_FORGET_SECONDS = 60.0
_REMEMBERED = 32
_BACKLOG = 64


class FiguresKey(NamedTuple):
    """Whose figures: the id of a policy that is kept live, and a reference year."""

    policy: str
    year: int


class _Watched:
    """One key: the latest figures, the reports that a client may resume from, who listens."""

    def __init__(self) -> None:
        self.latest: LiveReport | LedgerError | None = None
        self.read_at = 0.0
        self.begun_at = 0.0
        self.asked_at = time.monotonic()
        self.first = asyncio.Event()
        self.recent: deque[Report] = deque(maxlen=_REMEMBERED)
        self.streams: set[asyncio.Queue[bytes | None]] = set()

    @property
    def is_due(self) -> bool:
        """Whether somebody listens, or has asked since the last reading began."""
        return bool(self.streams) or self.asked_at >= self.begun_at

    @property
    def is_forgotten(self) -> bool:
        """Whether nobody listens, and nobody has asked for a while."""
        return not self.streams and time.monotonic() - self.asked_at > _FORGET_SECONDS


class LiveHub:
    """Reads the figures that somebody asks for several times a second, in a thread of its own.

    Attributes:
        policies: By id; the first is the default.
        pulse: The lag of the last minute.
        trouble: Why figures that there are cannot be read; None where they can.
    """

    def __init__(
        self,
        open_figures: Callable[[], AbstractContextManager[LiveFigures]],
        policies: Sequence[Policy],
    ) -> None:
        """Name the figures; they are opened, used and closed by the thread.

        Args:
            open_figures: See `open_live_figures`; called again after a failure.
            policies: That are kept live, each with its own id; the first is the default.
        """
        self._open_figures = open_figures
        self.policies = {policy.id: policy for policy in policies}
        self.pulse = Pulse()
        self.trouble: str | None = None
        self._watched: dict[FiguresKey, _Watched] = {}
        self._stop = threading.Event()
        self._asked = threading.Event()
        self._thread = make_thread("figures", self._run)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to read; called from the event loop that asks."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """End all streams and the thread."""
        self._stop.set()
        self._asked.set()
        for watched in self._watched.values():
            for stream in watched.streams:
                _put(stream, None)

    def join(self, timeout: float) -> None:
        """Wait for the thread after `stop`."""
        self._thread.join(timeout)

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return sum(len(watched.streams) for watched in self._watched.values())

    def keys(self) -> list[FiguresKey]:
        """The figures that somebody asks for; without anybody the first policy's of this year."""
        this_year = int(utc_text(now_ms())[:4])
        return list(self._watched) or [FiguresKey(next(iter(self.policies)), this_year)]

    async def read(self, key: FiguresKey) -> LiveReport:
        """The figures of at most half a second ago.

        Raises:
            LedgerError: If there are none, or they cannot be read.
        """
        watched = self._watch(key)
        if watched.latest is None or time.monotonic() - watched.read_at > _FRESH_SECONDS + 1.0:
            watched.first.clear()
            self._asked.set()
            try:
                await asyncio.wait_for(watched.first.wait(), _ANSWER_SECONDS)
            except TimeoutError as error:
                raise StoreError("the figures cannot be read in time") from error
        if isinstance(watched.latest, LedgerError):
            raise watched.latest
        assert watched.latest is not None
        return watched.latest

    async def follow(self, key: FiguresKey, resume: str | None) -> AsyncGenerator[bytes]:
        """What a client has to know now, and then every change; ends with the server.

        Args:
            key: Whose figures.
            resume: The cut that the client has; None if it has none.

        Raises:
            LedgerError: See `read`.
        """
        if self._stop.is_set():
            return
        live = await self.read(key)
        watched = self._watch(key)
        stream: asyncio.Queue[bytes | None] = asyncio.Queue(_BACKLOG)
        watched.streams.add(stream)
        try:
            yield _first_frame(watched, live, resume)
            # One that opens while the server ends has not heard of it.
            while not self._stop.is_set() and (frame := await stream.get()) is not None:
                yield frame
        finally:
            watched.streams.discard(stream)

    def _watch(self, key: FiguresKey) -> _Watched:
        watched = self._watched.setdefault(key, _Watched())
        watched.asked_at = time.monotonic()
        return watched

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._open_figures() as figures:
                    self._note(None)
                    self._read_until_stopped(figures)
            except LedgerError as error:
                self._note(error)
                self._tell_all(error)
                self._stop.wait(1.0)

    def _read_until_stopped(self, figures: LiveFigures) -> None:
        while not self._stop.is_set():
            for key, watched in list(self._watched.items()):
                # What nobody looks at must not delay what somebody does.
                if watched.is_due:
                    # Noted here: until the loop has taken the last reading, it would be due again.
                    watched.begun_at = time.monotonic()
                    self._hand_over(key, self._read_now(figures, key))
            self._on_loop(self._forget)
            self._asked.wait(_POLL_SECONDS)
            self._asked.clear()

    def _read_now(self, figures: LiveFigures, key: FiguresKey) -> LiveReport | LedgerError:
        try:
            live = figures.read(self.policies[key.policy], key.year)
        except LedgerError as error:
            self._note(error)
            return error
        self._note(None)
        return live

    def _note(self, error: LedgerError | None) -> None:
        is_trouble = isinstance(error, StoreError) and not isinstance(error, NoFiguresError)
        trouble = str(error) if is_trouble else None
        if trouble is not None and self.trouble is None:
            logger().warning("figures.unread", reason=trouble)
        self.trouble = trouble

    def _tell_all(self, error: LedgerError) -> None:
        for key in list(self._watched):
            self._hand_over(key, error)

    def _hand_over(self, key: FiguresKey, latest: LiveReport | LedgerError) -> None:
        self._on_loop(self._publish, key, latest)

    def _on_loop(self, work: Callable[..., None], *arguments: object) -> None:
        assert self._loop is not None
        if not self._stop.is_set():
            self._loop.call_soon_threadsafe(work, *arguments)

    def _forget(self) -> None:
        for key in [key for key, watched in self._watched.items() if watched.is_forgotten]:
            del self._watched[key]

    def _publish(self, key: FiguresKey, latest: LiveReport | LedgerError) -> None:
        watched = self._watched.get(key)
        if watched is None:
            return
        before, watched.latest, watched.read_at = watched.latest, latest, time.monotonic()
        watched.first.set()
        if isinstance(latest, LiveReport):
            self.pulse.add(latest)
            if not watched.recent or watched.recent[-1] != latest.report:
                watched.recent.append(latest.report)
            frame = _next_frame(before, latest)
            if frame is not None:
                self._send(watched, frame)

    def _send(self, watched: _Watched, frame: bytes) -> None:
        for stream in list(watched.streams):
            if not _put(stream, frame):
                # A client that does not read is let go; it may come back and resume.
                watched.streams.discard(stream)
                _put(stream, None)


def live_members(live: LiveReport) -> dict[str, Any]:
    """A live report as JSON values: the report, with the lag as `live.partitions`."""
    return {**live.report.as_json(), "live": lag_members(live.lag)}


def _put(stream: asyncio.Queue[bytes | None], frame: bytes | None) -> bool:
    if frame is None and stream.full():
        stream.get_nowait()
    try:
        stream.put_nowait(frame)
    except asyncio.QueueFull:
        return False
    return True


def _first_frame(watched: _Watched, live: LiveReport, resume: str | None) -> bytes:
    for report in watched.recent:
        if resume == format_cut(report.cut):
            return _change(report, live)
    return _frame("snapshot", format_cut(live.report.cut), orjson.dumps(live_members(live)))


def _next_frame(before: LiveReport | LedgerError | None, live: LiveReport) -> bytes | None:
    if not isinstance(before, LiveReport):
        return _frame("snapshot", format_cut(live.report.cut), orjson.dumps(live_members(live)))
    if before.report != live.report:
        return _change(before.report, live)
    if _whole_seconds(before) != _whole_seconds(live):
        return _frame("lag", "", orjson.dumps({"live": lag_members(live.lag)}))
    return None


def _change(before: Report, live: LiveReport) -> bytes:
    report = live.report
    cut = format_cut(report.cut)
    members = {
        "cut": {str(partition): offset for partition, offset in sorted(report.cut.items())},
        "digest": report.digest,
        "records": report.records.as_json(),
        "provisional": dict(report.provisional),
        "counts": _changed(before.counts, report.counts),
        "rates": _changed(before.rates, report.rates),
        "live": lag_members(live.lag),
    }
    return _frame("change", cut, orjson.dumps(members))


def _changed(before: Any, after: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - rows of a report
    known = {(row.measure, row.group): row for row in before}
    return [row.as_json() for row in after if known.get((row.measure, row.group)) != row]


def _whole_seconds(live: LiveReport) -> list[object]:
    return [lag._replace(seconds=int(lag.seconds)) for lag in live.lag]


def _frame(event: str, cut: str, data: bytes) -> bytes:
    """A server-sent event, encoded once for all streams; without a cut it has no id."""
    head = f"id: {cut}\n" if cut else ""
    return f"{head}event: {event}\ndata: ".encode() + data.strip() + b"\n\n"
