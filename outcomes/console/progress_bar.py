"""The progress bar of long work, for a person at a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from rich.theme import Theme

from ledger.log.progress import ProgressCallback
from ledger.report.words import EMPHASIS

__all__ = ["progress_bar"]


# The words as bright as other words, the bar as far from black as from white.
_THEME = Theme(
    {
        "progress.download": "",
        "progress.remaining": "",
        "bar.complete": EMPHASIS,
        "bar.finished": EMPHASIS,
        "bar.pulse": EMPHASIS,
    }
)


class _Rate(ProgressColumn):
    """How many a second, over the last half minute."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:,.0f}/s")


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[ProgressCallback]:
    """A bar on standard error; see `outcomes.console.terminal.progress`."""
    screen = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, theme=_THEME)
    if not screen.is_terminal:
        yield lambda _: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
