"""The view `records_as_text`: for whoever opens a log with a general tool for SQLite.

Keys and values are bytes, which such tools show as binary. The ledger itself never reads the view,
so a log without it is as good.
"""

from __future__ import annotations

__all__ = ["CREATE_TEXT_VIEW", "TEXT_VIEW"]

TEXT_VIEW = "records_as_text"

# What is not UTF-8, which a tool could not decode, becomes U+FFFD, character by character. Bytes
# with a NUL, where SQLite's functions would stop, are shown as a literal.
_TEXT = """
case
    when instr(BYTES, x'00') then quote(BYTES)
    when cast(BYTES as text) glob '*[^' || char(1) || '-' || char(127) || ']*' then (
        with recursive decoded(character, rest) as (
            select '', cast(BYTES as text)
            union all
            select char(unicode(rest)), substr(rest, 2) from decoded where rest <> ''
        )
        select group_concat(character, '') from decoded
    )
    else cast(BYTES as text)
end"""
_MILLISECONDS = "(recorded_at % 1000 + 1000) % 1000"
_UTC = (
    f"strftime('%Y-%m-%dT%H:%M:%S', (recorded_at - {_MILLISECONDS}) / 1000, 'unixepoch')"
    f" || printf('.%03dZ', {_MILLISECONDS})"
)

CREATE_TEXT_VIEW = (
    f"create view if not exists {TEXT_VIEW} as"  # noqa: S608 - of constants alone
    f" select partition, offset, {_UTC} as recorded_at,"
    f"{_TEXT.replace('BYTES', 'key')} as key,"
    f"{_TEXT.replace('BYTES', 'value')} as value"
    " from records"
)
