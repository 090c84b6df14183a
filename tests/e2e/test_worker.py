"""`outcomes worker` and `outcomes live` on an embedded log, as processes that are killed."""

from __future__ import annotations

import json
import signal
import threading
import time

import pytest

from tests.e2e.command import SECONDS_MAX, finish, run, started

LOG = {"OUTCOMES_LOG": "sqlite:ledger.db"}


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """Records of a school, as lines."""
    folder = tmp_path_factory.mktemp("school")
    made = run("generate", "--students", "3000", "--seed", "5", "--records", folder=folder)
    lines = made.out.splitlines(keepends=True)
    assert len(lines) > 10_000
    return lines


class Ledger:
    """An embedded log and its commands, each in a process of its own."""

    def __init__(self, warm, folder):
        self.folder = folder
        self._warm = warm

    def ask(self, *words, stdin=b""):
        return self._warm.run(*words, folder=self.folder, stdin=stdin, env=LOG)

    def append(self, lines):
        done = self.ask("append", "--records", "-", stdin=b"".join(lines))
        assert 0 == done.code, done

    def start(self, *words):
        """A running command."""
        return started("--log-format", "json", *words, folder=self.folder, env=LOG)

    def live(self):
        return self.ask("live", "--year", "2022", "--json").json

    def live_from(self, records):
        """Wait until so many records are folded; the live report."""
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline:
            done = self.ask("live", "--year", "2022", "--json")
            if done.code == 0 and done.json["log"]["records"] >= records:
                return done.json
        raise AssertionError(f"{records} records are not live within {SECONDS_MAX} s")

    def replay(self, cut):
        done = self.ask("report", "--year", "2022", "--cut", cut, "--json")
        assert 0 == done.code, done
        return done.json


@pytest.fixture
def ledger(warm, tmp_path):
    return Ledger(warm, tmp_path)


def cut_of(report):
    return ",".join(f"{partition}:{end}" for partition, end in report["log"]["cut"].items())


class TestWorker:
    def test_live_figures_are_the_report_at_their_cut(self, lines, ledger):
        ledger.append(lines)

        worked = ledger.ask("worker", "--once")
        live = ledger.live()

        assert 0 == worked.code, worked
        assert ledger.replay(cut_of(live))["digest"] == live["digest"]
        assert [0] == [partition["records"] for partition in live["live"]["partitions"]]

    def test_it_follows_what_is_appended_and_stops_cleanly_on_sigterm(self, lines, ledger):
        ledger.append(lines[:2_000])
        with ledger.start("worker") as worker:
            ledger.live_from(2_000)
            ledger.append(lines[2_000:4_000])
            ledger.live_from(4_000)
            worker.send_signal(signal.SIGTERM)
            done = finish(worker)

        assert 0 == done.code
        assert "worker.stopped" == json.loads(done.err.splitlines()[-1])["event"]

    def test_a_worker_killed_again_and_again_loses_nothing_and_counts_nothing_twice(
        self, lines, ledger
    ):
        """kill -9 at different moments under load; then the digest is that of a replay."""
        ledger.append(lines[:1_500])
        for number in range(1, 6):
            with ledger.start("worker") as worker:
                assert b"worker.started" in worker.stderr.readline()
                ledger.append(lines[number * 1_500 : (number + 1) * 1_500])
                time.sleep(0.05 * number)  # the moment of the kill, not a wait for anything
        ledger.ask("worker", "--once")
        live = ledger.live()

        assert 9_000 == live["log"]["records"]
        assert ledger.replay("0:9000")["digest"] == live["digest"]

    def test_every_live_report_under_load_is_the_replay_at_its_cut(self, lines, ledger):
        ledger.append(lines[:500])
        digests = {}
        with ledger.start("worker"):
            ledger.live_from(500)
            for start in range(500, 4_500, 500):
                ledger.append(lines[start : start + 500])
                live = ledger.live()
                digests[cut_of(live)] = live["digest"]
            live = ledger.live_from(4_500)
            digests[cut_of(live)] = live["digest"]

        assert len(digests) > 1
        assert digests == {cut: ledger.replay(cut)["digest"] for cut in digests}

    def test_a_second_worker_on_one_read_model_is_refused(self, lines, ledger):
        ledger.append(lines[:100])
        with ledger.start("worker"):
            ledger.live_from(100)
            second = ledger.ask("worker", "--once")

        assert 69 == second.code
        assert b"has a worker already" in second.err.splitlines()[-1]

    @pytest.mark.parametrize("keep_bytes", [0, 8_192, 20_000])
    def test_a_truncated_read_model_is_rebuilt_or_refused_with_what_to_do(
        self, lines, ledger, keep_bytes
    ):
        ledger.append(lines[:1_000])
        ledger.ask("worker", "--once")
        expected = ledger.live()["digest"]
        (state,) = ledger.folder.glob("ledger.db.live-*.db")
        state.write_bytes(state.read_bytes()[:keep_bytes])

        again = ledger.ask("worker", "--once")
        if again.code:
            assert 69 == again.code
            assert b"delete" in again.err.splitlines()[-1]
            state.unlink()
            assert 0 == ledger.ask("worker", "--once").code

        assert expected == ledger.live()["digest"]

    def test_live_without_a_worker_says_what_to_do(self, lines, ledger):
        ledger.append(lines[:10])

        done = ledger.ask("live", "--year", "2022")

        assert 69 == done.code
        assert b"outcomes worker" in done.err
        assert 1 == len(done.err.splitlines())


class TestWatch:
    """`live --watch` never leaves a comforting line on the screen that is no longer true."""

    def test_it_shows_the_lag_that_grows_after_the_worker_was_killed(self, lines, ledger):
        ledger.append(lines[:500])
        with ledger.start("worker") as worker:
            ledger.live_from(500)
            with ledger.start("live", "--year", "2022", "--watch") as watching:
                guard = threading.Timer(SECONDS_MAX, watching.kill)
                guard.start()
                printed = (line.decode().split() for line in watching.stdout)
                rows = (row for row in printed if row[:2] == ["partition", "0"])
                *_, processed, end, waiting, _, owner = next(rows)
                assert ["500", "500", "0"] == [processed, end, waiting]
                assert owner.endswith(f"-{worker.pid}")
                worker.kill()
                assert "none" == next(rows)[-1]
                ledger.append(lines[500:507])
                *_, processed, end, waiting, first, owner = next(rows)
                assert ["500", "507", "7", "none"] == [processed, end, waiting, owner]
                *_, later, _ = next(rows)
                assert float(later.replace(",", "")) > float(first.replace(",", ""))
                guard.cancel()
