"""Proofs: complete in themselves, and worth nothing once anything in them is changed."""

from __future__ import annotations

import json
from contextlib import closing
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.errors import EvidenceError
from ledger.evidence.anchor import decode_checkpoint, read_anchor, read_checkpoint
from ledger.evidence.keys import create_key
from ledger.evidence.proof_documents import decode_proof, encode_proof, is_proof
from ledger.evidence.proofs import check_proof
from ledger.evidence.proving import prove_consistency, prove_record, prove_report
from ledger.evidence.quorum import quorum_of_key
from ledger.evidence.signing import sign_log
from ledger.log import Location, open_log
from ledger.log.archive import as_archive
from ledger.report import ReportQuery, make_reports
from projections.policy import built_in_policies
from tests.ledger.evidence.stage import new_records, signed_twice


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    return signed_twice(tmp_path_factory.mktemp("stage"))


@pytest.fixture(scope="module")
def anchor(stage):
    return read_anchor(stage.evidence)


@pytest.fixture(scope="module", params=["file", "archive", "archive without leaf hashes"])
def log(stage, request):
    if request.param == "archive without leaf hashes":
        for path in (stage.archive / "leaves").glob("*"):
            path.unlink()
    url = stage.url if request.param == "file" else f"archive:{stage.archive}"
    with closing(open_log(url)) as opened:
        yield opened


@pytest.fixture(scope="module")
def report(log):
    (policy, *_) = built_in_policies().values()
    query = ReportQuery([2022], [policy], [{0: 5, 1: 0, 2: 7}], roots=True)
    (made,) = make_reports(log, query)
    return made.as_json()


@pytest.fixture(scope="module")
def proofs(log, anchor, report):
    old, new = anchor.checkpoints
    return {
        "record": prove_record(log, anchor, new, Location(0, 4)),
        "consistency": prove_consistency(log, anchor, old, new),
        "report": prove_report(log, anchor, new, report),
    }


