"""The bound of every wait in a test: generous, since only what hangs reaches it.

That something does not wait is shown by giving it an hour to wait for, and by its having ended.
"""

from __future__ import annotations

import threading

__all__ = ["AN_HOUR", "BOUND", "finish", "in_time"]

BOUND = 120
"""Seconds after which a wait has failed."""

AN_HOUR = 3_600
"""Seconds that nobody waits: a time-out of a test that shows that nothing waits for it."""

_ATTEMPTS_MAX = 10


def in_time(attempt):
    """What an attempt that has to meet a moment comes to; it is None where it was too late."""
    for _ in range(_ATTEMPTS_MAX):
        result = attempt()
        if result is not None:
            return result
    raise AssertionError(f"{_ATTEMPTS_MAX} attempts were too late")


def finish(work):
    """The result of a function, in a thread of its own, that must not hang."""
    results = []

    def run():
        try:
            results.append((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised again below
            results.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(BOUND)
    assert not thread.is_alive(), f"not ended within {BOUND} s"
    ((result, error),) = results
    if error is not None:
        raise error
    return result
