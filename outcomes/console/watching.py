"""Watching live figures on a terminal: the page is drawn in place, and the screen is left whole."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ledger.report.page import report_page
from outcomes.console.lag_table import brief_live_page, lag_table
from processors.live_report import LiveReport

__all__ = ["is_terminal", "was_resized", "watch_on_screen"]


class _Stopped(Exception):  # noqa: N818 - not an error
    """SIGTERM."""


class was_resized:  # noqa: N801 - a function with a memory
    """Whether the terminal has another size than when this was last asked."""

    def __init__(self) -> None:
        self._console = Console()
        self._size = self._console.size

    def __call__(self) -> bool:
        """Compare."""
        size, self._size = self._size, self._console.size
        return size != self._size


def is_terminal() -> bool:
    """Whether standard output is a terminal that can be drawn on."""
    return sys.stdout is not None and sys.stdout.isatty() and not Console().is_dumb_terminal


def watch_on_screen(reports: Iterable[LiveReport], *, brief: bool) -> None:
    """Draw each report in the place of the one before, until SIGTERM or Ctrl-C.

    Args:
        reports: Without an end.
        brief: Draw the brief view even where the whole page has room.

    Raises:
        KeyboardInterrupt: After Ctrl-C; cursor and screen are as they were.
    """
    console = Console()
    try:
        with _stopping(), Live(console=console, screen=True, auto_refresh=False) as live:
            for report in reports:
                live.update(_view(console, report, brief=brief), refresh=True)
    except _Stopped:
        return


def _view(console: Console, live: LiveReport, *, brief: bool) -> RenderableType:
    short = brief_live_page(live)
    for line in short.renderables:
        # A page in a pipe is broken by whoever reads it; a screen would cut what is too wide.
        assert isinstance(line, Text)
        line.no_wrap, line.overflow = False, "fold"
    if brief:
        return short
    whole = Group(report_page(live.report), lag_table(live.lag))
    height = len(console.render_lines(whole, pad=False))
    if height <= console.height:
        return whole
    note = Text(f"\n{height} lines have no room here; make the window higher for the whole page")
    return Group(short, note)


@contextmanager
def _stopping() -> Iterator[None]:
    """Let SIGTERM end the block, so that the screen is restored."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _Stopped

    before: Callable[[int, FrameType | None], object] | int | None
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
