"""Errors of libraries and of the system as one line: what failed, where, and what to do.

Advice is data: a table maps errors to it by type, by code where the library gives one, else by a
part of the message. Each table lies beside the code that uses its library.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ledger.errors import StoreError

__all__ = ["Advice", "code_of", "find_advice", "translate_errors"]

_PRIMARY_CODE = 0xFF
"""SQLite refines a result code in its higher bits."""


class Advice(NamedTuple):
    """What to do about some errors.

    Attributes:
        kinds: Types of the errors.
        text: What to do.
        codes: An `errno`, or a primary result code of SQLite; empty for every code.
        sign: A part of the message; empty for every message.
    """

    kinds: tuple[type[BaseException], ...]
    text: str
    codes: tuple[int, ...] = ()
    sign: str = ""


def find_advice(error: BaseException, table: Sequence[Advice]) -> str | None:
    """The advice of the first row that fits an error; None where none does."""
    code = code_of(error)
    for row in table:
        if (
            isinstance(error, row.kinds)
            and (not row.codes or code in row.codes)
            and row.sign in str(error)
        ):
            return row.text
    return None


@contextmanager
def translate_errors(subject: object, failure: str, table: Sequence[Advice]) -> Iterator[None]:
    """Turn every error that a table has advice for into a `StoreError`.

    Args:
        subject: What it is about, unless the error names a file itself.
        failure: What it could not do, such as `cannot be read`.
        table: Tried in order.

    Raises:
        StoreError: For an error of the table; any other error passes.
    """
    try:
        yield
    except Exception as error:
        advice = find_advice(error, table)
        if advice is None:
            raise
        place, cause = subject, next(iter(str(error).splitlines()), "")
        if isinstance(error, OSError):
            place, cause = error.filename or subject, error.strerror or cause
        raise StoreError(f"{place} {failure} ({cause}): {advice}") from error


def code_of(error: BaseException) -> int | None:
    """The `errno` of an error, or the primary result code of SQLite; None for neither."""
    if isinstance(error, OSError):
        return error.errno
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.Error) else None
    return None if code is None else code & _PRIMARY_CODE
