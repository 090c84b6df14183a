"""Signing a log: only a continuation of what was signed before, whatever interrupts it."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from ledger.errors import EvidenceError, StoreError
from ledger.evidence import anchor as anchors
from ledger.evidence.anchor import Entry, read_anchor, read_checkpoint
from ledger.evidence.heads import heads_of_records
from ledger.evidence.keys import create_key, read_private_key
from ledger.evidence.signing import sign_log
from ledger.log import open_log
from tests.ledger.evidence.stage import empty_stage, new_records, signed_twice


@pytest.fixture
def stage(tmp_path):
    return signed_twice(tmp_path)


class TestSign:
    def test_an_entry_holds_the_trees_of_all_partitions_and_the_checkpoint_covers_it(self, stage):
        anchor = read_anchor(stage.evidence)
        assert [signed.checkpoint.size for signed in anchor.checkpoints] == [1, 2]
        assert all(signed.note.is_signed_by(stage.key.public) for signed in anchor.checkpoints)
        assert anchor.root(2) == anchor.last().checkpoint.root
        with closing(open_log(stage.url)) as log:
            cuts = [entry.cut for entry in anchor.entries]
            assert cuts[-1] == log.end()
            assert heads_of_records(log, cuts) == [entry.heads for entry in anchor.entries]

    def test_an_archive_signs_the_same_as_its_log(self, stage, tmp_path):
        with closing(open_log(f"archive:{stage.archive}")) as log:
            signed = sign_log(log, tmp_path / "other", stage.key).signed
        (entry,) = read_anchor(tmp_path / "other").entries
        assert entry == read_anchor(stage.evidence).entries[-1]
        assert signed.checkpoint.size == 1

    def test_without_new_records_nothing_is_added_and_no_signature_is_lost(self, stage):
        before = read_anchor(stage.evidence)
        stage.sign()
        assert read_anchor(stage.evidence) == before
        create_key(stage.folder / "next.key", stage.key.public.name)
        successor = read_private_key(stage.folder / "next.key")
        stage._replace(key=successor).sign()
        note = read_anchor(stage.evidence).last().note
        assert note.is_signed_by(stage.key.public)
        assert note.is_signed_by(successor.public)

    def test_an_empty_log_can_be_signed(self, tmp_path):
        stage = empty_stage(tmp_path)
        stage.append([])
        stage.sign()
        assert {head.size for head in read_anchor(stage.evidence).entries[0].heads.values()} == {0}


class TestRefuse:
    def test_a_log_that_was_rewritten_is_not_signed(self, stage, tmp_path):
        (tmp_path / "b").mkdir()
        other = stage._replace(folder=tmp_path / "b")
        other.append(new_records(90, value=b"VALUE %d"))
        before = (stage.evidence / anchors.ENTRIES).read_bytes()
        with pytest.raises(EvidenceError, match="partition 0 was rewritten"):
            other.sign(stage.evidence)
        assert (stage.evidence / anchors.ENTRIES).read_bytes() == before

    def test_a_log_that_ends_earlier_is_not_signed(self, stage, tmp_path):
        (tmp_path / "b").mkdir()
        other = stage._replace(folder=tmp_path / "b")
        other.append(new_records(50))
        with pytest.raises(EvidenceError, match="ends before what was signed last"):
            other.sign(stage.evidence)

    def test_a_folder_of_another_origin_is_refused(self, stage):
        create_key(stage.folder / "other.key", "elsewhere.example/ledger")
        other = stage._replace(key=read_private_key(stage.folder / "other.key"))
        with pytest.raises(EvidenceError, match="is of school"):
            other.sign()

    def test_entries_that_are_not_those_that_were_signed_are_refused(self, stage):
        path = stage.evidence / anchors.ENTRIES
        path.write_bytes(path.read_bytes().replace(b'"size":', b'"size":1', 1))
        with pytest.raises(EvidenceError, match="did not sign the first 1 lines"):
            stage.sign()


class TestInterrupted:
    def test_an_entry_that_was_never_signed_is_replaced(self, stage, monkeypatch):
        stage.append(new_records(5, first=83))
        real = anchors.write_atomically

        def stopping(path, data):
            if path.name.startswith("checkpoint-"):
                raise KeyboardInterrupt
            real(path, data)

        monkeypatch.setattr(anchors, "write_atomically", stopping)
        with pytest.raises(KeyboardInterrupt):
            stage.sign()
        monkeypatch.undo()
        anchor = read_anchor(stage.evidence)
        assert (len(anchor.entries), anchor.signed_size) == (3, 2)
        stage.append(new_records(5, first=88))
        stage.sign()
        anchor = read_anchor(stage.evidence)
        assert (len(anchor.entries), anchor.signed_size) == (3, 3)
        assert sum(head.size for head in anchor.entries[-1].heads.values()) == 93


class TestRead:
    def test_a_folder_without_evidence_is_one_line(self, tmp_path):
        with pytest.raises(StoreError, match="no evidence in"):
            read_anchor(tmp_path / "absent")

    def test_a_folder_without_a_checkpoint_says_so(self, tmp_path):
        (tmp_path / anchors.ENTRIES).write_bytes(b"")
        with pytest.raises(EvidenceError, match="has no checkpoint"):
            read_anchor(tmp_path).last()

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda data: data[:-1], "its last line has no end"),
            (lambda data: data.replace(b'"end"', b'"eND"', 1), "line 1 is no entry"),
            (lambda data: data.replace(b'"partition":0', b'"partition":1', 1), "not all, in order"),
            (lambda data: data.replace(b'{"log"', b'{ "log"', 1), "RFC 8785"),
            (lambda data: b"[]\n" + data, "line 1 is no entry"),
        ],
    )
    def test_a_line_that_is_no_entry_is_named(self, stage, change, message):
        path = stage.evidence / anchors.ENTRIES
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(EvidenceError, match=message):
            read_anchor(stage.evidence)

    def test_a_checkpoint_with_the_name_of_another_is_refused(self, stage):
        first = stage.evidence / "checkpoint-000001.txt"
        (stage.evidence / "checkpoint-000002.txt").write_bytes(first.read_bytes())
        with pytest.raises(EvidenceError, match="of size 1, not of its name"):
            read_anchor(stage.evidence)

    def test_a_file_that_is_no_checkpoint_is_named(self, tmp_path):
        with pytest.raises(StoreError, match="No such file"):
            read_checkpoint(tmp_path / "absent")
        (tmp_path / "a").write_text("hello")
        with pytest.raises(EvidenceError, match="a is no signed checkpoint: it has no blank line"):
            read_checkpoint(tmp_path / "a")

    def test_an_entry_reads_back_as_it_was_written(self, stage):
        for entry in read_anchor(stage.evidence).entries:
            assert Entry.parse(entry.line()) == entry
            assert json.loads(entry.line()) == entry.as_json()
