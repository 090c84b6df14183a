"""What docs/emit.md shows of the ledger's answers, and that everything on it is run."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import closing

import jsonschema
import pytest

from ledger.log import NewRecord, open_log
from ledger.replay import replay
from ledger.report import build_report
from schemas.admission import Event, admit
from schemas.record import Record
from tests.emit.page import PAGE, PATIENCE_SECONDS, ROOT, command, environment, files, put_files
from tests.emit.topics import POLICY, counters_of
from tests.repository.test_readme import blocks, matches, steps

STATED = {
    "specversion": "1.0",
    "id": "en-1.graduated.1",
    "source": "/lms",
    "type": "ledger.student.graduated.v1",
    "subject": "s-7c1f02a9d4",
    "time": "2023-01-31T17:45:00+01:00",
    "data": {"enrollment_id": "en-1", "graduated_on": "2023-01-30"},
}
ENROLLED = {
    **STATED,
    "id": "en-1.enrolled.1",
    "type": "ledger.student.enrolled.v1",
    "data": {
        "enrollment_id": "en-1",
        "programme": "data-analyst",
        "enrolled_on": "2022-03-01",
        "expected_graduation_on": "2022-12-01",
        "funding": "cpf",
    },
}
SHOWN = [json.loads(block) for block in blocks(PAGE, "json")]


@pytest.mark.kafka
class TestPartitioner:
    LINE = r' +"partitioner": .*\n'

    def test_a_producer_with_another_one_is_named_and_mended(self, kafka, tmp_path):
        """The page's transcript, of records that its producer wrote without a line."""
        topic, folder = kafka.name(), put_files(tmp_path / "platform")

        def run(words):
            words = words.replace("localhost:9092", kafka.bootstrap)
            done = subprocess.run(
                ["bash", "-c", words.replace("student-lifecycle", topic)],
                cwd=folder,
                env=environment(kafka.bootstrap, topic),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            return done.stdout.replace(topic, "student-lifecycle").splitlines()

        (transcript,) = blocks(PAGE, "text")
        program, right = folder / "emit_confluent.py", files()["emit_confluent.py"]
        wrong, count = re.subn(self.LINE, "", right)
        assert 1 == count
        program.write_text(wrong, encoding="utf-8")
        made = run(command("topic create"))
        assert made[0].endswith("/student-lifecycle: created; 12 partitions")
        run("outcomes generate --students 100 --seed 7 > events.jsonl")
        assert "506 acknowledged" == run(command("python emit_confluent.py"))[-1]

        for step in steps(transcript):
            actual = run(step.command)
            assert matches(step.output, actual), "\n".join([f"$ {step.command}", *actual])
        quarantined = counters_of(kafka, topic)["quarantined"]
        program.write_text(right, encoding="utf-8")
        assert "506 acknowledged" == run(command("python emit_confluent.py"))[-1]
        fixed = counters_of(kafka, topic)

        assert {"partition_must_follow_key"} == quarantined.keys()
        assert quarantined == fixed["quarantined"]
        lines = (folder / "events.jsonl").read_bytes().splitlines()
        identities = {tuple(map(json.loads(line).get, ("source", "id"))) for line in lines}
        assert len(identities) == fixed["events"]


class TestCorrection:
    def test_what_the_page_shows_meets_its_schema(self):
        for event in SHOWN:
            schema = json.loads((ROOT / "schemas" / f"{event['type']}.json").read_text("utf-8"))
            jsonschema.Draft202012Validator(schema).validate(event)
            record = Record(0, 0, 0, event["subject"].encode(), json.dumps(event).encode())
            assert isinstance(admit(record, 1), Event)

    @pytest.mark.parametrize("order", [1, -1], ids=["in order", "the other way round"])
    def test_a_fact_is_retracted_and_stated_again(self, tmp_path, order):
        stated = [ENROLLED, STATED]
        assert [0, 1] == self.graduates(tmp_path / "before.db", stated)
        assert [1, 0] == self.graduates(tmp_path / "after.db", [*stated, *SHOWN][::order])

    def graduates(self, path, events):
        """The graduates of 2022 and of 2023 in a log of some events."""
        with closing(open_log(f"sqlite:{path}", create=True)) as log:
            log.append(
                NewRecord(event["subject"].encode(), json.dumps(event).encode()) for event in events
            )
            replayed = replay(log, log.end(), [POLICY])
            reports = [
                build_report(replayed, log_name=log.name, policy=POLICY, year=year)
                for year in (2022, 2023)
            ]
        return [
            row.count
            for report in reports
            for row in report.counts
            if (row.measure, row.group) == ("graduates", "all")
        ]


class TestPage:
    def test_every_program_of_the_page_is_run(self):
        python = {"emit_confluent.py", "emit_aiokafka.py", "outbox.py"}
        assert {*python, "Emit.java", "emit.mjs", "emit.go", "murmur2.go"} == set(files())

    def test_every_command_of_the_page_is_run(self):
        words = ("emit_confluent.py", "emit_aiokafka.py", "Emit.java", "kcat")
        more = ("outbox.py", "topic create", "node emit.mjs", "go run emit.go")
        run = {command(word) for word in (*words, *more)}
        assert run == set(blocks(PAGE, "sh"))
