"""Evidence against records: what was signed, what a report read, and what is there now."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from ledger.audit.evidence import Evidence, check_checkpoints, verify_evidence, verify_proof
from ledger.errors import EvidenceError
from ledger.evidence.anchor import read_anchor, read_checkpoint
from ledger.evidence.keys import create_key
from ledger.evidence.proof_documents import decode_proof, encode_proof
from ledger.evidence.proving import prove_report
from ledger.evidence.quorum import parse_quorum, quorum_of_key
from ledger.log import open_log
from ledger.report import ReportQuery, decode_reports, encode_report, make_reports
from projections.policy import built_in_policies
from tests.ledger.evidence.stage import new_records, signed_twice


@pytest.fixture
def stage(tmp_path):
    return signed_twice(tmp_path)


def report_of(stage, cut=None, url=None):
    (policy, *_) = built_in_policies().values()
    with closing(open_log(url or stage.url)) as log:
        (made,) = make_reports(log, ReportQuery([2022], [policy], [cut] if cut else [], roots=True))
    return made


def check(stage, reports=(), *, url=None, evidence=None):
    held = evidence or Evidence(read_anchor(stage.evidence), stage.quorum)
    named = {f"report {n}": report for n, report in enumerate(reports, 1)}
    with closing(open_log(url or stage.url)) as log:
        return verify_evidence(log, held, named)


class TestHolds:
    def test_records_signatures_and_reports_agree(self, stage):
        reports = [
            report_of(stage),
            report_of(stage, {0: 28, 1: 14, 2: 8}),
            report_of(stage, {0: 3, 1: 0, 2: 1}),
        ]
        for url in (stage.url, f"archive:{stage.archive}"):
            assert check(stage, reports, url=url) == (
                [],
                [
                    "83 records are those that school.example/ledger signed as checkpoint 2",
                    "report 1: its cut was signed as checkpoint 2",
                    "report 2: its cut was signed as checkpoint 1",
                    "report 3: its cut is part of what was signed as checkpoint 2",
                ],
            )

    def test_a_log_that_has_grown_since_still_holds_what_was_signed(self, stage):
        stage.append(new_records(5, first=83))
        assert check(stage).faults == []

    def test_kept_leaf_hashes_are_not_used(self, stage):
        for path in (stage.archive / "leaves").iterdir():
            path.write_bytes(b"forged")
        assert check(stage, url=f"archive:{stage.archive}").faults == []


class TestDiffers:
    def rewritten(self, stage, records):
        folder = stage.folder / "other"
        folder.mkdir()
        other = stage._replace(folder=folder)
        other.append(records)
        return other.url

    def test_the_partition_and_the_checkpoints_between_which_it_was_changed_are_named(self, stage):
        records = [*new_records(50), *new_records(33, first=50)]
        records[60] = records[60]._replace(value=b"forged")
        url = self.rewritten(stage, records)
        (fault,) = check(stage, url=url).faults
        assert fault == (
            "partition 0 was changed: its records from offset 28 up to 47 are not those that"
            " checkpoint 2 signed (47 records, 47 were signed)"
        )

    @pytest.mark.parametrize(
        "change",
        [
            lambda record: record._replace(value=b"forged"),
            lambda record: record._replace(value=None),
            lambda record: record._replace(recorded_at=record.recorded_at + 1),
        ],
    )
    def test_one_changed_record_is_enough(self, stage, change):
        records = [*new_records(50), *new_records(33, first=50)]
        records[7] = change(records[7])
        (fault,) = check(stage, url=self.rewritten(stage, records)).faults
        assert fault.startswith(
            "partition 2 was changed: its records from offset 0 up to 8 are not"
        )

    def test_records_that_are_missing_at_the_end_are_seen(self, stage):
        faults = check(stage, url=self.rewritten(stage, new_records(70))).faults
        assert len(faults) == 1
        assert faults[0].startswith("checkpoint 2: ")
        assert "does not hold the cut" in faults[0]

    def test_a_report_with_another_root_without_one_or_beyond_what_was_signed_is_seen(self, stage):
        stage.append(new_records(5, first=83))
        late = report_of(stage)
        stated = json.loads(encode_report(report_of(stage, {0: 3, 1: 0, 2: 1})))
        stated["log"]["roots"]["0"] = "00" * 32
        (other,) = decode_reports(json.dumps(stated).encode(), "r").values()
        del stated["log"]["roots"]
        (without,) = decode_reports(json.dumps(stated).encode(), "r").values()
        faults = check(stage, [late, other, without]).faults
        assert "report 1: its cut" in faults[0]
        assert "is not signed; signed is 0:47,1:24,2:12" in faults[0]
        assert "report 2: its root of partition 0 is 0000" in faults[1]
        assert all("report 3: its root of partition" in fault for fault in faults[2:])
        assert "is missing" in faults[2]
        assert len(faults) == 5

    def test_a_report_of_another_log_is_a_fault(self, stage):
        stated = json.loads(encode_report(report_of(stage)))
        stated["log"]["cut"] = {"0": 5}
        (other,) = decode_reports(json.dumps(stated).encode(), "r").values()
        (fault,) = check(stage, [other]).faults
        assert fault.startswith("report 1: cut 0:5 does not list each partition")


class TestSignatures:
    def test_the_signature_of_another_key_is_not_believed(self, stage):
        other = quorum_of_key(create_key(stage.folder / "b", "school.example/ledger"))
        evidence = Evidence(read_anchor(stage.evidence), other)
        faults = check(stage, evidence=evidence).faults
        assert len(faults) == 2
        assert all("is not signed by the key of school.example/ledger" in each for each in faults)

    def test_entries_that_no_checkpoint_covers_mean_nothing(self, stage):
        (stage.evidence / "checkpoint-000002.txt").unlink()
        assert check(stage).statements == [
            "50 records are those that school.example/ledger signed as checkpoint 1"
        ]
        (stage.evidence / "checkpoint-000001.txt").unlink()
        (fault,) = check(stage).faults
        assert "has no checkpoint" in fault

    def test_a_changed_or_missing_entry_is_seen(self, stage):
        path = stage.evidence / "entries.jsonl"
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"end":28', b'"end":29'))
        assert "the first 1 entries of" in check(stage).faults[0]
        path.write_bytes(data.splitlines(keepends=True)[0])
        (fault,) = check(stage).faults
        assert "has 1 entries" in fault

    def test_a_witness_who_is_needed_and_has_not_signed_is_named(self, stage):
        quorum = parse_quorum(
            f"log {stage.key.public}\nwitness office {stage.witness.public}\nquorum office"
        )
        (fault,) = check(stage, evidence=Evidence(read_anchor(stage.evidence), quorum)).faults
        assert "checkpoint-000002.txt has no quorum: office is needed, cosigned by nobody" in fault


class TestFork:
    @pytest.fixture
    def forked(self, stage):
        folder = stage.folder / "fork"
        folder.mkdir()
        other = stage._replace(folder=folder)
        other.append(new_records(60, value=b"VALUE %d"))
        other.sign()
        return read_checkpoint(other.evidence / "checkpoint-000001.txt")

    def test_it_is_seen_from_the_two_checkpoints_alone(self, stage, forked):
        (own, later) = read_anchor(stage.evidence).checkpoints
        faults, statements = check_checkpoints([own, forked, later], stage.quorum)
        assert len(faults) == 1
        assert faults[0].startswith("fork: ")
        assert "two histories were signed" in faults[0]
        assert len(statements) == 3
        assert check_checkpoints([own, own, later], stage.quorum).faults == []

    def test_it_is_seen_from_one_that_was_kept_and_the_evidence_of_now(self, stage, forked):
        evidence = Evidence(read_anchor(stage.evidence), stage.quorum, [forked])
        (fault,) = check(stage, evidence=evidence).faults
        assert fault.startswith("fork: ")

    def test_a_kept_checkpoint_shows_that_the_evidence_went_back(self, stage):
        (_, kept) = read_anchor(stage.evidence).checkpoints
        (stage.evidence / "checkpoint-000002.txt").unlink()
        path = stage.evidence / "entries.jsonl"
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
        evidence = Evidence(read_anchor(stage.evidence), stage.quorum, [kept])
        (fault,) = check(stage, evidence=evidence).faults
        assert "went back to fewer" in fault

    def test_a_kept_checkpoint_that_nobody_signed_is_named(self, stage):
        other = quorum_of_key(create_key(stage.folder / "b", "school.example/ledger"))
        faults = check_checkpoints(read_anchor(stage.evidence).checkpoints, other).faults
        assert len(faults) == 2


class TestProof:
    def test_a_report_in_a_proof_has_its_own_digest(self, stage):
        anchor = read_anchor(stage.evidence)
        report = json.loads(encode_report(report_of(stage)))
        with closing(open_log(stage.url)) as log:
            proof = prove_report(log, anchor, anchor.last(), report)
        verify_proof(proof, stage.quorum, "p")
        members = json.loads(encode_proof(proof))
        members["report"]["counts"][0]["count"] += 1
        with pytest.raises(EvidenceError, match="the digest of its report"):
            verify_proof(decode_proof(json.dumps(members).encode(), "p"), stage.quorum, "p")
