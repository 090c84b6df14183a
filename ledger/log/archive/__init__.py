"""The sealed archive of a log: files that any standard library reads, and a manifest of hashes.

`records/` holds the evidence: gzip files of JSON lines, one series a partition, never rewritten.
`manifest.json` lists them with their hashes. What is derived from them is made elsewhere.
"""

from __future__ import annotations

from ledger.log.archive.log import ArchiveLog, as_archive
from ledger.log.archive.manifest import MANIFEST, RECORDS, Manifest, Segment, archive_size
from ledger.log.archive.merging import MergeResult, merge_segments
from ledger.log.archive.writing import SEGMENT_BYTES, ArchiveResult, archive_log

__all__ = [
    "MANIFEST",
    "RECORDS",
    "SEGMENT_BYTES",
    "ArchiveLog",
    "ArchiveResult",
    "Manifest",
    "MergeResult",
    "Segment",
    "archive_log",
    "archive_size",
    "as_archive",
    "merge_segments",
]
