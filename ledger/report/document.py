"""The report to the byte: its JSON document and its digest (SPEC section 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from pydantic import ValidationError

from ledger.errors import BadInputError, ConfigurationError
from ledger.report.model import Report, ReportOutline
from schemas.canonical import canonical, sha256_hex
from schemas.version import RULES_VERSION

__all__ = [
    "complete_report",
    "decode_report",
    "decode_reports",
    "digest_of",
    "encode_line",
    "encode_report",
    "encode_reports",
    "has_its_digest",
]

DIGESTED = ("rules", "reference_year", "policy", "records", "counts", "rates")


def digest_of(report: ReportOutline) -> str:
    """`sha256:` and the hexadecimal hash over all that the figures depend on."""
    members = report.as_json()
    digested = {name: members[name] for name in DIGESTED} | {"log": {"cut": report.log.cut}}
    return f"sha256:{sha256_hex(canonical(digested))}"


def has_its_digest(report: ReportOutline) -> bool:
    """Whether the digest that a report states is that of its figures."""
    try:
        return report.digest == digest_of(report)
    except ValueError:
        # RFC 8785 writes no integer from 2**53 on, so no digest is that of one.
        return False


def encode_report(report: ReportOutline) -> bytes:
    """The document of one report, as it is printed and filed: indented, with a line end."""
    return _encode(report.as_json())


def encode_line(report: ReportOutline) -> bytes:
    """One report as one line, for a stream of them."""
    return orjson.dumps(report.as_json(), option=orjson.OPT_APPEND_NEWLINE)


def encode_reports(reports: Sequence[ReportOutline]) -> bytes:
    """The document of one report, or the array of several."""
    if len(reports) == 1:
        return encode_report(reports[0])
    return _encode([report.as_json() for report in reports])


def decode_reports(data: bytes, place: str) -> dict[str, ReportOutline]:
    """Read a document back, or an array of several; unknown members are kept.

    Args:
        data: The bytes.
        place: Where they come from, for a person.

    Returns:
        Each report by the name that a person knows it by: the place, and its number in an array.

    Raises:
        BadInputError: If they are no report.
        ConfigurationError: If a report was made under rules that this ledger does not know.
    """
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadInputError(f"{place}: not JSON ({error}); is it a report?") from error
    if document == []:
        raise BadInputError(f"{place}: not a report but an empty array")
    return {name: decode_report(value, name) for name, value in _named(document, place)}


def _encode(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _named(document: object, place: str) -> Iterator[tuple[str, object]]:
    values = document if isinstance(document, list) else [document]
    for number, value in enumerate(values, 1):
        yield place if len(values) == 1 else f"{place}, report {number} of {len(values)}", value


def decode_report(value: object, place: str) -> ReportOutline:
    """Read one report from its JSON values, see `decode_reports`."""
    rules = value.get("rules") if isinstance(value, dict) else None
    if type(rules) is int and rules != RULES_VERSION:
        raise ConfigurationError(
            f"{place}: made under rules {rules}, and this ledger knows rules {RULES_VERSION};"
            " verify it with a ledger of those rules"
        )
    try:
        return ReportOutline.model_validate(value)
    except ValidationError as error:
        raise _refused(error, place) from error


def complete_report(outline: ReportOutline, place: str) -> Report:
    """A report that somebody handed in, with every cell checked; members not known are left aside.

    Args:
        outline: What was handed in.
        place: Where it comes from, for a person.

    Raises:
        BadInputError: If a cell is none, or the digest is not that of the figures.
    """
    try:
        report = Report.model_validate(outline.as_json(), extra="ignore")
    except ValidationError as error:
        raise _refused(error, place) from error
    if not has_its_digest(report):
        raise BadInputError(
            f"{place}: its digest is not that of its figures; make it again with"
            " `outcomes report --json`"
        )
    return report


def _refused(error: ValidationError, place: str) -> BadInputError:
    fault = error.errors(include_url=False, include_input=False)[0]
    pointer = ".".join(map(str, fault["loc"])) or "report"
    return BadInputError(
        f"{place}: not a report of `outcomes report --json`: {pointer}: {fault['msg']}"
    )
