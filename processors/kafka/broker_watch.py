"""Noticing brokers that leave the cluster and come back, whether or not records arrive."""

from __future__ import annotations

from ledger.diagnostics import logger
from ledger.errors import UnreachableError

__all__ = ["BrokerWatch"]


class BrokerWatch:
    """Logs `broker.lost` and `broker.back`, once each."""

    def __init__(self, log: object) -> None:
        self._log = str(log)
        self._known: frozenset[str] = frozenset()
        self._lost: frozenset[str] = frozenset()
        self._is_unreachable = False

    def observe(self, alive: frozenset[str]) -> None:
        """Take note of the brokers in the cluster, as `host:port`."""
        if self._is_unreachable:
            self._is_unreachable = False
            logger().info("broker.back", log=self._log)
        for broker in sorted(self._known - alive - self._lost):
            logger().warning("broker.lost", log=self._log, broker=broker, alive=len(alive))
        for broker in sorted(self._lost & alive):
            logger().info("broker.back", log=self._log, broker=broker, alive=len(alive))
        self._known |= alive
        self._lost = self._known - alive

    def observe_silence(self, reason: UnreachableError) -> None:
        """Take note that no broker answers."""
        if not self._is_unreachable:
            self._is_unreachable = True
            logger().warning("broker.lost", log=self._log, reason=str(reason))
