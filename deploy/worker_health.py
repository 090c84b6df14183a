"""Whether the worker of this host is alive; `docker-compose.yml` asks every 30 seconds.

A running process proves nothing. A worker is alive if it has partitions and their figures move, or
no record has waited long. A spare one, for which no partition is left, is alive while it is a
member of the workers' group. The answer is the one that any reader gets, from `outcomes live`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ledger.errors import LedgerError
from ledger.log.kafka.address import parse_topic_address
from ledger.log.kafka.client import link_to
from ledger.log.kafka.group import members as members_of
from processors.live_fold import consumer_group

LAST_CHECK = Path(tempfile.gettempdir()) / "worker-health.json"
WAITING_SECONDS_MAX = 30


def fault(
    live: Mapping[str, Any],
    host: str,
    previous: Mapping[str, int] | None,
    members: Iterable[str] = (),
) -> str | None:
    """What is wrong with a worker, in one line; None if it is alive.

    Args:
        live: The report of `outcomes live --json`.
        host: Of the worker.
        previous: How far its partitions were folded at the last check; None at the first.
        members: Of the workers' group.
    """
    own = [lag for lag in live["live"]["partitions"] if _is_of(lag, host)]
    if not own:
        is_member = any(_is_host(member, host) for member in members)
        if is_member and all(lag["owner"] for lag in live["live"]["partitions"]):
            return None
        return f"no partition is with the worker on {host}"
    waiting = max(lag["seconds"] for lag in own)
    if waiting > WAITING_SECONDS_MAX and previous == folded_to(live, host):
        return f"records have been waiting for {waiting:.0f} s, and none was folded since"
    return None


def folded_to(live: Mapping[str, Any], host: str) -> dict[str, int]:
    """How far each partition of a worker is folded."""
    own = (lag for lag in live["live"]["partitions"] if _is_of(lag, host))
    return {str(lag["partition"]): lag["next_offset"] for lag in own}


def main() -> int:
    """Print the answer, and store what the next check compares with."""
    # Any year that is kept live will do: the first of them, or the current one.
    year = os.environ.get("OUTCOMES_LIVE_YEARS", "")[:4] or time.strftime("%Y", time.gmtime())
    command = ["outcomes", "live", "--year", year, "--json"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        print(done.stderr.decode(errors="replace").strip())
        return 1
    live = json.loads(done.stdout)
    host = socket.gethostname()
    previous = json.loads(LAST_CHECK.read_bytes()) if LAST_CHECK.exists() else None
    LAST_CHECK.write_text(json.dumps(folded_to(live, host)), encoding="utf-8")
    is_without = not folded_to(live, host)
    try:
        reason = fault(live, host, previous, group_members() if is_without else ())
    except LedgerError as error:
        reason = str(error)
    print(reason or "alive")
    return int(reason is not None)


def group_members() -> list[str]:
    """The members of the workers' group, also those without a partition."""
    address = parse_topic_address(os.environ["OUTCOMES_LOG"])
    return members_of(link_to(address), consumer_group(address.topic))


def _is_of(partition: Mapping[str, Any], host: str) -> bool:
    return _is_host(str(partition["owner"]), host)


def _is_host(worker: str, host: str) -> bool:
    return worker.startswith(f"{host}-")


if __name__ == "__main__":
    sys.exit(main())
