"""Reports: a year's figures as a typed document with a digest, and as a page of text."""

from __future__ import annotations

from ledger.report.document import (
    decode_reports,
    digest_of,
    encode_line,
    encode_report,
    encode_reports,
)
from ledger.report.make import ReportQuery, build_report, make_reports, years_shown
from ledger.report.model import Report, ReportOutline

__all__ = [
    "Report",
    "ReportOutline",
    "ReportQuery",
    "build_report",
    "decode_reports",
    "digest_of",
    "encode_line",
    "encode_report",
    "encode_reports",
    "make_reports",
    "years_shown",
]
