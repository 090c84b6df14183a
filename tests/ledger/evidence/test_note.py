from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.evidence.checkpoint import parse_checkpoint
from ledger.evidence.merkle import CompactRange, hash_leaf
from ledger.evidence.note import parse_note, parse_public_key
from tests.support.repository import ROOT

VECTORS = json.loads((ROOT / "tests" / "vectors" / "checkpoints.json").read_text("utf-8"))
LOG = VECTORS["log"]
NOTE = VECTORS["signed_note"]
OTHER = parse_public_key(LOG["vkey"])
KEY = parse_public_key(NOTE["vkey"])
TEXT, SIGNATURE = NOTE["note"].split("\n\n")


class TestVectors:
    def test_the_note_of_the_specification_is_signed_by_its_key(self):
        note = parse_note(NOTE["note"].encode())
        assert note.is_signed_by(KEY)
        assert not note.is_signed_by(OTHER)
        assert str(note) == NOTE["note"]
        assert str(KEY) == NOTE["vkey"]

    @pytest.mark.parametrize("size", range(16))
    def test_a_checkpoint_of_tessera_is_signed_and_has_the_root_of_its_leaves(self, size):
        note = parse_note(LOG["checkpoints"][size].encode())
        assert note.is_signed_by(OTHER)
        leaves = CompactRange()
        for entry in LOG["entries_base64"][:size]:
            leaves.append(hash_leaf(base64.b64decode(entry)))
        checkpoint = parse_checkpoint(note.text)
        assert checkpoint == ("example.com/log/testdata", size, leaves.root())
        assert checkpoint.text() == note.text


class TestNote:
    @given(st.integers(0, len(NOTE["note"].encode()) - 1), st.integers(1, 255))
    def test_a_changed_byte_is_never_believed(self, position, change):
        data = bytearray(NOTE["note"].encode())
        data[position] ^= change
        try:
            believed = parse_note(bytes(data)).is_signed_by(KEY)
        except ValueError:
            believed = False
        assert not believed

    def test_a_false_signature_beside_a_true_one_makes_the_note_worthless(self):
        note = parse_note(NOTE["note"].encode())
        true = note.signatures[0]
        false = true._replace(data=bytes(len(true.data)))
        assert not note.with_signatures([false]).is_signed_by(KEY)

    def test_a_signature_of_an_unknown_key_is_ignored(self):
        note = parse_note(NOTE["note"].encode())
        stranger = note.signatures[0]._replace(key_id=b"\x00\x01\x02\x03")
        assert note.with_signatures([stranger]).is_signed_by(KEY)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "no blank line\n",
            f"{TEXT}\n\n{SIGNATURE}"[:-1],
            f"{TEXT}\n\n{SIGNATURE}{SIGNATURE.replace('—', '-')}",
            f"{TEXT}\r\n\n{SIGNATURE}",
            f"{TEXT}\n\n— a+b AAAAAAAA\n",
            f"{TEXT}\n\n— a AAAA\n",
            f"{TEXT}\n\n— a AAAAAAB=\n",
            f"{TEXT}\n\n— a b c\n",
            f"{TEXT}\n\n" + "— a AAAAAAAA\n" * 101,
        ],
    )
    def test_what_is_no_signed_note_is_refused(self, text):
        with pytest.raises(ValueError, match=r"\w"):
            parse_note(text.encode())

    def test_bytes_that_are_no_text_are_refused(self):
        with pytest.raises(ValueError, match="UTF-8"):
            parse_note(b"\xff\n\n")


class TestCheckpoint:
    @pytest.mark.parametrize(
        "text",
        ["a\n1\n", "a\n01\nAA==\n", "a\n-1\nAA==\n", "a\n1\nAA==\n", "a\n1\n\nx\n", "\n1\nAA==\n"],
    )
    def test_what_is_no_checkpoint_is_refused(self, text):
        with pytest.raises(ValueError, match=r"\w"):
            parse_checkpoint(text)

    def test_extension_lines_are_allowed(self):
        text = parse_note(LOG["checkpoints"][3].encode()).text
        assert parse_checkpoint(f"{text}an extension\n").size == 3


class TestPublicKey:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "a+00000000+AAAA",
            NOTE["vkey"].replace("530d903a", "530d903b"),
            NOTE["vkey"].replace("foo", "fop"),
            NOTE["vkey"].replace("+Ae", "+Be"),
        ],
    )
    def test_what_is_no_key_is_refused(self, text):
        with pytest.raises(ValueError, match=r"\w"):
            parse_public_key(text)
