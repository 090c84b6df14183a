"""`make live`: the story comes out, and whatever happens nothing is left running."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.live import StoryError, run_story

ROOT = Path(__file__).resolve().parents[2]
SECONDS_MAX = 120


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.live", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def story(kafka) -> tuple[str, subprocess.Popen[str]]:
    topic = kafka.name()
    return topic, start("--kafka", kafka.bootstrap, "--topic", topic, "--students", "60")


def running(topic: str) -> list[str]:
    """Processes that follow the topic's log, by their environment."""
    results = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"/{topic}\0".encode() in (process / "environ").read_bytes():
                results.append(process.name)
        except OSError:  # It has ended, or is somebody else's.
            continue
    return results


@pytest.mark.kafka
class TestStory:
    def test_the_live_digest_is_that_of_the_replay_and_the_workers_end_clean(self, kafka) -> None:
        topic, process = story(kafka)
        printed, output = process.communicate(timeout=SECONDS_MAX)

        assert (0, "") == (process.returncode, output)
        live, replayed = re.findall(r"^(?:live|replayed) +(sha256:\w{64})$", printed, re.MULTILINE)
        assert live == replayed
        assert "The same.\n" in printed
        assert "worker-1: exit code 0\nworker-2: exit code 0\n" in printed
        assert [] == running(topic)

    def test_ctrl_c_in_the_middle_leaves_no_worker(self, kafka) -> None:
        topic, process = story(kafka)
        for line in process.stdout:
            if "--state worker-2.db" in line:
                break
        process.send_signal(signal.SIGINT)
        _, output = process.communicate(timeout=SECONDS_MAX)

        assert 130 == process.returncode
        assert "make live: interrupted; all that was started is stopped" in output
        assert [] == running(topic)


class TestFailure:
    def test_a_broker_out_of_reach_is_one_line(self) -> None:
        process = start("--kafka", "127.0.0.1:1")
        _, output = process.communicate(timeout=SECONDS_MAX)
        (line,) = output.splitlines()
        assert 1 == process.returncode
        assert line.startswith("make live: outcomes: ")

    def test_digests_that_differ_end_the_story(self) -> None:
        class Differing:
            def run(self, *arguments):
                return json.dumps({"digest": f"sha256:of {arguments[0]}"}).encode()

            def __getattr__(self, name):
                return lambda *_: None

        with pytest.raises(StoryError, match="DIFFER"):
            run_story(Differing(), 1)
