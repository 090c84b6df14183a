"""Opening an archive to write: one writer, every file checked, leftovers removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import StoreError
from ledger.log.archive.checking import leftovers, verify_archive
from ledger.log.archive.files import (
    LOCK,
    PARTIAL,
    lock_archive,
    sync_folder,
    translate_archive_errors,
)
from ledger.log.archive.manifest import MANIFEST, RECORDS, Manifest, save_manifest
from ledger.log.identity import record_hash
from ledger.log.port import Log
from ledger.numbers import pluralise
from schemas.record import Record

__all__ = ["create_archive", "open_to_write"]


@contextmanager
def open_to_write(folder: Path, log: Log | None = None) -> Iterator[Manifest]:
    """Be the only writer of an archive, whose files were all checked.

    Args:
        folder: The archive.
        log: The log that it must be an archive of; None for any.

    Raises:
        StoreError: If there is another writer, the archive is of another log, or the disk fails.
        DamagedArchiveError: If a sealed file is missing, changed, or one too many.
    """
    with translate_archive_errors(folder), lock_archive(folder):
        manifest = verify_archive(folder)[0]
        if log is not None:
            _refuse_another_log(folder, manifest, log)
        (folder / RECORDS).mkdir(exist_ok=True)
        sync_folder(folder)
        yield _remove_leftovers(folder, manifest)


def create_archive(folder: Path, log: Log) -> None:
    """Make an empty archive of a log, unless there is an archive.

    Raises:
        StoreError: If the folder holds something else, cannot be made, or has a writer.
    """
    with translate_archive_errors(folder):
        if not folder.exists():
            parent = folder.absolute().parent
            if not parent.is_dir():
                raise StoreError(f"{folder}: there is no folder {parent}; create it first")
            folder.mkdir()
            sync_folder(parent)
        names = {path.name for path in folder.iterdir()}
        if MANIFEST in names or RECORDS in names:
            return
        foreign = sorted(names - {LOCK, f"{MANIFEST}{PARTIAL}"})
        if foreign:
            raise StoreError(
                f"{folder} holds {foreign[0]} and no archive; name an empty or new folder"
            )
        # The folder of the segments is made after the first manifest: whoever finds the one without
        # the other knows that a manifest was lost.
        with lock_archive(folder):
            if not (folder / MANIFEST).exists():
                save_manifest(folder, Manifest.empty(log.name, log.partitions))


def _refuse_another_log(folder: Path, manifest: Manifest, log: Log) -> None:
    """Refuse a log that does not hold what is archived.

    Raises:
        StoreError: If its first records or those where the archive ends are not the same.
    """
    another = f"{folder} is not an archive of the log {log.name}"
    advice = "name another folder, or the right log with --log"
    if log.partitions != manifest.log.partitions:
        partitions = pluralise(log.partitions, "partition")
        raise StoreError(f"{another}: {partitions}, not {manifest.log.partitions:,}; {advice}")
    archived_ends = {partition: end for partition, end in manifest.ends.items() if end}
    log_ends = log.end()
    for partition, end in archived_ends.items():
        if log_ends[partition] < end:
            raise StoreError(
                f"{another}: partition {partition} ends at offset {log_ends[partition]:,}, and"
                f" the archive at {end:,}; {advice}"
            )
    first = log.first_records()
    last_offsets = {partition: end - 1 for partition, end in archived_ends.items()}
    last = {record.partition: record for record in log.read(last_offsets, archived_ends)}
    sealed_last = {segment.partition: segment.last_record for segment in manifest.segments}
    for partition in archived_ends:
        sealed = (manifest.log.identity[str(partition)], sealed_last[partition])
        if sealed != (_hash(first.get(partition)), _hash(last.get(partition))):
            raise StoreError(
                f"{another}: the first or the last archived record of partition {partition} differs"
                f" from the log's; {advice}"
            )


def _hash(record: Record | None) -> str | None:
    return None if record is None else record_hash(record)


def _remove_leftovers(folder: Path, manifest: Manifest) -> Manifest:
    """Remove what an interrupted run has left."""
    for path in leftovers(folder, manifest):
        path.unlink()
    (folder / f"{MANIFEST}{PARTIAL}").unlink(missing_ok=True)
    if manifest.unsealed:
        sync_folder(folder / RECORDS)
        manifest = manifest.with_segments(manifest.segments)
        save_manifest(folder, manifest)
    return manifest
