"""What a worker on Kafka says when it gives up, and what it says of brokers."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from ledger.errors import PartlyAcknowledgedError, StoreError, UnreachableError
from processors.kafka.agents import restart_advice
from processors.kafka.broker_watch import BrokerWatch

FIRST, SECOND, THIRD = (f"127.0.0.1:{port}" for port in (9092, 9093, 9094))


def partly_acknowledged(reason):
    error = PartlyAcknowledgedError(f"{reason}; 3 of these records were acknowledged", 3)
    error.__cause__ = reason
    return error


class TestRestartAdvice:
    @pytest.mark.parametrize("wrap", [lambda reason: reason, partly_acknowledged])
    def test_a_broker_that_is_away_is_a_reason_to_start_again(self, wrap):
        advised = restart_advice(wrap(UnreachableError("t is out of reach")))
        expected = "t is out of reach; start the worker again, it resumes where it stopped"
        assert expected == str(advised)
        assert 69 == advised.exit_code

    @pytest.mark.parametrize("wrap", [lambda reason: reason, partly_acknowledged])
    def test_another_reason_is_said_as_it_is(self, wrap):
        assert "disk is full" == str(restart_advice(wrap(StoreError("disk is full"))))

    def test_an_error_of_the_program_stays_what_it_is(self):
        error = ValueError("a bug")
        assert error is restart_advice(error)


class TestBrokerWatch:
    def watch(self, *observations):
        watch = BrokerWatch("log")
        with capture_logs() as logs:
            for seen in observations:
                if isinstance(seen, UnreachableError):
                    watch.observe_silence(seen)
                else:
                    watch.observe(frozenset(seen))
        return [(line["event"], line.get("broker")) for line in logs]

    def test_each_loss_and_return_is_said_once(self):
        every = [FIRST, SECOND, THIRD]
        expected = [("broker.lost", SECOND), ("broker.back", SECOND)]
        assert expected == self.watch(every, every, [FIRST, THIRD], [FIRST, THIRD], every, every)

    def test_two_at_once(self):
        expected = [("broker.lost", FIRST), ("broker.lost", SECOND), ("broker.back", FIRST)]
        assert expected == self.watch([FIRST, SECOND, THIRD], [THIRD], [FIRST, THIRD])

    def test_silence_of_all_is_one_line(self):
        silence = UnreachableError("nobody answers")
        expected = [("broker.lost", None), ("broker.back", None)]
        assert expected == self.watch([FIRST], silence, silence, [FIRST])
