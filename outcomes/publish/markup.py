"""The little markup of a paragraph: emphasis, links, and names that a machine reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from outcomes.publish.document import Block, Bullets, Inline, Paragraph, Run

__all__ = ["blocks", "inline"]

_STRONG, _EMPHASIS = r"\*\*(?P<strong>[^*]+)\*\*", r"\*(?P<emphasis>[^*\s](?:[^*]*[^*\s])?)\*"
_LINK = r"\[(?P<text>[^\[\]]+)\]\((?P<href>[^()\s]+)\)"
_CODE = r"`(?P<code>[^`]+)`"
_MARKS = re.compile(f"{_STRONG}|{_EMPHASIS}|{_LINK}|{_CODE}")
_BULLET = re.compile(r"[-*•] +")


def inline(text: str, fill: Callable[[str], str] = str, *, is_foreign: bool = False) -> Inline:
    """A line of text as runs.

    Args:
        text: With `*emphasis*`, `**strong**`, `[text](address)` and `` `code` ``.
        fill: Puts values in the place of fields, after the marks were read: a value has none.
        is_foreign: Whether the school wrote it.
    """
    return tuple(
        run._replace(text=fill(run.text), href=fill(run.href), is_foreign=is_foreign)
        for run in _runs(text)
    )


def _runs(text: str) -> Iterator[Run]:
    end = 0
    for match in _MARKS.finditer(text):
        if match.start() > end:
            yield Run(text[end : match.start()])
        end = match.end()
        if match["strong"]:
            yield Run(match["strong"], "strong")
        elif match["emphasis"]:
            yield Run(match["emphasis"], "emphasis")
        elif match["code"]:
            yield Run(match["code"], "code")
        else:
            yield Run(match["text"], href=match["href"])
    if end < len(text):
        yield Run(text[end:])


def blocks(text: str, fill: Callable[[str], str], *, is_foreign: bool = True) -> Iterator[Block]:
    """A text of paragraphs and lists, separated by blank lines; see `inline`."""
    for part in re.split(r"\n[ \t]*\n", text.strip("\n")):
        lines = [line.strip() for line in part.splitlines() if line.strip()]
        items: list[str] = []
        prose: list[str] = []
        for line in lines:
            mark = _BULLET.match(line)
            if mark:
                items.append(line[mark.end() :])
            elif items:
                items[-1] += f" {line}"
            else:
                prose.append(line)
        if prose:
            yield Paragraph(inline(" ".join(prose), fill, is_foreign=is_foreign))
        if items:
            yield Bullets(tuple(inline(item, fill, is_foreign=is_foreign) for item in items))
