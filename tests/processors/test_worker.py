"""`outcomes worker` and `outcomes live` on the embedded log, as processes that are killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

OUTCOMES = str(Path(sys.executable).with_name("outcomes"))
PATIENCE = 60


def outcomes(*arguments, cwd, **options):
    return subprocess.run(
        [OUTCOMES, *arguments],
        check=False,
        cwd=cwd,
        capture_output=True,
        timeout=PATIENCE,
        **options,
    )


@pytest.fixture(scope="module")
def record_lines(tmp_path_factory):
    folder = tmp_path_factory.mktemp("school")
    made = outcomes("generate", "--students", "3000", "--seed", "5", "--records", cwd=folder)
    lines = made.stdout.splitlines(keepends=True)
    assert len(lines) > 10_000
    return lines


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def send(lines, cwd):
    sent = outcomes("append", "--records", "-", cwd=cwd, input=b"".join(lines))
    assert 0 == sent.returncode, sent.stderr


def start_worker(cwd):
    return subprocess.Popen(
        [OUTCOMES, "--log-format", "json", "worker"], cwd=cwd, stderr=subprocess.PIPE
    )


def live(cwd):
    return json.loads(outcomes("live", "--year", "2022", "--json", cwd=cwd).stdout)


def wait_until_live(cwd, records):
    """Wait until the worker has folded so many records; the live report then."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        shown = outcomes("live", "--year", "2022", "--json", cwd=cwd)
        if shown.returncode == 0:
            report = json.loads(shown.stdout)
            if report["log"]["records"] >= records:
                return report
    raise AssertionError(f"not {records} records live within {PATIENCE} s")


def replayed(cwd, cut):
    made = outcomes("report", "--year", "2022", "--cut", cut, "--json", cwd=cwd)
    assert 0 == made.returncode, made.stderr
    return json.loads(made.stdout)


def cut_of(report):
    return ",".join(f"{partition}:{end}" for partition, end in report["log"]["cut"].items())


class TestWorker:
    def test_live_figures_are_the_report_at_their_cut(self, record_lines, folder):
        send(record_lines, folder)

        worked = outcomes("worker", "--once", cwd=folder)
        shown = live(folder)

        assert 0 == worked.returncode, worked.stderr
        assert replayed(folder, cut_of(shown))["digest"] == shown["digest"]
        assert [0] == [partition["records"] for partition in shown["live"]["partitions"]]

    def test_it_follows_what_is_appended_and_stops_cleanly_on_sigterm(self, record_lines, folder):
        send(record_lines[:2_000], folder)
        worker = start_worker(folder)
        try:
            wait_until_live(folder, 2_000)
            send(record_lines[2_000:4_000], folder)
            wait_until_live(folder, 4_000)
        finally:
            worker.send_signal(signal.SIGTERM)
            _, diagnostics = worker.communicate(timeout=PATIENCE)

        assert 0 == worker.returncode
        assert "worker.stopped" == json.loads(diagnostics.splitlines()[-1])["event"]

    def test_a_worker_killed_again_and_again_loses_nothing_and_counts_nothing_twice(
        self, record_lines, folder
    ):
        """kill -9 at different moments under load; then the digest is that of a replay."""
        for number in range(6):
            worker = start_worker(folder) if number else None
            send(record_lines[number * 1_500 : (number + 1) * 1_500], folder)
            if worker is not None:
                time.sleep(0.05 * number)  # the moment of the kill, not a wait for anything
                worker.kill()
                worker.communicate(timeout=PATIENCE)
        assert 0 == outcomes("worker", "--once", cwd=folder).returncode
        shown = live(folder)

        assert 9_000 == shown["log"]["records"]
        assert replayed(folder, "0:9000")["digest"] == shown["digest"]

    def test_every_live_report_under_load_is_the_replay_at_its_cut(self, record_lines, folder):
        send(record_lines[:500], folder)
        worker = start_worker(folder)
        sampled = {}
        try:
            wait_until_live(folder, 500)
            for start in range(500, 4_500, 500):
                send(record_lines[start : start + 500], folder)
                shown = live(folder)
                sampled[cut_of(shown)] = shown["digest"]
        finally:
            worker.kill()
            worker.communicate(timeout=PATIENCE)

        assert len(sampled) > 1
        assert sampled == {cut: replayed(folder, cut)["digest"] for cut in sampled}

    def test_a_second_worker_on_one_read_model_is_refused(self, record_lines, folder):
        send(record_lines[:100], folder)
        worker = start_worker(folder)
        try:
            wait_until_live(folder, 100)
            second = outcomes("worker", "--once", cwd=folder)
        finally:
            worker.kill()
            worker.communicate(timeout=PATIENCE)

        assert 69 == second.returncode
        assert b"has a worker already" in second.stderr.splitlines()[-1]

    @pytest.mark.parametrize("keep_bytes", [0, 8_192, 20_000])
    def test_a_truncated_read_model_is_rebuilt_or_refused_with_what_to_do(
        self, record_lines, folder, keep_bytes
    ):
        send(record_lines[:1_000], folder)
        outcomes("worker", "--once", cwd=folder)
        expected = live(folder)["digest"]
        (state,) = folder.glob("ledger.db.live-*.db")
        state.write_bytes(state.read_bytes()[:keep_bytes])

        again = outcomes("worker", "--once", cwd=folder)
        if again.returncode:
            assert 69 == again.returncode
            assert b"delete" in again.stderr.splitlines()[-1]
            state.unlink()
            assert 0 == outcomes("worker", "--once", cwd=folder).returncode

        assert expected == live(folder)["digest"]

    def test_live_without_a_worker_says_what_to_do(self, record_lines, folder):
        send(record_lines[:10], folder)

        shown = outcomes("live", "--year", "2022", cwd=folder)

        assert 69 == shown.returncode
        assert b"outcomes worker" in shown.stderr
        assert 1 == len(shown.stderr.splitlines())


class TestWatch:
    """`live --watch` never leaves a comforting line on the screen that is no longer true."""

    def test_it_shows_the_lag_that_grows_after_the_worker_was_killed(self, record_lines, folder):
        send(record_lines[:500], folder)
        worker = start_worker(folder)
        wait_until_live(folder, 500)
        watching = subprocess.Popen(
            [OUTCOMES, "live", "--year", "2022", "--watch"],
            cwd=folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        guard = threading.Timer(PATIENCE, watching.kill)
        guard.start()
        try:
            rows = (line.split() for line in watching.stdout if line.startswith("partition 0"))
            _, _, processed, end, waiting, _, owner = next(rows)
            assert ["500", "500", "0"] == [processed, end, waiting]
            assert owner.endswith(f"-{worker.pid}")
            worker.kill()
            worker.communicate(timeout=PATIENCE)
            assert "none" == next(rows)[-1]
            send(record_lines[500:507], folder)
            _, _, processed, end, waiting, first, owner = next(rows)
            assert ["500", "507", "7", "none"] == [processed, end, waiting, owner]
            *_, later, _ = next(rows)
            assert float(later) > float(first)
        finally:
            guard.cancel()
            watching.kill()
            watching.communicate(timeout=PATIENCE)
            worker.kill()
            worker.communicate(timeout=PATIENCE)
