"""Alive means: the worker has partitions, and their figures move."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from deploy.worker_health import fault, group_members
from ledger.errors import UnreachableError

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
PATIENCE_SECONDS = 120


def live(*partitions: tuple[str | None, int, float]) -> dict:
    names = ("owner", "next_offset", "seconds")
    results = [
        {"partition": number, **dict(zip(names, values, strict=True))}
        for number, values in enumerate(partitions)
    ]
    return {"live": {"partitions": results}}


class TestFault:
    @pytest.mark.parametrize(
        ("partitions", "seen"),
        [
            pytest.param([("here-1@h", 5, 0.0)], None, id="nothing waits"),
            pytest.param([("here-1@h", 5, 0.0)], {"0": 5}, id="nothing waits, nothing moves"),
            pytest.param([("here-1@h", 5, 20.0)], {"0": 5}, id="nothing waits for long"),
            pytest.param([("here-1@h", 5, 9e9)], {"0": 4}, id="a backlog is being folded"),
            pytest.param([("here-1@h", 5, 9e9)], {}, id="a partition was just given"),
            pytest.param([("here-1@h", 5, 9e9)], None, id="the first check"),
            pytest.param(
                [("here-1@h", 5, 0.0), ("away-1@h", 5, 9e9)], {"0": 5}, id="another worker's lag"
            ),
        ],
    )
    def test_a_worker_is_alive(self, partitions, seen) -> None:
        assert None is fault(live(*partitions), "here", seen)

    def test_records_that_wait_while_nothing_moves_are_a_fault(self) -> None:
        expected = "records have been waiting for 31 s, and none was folded since"
        assert expected == fault(live(("here-1@h", 5, 31.0)), "here", {"0": 5})

    @pytest.mark.parametrize("owner", [None, "away-1@h", "here2-1@h"])
    def test_no_partition_is_a_fault(self, owner) -> None:
        expected = "no partition is with the worker on here"
        assert expected == fault(live((owner, 5, 0.0)), "here", None)

    def test_a_spare_that_is_in_the_group_is_alive(self) -> None:
        state = live(("away-1@h", 5, 0.0), ("far-1@h", 5, 9e9))
        assert None is fault(state, "here", None, ["away-1@h", "far-1@h", "here-1@h"])

    @pytest.mark.parametrize(
        ("owner", "members"),
        [
            pytest.param(None, ["here-1@h"], id="a partition is left"),
            pytest.param("away-1@h", ["away-1@h"], id="it has left the group"),
            pytest.param("away-1@h", ["away-1@h", "here2-1@h"], id="another host's name"),
        ],
    )
    def test_one_that_could_have_a_partition_is_no_spare(self, owner, members) -> None:
        expected = "no partition is with the worker on here"
        assert expected == fault(live((owner, 5, 0.0)), "here", None, members)


def wait_for_file(path: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.05)


@pytest.mark.kafka
class TestCheck:
    def test_workers_that_are_started_alike_share_a_folder_and_a_spare_is_a_member(
        self, kafka, tmp_path: Path, monkeypatch
    ) -> None:
        monkeypatch.setenv("OUTCOMES_LOG", kafka.url(kafka.name()))
        monkeypatch.setenv("OUTCOMES_STATE", str(tmp_path))
        command = [sys.executable, "-m", "outcomes"]
        partitions = 2
        create = [*command, "topic", "create", "--partitions", str(partitions)]
        subprocess.run(create, check=True, timeout=60, capture_output=True)
        workers = []
        try:
            for count in (1, 2, 3):
                workers.append(subprocess.Popen([*command, "worker"], cwd=ROOT))
                self.wait_for_members(count)
                if count <= partitions:
                    wait_for_file(tmp_path / f"worker-{count}.db")
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(PATIENCE_SECONDS)

    def test_a_worker_that_is_stopped_but_not_ended_is_not_alive(
        self, kafka, tmp_path: Path
    ) -> None:
        environment = {
            **os.environ,
            "OUTCOMES_LOG": kafka.url(kafka.name()),
            "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(tmp_path),
        }
        create = ["outcomes", "topic", "create", "--partitions", "1"]
        subprocess.run(create, env=environment, check=True, timeout=60, capture_output=True)
        worker = subprocess.Popen(["outcomes", "worker"], env=environment, cwd=tmp_path)
        try:
            self.wait_until(environment, "alive", 0)
            worker.send_signal(signal.SIGSTOP)
            self.wait_until(environment, "no partition is with the worker on ", 1)
            worker.send_signal(signal.SIGCONT)
            self.wait_until(environment, "alive", 0)
        finally:
            worker.kill()
            worker.wait()

    def wait_for_members(self, count: int) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            # A broker without any group has no coordinator yet.
            with suppress(UnreachableError):
                if len(group_members()) == count:
                    return
            time.sleep(0.2)
        raise AssertionError(group_members())

    def wait_until(self, environment, output, status) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        script = [sys.executable, ROOT / "deploy" / "worker_health.py"]
        while time.monotonic() < until:
            done = subprocess.run(
                script, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            if done.returncode == status and done.stdout.startswith(output):
                return
            time.sleep(0.2)
        raise AssertionError(f"not {output!r} but {done.stdout!r} {done.stderr!r}")
