"""A witness signs one history: what they saw is on disk before the signature is out."""

from __future__ import annotations

from contextlib import closing

import pytest

from ledger.errors import EvidenceError, StoreError
from ledger.evidence import witness as witnesses
from ledger.evidence.anchor import (
    Entry,
    add_checkpoint,
    decode_checkpoint,
    read_anchor,
    read_checkpoint,
)
from ledger.evidence.proof_documents import decode_proof
from ledger.evidence.proofs import check_proof, signed_entry
from ledger.evidence.proving import prove_consistency, prove_record
from ledger.evidence.quorum import parse_quorum
from ledger.evidence.witness import Watch, check_as_witness, sign_as_witness
from ledger.log import Location, open_log
from tests.ledger.evidence.stage import new_records, signed_twice

SEEN_AT = 1_679_315_147


@pytest.fixture
def stage(tmp_path):
    return signed_twice(tmp_path)


@pytest.fixture
def watch(stage):
    return Watch(stage.key.public, stage.folder / "seen.json")


def proof_since(stage, old=None, evidence=None):
    folder = evidence or stage.evidence
    anchor = read_anchor(folder)
    kept = None if old is None else read_checkpoint(folder / f"checkpoint-{old:06}.txt")
    with closing(open_log(stage.url)) as log:
        return prove_consistency(log, anchor, kept, anchor.last())


def sign(stage, watch, proof):
    return sign_as_witness(proof, "p", watch, key=stage.witness, at_seconds=SEEN_AT)


def quorum_of(stage):
    return parse_quorum(
        f"log {stage.key.public}\nwitness office {stage.witness.public}\nquorum office\n"
    )


class TestSign:
    def test_the_signed_checkpoint_reaches_a_quorum_that_the_log_alone_does_not(self, stage, watch):
        proof = proof_since(stage)
        with pytest.raises(EvidenceError, match="office is needed, cosigned by nobody"):
            check_proof(proof, quorum_of(stage), "p")
        note = sign(stage, watch, proof)
        (stage.evidence / "checkpoint-000002.txt").write_text(note)
        checked = check_proof(proof_since(stage), quorum_of(stage), "p")
        assert checked.cosigners == {"office": SEEN_AT}
        assert checked.line().endswith("cosigned by office on 2023-03-20T12:25:47.000Z")

    def test_a_continuation_is_signed_and_remembered(self, stage, watch):
        sign(stage, watch, proof_since(stage))
        stage.append(new_records(9, first=83))
        stage.sign()
        sign(stage, watch, proof_since(stage, 2))
        seen = decode_proof(watch.state.read_bytes(), "seen")
        assert decode_checkpoint(seen.new.checkpoint.encode(), "seen").checkpoint.size == 3
        # The same again changes nothing.
        assert "continues" in check_as_witness(proof_since(stage, 2), "p", watch).statement

    def test_checking_remembers_nothing(self, stage, watch):
        check_as_witness(proof_since(stage), "p", watch)
        assert not watch.state.exists()

    def test_nothing_is_signed_that_could_not_be_remembered(self, stage, watch):
        missing = watch._replace(state=stage.folder / "absent" / "seen.json")
        with pytest.raises(StoreError, match="absent"):
            sign(stage, missing, proof_since(stage))

    def test_the_key_of_a_log_signs_for_no_witness(self, stage, watch):
        with pytest.raises(EvidenceError, match="--witness"):
            sign_as_witness(proof_since(stage), "p", watch, key=stage.key, at_seconds=SEEN_AT)


class TestRefuse:
    @pytest.fixture
    def fork(self, stage):
        """Another history, signed twice by the same key."""
        (stage.folder / "fork").mkdir()
        other = stage._replace(folder=stage.folder / "fork")
        other.append(new_records(60, value=b"VALUE %d"))
        other.sign()
        other.append(new_records(9, first=60))
        other.sign()
        return other

    def test_another_history_of_the_same_size_is_a_fork(self, stage, watch, fork):
        sign(stage, watch, proof_since(stage))
        with pytest.raises(EvidenceError, match="fork: two checkpoints of 2 entries"):
            sign(stage, watch, proof_since(fork))

    def test_a_longer_one_that_does_not_begin_with_what_was_seen_is_refused(
        self, stage, watch, fork
    ):
        sign(stage, watch, proof_since(stage))
        fork.append(new_records(1, first=70))
        fork.sign()
        for old in (None, 1, 2):
            with pytest.raises(EvidenceError, match="checkpoint 2 was seen last; ask"):
                sign(stage, watch, proof_since(fork, old))

    def test_going_back_is_refused(self, stage, watch):
        earlier = stage.folder / "earlier"
        earlier.mkdir()
        first = stage.evidence / "checkpoint-000001.txt"
        (earlier / first.name).write_bytes(first.read_bytes())
        lines = (stage.evidence / "entries.jsonl").read_bytes().splitlines(keepends=True)
        (earlier / "entries.jsonl").write_bytes(lines[0])
        sign(stage, watch, proof_since(stage))
        with pytest.raises(EvidenceError, match="the log went back"):
            sign(stage, watch, proof_since(stage, evidence=earlier))

    def test_a_partition_that_was_rewritten_between_two_entries_is_refused(self, stage, watch):
        """The anchor log grows honestly, and one partition of the new entry is another."""
        proof = proof_since(stage, 1)
        heads = dict(read_anchor(stage.evidence).entries[-1].heads)
        heads[1] = heads[1]._replace(root=bytes(32))
        cut = read_anchor(stage.evidence).entries[-1].cut
        forged = stage.folder / "forged"
        forged.mkdir()
        for name in ("entries.jsonl", "checkpoint-000001.txt"):
            (forged / name).write_bytes((stage.evidence / name).read_bytes())
        add_checkpoint(
            forged, stage.key, lambda _: Entry.from_heads("student-lifecycle", cut, heads)
        )
        anchor = read_anchor(forged)
        lie = proof.model_copy(
            update={
                "new": signed_entry(anchor, anchor.last()),
                "anchor_path": tuple(node.hex() for node in anchor.consistency_path(1, 2)),
            }
        )
        with pytest.raises(EvidenceError, match="partition 1 of checkpoint 2 does not continue"):
            check_as_witness(lie, "p", watch)

    def test_other_proofs_and_other_files_are_refused(self, stage, watch):
        anchor = read_anchor(stage.evidence)
        with closing(open_log(stage.url)) as log:
            record = prove_record(log, anchor, anchor.last(), Location(0, 0))
        with pytest.raises(EvidenceError, match="no proof of consistency"):
            check_as_witness(record, "p", watch)
        watch.state.write_text("{}")
        with pytest.raises(EvidenceError, match=r"seen\.json is no proof"):
            check_as_witness(proof_since(stage), "p", watch)

    def test_the_state_of_another_log_is_refused(self, stage, watch, tmp_path):
        sign(stage, watch, proof_since(stage))
        state = watch.state.read_bytes()
        watch.state.write_bytes(state.replace(b"school.example", b"scholl.example"))
        with pytest.raises(EvidenceError, match="is not signed by the key"):
            check_as_witness(proof_since(stage), "p", watch)

    def test_what_was_seen_is_a_proof_of_consistency(self, stage, watch):
        anchor = read_anchor(stage.evidence)
        with closing(open_log(stage.url)) as log:
            record = prove_record(log, anchor, anchor.last(), Location(0, 0))
        watch.state.write_bytes(witnesses.encode_proof(record))
        with pytest.raises(EvidenceError, match="is not what `outcomes witness sign` has written"):
            check_as_witness(proof_since(stage), "p", watch)
