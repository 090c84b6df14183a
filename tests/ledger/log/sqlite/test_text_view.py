"""A log opened with a general tool for SQLite shows text, whatever bytes its records are."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner
from sqlite_utils import Database
from sqlite_utils.cli import cli as sqlite_utils_cli

from ledger.log import NewRecord, open_log

EVENT = json.dumps({"programme": "développeur 𝛑", "data": {}}, ensure_ascii=False)
VALUES = {
    b"plain": b'{"a":1}',
    b"unicode": EVENT.encode(),
    b"tombstone": None,
    b"empty": b"",
    b"latin-1": "d\u00e9veloppeur".encode("latin-1"),
    b"cut": "é".encode()[:1],
    b"surrogate": b"\xed\xa0\x80",
    b"nul": b"a\0\xff",
    b"long": "é".encode() * 3_000,
}
TEXTS = {
    "plain": '{"a":1}',
    "unicode": EVENT,
    "tombstone": None,
    "empty": "",
    "latin-1": "d\ufffdveloppeur",
    "cut": "\ufffd",
    "nul": "X'6100FF'",
    "long": "é" * 3_000,
}


@pytest.fixture
def path(tmp_path):
    """A log of one partition with every kind of value."""
    path = tmp_path / "ledger.db"
    with closing(open_log(f"sqlite:{path}", create=True)) as log:
        log.append(NewRecord(*item) for item in VALUES.items())
    return path


def rows(path):
    with closing(Database(path)) as db:
        return list(db["records_as_text"].rows)


def remove_view(path):
    """The log as a ledger without the view has made it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("drop view records_as_text")


class TestTextView:
    def test_every_value_is_text_that_python_can_decode(self, path):
        shown = {row["key"]: row["value"] for row in rows(path)}
        assert [key.decode() for key in VALUES] == list(shown)
        assert TEXTS == {key: shown[key] for key in TEXTS}
        assert {"\ufffd"} == set(shown["surrogate"])

    def test_a_null_key_and_one_that_is_not_utf_8_are_shown(self, tmp_path):
        path = tmp_path / "ledger.db"
        with closing(open_log(f"sqlite:{path}", create=True)) as log:
            log.append([NewRecord(None, b"{}"), NewRecord(b"\xff", b"{}")])
        assert [None, "\ufffd"] == [row["key"] for row in rows(path)]

    @pytest.mark.parametrize(
        ("recorded_at", "shown"),
        [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_705_312_800_007, "2024-01-15T10:00:00.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (9_000_000_000_000_000, None),
        ],
    )
    def test_the_recording_is_shown_in_utc_to_the_millisecond(self, tmp_path, recorded_at, shown):
        path = tmp_path / "ledger.db"
        with closing(open_log(f"sqlite:{path}", create=True)):
            pass
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("insert into records values (0, 0, ?, null, null)", (recorded_at,))
        assert [shown] == [row["recorded_at"] for row in rows(path)]

    def test_the_tool_that_comes_with_the_ledger_prints_it(self, path):
        words = ["rows", str(path), "records_as_text", "--where", "key = 'unicode'"]
        result = CliRunner().invoke(sqlite_utils_cli, words)
        assert EVENT == json.loads(result.output)[0]["value"]

    def test_an_older_log_has_the_view_after_the_next_append(self, path):
        remove_view(path)
        with closing(open_log(f"sqlite:{path}")) as log:
            assert len(VALUES) == log.end()[0]
        with closing(open_log(f"sqlite:{path}", create=True)) as log:
            log.append([NewRecord(b"next", b"{}")])
        assert "next" == rows(path)[-1]["key"]

    def test_an_older_log_that_somebody_else_writes_to_is_opened_all_the_same(self, path):
        remove_view(path)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin immediate")
            with closing(open_log(f"sqlite:{path}", create=True)) as log:
                assert len(VALUES) == log.end()[0]
            other.execute("rollback")

    def test_an_older_ledger_still_opens_a_log_with_the_view(self, path):
        """It refuses a schema that is newer than its own, so the schema's number is unchanged."""
        with closing(sqlite3.connect(path)) as connection:
            assert (1,) == connection.execute("pragma user_version").fetchone()
