"""Reports: a year's figures as a document with a digest, and as a page of text."""

from __future__ import annotations

from ledger.report.document import build_report, report_bytes

__all__ = ["build_report", "report_bytes"]
