"""Checking an archive: nothing of one is read before every file was hashed.

An archive may grow or be merged while it is looked at. What seems wrong is judged again if the
manifest has changed meanwhile.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path

from ledger.errors import DamagedArchiveError
from ledger.log.archive.files import PARTIAL, side_by_side
from ledger.log.archive.manifest import (
    MANIFEST,
    RECORDS,
    Manifest,
    Segment,
    place_of,
    read_manifest,
)

__all__ = ["leftovers", "verified"]

_TRIES = 10
_SUFFIX = ".jsonl.gz"
_RESTORE = "put it back from a copy, or archive the log anew into another folder"


def verified(folder: Path, known: Collection[Segment] = ()) -> tuple[Manifest, bytes]:
    """The manifest and its bytes, after every file that it lists was hashed.

    Args:
        folder: The archive.
        known: Segments that were hashed before and are not hashed once more.

    Raises:
        StoreError: If there is no archive.
        DamagedArchiveError: If a file is missing, changed, or one too many.
    """
    faults: list[str] = []
    for _ in range(_TRIES):
        names = _names(folder)
        manifest, data = read_manifest(folder)
        faults = [*_unlisted(folder, manifest, names), *_broken(folder, manifest, known)]
        if not faults:
            return manifest, data
        if data == (folder / MANIFEST).read_bytes():
            break
    raise DamagedArchiveError(faults)


def leftovers(folder: Path, manifest: Manifest) -> list[Path]:
    """The files in `records/` that a run cut short has left, or one under way is writing."""
    listed = {segment.file for segment in manifest.segments}
    return [
        folder / RECORDS / name
        for name in _names(folder)
        if name.endswith(PARTIAL)
        or (f"{RECORDS}/{name}" not in listed and _may_be_left(manifest, name))
    ]


def _may_be_left(manifest: Manifest, name: str) -> bool:
    """Whether a file lies where the archive ends, or a merge had to do with it."""
    place = place_of(name)
    return f"{RECORDS}/{name}" in manifest.unsealed or (
        place is not None and manifest.cut.get(str(place.partition)) == place.start
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in (folder / RECORDS).iterdir())
    except OSError:
        # The manifest tells whether there ought to be files.
        return []


def _unlisted(folder: Path, manifest: Manifest, names: list[str]) -> Iterator[str]:
    listed = {segment.file for segment in manifest.segments}
    for name in names:
        path = folder / RECORDS / name
        own = f"{RECORDS}/{name}" in listed or _may_be_left(manifest, name)
        if name.endswith(_SUFFIX) and not own and path.exists():
            yield (
                f"{path} is not in the manifest: a doubled or foreign segment; move it out of the"
                " folder"
            )


def _broken(folder: Path, manifest: Manifest, known: Collection[Segment]) -> list[str]:
    fresh = [one for one in manifest.segments if one not in known]
    found = side_by_side(lambda one: _fault(folder / one.file, one), fresh)
    return [fault for fault in found if fault is not None]


def _fault(path: Path, segment: Segment) -> str | None:
    try:
        size = path.stat().st_size
        if size != segment.compressed_bytes:
            return (
                f"{path} has {size:,} bytes where {segment.compressed_bytes:,} were sealed;"
                f" {_RESTORE}"
            )
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return f"{path} is missing; {_RESTORE}"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror}); {_RESTORE}"
    if sha256 != segment.sha256:
        return f"{path} is not what was sealed (SHA-256 {sha256[:12]}…); {_RESTORE}"
    return None
