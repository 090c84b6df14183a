"""What admission says of a text, as a JSON Schema that every validator reads alike.

A pattern has no lookaround, no Unicode class and no bare `$` in a class, so ECMAScript, Python,
Go and Rust mean the same by it.
"""

from __future__ import annotations

__all__ = ["DAY", "MEDIA_TYPE", "TIME", "text_schema"]

_YEAR = "(19|20|21)[0-9]{2}"
_LEAP_YEAR = "((19|21)(0[48]|[2468][048]|[13579][26])|20([02468][048]|[13579][26]))"
_DAY = (
    f"({_YEAR}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    f"|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_OFFSET = "([01][0-9]|2[0-3]):[0-5][0-9]"
_MEDIA_CHARACTER = r"[!#\x24%&'*+.^_`|~0-9A-Za-z-]"

DAY = f"^{_DAY}$"
"""A date that exists, from 1900-01-01 to 2199-12-31."""

TIME = (
    f"^({_DAY}T{_CLOCK}(Z|[+-]{_OFFSET})"
    f"|1899-12-31T{_CLOCK}-{_OFFSET}|2200-01-01T{_CLOCK}[+]{_OFFSET})$"
)
"""A time on such a date, or on a neighbouring one that may be such a date in UTC."""

MEDIA_TYPE = rf"^{_MEDIA_CHARACTER}+/({_MEDIA_CHARACTER}*\+)?[jJ][sS][oO][nN]([ \t]*;[\s\S]*)?$"
"""A media type of JSON, with or without parameters."""


def text_schema(pattern: str, **more: str) -> dict[str, object]:
    """The schema of a text that a pattern describes from its first to its last character.

    Python's `$` also matches before a newline at the end; `not` says that none is there.

    Args:
        pattern: From `^` to `$`.
        more: Further keywords, such as `format`.
    """
    return {"type": "string", **more, "pattern": pattern, "not": {"pattern": r"^[^;]*\n"}}
