"""The program for evidence: the vectors of others, and what an auditor may be handed."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import tzdata
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.evidence.anchor import read_anchor
from ledger.evidence.checkpoint import cosign
from ledger.evidence.keys import create_key, read_private_key
from ledger.evidence.note import COSIGNATURE, PublicKey
from ledger.evidence.proof_documents import encode_proof
from ledger.evidence.proving import prove_consistency, prove_record, prove_report
from ledger.log import Location, open_log
from tests.faults.tampering import stage
from tests.support.repository import ROOT

sys.path.append(str(ROOT / "verifier"))
import ledger_evidence as evidence

VECTORS = ROOT / "tests" / "vectors"
PROGRAM = ROOT / "verifier" / "ledger_evidence.py"
TZDATA = ("--tzdata", str(Path(tzdata.__file__).parent))


def vectors(name):
    cases = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    return [pytest.param(case, id=case["name"]) for case in cases]


def decoded(text):
    return base64.b64decode(text or "")


class TestVectors:
    @pytest.mark.parametrize("case", vectors("merkle-inclusion"))
    def test_proofs_of_inclusion_are_judged_as_they_say(self, case):
        path = [decoded(text) for text in case["proof"] or ()]
        index, size, leaf = case["leafIdx"], case["treeSize"], decoded(case["leafHash"])
        try:
            holds = len(leaf) == 32 and 0 <= index < size
            holds = holds and (
                evidence.root_by_inclusion(leaf, index, size, path) == decoded(case["root"])
            )
        except ValueError:
            holds = False
        assert holds is not case["wantErr"]

    @pytest.mark.parametrize("case", vectors("merkle-consistency"))
    def test_proofs_of_consistency_are_judged_as_they_say(self, case):
        path = [decoded(text) for text in case["proof"] or ()]
        old = (case["size1"], decoded(case["root1"]))
        new = (case["size2"], decoded(case["root2"]))
        # A program that continues nothing has nothing to prove; a proof of it is refused elsewhere.
        holds = case["size1"] > 0 and evidence.continues(old, new, path)
        assert holds is not case["wantErr"]

    @pytest.mark.parametrize("size", range(16))
    def test_signed_checkpoints_are_read_and_believed(self, size, tmp_path):
        log = json.loads((VECTORS / "checkpoints.json").read_text("utf-8"))["log"]
        (tmp_path / "key").write_text(log["vkey"])
        key = evidence.read_key(str(tmp_path / "key"), evidence.LOG_KEY)
        checkpoint = evidence.read_checkpoint(log["checkpoints"][size].encode(), "c")
        evidence.check_signature(checkpoint, key)
        tree = evidence.Tree()
        for entry in log["entries_base64"][:size]:
            tree.append(evidence.hashlib.sha256(b"\x00" + base64.b64decode(entry)).digest())
        assert (checkpoint.size, checkpoint.root) == (tree.size, tree.root())
        forged = checkpoint._replace(text=checkpoint.text.replace("\n", "\n ", 1))
        with pytest.raises(evidence.WrongError, match="is not signed by the key"):
            evidence.check_signature(forged, key)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    held = stage(tmp_path_factory.mktemp("held") / "held")
    anchor = read_anchor(held.evidence)
    with closing(open_log(f"archive:{held.archive}")) as log:
        report = json.loads(held.report.read_bytes())
        proofs = {
            "record": prove_record(log, anchor, anchor.last(), Location(1, 3)),
            "consistency": prove_consistency(log, anchor, *anchor.checkpoints),
            "report": prove_report(log, anchor, anchor.last(), report),
        }
    for name, proof in proofs.items():
        (held.folder / f"{name}.proof").write_bytes(encode_proof(proof))
    return held


@pytest.fixture
def copy(held, tmp_path):
    shutil.copytree(held.folder, tmp_path / "held")
    return tmp_path / "held"


def run(folder, *words):
    done = subprocess.run(
        [sys.executable, PROGRAM, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


KEY = ("--key", "log.key.pub")
PROOFS = ("record.proof", "consistency.proof", "report.proof")


class TestHolds:
    def test_an_archive_its_evidence_and_a_report(self, held):
        code, lines = run(
            held.folder,
            "report.json",
            "--archive",
            "sealed",
            "--evidence",
            "evidence",
            *KEY,
            *TZDATA,
        )
        assert (code, lines[0]) == (
            0,
            "the records are those of checkpoint 2 of school.example/ledger",
        )
        assert lines[1].startswith("report.json: every figure recomputed, sha256:")

    def test_proofs_and_checkpoints_need_no_records(self, held):
        code, lines = run(held.folder, *PROOFS, "evidence/checkpoint-000001.txt", *KEY)
        assert code == 0, lines
        assert len(lines) == 4

    def test_a_witness_that_is_named_has_to_have_signed(self, copy):
        secret = Ed25519PrivateKey.generate()
        public = PublicKey.from_private("office.example/w1", COSIGNATURE, secret)
        (copy / "office.pub").write_text(str(public))
        words = ("--evidence", "evidence", "--archive", "sealed", *KEY, "--witness", "office.pub")
        code, lines = run(copy, *words)
        assert (code, "is not signed by the key of office.example/w1" in lines[0]) == (1, True)
        last = read_anchor(copy / "evidence").last()
        signature = cosign(last.note, public.name, secret, at_seconds=1_679_315_147)
        Path(last.place).write_text(str(last.note.with_signatures([signature])))
        assert run(copy, *words)[0] == 0


class TestDiffers:
    @pytest.mark.parametrize("name", PROOFS)
    def test_a_proof_with_another_number_proves_nothing(self, copy, name):
        members = json.loads((copy / name).read_bytes())
        part = members.get("signed", members.get("new"))
        part["entry"]["partitions"][0]["size"] += 1
        (copy / name).write_text(json.dumps(members))
        code, lines = run(copy, name, *KEY)
        assert (code, lines) == (1, [f"{name} proves nothing: its entry is not in its checkpoint"])

    def test_a_record_that_is_not_the_proved_one_is_seen(self, copy):
        members = json.loads((copy / "record.proof").read_bytes())
        members["record"]["key"] = "s-other"
        (copy / "record.proof").write_text(json.dumps(members))
        code, lines = run(copy, "record.proof", *KEY)
        assert (code, "leaf_sha256 is not that of its record" in lines[0]) == (1, True)

    def test_a_fork_is_seen_from_two_checkpoints(self, copy, tmp_path):
        from ledger.evidence.checkpoint import Checkpoint, sign_checkpoint

        key = read_private_key(copy / "log.key")
        other = sign_checkpoint(Checkpoint(key.public.name, 1, bytes(32)), key.secret)
        (copy / "other.txt").write_text(str(other))
        code, lines = run(copy, "other.txt", "evidence/checkpoint-000001.txt", *KEY)
        assert code == 1
        assert any(line.startswith("fork: other.txt and evidence/") for line in lines)

    @pytest.mark.parametrize("evidence", [(), ("--evidence", "evidence", *KEY)])
    def test_a_root_of_a_report_is_compared_with_evidence_and_without(self, copy, evidence):
        words = ("report.json", "--archive", "sealed", *evidence, *TZDATA)
        stated = json.loads((copy / "report.json").read_bytes())
        stated["log"]["roots"]["1"] = stated["log"]["roots"]["0"]
        (copy / "report.json").write_text(json.dumps(stated))
        line = "report.json: its root of partition 1 is not that of the records"
        assert run(copy, *words) == (1, [line])
        del stated["log"]["roots"]
        (copy / "report.json").write_text(json.dumps(stated))
        assert run(copy, *words)[0] == (1 if evidence else 0)

    def test_without_a_key_nothing_is_believed(self, held):
        code, lines = run(held.folder, "record.proof")
        assert (code, lines) == (2, ["say whose signature you believe: --key FILE"])

    def test_the_key_of_a_witness_is_not_that_of_the_log(self, copy):
        create_key(copy / "office.key", "office.example/w1", witness=True)
        assert run(copy, "record.proof", "--key", "office.key.pub")[0] == 2


IMPOSTOR = (
    "openclassrooms-2022 version 1 is a built-in policy, and this one has other contents:"
    " placement_months is 12, built in 6"
)


class TestPolicy:
    def test_one_that_wears_the_id_and_version_of_a_built_in_policy_is_refused(self, copy):
        policy = evidence.figures.BUILT_IN_POLICIES["openclassrooms-2022"]
        (copy / "p.json").write_text(json.dumps(policy | {"placement_months": 12}))
        words = ("report.json", "--archive", "sealed", "--policy", "p.json", *TZDATA)
        code, lines = run(copy, *words)
        assert code == 78
        assert lines == [f"p.json: {IMPOSTOR}"]
        (copy / "p.json").write_text(json.dumps(policy))
        assert run(copy, *words)[0] == 0
