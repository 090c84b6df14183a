"""A worker beside the server: on a file, `outcomes serve` alone keeps the figures current."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import wait

from ledger.diagnostics import (
    abort_process,
    configure_diagnostics,
    diagnostics_are_json,
    logger,
)
from outcomes.serve.threads import make_thread
from processors.read_model.lock import lock_holder
from processors.stored_figures import FileAddress, state_path
from processors.worker import WorkerOptions, run_worker
from projections.policy import Policy

__all__ = ["Following"]

_LOOK_SECONDS = 0.5
_STOP_SECONDS = 4.0


class Following:
    """Keeps a worker running for as long as no other one follows the log."""

    def __init__(
        self, address: FileAddress, policies: Sequence[Policy], options: WorkerOptions
    ) -> None:
        """Name the log; `start` begins.

        Args:
            address: Of the log.
            policies: To keep live.
            options: Of the worker.
        """
        log_format = "json" if diagnostics_are_json() else "console"
        # As text: a policy that has looked up its zone cannot be handed to another process.
        texts = [policy.model_dump_json() for policy in policies]
        self._arguments = (address, texts, options, log_format)
        self._path = state_path(address, options.state)
        self._stop = threading.Event()
        self._thread = make_thread("following", self._run)

    def start(self) -> None:
        """Begin to look after the figures."""
        self._thread.start()

    def stop(self) -> None:
        """End the worker, if it is ours; what it has begun is finished."""
        self._stop.set()
        self._thread.join(_STOP_SECONDS + 1)

    def is_followed(self) -> bool:
        """Whether some worker keeps the figures at this moment."""
        return lock_holder(self._path) is not None

    def _run(self) -> None:
        while not self._stop.is_set():
            if lock_holder(self._path) is None:
                self._follow()
            self._stop.wait(_LOOK_SECONDS)

    def _follow(self) -> None:
        context = multiprocessing.get_context("spawn")
        worker = context.Process(target=_work, args=self._arguments, name="worker")
        worker.start()
        while worker.is_alive() and not self._stop.is_set():
            worker.join(_LOOK_SECONDS)
        if worker.is_alive():
            worker.terminate()
            worker.join(_STOP_SECONDS)
            if worker.is_alive():
                # A commit is atomic: what was not committed is folded again.
                worker.kill()
                worker.join()
        elif not self._stop.is_set():
            logger().warning("worker.ended", exit_code=worker.exitcode)


def _work(
    address: FileAddress, policies: Sequence[str], options: WorkerOptions, log_format: str
) -> None:
    # Ctrl-C reaches the whole group; the server ends its worker itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_diagnostics(log_format, "warning")
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        wait([parent.sentinel])
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        run_worker(address, list(map(Policy.model_validate_json, policies)), options)
    except BaseException as error:  # noqa: BLE001 - no traceback reaches a user
        abort_process(error)
