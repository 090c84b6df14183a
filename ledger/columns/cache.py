"""The typed columns that an archive keeps: which can be used, and what a replay does without them.

Beside each Parquet file lies a stamp: of which sealed records it was made, under which rules and in
which layout, and what its bytes are. Neither is evidence. What is not exactly as stamped, for
exactly the sealed records, is passed over, and its columns are made from the records.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import orjson

from ledger.columns.schema import LAYOUT
from ledger.log.archive import ArchiveLog, Segment
from ledger.log.archive.files import side_by_side
from ledger.log.archive.self_digest import signed
from ledger.numbers import pluralise
from schemas.version import RULES_VERSION

__all__ = [
    "TYPED",
    "Found",
    "examine_typed",
    "file_state",
    "find_typed",
    "stamp",
    "stamp_path",
    "typed_path",
]

TYPED = "typed"
"""The folder of the typed columns, beside that of the segments."""

SCHEMA: Final = "ledger/typed/v1"


class Found(NamedTuple):
    """What lies in the place of a segment's typed columns.

    Attributes:
        segment: Whose.
        path: The place.
        fault: Why it cannot be used; None where it is fresh.
        state: Tells the file that was hashed from any other in its place.
    """

    segment: Segment
    path: Path
    fault: str | None
    state: tuple[int, ...] = ()


def typed_path(folder: Path, segment: Segment) -> Path:
    """Where an archive keeps the typed columns of a segment.

    Args:
        folder: The archive.
        segment: One of its segments.
    """
    name = Path(segment.file).name
    return folder / TYPED / f"{name.removesuffix('.jsonl.gz')}.parquet"


def stamp_path(path: Path) -> Path:
    """Where the stamp of typed columns lies."""
    return path.with_suffix(".json")


def stamp(segment: Segment, sha256: object, size: object) -> bytes:
    """What stands beside typed columns that were made by this ledger.

    Args:
        segment: Of which sealed records.
        sha256: Of the Parquet file, hexadecimal.
        size: Of the Parquet file, in bytes.
    """
    return signed(
        {
            "schema": SCHEMA,
            "segment": {"file": segment.file, "sha256": segment.sha256},
            "rules": RULES_VERSION,
            "layout": LAYOUT,
            "sha256": sha256,
            "bytes": size,
        }
    )


def find_typed(folder: Path, segments: Iterable[Segment]) -> list[Found]:
    """Look what an archive keeps for some segments; every file that could be used is hashed.

    Args:
        folder: The archive.
        segments: Any of its segments.
    """
    return side_by_side(partial(_found, folder), segments)


def examine_typed(log: ArchiveLog) -> tuple[Literal["fine", "warning"], str]:
    """What `outcomes doctor` says of the typed columns of an archive; every file is hashed."""
    found = find_typed(log.folder, log.manifest.segments)
    faults = [one.fault for one in found if one.fault is not None]
    fresh = f"{len(found) - len(faults):,} of {pluralise(len(found), 'segment')}"
    if not faults:
        return "fine", f"{fresh} have typed columns as stamped"
    more = f" (and {len(faults) - 1:,} more)" if len(faults) > 1 else ""
    again = f"`outcomes archive {log.folder} --refresh` makes them anew"
    return "warning", f"{fresh} have typed columns as stamped; {faults[0]}{more}; {again}"


def _found(folder: Path, segment: Segment) -> Found:
    path = typed_path(folder, segment)
    try:
        data = stamp_path(path).read_bytes()
        members = _members(data)
        fault = _fault_of_stamp(stamp_path(path), members, data, segment)
        if fault is not None:
            return Found(segment, path, fault)
        with path.open("rb") as file:
            state = file_state(os.fstat(file.fileno()))
            size, sha256 = state[0], hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        return Found(segment, path, f"{error.filename} is missing")
    except OSError as error:
        return Found(segment, path, f"{error.filename or path} cannot be read ({error.strerror})")
    if data != stamp(segment, sha256, size):
        return Found(segment, path, f"{path} is not what was stamped")
    return Found(segment, path, None, state)


def _members(data: bytes) -> dict[str, Any]:
    """What a stamp says; nothing where it is none."""
    try:
        members = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return members if isinstance(members, dict) else {}


def _fault_of_stamp(
    path: Path, members: Mapping[str, Any], data: bytes, segment: Segment
) -> str | None:
    """Why typed columns with such a stamp need not be looked at."""
    if data == stamp(segment, members.get("sha256"), members.get("bytes")):
        return None
    stated = {name: value for name, value in members.items() if name != "digest"}
    if data != signed(stated):
        return f"{path} is not what was written"
    return f"{path} is of other records, rules or columns"


def file_state(status: os.stat_result) -> tuple[int, ...]:
    """What tells a file from any other that is put in its place."""
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev
