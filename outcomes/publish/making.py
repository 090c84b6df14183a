"""All files of a revision, from what is shown, the edition and the languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ledger.disclosure.shown import encode_shown
from outcomes.presentation.languages import language_of
from outcomes.publish.content import make_document
from outcomes.publish.data_table import data_table_files
from outcomes.publish.document import Document
from outcomes.publish.edition import EDITION_FILE, NO_EDITION, Edition, read_edition
from outcomes.publish.evidence import CHECKPOINT
from outcomes.publish.folder import INDEX
from outcomes.publish.html import file_of, render_index, render_page
from outcomes.publish.material import Source
from outcomes.publish.pdf import render_pdf
from outcomes.publish.provenance import PROVENANCE, encode_provenance, name_file, versions
from outcomes.publish.workbook import workbook_of
from schemas.canonical import sha256_hex

__all__ = ["REPORT", "SHOWN", "Exact", "Order", "edition_in", "make_files", "provenance_head"]

SHOWN = "shown.json"
REPORT = "report.json"
_LOGO = "logo."


class Exact(NamedTuple):
    """What only a publication that protects nothing has.

    Attributes:
        report: The exact report's document.
        digest: Its digest.
    """

    report: bytes
    digest: str


class Order(NamedTuple):
    """What a revision is made from.

    Attributes:
        source: What is shown, of what, and instead of what.
        number: Of the revision, from 1.
        languages: Codes, in the order in which they were asked for.
        edition: The school's own words.
        exact: Of the exact report, under the profile `exact` alone.
    """

    source: Source
    number: int
    languages: tuple[str, ...]
    edition: Edition
    exact: Exact | None


def make_files(order: Order) -> dict[str, bytes]:
    """Every file, by its path in the revision; the same order gives the same bytes.

    Raises:
        BadInputError: If the edition does not fit what is shown.
    """
    shown = order.source.shown
    files = {SHOWN: encode_shown(shown), **data_table_files(shown), **order.edition.files}
    documents = [
        make_document(order.source, order.edition, language_of(code)) for code in order.languages
    ]
    files[INDEX] = render_index(documents)
    for document in documents:
        files |= _files_in(document, order)
    if order.exact is not None:
        files[REPORT] = order.exact.report
    if order.source.checkpoint is not None:
        files[CHECKPOINT] = order.source.checkpoint.signed.checkpoint.encode()
    named = {name: name_file(data) for name, data in files.items()}
    files[PROVENANCE] = encode_provenance(provenance_head(order), versions(), named)
    return files


def edition_in(files: Mapping[str, bytes], place: str) -> Edition:
    """The edition that a revision holds: its only files that are not made.

    Args:
        files: Of the revision.
        place: Its folder, for a person.

    Raises:
        BadInputError: If it is none.
    """
    if EDITION_FILE not in files:
        return NO_EDITION
    kept = {name: data for name, data in files.items() if name.startswith((EDITION_FILE, _LOGO))}
    return read_edition(kept, place)


def _files_in(document: Document, order: Order) -> dict[str, bytes]:
    code, day = document.language, order.edition.published_on
    return {
        file_of(code): render_page(document, order.languages),
        f"report.{code}.pdf": render_pdf(document),
        f"tables.{code}.xlsx": workbook_of(document, language_of(code), day),
    }


def provenance_head(order: Order) -> dict[str, Any]:
    """What `provenance.json` says before it comes to programs and files."""
    source = order.source
    shown, before = source.shown.as_json(), source.before
    report = {name: shown[name] for name in ("rules", "reference_year", "log", "zone_data")}
    if order.exact is not None:
        report["digest"] = order.exact.digest
    proof = source.checkpoint
    signed = {} if proof is None else {"checkpoint": proof.model_dump(mode="json", by_alias=True)}
    return {
        "revision": {
            "number": order.number,
            "reason": source.reason,
            "supersedes": None if before is None else sha256_hex(encode_shown(before)),
        },
        "report": report,
        **signed,
        "policy": source.policy.model_dump(mode="json"),
        "disclosure": source.profile.model_dump(mode="json"),
        "edition": bool(order.edition.files),
        "languages": list(order.languages),
    }
