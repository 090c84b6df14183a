"""A publication as web pages: one a language and one to choose it, without script.

A page is one file: its style is in it, named by a hash in its security policy, its charts are SVG,
its logo is in its address. A browser fetches nothing, wherever the folder lies.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from outcomes.presentation.charts import Months, draw, marks
from outcomes.presentation.languages import language_of
from outcomes.publish.document import (
    Block,
    Bullets,
    Chart,
    Document,
    KeyFigure,
    Logo,
    Table,
    plain,
)

__all__ = ["Head", "file_of", "render", "render_index", "render_page"]

_FOLDER = Path(__file__).parent
_STYLES = ("palette.css", "page.css", "chart.css")
_COLUMNS_MAX = 4
_SHORT_CHARACTERS = 28
_HASH = re.compile("[0-9a-f]{64}")
_FIGURE_CHARACTERS = 6


class Head(NamedTuple):
    """What a page says of itself; see `Document`."""

    language: str
    direction: Literal["ltr", "rtl"]
    title: str
    school: str
    summary: str
    logo: Logo | None


class _Page(NamedTuple):
    """A page as the page that leads to it names it."""

    document: Document
    code: str
    file: str
    name: str


def file_of(language: str) -> str:
    """The name of a language's page."""
    return f"report.{language}.html"


def render_page(document: Document, languages: Sequence[str]) -> bytes:
    """The page of a language.

    Args:
        document: What it says.
        languages: Codes of all the pages that there are.
    """
    others = [
        {"code": code, "file": file_of(code), "name": language_of(code).name}
        for code in languages
        if code != document.language
    ]
    return render("report.html", _head(document), document=document, others=others)


def render_index(documents: Sequence[Document]) -> bytes:
    """The page on which a reader chooses a language.

    Args:
        documents: One a language, in the order in which they are offered.
    """
    pages = [
        _Page(each, each.language, file_of(each.language), language_of(each.language).name)
        for each in documents
    ]
    return render("index.html", _head(documents[0]), pages=pages)


def render(template: str, head: Head, **names: object) -> bytes:
    """A page that looks like the others.

    Args:
        template: One that extends `base.html`.
        head: What the page says of itself.
        names: Of the template.
    """
    logo = _address(head.logo) if head.logo else ""
    text = _environment().get_template(template).render(head=head, logo=logo, **names)
    return text.encode()


def _head(document: Document) -> Head:
    return Head(*(getattr(document, name) for name in Head._fields))


def _address(logo: Logo) -> str:
    return f"data:{logo.media_type};base64,{base64.b64encode(logo.data).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "".join((_FOLDER / "style" / name).read_text(encoding="utf-8") for name in _STYLES)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment.globals |= {
        "style": Markup(style),  # noqa: S704 - a file of this package
        "policy": (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none';"
            " form-action 'none'"
        ),
        "draw": draw,
        "marks": marks,
        "shape": _shape,
        "is_wide": _is_wide,
        "size_of": _size_of,
        "in_runs": _in_runs,
        "is_hash": lambda cell: _HASH.fullmatch(cell.text) is not None,
        "is_short": _is_short,
        "kind_of": lambda block: type(block).__name__,
    }
    return environment


def _is_wide(chart: Chart) -> bool:
    return isinstance(chart.drawing, Months)


def _shape(chart: Chart) -> str:
    """How a chart and its table are laid out: beside each other, or below."""
    if _is_wide(chart):
        return " wide"
    return " broad" if len(chart.table.columns) > _COLUMNS_MAX else ""


def _size_of(figure: KeyFigure) -> str:
    """How large a figure is set: what is long or said in words has to fit."""
    if not figure.value[0].isdigit():
        return " words"
    return " long" if len(figure.value) > _FIGURE_CHARACTERS else ""


def _is_narrow(table: Table) -> bool:
    return len(table.columns) < _COLUMNS_MAX and all(
        column.unit != "text" for column in table.columns
    )


def _is_short(bullets: Bullets) -> bool:
    """Whether a list is set in columns."""
    return all(len(plain(item)) <= _SHORT_CHARACTERS for item in bullets.items)


def _in_runs(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks, narrow tables that follow each other together: they are set in columns."""
    run: list[Block] = []
    for block in blocks:
        is_narrow = isinstance(block, Table) and _is_narrow(block)
        if run and not is_narrow:
            yield run
            run = []
        if is_narrow:
            run.append(block)
        else:
            yield [block]
    if run:
        yield run
