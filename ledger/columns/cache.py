"""The typed columns that an archive keeps: where they are, and which of them are fresh.

Beside each Parquet file is a stamp: of which sealed records it was built, under which rules and in
which layout, and the hash of its bytes. Neither is evidence. A file that differs from its stamp, or
whose stamp is of anything but the sealed records, is not used.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from ledger.columns.admission import admission_stamp
from ledger.columns.schema import LAYOUT
from ledger.errors import StoreError
from ledger.log import Check
from ledger.log.archive import ArchiveLog, Segment
from ledger.log.archive.files import map_in_threads
from ledger.log.archive.self_digest import with_self_digest
from ledger.numbers import pluralise
from schemas.version import RULES_VERSION

__all__ = [
    "FOLDER",
    "ColumnFile",
    "check_columns",
    "column_path",
    "examine_columns",
    "file_state",
    "refuse_replaced",
    "segments_without_columns",
    "stamp",
    "stamp_path",
]

FOLDER = "typed"
"""The folder of the typed columns, beside that of the segments."""

SCHEMA: Final = "ledger/typed/v1"


class ColumnFile(NamedTuple):
    """The typed columns of a segment, as they are in its archive.

    Attributes:
        segment: The segment.
        path: Where its typed columns are kept.
        fault: Why they cannot be used; None where they are fresh.
        state: Of the file that was hashed, see `file_state`.
    """

    segment: Segment
    path: Path
    fault: str | None
    state: tuple[int, ...] = ()


def column_path(folder: Path, segment: Segment) -> Path:
    """Where an archive keeps the typed columns of a segment.

    Args:
        folder: The archive.
        segment: One of its segments.
    """
    name = Path(segment.file).name
    return folder / FOLDER / f"{name.removesuffix('.jsonl.gz')}.parquet"


def stamp_path(path: Path) -> Path:
    """Where the stamp of a file of typed columns is kept."""
    return path.with_suffix(".json")


def stamp(segment: Segment, sha256: object, size: object) -> bytes:
    """The stamp of typed columns that this ledger builds.

    Args:
        segment: Of which sealed records.
        sha256: Of the Parquet file, hexadecimal.
        size: Of the Parquet file, in bytes.
    """
    return with_self_digest(
        {
            "schema": SCHEMA,
            "segment": {"file": segment.file, "sha256": segment.sha256},
            "rules": RULES_VERSION,
            "layout": LAYOUT,
            "column_admission": admission_stamp(),
            "sha256": sha256,
            "bytes": size,
        }
    )


def check_columns(folder: Path, segments: Iterable[Segment]) -> list[ColumnFile]:
    """Check the typed columns of some segments; every file that may be used is hashed.

    Args:
        folder: The archive.
        segments: Any of its segments.
    """
    return map_in_threads(partial(_check, folder), segments)


def examine_columns(log: ArchiveLog) -> Check:
    """The check of an archive's typed columns for `outcomes doctor`; every file is hashed."""
    files = check_columns(log.folder, log.manifest.segments)
    faults = [file.fault for file in files if file.fault is not None]
    fresh = (
        f"fresh typed columns for {len(files) - len(faults):,} of"
        f" {pluralise(len(files), 'segment')}"
    )
    if not faults:
        return Check("typed", "fine", fresh)
    more = f" (and {len(faults) - 1:,} more)" if len(faults) > 1 else ""
    advice = f"`outcomes archive {log.folder} --refresh` rebuilds them"
    return Check("typed", "warning", f"{fresh}; {faults[0]}{more}; {advice}")


def file_state(status: os.stat_result) -> tuple[int, ...]:
    """What tells a file from any other that is put in its place."""
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev


def segments_without_columns(log: ArchiveLog) -> list[Segment]:
    """The segments of an archive without typed columns of this ledger.

    Only stamps are read: columns that are not as stamped count as there, and are found when used.
    """
    return [segment for segment in log.manifest.segments if not _is_stamped(log.folder, segment)]


def _is_stamped(folder: Path, segment: Segment) -> bool:
    path = stamp_path(column_path(folder, segment))
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return _stamp_fault(path, _members(data), data, segment) is None


def refuse_replaced(files: Iterable[ColumnFile]) -> None:
    """Refuse what was read of fresh files if another is in the place of one by now.

    Raises:
        StoreError: If it is so.
    """
    for file in files:
        try:
            is_same = file_state(file.path.stat()) == file.state
        except OSError:
            is_same = False
        if not is_same:
            raise StoreError(f"{file.path} was replaced while it was read; run the command again")


def _check(folder: Path, segment: Segment) -> ColumnFile:
    path = column_path(folder, segment)
    try:
        data = stamp_path(path).read_bytes()
        members = _members(data)
        fault = _stamp_fault(stamp_path(path), members, data, segment)
        if fault is not None:
            return ColumnFile(segment, path, fault)
        with path.open("rb") as file:
            state = file_state(os.fstat(file.fileno()))
            size, sha256 = state[0], hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        return ColumnFile(segment, path, f"{error.filename} is missing")
    except OSError as error:
        fault = f"{error.filename or path} cannot be read ({error.strerror})"
        return ColumnFile(segment, path, fault)
    if data != stamp(segment, sha256, size):
        return ColumnFile(segment, path, f"{path} differs from its stamp")
    return ColumnFile(segment, path, None, state)


def _members(data: bytes) -> dict[str, Any]:
    """The members of a stamp; none where it is not one."""
    try:
        members = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return members if isinstance(members, dict) else {}


def _stamp_fault(
    path: Path, members: Mapping[str, Any], data: bytes, segment: Segment
) -> str | None:
    """Why typed columns with this stamp need not be hashed."""
    if data == stamp(segment, members.get("sha256"), members.get("bytes")):
        return None
    without_digest = {name: value for name, value in members.items() if name != "digest"}
    if data != with_self_digest(without_digest):
        return f"{path} is damaged"
    return f"{path} is of other records, rules or columns"
