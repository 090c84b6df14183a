"""`provenance.json`: what a publication was made from and by, and the hash of each of its files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ledger.decoding import decode_document
from ledger.errors import BadInputError
from ledger.evidence.proof_documents import CutProof
from outcomes.presentation.languages import languages
from outcomes.publish.revisions import REASONS
from schemas.canonical import canonical, sha256_hex

__all__ = [
    "PROVENANCE",
    "FileName",
    "Provenance",
    "decode_provenance",
    "encode_provenance",
    "name_file",
    "versions",
]

PROVENANCE = "provenance.json"

_SCHEMA: Literal["ledger/provenance/v1"] = "ledger/provenance/v1"
_PROGRAMS = ("outcome-ledger", "babel", "fontpkg-source-sans-3", "jinja2", "typst", "xlsxwriter")
"""What the bytes of a file may depend on. Python and the zone data are not among them: the same
bytes come from any Python, and the release of the zone data belongs to the report."""


class _Members(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", serialize_by_alias=True)


class RevisionName(_Members):
    """Which revision it is, see `outcomes.publish.revisions.Revision`.

    Attributes:
        number: From 1.
        reason: None for the first.
        supersedes: SHA-256 of the `shown.json` of the revision before it; None for the first.
    """

    number: Annotated[int, Field(ge=1)]
    reason: str | None
    supersedes: str | None


def _with_year(report: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(report.get("reference_year"), int):
        raise ValueError("it has no reference year")  # noqa: TRY004 - what Pydantic asks for
    return report


class FileName(_Members):
    """A file: its size and SHA-256."""

    bytes: int
    sha256: str


class Provenance(_Members):
    """What a publication was made from and by.

    Attributes:
        schema_name: Written as `schema`.
        revision: Which one it is.
        report: The head of `shown.json`: rules, year, log, cut and, where there are, roots; the
            release of the zone data; under a profile that protects nothing the report's digest.
        checkpoint: Where there is one: the signed checkpoint that covers the cut, and what leads
            from the roots to it.
        policy: The policy, whole.
        disclosure: The profile, whole.
        edition: Whether the school's own words are in the folder.
        languages: In the order in which they were asked for.
        versions: Program → version; other versions may make other bytes.
        files: Every other file of the revision, by its path.
        sha256: Of the other members in the form of RFC 8785: the hash of every other file is here.
    """

    schema_name: Annotated[Literal["ledger/provenance/v1"], Field(alias="schema")] = _SCHEMA
    revision: RevisionName
    report: Annotated[dict[str, Any], AfterValidator(_with_year)]
    checkpoint: CutProof | None = None
    policy: dict[str, Any]
    disclosure: dict[str, Any]
    edition: bool
    languages: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    versions: dict[str, str]
    files: dict[str, FileName]
    sha256: str


def name_file(data: bytes) -> FileName:
    """What a file with these bytes is named by."""
    return FileName(bytes=len(data), sha256=sha256_hex(data))


def encode_provenance(
    head: Mapping[str, Any], programs: Mapping[str, str], files: Mapping[str, FileName]
) -> bytes:
    """The file.

    Args:
        head: The members up to `languages`, in their order.
        programs: The member `versions`.
        files: Every other file of the revision.
    """
    named = {name: files[name].model_dump() for name in sorted(files)}
    provenance = {"schema": _SCHEMA, **head, "versions": {**programs}, "files": named}
    provenance["sha256"] = sha256_hex(canonical(provenance))
    return orjson.dumps(provenance, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def decode_provenance(data: bytes, place: str) -> Provenance:
    """Read the file back.

    Raises:
        BadInputError: If it is none, or names a language or a reason that there is not.
    """
    provenance = decode_document(Provenance, data, "the provenance of a publication", place)
    unknown = set(provenance.languages) - set(languages())
    if unknown:
        raise BadInputError(f"{place}: {min(unknown)} is no language of ours")
    reason = provenance.revision.reason
    if reason not in (None, *REASONS):
        raise BadInputError(f"{place}: {reason} is no reason for a revision")
    return provenance


def versions() -> dict[str, str]:
    """The versions of what may change a byte, by program."""
    return {program: version(program) for program in _PROGRAMS}
