"""What users already have is read, or rebuilt where it is derived, and gives the same figures."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from ledger.log import open_log
from ledger.log.identity import identity_of
from ledger.log.kafka.address import parse_topic_address
from ledger.settings import Settings
from processors.dead_letters import decode_dead_letter, encode_dead_letter
from processors.live_fold import FOLD_VERSION, consumer_group
from processors.partials import decode_partial
from processors.read_model.store import Store
from projections.policy import built_in_policies
from tests.e2e.command import ROOT, rows

BEFORE = ROOT / "tests" / "data" / "before"
REPORT_2022 = json.loads((BEFORE / "report-2022.json").read_bytes())
DIGEST_2022 = "sha256:956b4282a89ace12a80ab5e6f70b142763b59661f268d6914ce73c7777460044"
DIGEST_2023 = "sha256:a85b1166cc6e80c058262525df24e9a414012cc6c1da68d1e9eec06b024114b9"
MANIFEST = "sha256:2e3c59e97c86b1fda440b410812e190f884a0029503e7507f097735c176a9da3"


@pytest.fixture
def folder(tmp_path):
    """A copy of everything, for a command that may write."""
    shutil.copytree(BEFORE, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def ask(warm, folder):
    """Runs a command in the folder and gives the JSON that it prints."""

    def run(*words, log="sqlite:ledger.db", code=0):
        done = warm.run(*words, folder=folder, env={"OUTCOMES_LOG": log})
        assert done.code == code, done
        return json.loads(done.out)

    return run


@pytest.fixture
def do(warm, folder):
    """Runs a command in the folder and gives the bytes that it prints."""

    def run(*words, log="sqlite:ledger.db"):
        done = warm.run(*words, folder=folder, env={"OUTCOMES_LOG": log})
        assert done.code == 0, done
        return done.out

    return run


class TestLog:
    def test_every_record_is_read_those_in_the_write_ahead_log_included(self, do):
        assert do("tail", "--jsonl") == (BEFORE / "records.jsonl").read_bytes()

    def test_without_the_write_ahead_log_half_of_it_would_be_missing(self, folder):
        (folder / "ledger.db-wal").unlink()
        assert len(rows(folder / "ledger.db")) == 226 - 115

    @pytest.mark.parametrize("engine", ["fold", "columnar"])
    def test_a_report_has_the_digest_of_then(self, engine, ask):
        now = ask("report", "--year", "2022", "--engine", engine, "--json")
        assert now["digest"] == REPORT_2022["digest"] == DIGEST_2022

    def test_a_report_is_the_same_to_the_byte_but_for_members_that_are_new(self, do):
        now = json.loads(do("report", "--year", "2022", "--json"))
        known = {name: now[name] for name in REPORT_2022}
        known["log"] = {name: now["log"][name] for name in REPORT_2022["log"]}
        again = json.dumps(known, indent=2, ensure_ascii=False) + "\n"
        assert again.encode() == (BEFORE / "report-2022.json").read_bytes()

    def test_its_tables_are_those_of_then(self, folder, do):
        before = tables(folder / "ledger.db")
        do("append", "--records", "records.jsonl")
        assert tables(folder / "ledger.db") == before
        assert before == {
            "log": ["name", "partitions"],
            "records": ["partition", "offset", "recorded_at", "key", "value"],
        }


class TestReport:
    @pytest.mark.parametrize(
        ("name", "digest"), [("report-2022.json", DIGEST_2022), ("report-2023.json", DIGEST_2023)]
    )
    def test_it_is_verified_without_a_difference(self, name, digest, ask):
        document = ask("verify", name, "--json")
        assert document["digest"] == digest
        assert document["engines"] == {"fold": digest, "columnar": digest}
        assert (document["differences"], document["disagreements"]) == ([], [])


class TestArchive:
    LOG = "archive:archive"

    def test_its_records_are_those_of_the_log(self, do):
        assert do("tail", "--jsonl", log=self.LOG) == (BEFORE / "records.jsonl").read_bytes()

    @pytest.mark.parametrize("engine", ["fold", "columnar"])
    def test_a_report_of_it_has_the_digest_of_then(self, engine, ask):
        now = ask("report", "--year", "2022", "--engine", engine, "--json", log=self.LOG)
        assert now["digest"] == DIGEST_2022

    def test_the_doctor_finds_nothing_broken(self, ask):
        assert [
            item for item in ask("doctor", "--json", log=self.LOG) if item["verdict"] == "broken"
        ] == []

    def test_archiving_goes_on_from_it_and_seals_nothing_twice(self, ask, folder):
        added = ask("archive", "archive", "--json")
        assert (added["records"], added["segments"], added["digest"]) == (0, 0, MANIFEST)
        assert files(folder / "archive") >= files(BEFORE / "archive")

    def test_its_columns_are_of_an_older_layout_and_are_rebuilt(self, ask):
        assert ask("archive", "archive", "--json")["typed"] == 3
        assert ask("archive", "archive", "--json")["typed"] == 0
        now = ask("report", "--year", "2022", "--engine", "columnar", "--json", log=self.LOG)
        assert now["digest"] == DIGEST_2022

    def test_a_new_archive_has_the_members_and_the_files_of_then(self, ask, folder):
        assert ask("archive", "new", "--json")["digest"] == MANIFEST
        leaves = {name for name in files(folder / "new") if name.startswith("leaves/")}
        assert files(folder / "new") - leaves == files(BEFORE / "archive")
        assert len(leaves) == 3
        assert (folder / "new/manifest.json").read_bytes() == (
            BEFORE / "archive/manifest.json"
        ).read_bytes()
        for name in ("records/p0000-000000000000-000000000117.jsonl.gz",):
            assert (folder / "new" / name).read_bytes() == (BEFORE / "archive" / name).read_bytes()
        stamp = "typed/p0000-000000000000-000000000117.json"
        # The typed columns are derived; the one member more says how they were admitted.
        then = members((BEFORE / "archive" / stamp).read_bytes())
        assert members((folder / "new" / stamp).read_bytes()) == sorted([*then, "column_admission"])


class TestReadModel:
    STATE = ("--state", "read-model.db")

    def test_a_worker_goes_on_with_it_or_builds_it_again(self, ask, do):
        do("worker", "--once", *self.STATE)
        live = ask("live", "--year", "2022", "--json", *self.STATE)
        assert live["digest"] == DIGEST_2022
        assert [partition["records"] for partition in live["live"]["partitions"]] == [0, 0, 0]

    def test_its_tables_are_those_of_then(self, folder, do):
        do("worker", "--once", "--state", "new.db")
        then, now = tables(folder / "read-model.db"), tables(folder / "new.db")
        results = {name: set(then[name]) - set(now.get(name, ())) for name in then}
        assert not any(results.values()), results


class TestTopics:
    """What workers have published on Kafka."""

    def test_a_partial_is_read_and_holds_the_figures_of_a_replay_of_its_partition(
        self, ask, folder
    ):
        partial = decode_partial((BEFORE / "partial-1.bin").read_bytes())
        log = open_log(f"sqlite:{folder / 'ledger.db'}")
        with closing(log):
            assert partial.identity.first_record == identity_of(log)[1]
        assert (partial.partition, partial.next_offset) == (1, 69)
        assert set(partial.years) == set(range(2019, 2028))
        for policy in built_in_policies().values():
            words = ("--cut", "0:0,1:69,2:0", "--policy", policy.id, "--json")
            report = ask("report", "--year", "2022", *words)
            assert report["records"] == partial.records.as_dict()
            cells = partial.figures[policy.sha256].cells
            for row in report["counts"]:
                cell = (row["measure"], row["group"])
                assert cells.get((2022, *cell), 0) == row["count"]
                assert cells.get((2021, *cell), 0) == row["previous"]

    def test_a_dead_letter_is_read_and_written_as_then(self, do, folder):
        before = (BEFORE / "dead-letter.json").read_bytes()
        do("worker", "--once", "--state", "new.db")
        store = Store(folder / "new.db", read_only=True)
        with closing(store):
            letters = list(store.dead_letters())
        assert decode_dead_letter(before) == letters[0]
        assert encode_dead_letter(letters[0]) == before
        assert len(letters) == 3

    def test_topics_and_groups_have_the_names_of_then(self):
        topic = parse_topic_address("kafka://127.0.0.1:9092/student-lifecycle")
        assert topic.partials.topic == "student-lifecycle-partials"
        assert topic.dead_letters.topic == "student-lifecycle-dead-letters"
        assert consumer_group("student-lifecycle") == f"student-lifecycle-fold-{FOLD_VERSION}"


SETTINGS = {
    "log",
    "policy",
    "log_format",
    "log_level",
    "live_years",
    "live_policies",
    "kafka_security_protocol",
    "kafka_sasl_mechanism",
    "kafka_sasl_username",
    "kafka_sasl_password",
    "kafka_ssl_cafile",
    "kafka_ssl_certfile",
    "kafka_ssl_keyfile",
    "kafka_retry_seconds",
}


class TestSettings:
    def test_those_of_then_are_there(self):
        assert set(Settings.model_fields) >= SETTINGS


@pytest.mark.kafka
class TestTopicCreate:
    def test_a_program_finds_the_members_of_then(self, kafka, ask):
        shown = ask("topic", "create", "--json", log=kafka.url(kafka.name()))
        assert list(shown) == ["topic", "created", "partitions", "replication_factor", "faults"]
        assert {tuple(fault) for fault in shown["faults"]} == {("verdict", "detail")}


def members(text: bytes) -> list[str]:
    return sorted(orjson.loads(text))


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def tables(path: Path) -> dict[str, list[str]]:
    """The columns of each table that is ours, by its name."""
    with closing(sqlite3.connect(path)) as connection:
        query = "select name from sqlite_master where type = 'table' and substr(name, 1, 1) <> '_'"
        names = [name for (name,) in connection.execute(query)]
        return {
            name: [row[1] for row in connection.execute(f"pragma table_info({name})")]
            for name in sorted(names)
        }
