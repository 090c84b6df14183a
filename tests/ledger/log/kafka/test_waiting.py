"""Waiting for brokers that are away: for whom, how long, and what is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deploy.ports import PortLease
from ledger.errors import StoreError, UnreachableError, UnresolvedHostError
from ledger.log.kafka import waiting
from ledger.log.kafka.waiting import Patience, ask_patiently, share_patience
from ledger.settings import Settings
from tests.ledger.log.kafka.test_bootstrap import hung_server
from tests.support.bounds import AN_HOUR, BOUND, finish, in_time
from tests.support.workers import Worker, wait_until

OUTCOMES = Path(sys.executable).with_name("outcomes")


@pytest.fixture
def closed_port():
    lease = PortLease(1)
    yield f"kafka://127.0.0.1:{lease.ports[0]}/t"
    lease.release()


@pytest.fixture
def prompt(monkeypatch):
    """Waits are announced at once, and the pauses are short."""
    monkeypatch.setattr(waiting, "ANNOUNCE_SECONDS", 0.05)
    monkeypatch.setattr(waiting, "_PAUSE_SECONDS", 0.1)


def failing(times, error=UnreachableError):
    """A question that is answered after some failures."""
    left = [error("nobody there")] * times

    def question():
        if left:
            raise left.pop()
        return "answer"

    return question


class TestPatience:
    @pytest.mark.parametrize(
        ("patience", "retry_seconds", "expected"),
        [
            (Patience.NONE, 120, 0),
            (Patience.COMMAND, 120, 15),
            (Patience.COMMAND, 4, 4),
            (Patience.FOLLOWER, 120, 120),
            (Patience.WORKER, 300, 300),
        ],
    )
    def test_how_long_each_waits(self, patience, retry_seconds, expected):
        assert expected == patience.seconds(Settings(kafka_retry_seconds=retry_seconds))


class TestAsking:
    def test_an_answer_that_comes_at_once_says_nothing(self, monkeypatch):
        monkeypatch.setattr(waiting, "ANNOUNCE_SECONDS", AN_HOUR)
        with capture_logs() as logs:
            assert "answer" == ask_patiently("log", failing(0), seconds=2 * AN_HOUR)
        assert [] == logs

    def test_nothing_is_said_of_a_wait_that_ends_in_that_moment(self):
        with capture_logs() as logs:
            wait = waiting.Wait("log", 60)
            wait.end(answered=True)
            # As its timer does that had run out and was about to say so.
            wait._announce()
        assert [] == logs

    def test_a_wait_says_what_for_and_how_long_and_when_it_is_over(self, prompt):
        def attempt():
            with capture_logs() as logs:
                assert "answer" == ask_patiently("log", failing(4), seconds=60)
            # It may be announced before the question has failed for the first time.
            return None if logs[0]["reason"] == "no answer" else logs

        lost, back = in_time(attempt)
        assert ("broker.lost", "warning", "log", 60) == (
            lost["event"],
            lost["log_level"],
            lost["log"],
            lost["gives_up_after_seconds"],
        )
        assert "nobody there" in lost["reason"]
        assert ("broker.back", "log") == (back["event"], back["log"])

    def test_a_call_that_hangs_is_announced_while_it_hangs(self, prompt):
        def hang():
            wait_until(lambda: logs, "an announcement")
            return "answer"

        with capture_logs() as logs:
            ask_patiently("log", hang, seconds=60)
        assert ["broker.lost", "broker.back"] == [log["event"] for log in logs]

    def test_the_last_error_is_raised_when_the_time_is_up(self, prompt):
        with pytest.raises(UnreachableError, match="nobody there"):
            ask_patiently("log", failing(1_000), seconds=0.3)

    def test_an_error_that_waiting_does_not_cure_is_raised_at_the_first_try(self):
        with pytest.raises(StoreError, match="nobody there"):
            ask_patiently("log", failing(1, StoreError), seconds=60)

    def test_a_name_that_does_not_resolve_is_final_unless_it_is_waited_for(self, prompt):
        with pytest.raises(UnresolvedHostError):
            ask_patiently("log", failing(1, UnresolvedHostError), seconds=60)
        question = failing(2, UnresolvedHostError)
        assert "answer" == ask_patiently("log", question, seconds=60, waits_for_names=True)

    def test_a_retry_may_be_called_off(self, prompt):
        def cancel():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ask_patiently("log", failing(9), seconds=60, before_retry=cancel)


class TestSharing:
    """A command of many questions, such as `doctor`, waits once."""

    def test_when_one_question_has_used_the_time_the_next_is_asked_once(self, prompt):
        requests = []

        def question():
            requests.append(None)
            raise UnreachableError("nobody there")

        with share_patience(0.3):
            for _ in range(2):
                seconds = Patience.COMMAND.seconds(Settings())
                with pytest.raises(UnreachableError):
                    ask_patiently("log", question, seconds=seconds)
                before = len(requests)
                requests.clear()
        assert (1, 15) == (before, Patience.COMMAND.seconds(Settings()))

    def test_a_worker_that_waits_by_itself_is_not_concerned(self):
        with share_patience(60):
            assert 0 == Patience.NONE.seconds(Settings())

    @pytest.mark.kafka
    def test_doctor_ends_in_rows_where_no_broker_answers(self):
        with hung_server() as server:
            done = subprocess.run(
                [OUTCOMES, "doctor", "--log", f"kafka://{server}/t"],
                capture_output=True, text=True, timeout=60, check=False,
                env={**os.environ, "OUTCOMES_KAFKA_RETRY_SECONDS": "3"},
            )  # fmt: skip
        *_, last = done.stdout.splitlines()
        assert 69 == done.returncode
        assert last.startswith("broken   log ")
        assert "does not answer" in last


class TestCommands:
    @pytest.mark.parametrize(
        ("command", "seconds"),
        [
            pytest.param(("report", "--year", "2022"), 15, id="a report"),
            pytest.param(("tail", "--follow"), AN_HOUR, id="a follower"),
        ],
    )
    def test_a_command_says_at_the_beginning_what_it_waits_for(self, closed_port, command, seconds):
        def attempt():
            with subprocess.Popen(
                [OUTCOMES, "--log-format", "json", *command, "--log", closed_port],
                env={**os.environ, "OUTCOMES_KAFKA_RETRY_SECONDS": str(AN_HOUR)},
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                line = finish(process.stderr.readline)
                process.kill()
            # A slow machine may not have been refused by then.
            return None if '"reason": "no answer"' in line else line

        line = in_time(attempt)
        assert '"event": "broker.lost"' in line
        assert f'"gives_up_after_seconds": {seconds}' in line
        assert "Connection refused" in line

    def test_a_name_that_does_not_resolve_fails_a_command_at_once(self):
        done = subprocess.run(
            [OUTCOMES, "doctor", "--log", "kafka://nobody.invalid:9092/t"],
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=False,
        )
        assert 69 == done.returncode
        assert "no host is called nobody.invalid" in done.stdout

    def test_a_worker_waits_for_a_name(self, tmp_path):
        worker = Worker("kafka://nobody.invalid:9092/t", tmp_path / "state.db")
        try:
            wait_until(
                lambda: any(message["event"] == "broker.lost" for message in worker.messages()),
                "broker.lost",
            )
            assert worker.process.poll() is None
        finally:
            worker.kill()

    def test_the_time_to_wait_is_a_setting(self, closed_port):
        done = subprocess.run(
            [OUTCOMES, "tail", "--log", closed_port],
            env={**os.environ, "OUTCOMES_KAFKA_RETRY_SECONDS": "0.5"},
            capture_output=True,
            timeout=BOUND,
            check=False,
        )
        assert 69 == done.returncode
        # A longer wait is announced.
        assert b"broker.lost" not in done.stderr
        assert 1 == done.stderr.count(b"\n")
