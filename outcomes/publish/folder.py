"""The folder of a publication: `index.html`, and a folder for each revision.

What is new is written beside it and renamed as a whole, so that nothing half stands under a name.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from ledger.error_translation import Advice, translate_errors
from ledger.errors import BadInputError, StoreError, UsageError
from ledger.log.archive.files import rename_into_place, sync_folder
from ledger.temporary import owned_folder
from outcomes.publish.provenance import PROVENANCE
from schemas.text import one_line

__all__ = [
    "INDEX",
    "Folder",
    "add_revision",
    "create_folder",
    "read_folder",
    "refuse_existing",
    "replace_index",
    "revision_name",
]

INDEX = "index.html"

_REVISION = re.compile("revision-([1-9][0-9]{0,3})")
_BYTES_MAX = 64 * 1_048_576
"""No file of a publication comes near it."""
_PREFIX = "outcomes-publication-"

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_NO_RIGHTS = (errno.EACCES, errno.EPERM)
_ADVICE = (
    Advice((OSError,), "make room, and publish again", codes=_NO_ROOM),
    Advice((OSError,), "lift the limit on file sizes, and publish again", codes=(errno.EFBIG,)),
    Advice((OSError,), "check the permissions, or choose another --out", codes=_NO_RIGHTS),
    Advice((OSError,), "choose an --out on a disk that can be written to", codes=(errno.EROFS,)),
    Advice((OSError,), "choose a shorter name for --out", codes=(errno.ENAMETOOLONG,)),
    Advice((OSError,), "choose another --out"),
)


class Folder(NamedTuple):
    """A publication as it was found.

    Attributes:
        page: The file `index.html`; None where there is none.
        revisions: Of each revision, from the first on, its files by their paths in it.
        unfinished: What a run that was stopped has left; the next one removes it.
    """

    page: bytes | None = None
    revisions: tuple[Mapping[str, bytes], ...] = ()
    unfinished: tuple[str, ...] = ()


def revision_name(number: int) -> str:
    """The name of a revision's folder."""
    return f"revision-{number}"


def create_folder(out: Path, index: bytes, files: Mapping[str, bytes]) -> None:
    """Publish for the first time.

    Args:
        out: The publication, which must not be there.
        index: The file `index.html`.
        files: Of the first revision, by their paths in it.

    Raises:
        UsageError: If there is something of that name.
        StoreError: If it cannot be written.
    """
    refuse_existing(out)
    with _translated(out), owned_folder(_PREFIX, out.parent) as beside:
        whole = beside / "whole"
        _write_files(whole / revision_name(1), files)
        _write_files(whole, {INDEX: index})
        _rename(whole, out)


def refuse_existing(out: Path) -> None:
    """Refuse to publish over something.

    Raises:
        UsageError: If there is something of that name, a link that leads nowhere included.
        StoreError: If the folder that it would be in cannot be used.
    """
    with _translated(out):
        # Not `Path.exists`: that says no where it may not look.
        try:
            out.lstat()
        except FileNotFoundError:
            if not out.parent.is_dir():
                raise StoreError(
                    f"{out.parent}: no such folder; make it, or choose another --out"
                ) from None
            return
    raise UsageError(
        f"--out {out}: is there already, and is not replaced; choose another name, or publish a"
        " revision of it with --revise"
    )


def add_revision(out: Path, number: int, index: bytes, files: Mapping[str, bytes]) -> None:
    """Add a revision to a publication; the index follows once the revision is there as a whole.

    Raises:
        StoreError: If it cannot be written, or somebody else has added it.
    """
    target = out / revision_name(number)
    with _translated(out), owned_folder(_PREFIX, out) as beside:
        whole = beside / "whole"
        _write_files(whole, files)
        _write_files(beside, {INDEX: index})
        _rename(whole, target)
        rename_into_place(beside / INDEX, out / INDEX)


def replace_index(out: Path, index: bytes) -> None:
    """Bring the index up to date with the revisions that are there.

    Raises:
        StoreError: If it cannot be written.
    """
    with _translated(out), owned_folder(_PREFIX, out) as beside:
        _write_files(beside, {INDEX: index})
        rename_into_place(beside / INDEX, out / INDEX)


def read_folder(out: Path) -> Folder:
    """Read a publication back, every byte of it.

    Raises:
        BadInputError: If it is no publication, or holds anything else.
        StoreError: If it cannot be read.
    """
    if not out.is_dir():
        raise BadInputError(f"{out}: no publication is there; publish it first, without --revise")
    with _translated(out, "cannot be read"):
        everything = sorted(entry.name for entry in out.iterdir())
        if PROVENANCE in everything:
            raise BadInputError(
                f"{out}: one revision of a publication; name the folder that holds it"
            )
        names = [name for name in everything if not name.startswith(_PREFIX)]
        numbers = sorted(int(match[1]) for name in names if (match := _REVISION.fullmatch(name)))
        if numbers != list(range(1, len(numbers) + 1)) or not numbers:
            raise BadInputError(
                f"{out}: a directory, but not a whole publication of `outcomes publish`: it holds"
                f" {_listed(names)}, where revision-1 and those after it should be"
            )
        others = set(names) - {INDEX, *map(revision_name, numbers)}
        if others:
            raise BadInputError(f"{out}: holds {_listed(sorted(others))}, which is no part of it")
        index = _read_file(out / INDEX) if INDEX in names else None
        revisions = [dict(_read_files(out / revision_name(number))) for number in numbers]
    return Folder(index, tuple(revisions), tuple(sorted(set(everything) - set(names))))


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return one_line(f"{shown} and {len(names) - 3} more" if names[3:] else shown or "nothing")


def _read_files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for parent, folders, names in os.walk(folder, onerror=_raise):
        for name in sorted(names):
            path = Path(parent, name)
            yield path.relative_to(folder).as_posix(), _read_file(path)
        links = [name for name in folders if Path(parent, name).is_symlink()]
        if links:
            raise BadInputError(f"{Path(parent, links[0])}: a link; a publication holds files only")


def _raise(error: OSError) -> None:
    raise error


def _read_file(path: Path) -> bytes:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise BadInputError(f"{path}: not a file; a publication holds files only")
    if status.st_size > _BYTES_MAX:
        raise BadInputError(f"{path}: larger than any file of a publication")
    return path.read_bytes()


def _write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files and put them on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {folder}
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        made.add(path.parent)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    for each in made:
        sync_folder(each)


def _rename(whole: Path, target: Path) -> None:
    try:
        rename_into_place(whole, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        raise StoreError(f"{target}: somebody else has just made it; look at that one") from error


def _translated(out: Path, failure: str = "cannot be written") -> AbstractContextManager[None]:
    return translate_errors(out, failure, _ADVICE)
