from __future__ import annotations

import os

import pytest

from ledger.errors import ConfigurationError, StoreError
from ledger.evidence.checkpoint import Checkpoint, cosign, cosigned_at, sign_checkpoint
from ledger.evidence.keys import create_key, public_path, read_private_key, read_public_key
from ledger.evidence.merkle import EMPTY_ROOT

SEEN_AT = 1_679_315_147


class TestCreate:
    def test_only_the_owner_can_read_the_private_key(self, tmp_path):
        old = os.umask(0)
        try:
            key = create_key(tmp_path / "log.key", "school.example/ledger")
        finally:
            os.umask(old)
        assert (tmp_path / "log.key").stat().st_mode & 0o777 == 0o600
        assert read_private_key(tmp_path / "log.key").public == key
        assert read_public_key(tmp_path / "log.key.pub") == key
        assert read_public_key(tmp_path / "log.key") == key

    @pytest.mark.parametrize("suffix", ["", ".pub"])
    def test_a_file_that_exists_is_never_replaced(self, tmp_path, suffix):
        path = tmp_path / f"log.key{suffix}"
        path.write_text("precious")
        with pytest.raises(StoreError, match="never replaced"):
            create_key(tmp_path / "log.key", "a")
        assert path.read_text() == "precious"
        assert not public_path(path).exists()

    @pytest.mark.parametrize("name", ["", "two words", "a+b", "a\nb", "a\x00b"])
    def test_a_name_that_no_signature_can_hold_is_refused(self, tmp_path, name):
        with pytest.raises(ConfigurationError, match="a name of a key"):
            create_key(tmp_path / "log.key", name)


class TestPrivate:
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o700])
    def test_a_file_that_is_open_to_others_is_refused(self, tmp_path, mode):
        create_key(tmp_path / "log.key", "a")
        (tmp_path / "log.key").chmod(mode)
        with pytest.raises(ConfigurationError, match="chmod 600"):
            read_private_key(tmp_path / "log.key")

    def test_no_message_and_no_representation_shows_the_key(self, tmp_path):
        path = tmp_path / "log.key"
        create_key(path, "a")
        text = path.read_text()
        secret = text.split("+", 4)[4].strip()  # Base64 has plus signs too.
        key = read_private_key(path)
        assert secret not in f"{key} {key!r}"
        for broken in (text[:-9], text.replace("+a+", "+b+"), f"{text}x", text.replace("KEY", "K")):
            path.write_text(broken)
            with pytest.raises(ConfigurationError) as caught:
                read_private_key(path)
            assert secret[:8] not in str(caught.value)

    def test_a_missing_file_is_one_line(self, tmp_path):
        with pytest.raises(StoreError, match="No such file"):
            read_private_key(tmp_path / "absent")

    def test_a_file_that_is_no_text_is_no_key(self, tmp_path):
        (tmp_path / "a").write_bytes(b"\xff\xfe")
        with pytest.raises(ConfigurationError, match="no key"):
            read_public_key(tmp_path / "a")


class TestCosignature:
    @pytest.fixture
    def keys(self, tmp_path):
        create_key(tmp_path / "log.key", "school.example/ledger")
        create_key(tmp_path / "witness.key", "office.example/w1", witness=True)
        names = ("log.key", "witness.key")
        return [read_private_key(tmp_path / name) for name in names]

    def test_it_says_when_the_witness_has_seen_the_checkpoint(self, keys):
        log, witness = keys
        note = sign_checkpoint(Checkpoint("school.example/ledger", 0, EMPTY_ROOT), log.secret)
        assert cosigned_at(note, witness.public) is None
        signature = cosign(note, witness.public.name, witness.secret, at_seconds=SEEN_AT)
        cosigned = note.with_signatures([signature, signature])
        assert len(cosigned.signatures) == 2
        assert cosigned.is_signed_by(log.public)
        assert cosigned_at(cosigned, witness.public) == SEEN_AT

    def test_neither_its_time_nor_its_text_can_be_changed(self, keys):
        log, witness = keys
        note = sign_checkpoint(Checkpoint("school.example/ledger", 0, EMPTY_ROOT), log.secret)
        signature = cosign(note, witness.public.name, witness.secret, at_seconds=SEEN_AT)
        earlier = signature._replace(data=(SEEN_AT - 1).to_bytes(8, "big") + signature.data[8:])
        assert cosigned_at(note.with_signatures([earlier]), witness.public) is None
        assert cosigned_at(note.with_signatures([signature, earlier]), witness.public) is None
        short = signature._replace(data=signature.data[:8])
        assert cosigned_at(note.with_signatures([short]), witness.public) is None
        other = note._replace(text=note.text.replace("school", "scholl"))
        assert cosigned_at(other.with_signatures([signature]), witness.public) is None
