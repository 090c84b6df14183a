"""Contenders as processes of their own, and what they publish, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter, perf_counter_ns, sleep
from typing import Any

from ledger.log import open_log
from ledger.log.kafka.address import parse_topic_address
from processors.partials import decode_partial

WATCH_SECONDS = 0.2
PATIENCE_SECONDS = 1_800.0
TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A contender: started here, measured from outside, stopped by its own process id."""

    def __init__(self, line: Sequence[str], folder: Path) -> None:
        self.started = perf_counter()
        self._told = (folder / f"output-{perf_counter_ns()}.txt").open("ab")
        self._process = subprocess.Popen(  # noqa: S603 - ours
            line, stdout=subprocess.PIPE, stderr=self._told, cwd=folder
        )
        self.pid = self._process.pid

    def cpu(self) -> float:
        """Seconds of CPU so far, its own processes included."""
        return sum(map(_cpu, self._ids()))

    def memory(self, name: str) -> int:
        """`VmHWM`, the peak, or `VmRSS`, what is resident now, of its largest process in bytes."""
        return max(_memory(pid, name) for pid in self._ids())

    def memory_in_all(self) -> int:
        """What is resident now of it and its own processes together, in bytes."""
        return sum(_memory(pid, "VmRSS") for pid in self._ids())

    def _ids(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [self.pid, *map(int, children.split())]

    def line(self) -> dict[str, Any]:
        """What it prints about itself; waits for it."""
        assert self._process.stdout is not None
        text = self._process.stdout.readline()
        assert text, self._obituary()
        result: dict[str, Any] = json.loads(text)
        return result

    def check(self) -> None:
        """See that it lives."""
        assert self._process.poll() is None, self._obituary()

    def _obituary(self) -> str:
        lines = Path(self._told.name).read_text(encoding="utf-8", errors="replace").splitlines()
        return " | ".join([f"process {self.pid} ended too early", *lines[-3:]])

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as an operator would, and by force if that takes long."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
        self._told.close()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    return sum(map(int, fields.split()[11:13])) / TICKS


def _memory(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) * 1_024


class Published:
    """The partials that workers publish from now on, read as `outcomes live --watch` does."""

    def __init__(self, url: str) -> None:
        self._log = open_log(str(parse_topic_address(url).partials))
        self._at = dict(self._log.end())
        self.next_offsets: dict[int, int] = {}

    def refresh(self) -> None:
        """Read what was published since the last time."""
        end = dict(self._log.end())
        if end != self._at:
            for record in self._log.read(
                {partition: self._at.get(partition, 0) for partition in end}, end
            ):
                partial = decode_partial(record.value)
                if partial is not None:
                    known = self.next_offsets.get(partial.partition, 0)
                    self.next_offsets[partial.partition] = max(known, partial.next_offset)
            self._at = end

    def wait(self, end: Mapping[int, int], processes: Sequence[Process]) -> None:
        """Wait until figures up to a cut are visible."""
        deadline = perf_counter() + PATIENCE_SECONDS
        while any(self.next_offsets.get(item, -1) < offset for item, offset in end.items()):
            assert perf_counter() < deadline, (self.next_offsets, end)
            for process in processes:
                process.check()
            sleep(WATCH_SECONDS)
            self.refresh()

    def close(self) -> None:
        """Let go of the topic."""
        self._log.close()
