"""Where a read model may be: never in a sealed archive, never in the place of somebody's file."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import StoreError
from ledger.log.archive import MANIFEST, RECORDS

__all__ = ["APPLICATION_ID", "application_id_of", "foreign_file_error", "refuse_foreign_place"]

APPLICATION_ID = 0x4F4C5354
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_APPLICATION_ID_BYTES = slice(68, 72)


def refuse_foreign_place(path: Path) -> None:
    """Refuse a path where a read model would damage something else; nothing is written.

    A SQLite file without an application id passes: a worker may just be creating it. Once it is
    open, its tables tell.

    Raises:
        StoreError: If it is in an archive, a folder, in no folder, or somebody else's file.
    """
    folder = path.resolve().parent
    for above in (folder, *folder.parents):
        if (above / MANIFEST).is_file() and (above / RECORDS).is_dir():
            raise StoreError(
                f"{path} is in the archive {above}, which is sealed; name a file elsewhere with"
                " --state"
            )
    if path.is_dir():
        raise StoreError(f"{path} is a folder; name a file with --state")
    if not folder.is_dir():
        raise StoreError(f"{path}: there is no folder {folder}; create it, or name another file")
    if application_id_of(path) not in (None, 0, APPLICATION_ID):
        raise foreign_file_error(path)


def application_id_of(path: Path) -> int | None:
    """The application id in the header of a SQLite file; None where there is no file or no bytes.

    A file that cannot be read passes as none: to open it says why. Any other file has -1.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return None
    if not header:
        return None
    if not header.startswith(_MAGIC):
        return -1
    return int.from_bytes(header[_APPLICATION_ID_BYTES])


def foreign_file_error(path: Path) -> StoreError:
    """What to say of a file that is no read model: it is left as it is."""
    return StoreError(f"{path} is not a read model of this ledger; name another file")
