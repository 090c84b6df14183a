"""The file of tokens: who may, known by a hash."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pytest

from ledger.errors import ConfigurationError, UsageError
from outcomes.serve.tokens import Role, TokenFile, covers

SOURCE = "https://crm.example/eu"
NOON_MS = 1_705_312_800_000


@pytest.fixture
def file(tmp_path):
    return TokenFile(tmp_path / "tokens.json", now=lambda: NOON_MS)


def moment(seconds):
    return datetime.fromtimestamp(NOON_MS / 1_000 + seconds, UTC)


class TestToken:
    """A token is known by its hash alone."""

    def test_the_token_that_was_made_is_found_with_its_role_and_source(self, file):
        secret = file.add("crm", Role.EMITTER, SOURCE, None)

        token = file.find(secret)

        assert ("crm", Role.EMITTER, SOURCE) == (token.name, token.role, token.source)

    def test_the_file_does_not_hold_it(self, file, tmp_path):
        secret = file.add("ops", Role.OPERATOR, None, None)

        assert secret not in (tmp_path / "tokens.json").read_text()
        assert 43 <= len(secret.removeprefix("outcomes_"))

    @pytest.mark.parametrize("other", ["", "outcomes_", "x", "é", "outcomes_" + "a" * 43])
    def test_another_text_is_not_a_token(self, file, other):
        file.add("ops", Role.OPERATOR, None, None)

        assert file.find(other) is None

    def test_one_that_was_revoked_is_refused_by_whoever_read_the_file_before(self, file, tmp_path):
        secret = file.add("ops", Role.READER, None, None)
        reader = TokenFile(tmp_path / "tokens.json", now=lambda: NOON_MS)
        assert reader.find(secret) is not None

        file.revoke("ops")

        assert reader.find(secret) is None

    def test_it_ends_at_its_expiry(self, file):
        before = file.add("soon", Role.READER, None, moment(0.001))
        after = file.add("late", Role.READER, None, moment(0))

        assert file.find(before) is not None
        assert file.find(after) is None


class TestFile:
    """The file is refused where others may read it, and where it is something else."""

    def test_there_is_no_token_where_there_is_no_file(self, file):
        assert [] == file.tokens()
        assert file.find("outcomes_x") is None

    def test_only_its_owner_may_read_it(self, file, tmp_path):
        file.add("ops", Role.READER, None, None)

        assert 0o600 == (tmp_path / "tokens.json").stat().st_mode & 0o777

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
    def test_one_that_others_may_use_is_refused(self, file, tmp_path, mode):
        file.add("ops", Role.READER, None, None)
        (tmp_path / "tokens.json").chmod(mode)

        with pytest.raises(ConfigurationError, match="chmod 600"):
            file.tokens()

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"name": "x"}]', "\x00"])
    def test_another_file_is_refused_without_being_shown(self, tmp_path, text):
        path = tmp_path / "tokens.json"
        path.write_text(text)
        path.chmod(0o600)

        with pytest.raises(ConfigurationError, match="not a file of tokens"):
            TokenFile(path).tokens()

    def test_a_folder_is_refused_in_one_line(self, tmp_path):
        os.chmod(tmp_path, 0o700)  # noqa: PTH101
        with pytest.raises(ConfigurationError):
            TokenFile(tmp_path).tokens()

    def test_a_name_is_given_once(self, file):
        file.add("ops", Role.READER, None, None)
        with pytest.raises(UsageError, match="revoke it first"):
            file.add("ops", Role.READER, None, None)
        assert 1 == len(file.tokens())

    @pytest.mark.parametrize("name", ["", "a b", "x" * 65, "é", "../x"])
    def test_a_name_that_a_log_line_could_not_show_is_refused(self, file, name):
        with pytest.raises(UsageError):
            file.add(name, Role.READER, None, None)

    @pytest.mark.parametrize(("role", "source"), [(Role.EMITTER, None), (Role.READER, SOURCE)])
    def test_an_emitter_has_a_source_and_nobody_else(self, file, role, source):
        with pytest.raises(UsageError, match="--source"):
            file.add("x", role, source, None)

    def test_nobody_who_is_not_there_is_revoked(self, file):
        with pytest.raises(UsageError, match="token list"):
            file.revoke("ops")

    def test_it_is_json_that_a_person_can_read(self, file, tmp_path):
        file.add("crm", Role.EMITTER, SOURCE, moment(60))
        (member,) = json.loads((tmp_path / "tokens.json").read_text())
        assert {"name", "role", "source", "expires", "sha256"} == set(member)


class TestCovers:
    """A source allows what lies below it, and not what merely begins like it."""

    @pytest.mark.parametrize(
        ("token", "event", "expected"),
        [
            pytest.param(SOURCE, SOURCE, True, id="the_source_itself"),
            pytest.param(SOURCE, f"{SOURCE}/paris", True, id="a_part_of_it"),
            pytest.param(f"{SOURCE}/", f"{SOURCE}/paris", True, id="a_slash_counts_once"),
            pytest.param(SOURCE, f"{SOURCE}rope", False, id="one_that_begins_like_it"),
            pytest.param(f"{SOURCE}/paris", SOURCE, False, id="what_it_is_a_part_of"),
            pytest.param(SOURCE, SOURCE.upper(), False, id="another_case"),
        ],
    )
    def test_it_allows(self, token, event, expected):
        assert expected is covers(token, event)
