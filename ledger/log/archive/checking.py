"""Checking an archive: none of its records is read before every file was hashed.

An archive may grow or be merged while it is checked. What seems wrong is checked again if the
manifest has changed meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from ledger.errors import DamagedArchiveError
from ledger.log.archive.damage import damaged_file
from ledger.log.archive.files import PARTIAL, map_in_threads
from ledger.log.archive.manifest import (
    MANIFEST,
    RECORDS,
    Manifest,
    Segment,
    parse_segment_name,
    read_manifest,
)

__all__ = ["leftovers", "verify_archive"]

_TRIES = 10
_SUFFIX = ".jsonl.gz"


def verify_archive(folder: Path, known: Collection[Segment] = ()) -> tuple[Manifest, bytes]:
    """Hash every file that the manifest lists; the manifest and its bytes.

    Args:
        folder: The archive.
        known: Segments that were hashed before and are not hashed again.

    Raises:
        StoreError: If there is no archive.
        DamagedArchiveError: If a file is missing, changed, or one too many.
    """
    faults: list[str] = []
    for _ in range(_TRIES):
        names = _names(folder)
        manifest, data = read_manifest(folder)
        faults = [*_unlisted(folder, manifest, names), *_changed(folder, manifest, known)]
        if not faults:
            return manifest, data
        if data == (folder / MANIFEST).read_bytes():
            break
    raise DamagedArchiveError(faults)


def leftovers(folder: Path, manifest: Manifest) -> list[Path]:
    """The files in `records/` that an interrupted run has left, or a running one is writing."""
    listed = {segment.file for segment in manifest.segments}
    return [
        folder / RECORDS / name
        for name in _names(folder)
        if name.endswith(PARTIAL)
        or (f"{RECORDS}/{name}" not in listed and _is_leftover(manifest, name))
    ]


def _is_leftover(manifest: Manifest, name: str) -> bool:
    """Whether a file begins where the archive ends, or a merge was making or removing it."""
    offsets = parse_segment_name(name)
    return f"{RECORDS}/{name}" in manifest.unsealed or (
        offsets is not None and manifest.cut.get(str(offsets.partition)) == offsets.start
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in (folder / RECORDS).iterdir())
    except OSError:
        # The manifest says whether there should be files.
        return []


def _unlisted(folder: Path, manifest: Manifest, names: list[str]) -> Iterator[str]:
    listed = {segment.file for segment in manifest.segments}
    for name in names:
        path = folder / RECORDS / name
        own = f"{RECORDS}/{name}" in listed or _is_leftover(manifest, name)
        if name.endswith(_SUFFIX) and not own and path.exists():
            yield (
                f"{path} is not in the manifest: a duplicate or foreign segment; move it out of the"
                " folder"
            )


def _changed(folder: Path, manifest: Manifest, known: Collection[Segment]) -> list[str]:
    unchecked = [segment for segment in manifest.segments if segment not in known]
    faults = map_in_threads(lambda segment: _fault(folder / segment.file, segment), unchecked)
    return [fault for fault in faults if fault is not None]


def _fault(path: Path, segment: Segment) -> str | None:
    problem = _problem(path, segment)
    return None if problem is None else damaged_file(path, problem)


def _problem(path: Path, segment: Segment) -> str | None:
    try:
        size = path.stat().st_size
        if size != segment.compressed_bytes:
            return f"has {size:,} bytes where {segment.compressed_bytes:,} were sealed"
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if sha256 != segment.sha256:
        return f"is not what was sealed (SHA-256 {sha256[:12]}…)"
    return None
