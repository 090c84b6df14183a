"""Text for a terminal: one printable line, whatever went into it."""

from __future__ import annotations

__all__ = ["excerpt", "one_line", "printable"]


def one_line(text: str) -> str:
    r"""A text as one printable line, whatever file names or data went into it.

    >>> one_line("two\nlines and \x1b[31m")
    'two lines and \\x1b[31m'
    """
    return printable(" ".join(text.split()))


def excerpt(data: bytes | None, length: int) -> str:
    r"""The beginning of any bytes as printable text of at most so many characters.

    >>> excerpt(b"\xff\x1b[31m red", 12), excerpt(b"a longer text", 9), excerpt(None, 9)
    ('\\xff\\x1b[31…', 'a longer…', 'null')
    """
    if data is None:
        return "null"
    # No character takes more than four bytes.
    text = printable(data[: 4 * length].decode("utf-8", "backslashreplace"))
    return text if len(text) <= length else f"{text[: length - 1]}…"


def printable(text: str) -> str:
    r"""A text in which what cannot be printed is escaped, white space but the blank included.

    >>> printable("  two\ttabs")
    '  two\\ttabs'
    """
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
