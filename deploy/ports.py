"""Ports for servers that need one in advance, such as Kafka; any other server binds port 0.

A leased port is below the ephemeral range, so that no outgoing connection takes it while its server
restarts, and a lock file keeps it from every other lease on the machine until it is released.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

__all__ = ["PortLease"]

LOWEST_PORT = 20_000
HIGHEST_PORT = 31_999
"""Below the ephemeral ranges of Linux (from 32768) and macOS (from 49152)."""


class PortLease:
    """Consecutive ports of the loopback address, held until `release` or the end of the process.

    Attributes:
        ports: Their numbers, ascending.
    """

    def __init__(self, count: int) -> None:
        """Lease ports that nobody listens on and no other lease holds.

        Raises:
            OSError: If there are none.
        """
        self._locks = ExitStack()
        starts = range(LOWEST_PORT, HIGHEST_PORT + 2 - count, count)
        for start in random.SystemRandom().sample(starts, len(starts)):
            ports = range(start, start + count)
            if self._try_lock(ports):
                self.ports = tuple(ports)
                return
        raise OSError(f"no {count} free ports between {LOWEST_PORT} and {HIGHEST_PORT}")

    def release(self) -> None:
        """Let others lease the ports."""
        self._locks.close()

    def _try_lock(self, ports: range) -> bool:
        folder = Path(tempfile.gettempdir()) / f"outcomes-ports-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        with ExitStack() as locks:
            try:
                for port in ports:
                    lock = os.open(folder / str(port), os.O_CREAT | os.O_RDWR, 0o600)
                    locks.callback(os.close, lock)
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    socket.create_server(("127.0.0.1", port)).close()
            except OSError:
                return False
            self._locks = locks.pop_all()
        return True
