"""A publication as a PDF that a screen reader can read: tagged, PDF/UA-1, the same bytes each time.

`report.typ` says how it looks, in the colours of the pages. What it says goes in as JSON, so that
nothing in it can run as code.
"""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import fontpkg_source_sans_3
import typst

from ledger.errors import BadInputError
from ledger.temporary import temporary_folder
from outcomes.presentation.charts import Drawing, draw, marks
from outcomes.publish.document import Document, Logo

__all__ = ["render_pdf"]

_FOLDER = Path(__file__).parent
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}
_UNPRINTABLE = re.compile(
    r'PDF/UA-1 error: the text (?:contains the disallowed codepoint )?`"(.+?)"`'
)
_CELL = re.compile(rb"/S/TD(/P \d+ 0 R/A\[<</O/Table)(/Headers\[\(U\d+x(\d+)y0\)\])")
# Of pyo3, which exports no name for it.
_PANIC = "PanicException"
_ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}")


def render_pdf(document: Document) -> bytes:
    """The PDF of a publication; it embeds no clock, no path and no setting of the machine.

    Raises:
        BadInputError: If the logo is no image, or a character is in none of the typefaces: those of
            `fontpkg-source-sans-3` and, for other scripts, those in typst.
        StoreError: If the temporary folder cannot be used.
    """
    try:
        with temporary_folder("outcomes-pdf-") as folder, _quiet_panics(document):
            return _compile(_content(document, folder), folder)
    except typst.TypstError as error:
        raise _explained(error, document) from error
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        raise BadInputError(
            f"{_file(document)}: a mark stands on a letter that no typeface has together with it;"
            " look for accents on letters of another script"
        ) from error


@contextmanager
def _quiet_panics(document: Document) -> Iterator[None]:
    """Where there are combining marks typst may panic, and print that past Python."""
    if all(unicodedata.category(letter) != "Mn" for text in _texts(document) for letter in text):
        yield
        return
    sys.stderr.flush()
    errors, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(errors, 2)
        os.close(errors)
        os.close(nowhere)


def _compile(content: dict[str, Any], folder: Path) -> bytes:
    compiler = typst.Compiler(
        (_FOLDER / "report.typ").read_bytes(),
        # What the template could read: the logo, and nothing else of the machine.
        root=str(folder),
        font_paths=_fonts(),
        ignore_system_fonts=True,
        sys_inputs={"publication": json.dumps(content), "palette": json.dumps(_palette())},
    )
    data, warnings = compiler.compile_with_warnings(format="pdf", pdf_standards="ua-1")
    assert not warnings, [warning.message for warning in warnings]
    assert isinstance(data, bytes)
    return _with_row_heads(data)


def _with_row_heads(data: bytes) -> bytes:
    """Mark the first cell of every row as its head.

    typst can, but its Python package cannot turn that feature on. Its cells name the head of their
    column; without these names, readers go by the scope of heads, of columns and of rows. No length
    changes, so no offset does.
    """

    def marked(match: re.Match[bytes]) -> bytes:
        kind, scope = (b"TH", b"/Scope/Row") if match[3] == b"0" else (b"TD", b"")
        return b"/S/" + kind + match[1] + scope.ljust(len(match[2]))

    return _CELL.sub(marked, data)


@cache
def _fonts() -> typst.Fonts:
    files = fontpkg_source_sans_3.ROOT / "files"
    return typst.Fonts(include_system_fonts=False, font_paths=[str(files)])


def _content(document: Document, folder: Path) -> dict[str, Any]:
    logo = _put_logo(document.logo, folder) if document.logo else None
    return {**_as_data(document._replace(logo=None)), "logo": logo}


def _put_logo(logo: Logo, folder: Path) -> str:
    path = folder / f"logo.{_ENDINGS[logo.media_type]}"
    path.write_bytes(logo.data)
    return f"/{path.name}"


def _as_data(item: Any) -> Any:  # noqa: ANN401 - a part of a document, whatever it is
    """A part of a document as JSON has it; `is` names its type, a drawing is an SVG."""
    if isinstance(item, Drawing):
        return {"is": type(item).__name__, "svg": _printed(item), "key": marks(item)}
    if isinstance(item, tuple) and hasattr(item, "_asdict"):
        members = {name: _as_data(value) for name, value in item._asdict().items()}
        return {"is": type(item).__name__, **members}
    if isinstance(item, tuple):
        return [_as_data(each) for each in item]
    return item.isoformat() if isinstance(item, date) else item


def _printed(drawing: Drawing) -> str:
    """A drawing as a file of its own, which no page gives its colours."""
    opening, _, rest = draw(drawing, "").partition(">")
    return f'{opening} xmlns="http://www.w3.org/2000/svg"><style>{_chart_style()}</style>{rest}'


@cache
def _palette() -> dict[str, str]:
    """The colours of the pages on paper, by name."""
    text = (_FOLDER / "style" / "palette.css").read_text(encoding="utf-8")
    return dict(re.findall(r"--([\w-]+):(#\w+)", text.partition("}")[0]))


@cache
def _chart_style() -> str:
    """The style of the charts as typst reads it: literal colours, weights of a variable font."""
    text = (_FOLDER / "style" / "chart.css").read_text(encoding="utf-8")
    text = re.sub(r"var\(--([\w-]+)\)", lambda match: _palette()[match[1]], text)
    text = re.sub(r"font-weight:(\d+)", r'font-variation-settings:"wght" \1', text)
    return f'svg text{{font-family:"Source Sans 3";font-variation-settings:"wght" 400}}{text}'


def _explained(error: typst.TypstError, document: Document) -> Exception:
    """What a person can do about a failure; the failure itself where that is nothing."""
    unprintable = _UNPRINTABLE.search(error.diagnostic)
    if unprintable is not None:
        text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), unprintable[1])
        return BadInputError(
            f"{_file(document)} cannot show {_named(text)}, in {_place(text, document)};"
            " leave it out or say it in words"
        )
    if document.logo is not None and "logo" in error.diagnostic:
        return BadInputError(
            f"{document.logo.name}: {error.message}; save it as a PNG, or as an SVG of paths alone"
        )
    return error


def _file(document: Document) -> str:
    return f"report.{document.language}.pdf"


def _named(text: str) -> str:
    return ", ".join(f"U+{ord(each):04X} {unicodedata.name(each, '')}".strip() for each in text)


def _place(text: str, document: Document) -> str:
    for section in document.sections:
        if any(text in each for each in _texts(section)):
            return f"“{section.title}”"
    return "the school's name, its logo or the signatories"


def _texts(item: object) -> Iterator[str]:
    if isinstance(item, str):
        yield item
    elif isinstance(item, tuple):
        for each in item:
            yield from _texts(each)
