"""Text for a terminal: one printable line, whatever went into it."""

from __future__ import annotations

__all__ = ["one_line"]


def one_line(text: str) -> str:
    r"""A text as one printable line, whatever file names or data went into it.

    >>> one_line("two\nlines and \x1b[31m")
    'two lines and \\x1b[31m'
    """
    joined = " ".join(text.split())
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in joined)
