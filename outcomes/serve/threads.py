"""Threads of the server: one that fails takes the server down with its reason, never in silence."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ledger.diagnostics import abort_process

__all__ = ["make_thread"]


def make_thread(name: str, work: Callable[[], None]) -> threading.Thread:
    """A thread that does some work; what it does not expect ends the process.

    A supervisor starts the server again, and what was acknowledged is in the log.
    """

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - whatever it is
            abort_process(error)

    return threading.Thread(target=run, name=name, daemon=True)
