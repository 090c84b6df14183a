"""Errors of libraries become one line by their type and code."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from ledger.error_translation import Advice, find_advice, translate_errors
from ledger.errors import StoreError

TABLE = (
    Advice((OSError,), "make room", codes=(errno.ENOSPC, errno.EDQUOT)),
    Advice((ValueError,), "check the header", sign="header"),
    Advice((OSError, ValueError), "try again"),
)


def sqlite_error(code):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


class TestFindAdvice:
    @pytest.mark.parametrize(
        ("error", "advice"),
        [
            (OSError(errno.ENOSPC, "No space left"), "make room"),
            (OSError(errno.EDQUOT, "Quota exceeded"), "make room"),
            (PermissionError(errno.EACCES, "Permission denied"), "try again"),
            (ValueError("a bad header"), "check the header"),
            (ValueError("a bad footer"), "try again"),
            (KeyError("header"), None),
        ],
    )
    def test_the_first_row_that_fits_by_type_code_and_text(self, error, advice):
        assert advice == find_advice(error, TABLE)

    @pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR_FSYNC])
    def test_a_refined_code_of_sqlite_has_the_advice_of_its_primary_code(self, code):
        table = (Advice((sqlite3.Error,), "check the disk", codes=(sqlite3.SQLITE_IOERR,)),)

        assert "check the disk" == find_advice(sqlite_error(code), table)
        assert find_advice(sqlite_error(sqlite3.SQLITE_FULL), table) is None
        assert find_advice(sqlite3.OperationalError("disk I/O error"), table) is None


class TestTranslateErrors:
    def test_the_line_says_what_failed_where_why_and_what_to_do(self):
        with (
            pytest.raises(StoreError, match=r"^a\.db cannot be read \(a bad footer\): try again$"),
            translate_errors("a.db", "cannot be read", TABLE),
        ):
            raise ValueError("a bad footer\nand more")

    def test_the_file_that_the_system_names_is_the_one_in_the_line(self):
        with (
            pytest.raises(StoreError, match=r"^b cannot be used \(No space left\): make room$"),
            translate_errors("a", "cannot be used", TABLE),
        ):
            raise OSError(errno.ENOSPC, "No space left", "b")

    @pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt(), StoreError("said")])
    def test_an_error_without_advice_passes(self, error):
        with pytest.raises(type(error)) as raised, translate_errors("a", "failed", TABLE):
            raise error

        assert error is raised.value