class TestHold:
    def test_every_record_that_was_signed_can_be_proved(self, stage, anchor, log):
        for partition, head in anchor.entries[-1].heads.items():
            for offset in {0, head.size // 2, head.size - 1}:
                proof = prove_record(log, anchor, anchor.last(), Location(partition, offset))
                checked = check_proof(proof, stage.quorum, "p")
                place = f"record {partition}:{offset} is leaf {offset} of {head.size}"
                assert checked.statement.startswith(place)

    def test_each_kind_says_what_it_shows(self, stage, proofs):
        lines = [check_proof(proof, stage.quorum, "p").line() for proof in proofs.values()]
        signed = "; signed by school.example/ledger as checkpoint 2"
        assert all(line.endswith(signed) for line in lines)
        assert lines[1].startswith("checkpoint 2 continues checkpoint 1 in every partition")
        assert lines[2].startswith("the report sha256:")

    def test_a_proof_reads_back_as_it_was_written(self, proofs):
        for proof in proofs.values():
            data = encode_proof(proof)
            assert is_proof(data)
            assert decode_proof(data, "p") == proof

    def test_a_checkpoint_continues_itself(self, stage, log, anchor):
        proof = prove_consistency(log, anchor, anchor.last(), anchor.last())
        check_proof(proof, stage.quorum, "p")

    def test_the_last_checkpoint_alone_can_be_handed_to_a_new_witness(self, stage, log, anchor):
        proof = prove_consistency(log, anchor, None, anchor.last())
        assert "nothing was seen before" in check_proof(proof, stage.quorum, "p").statement

    def test_where_leaf_hashes_are_missing_beside_an_archive_one_line_says_so(
        self, stage, log, anchor, report, tmp_path
    ):
        old, new = anchor.checkpoints
        is_missing = not list((stage.archive / "leaves").glob("*")) and as_archive(log) is not None
        for run in (
            partial(sign_log, log, tmp_path / "other", stage.key),
            partial(prove_record, log, anchor, new, Location(0, 4)),
            partial(prove_consistency, log, anchor, old, new),
            partial(prove_report, log, anchor, new, report),
        ):
            messages = list[str]()
            run(notify=messages.append)
            assert len(messages) == is_missing
            assert all("were computed for this command only" in each for each in messages)


def leaves_of(value, path=()):
    """Every place in a JSON value that holds something other than objects and arrays."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves_of(item, (*path, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves_of(item, (*path, number))
    else:
        yield path


def changed(value, path, draw):
    """A copy of a JSON value with another value at a place."""
    copy = json.loads(json.dumps(value))
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    before = holder[path[-1]]
    if isinstance(before, str) and before:
        position = draw(st.integers(0, len(before) - 1))
        other = "0" if before[position] != "0" else "1"
        holder[path[-1]] = before[:position] + other + before[position + 1 :]
    elif isinstance(before, int):
        holder[path[-1]] = before + draw(st.sampled_from([-1, 1, 1_000]))
    else:
        holder[path[-1]] = "x"
    return copy


class TestChanged:
    @pytest.mark.parametrize("kind", ["record", "consistency"])
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(data=st.data())
    def test_a_change_anywhere_is_seen(self, stage, proofs, kind, data):
        members = json.loads(encode_proof(proofs[kind]))
        path = data.draw(st.sampled_from(sorted(leaves_of(members), key=str)))
        document = json.dumps(changed(members, path, data.draw)).encode()
        with pytest.raises(EvidenceError, match=r"p\b"):
            check_proof(decode_proof(document, "p"), stage.quorum, "p")

    @pytest.mark.parametrize(
        ("path", "value", "message"),
        [
            (("report", "log", "cut", "0"), 10_000, "partition 0 is not what was signed"),
            (("report", "log", "cut", "0"), "5", "partition 0 is not what was signed"),
            (("report", "log", "roots", "0"), "00" * 32, "partition 0 is not what was signed"),
            (("report", "log", "roots", "0"), "zz", "root 0 of its report is none"),
            (("report", "log", "roots"), {}, "other partitions"),
            (("report", "log", "roots"), None, "no cut with roots"),
            (("report", "log"), None, "no cut with roots"),
            (("sizes", "2"), 6, "partition 2 is not what was signed"),
            (("sizes",), {}, "partition 0 is not what was signed"),
        ],
    )
    def test_a_report_that_read_something_else_is_seen(self, stage, proofs, path, value, message):
        members = json.loads(encode_proof(proofs["report"]))
        holder = members
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = value
        with pytest.raises(EvidenceError, match=message):
            check_proof(decode_proof(json.dumps(members).encode(), "p"), stage.quorum, "p")

    @pytest.mark.parametrize(
        "document",
        [b"", b"[]", b"{}", b'{"kind":"rumour"}', b'{"kind":["record"]}', b'{"kind":"record"}'],
    )
    def test_what_is_no_proof_is_named(self, document):
        with pytest.raises(EvidenceError, match="p is no proof"):
            decode_proof(document, "p")
        assert not is_proof(document)

    def test_the_signature_of_another_key_is_not_believed(self, stage, proofs, tmp_path):
        for number, name in enumerate(["school.example/ledger", "elsewhere.example"]):
            other = quorum_of_key(create_key(tmp_path / str(number), name))
            for proof in proofs.values():
                with pytest.raises(EvidenceError, match="is not signed by the key of"):
                    check_proof(proof, other, "p")


class TestRefuse:
    def test_a_record_that_was_not_signed_cannot_be_proved(self, log, anchor):
        for partition, offset in ((0, 10_000), (9, 0)):
            with pytest.raises(EvidenceError, match="signed"):
                prove_record(log, anchor, anchor.last(), Location(partition, offset))

    def test_a_rewritten_log_proves_nothing(self, stage, anchor, tmp_path):
        other = stage._replace(folder=tmp_path)
        other.append(new_records(83, value=b"VALUE %d"))
        with closing(open_log(other.url)) as log:
            with pytest.raises(EvidenceError, match="are not those that"):
                prove_record(log, anchor, anchor.last(), Location(0, 4))
            with pytest.raises(EvidenceError, match="are not those that"):
                prove_consistency(log, anchor, *anchor.checkpoints)

    def test_a_log_that_lost_records_proves_nothing(self, stage, anchor, tmp_path):
        other = stage._replace(folder=tmp_path)
        other.append(new_records(50))
        other.seal()
        for url in (other.url, f"archive:{other.archive}"):
            with (
                closing(open_log(url)) as log,
                pytest.raises(EvidenceError, match=r"records, \d+ were signed"),
            ):
                prove_record(log, anchor, anchor.last(), Location(0, 4))

    def test_a_report_that_reads_further_than_was_signed_is_refused(self, log, anchor, report):
        (old, _) = anchor.checkpoints
        beyond = {**report, "log": {**report["log"], "cut": {"0": 99, "1": 0, "2": 7}}}
        with pytest.raises(EvidenceError, match="reads further"):
            prove_report(log, anchor, old, beyond)

    def test_a_report_with_other_roots_is_refused(self, log, anchor, report):
        roots = {**report["log"]["roots"], "0": "00" * 32}
        other = {**report, "log": {**report["log"], "roots": roots}}
        with pytest.raises(EvidenceError, match="are not those of the log"):
            prove_report(log, anchor, anchor.last(), other)

    def test_the_later_checkpoint_comes_second(self, log, anchor):
        old, new = anchor.checkpoints
        with pytest.raises(EvidenceError, match="name the earlier one first"):
            prove_consistency(log, anchor, new, old)

    def test_a_checkpoint_of_another_history_is_a_fork(self, stage, log, anchor, tmp_path):
        other = stage._replace(folder=tmp_path)
        other.append(new_records(20, value=b"VALUE %d"))
        signed = other.sign()
        kept = read_checkpoint(tmp_path / "evidence" / "checkpoint-000001.txt")
        assert signed.checkpoint == kept.checkpoint
        with pytest.raises(EvidenceError, match=r"fork: .* did not sign the first 1 entries"):
            prove_consistency(log, anchor, kept, anchor.last())

    def test_a_checkpoint_of_nothing_or_of_more_is_refused(self, stage, log, anchor):
        text = str(anchor.last().note)
        for size in ("0", "9"):
            kept = decode_checkpoint(text.replace("\n2\n", f"\n{size}\n").encode(), "kept")
            with pytest.raises(EvidenceError, match=r"holds others|fewer than"):
                prove_consistency(log, anchor, kept, anchor.last())
