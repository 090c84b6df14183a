"""Builds a read model again and again, each time killed one statement of SQL later than before.

    python -m tests.support.killed_builds LOG READ_MODEL

The last one ends by itself. Prints how many were killed, how many different states of the rows were
there after each of them, the one before the first included, and the number of the last state.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import closing
from itertools import count
from pathlib import Path

from ledger.log import open_log
from processors.read_model.store import Store
from tests.support.live_fold import open_fold, rows_of


def build(url, path, step):
    """Build partition 0, and kill_itself at a statement."""
    statements = count(1)

    def kill_itself(_):
        if next(statements) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    with closing(open_log(url)) as log, open_fold(log, path) as fold:
        fold.store._connection.set_trace_callback(kill_itself)
        fold.build(0, log.read({0: 0}, log.end()))


def main(url, path):
    """Build until a build was not killed."""
    seen, killed = [rows_of(path)], 0
    for step in count(1):
        child = os.fork()
        if child == 0:
            build(url, path, step)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        # As a worker that starts again, which also recovers the file.
        Store(path).close()
        rows = rows_of(path)
        if rows not in seen:
            seen.append(rows)
        if os.waitstatus_to_exitcode(status) == 0:
            break
        killed += 1
    shown = {"killed": killed, "states": len(seen), "ended_in": seen.index(rows)}
    sys.stdout.write(json.dumps(shown))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
