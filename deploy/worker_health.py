"""Whether the worker of this host is alive: `docker-compose.yml` asks it every 30 seconds.

That its process runs says nothing. It is alive when the group has given it partitions and their
figures move, or nothing of them has been waiting for long. The answer comes from the outside, as
any reader gets it: from `outcomes live`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEEN = Path(tempfile.gettempdir()) / "worker-health.json"
WAITING_SECONDS_MAX = 30


def fault(live: Mapping[str, Any], host: str, seen: Mapping[str, int] | None) -> str | None:
    """What is wrong with a worker, in one line; None when it is alive.

    Args:
        live: The report of `outcomes live --json`.
        host: Of the worker.
        seen: How far its partitions were folded at the last check; None at the first.
    """
    own = [lag for lag in live["live"]["partitions"] if _is_of(lag, host)]
    if not own:
        return f"no partition is with the worker on {host}"
    waiting = max(lag["seconds"] for lag in own)
    if waiting > WAITING_SECONDS_MAX and seen == folded_to(live, host):
        return f"records have been waiting for {waiting:.0f} s, and none was folded since"
    return None


def folded_to(live: Mapping[str, Any], host: str) -> dict[str, int]:
    """How far each partition of a worker is folded."""
    own = (lag for lag in live["live"]["partitions"] if _is_of(lag, host))
    return {str(lag["partition"]): lag["next_offset"] for lag in own}


def main() -> int:
    """Ask, and remember the answer for the next check."""
    # Any year that is kept live will do; the first of them, or this one.
    year = os.environ.get("OUTCOMES_LIVE_YEARS", "")[:4] or time.strftime("%Y", time.gmtime())
    command = ["outcomes", "live", "--year", year, "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        print(done.stderr.decode(errors="replace").strip())
        return 1
    live = json.loads(done.stdout)
    host = socket.gethostname()
    seen = json.loads(SEEN.read_bytes()) if SEEN.exists() else None
    SEEN.write_text(json.dumps(folded_to(live, host)), encoding="utf-8")
    reason = fault(live, host, seen)
    print(reason or "alive")
    return int(reason is not None)


def _is_of(partition: Mapping[str, Any], host: str) -> bool:
    return str(partition["owner"]).startswith(f"{host}-")


if __name__ == "__main__":
    sys.exit(main())
