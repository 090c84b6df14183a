"""Archiving: the records of a log that an archive does not hold yet become sealed segments.

A segment is put on disk under its name, then the manifest that lists it. Whatever stops a run, the
manifest on disk lists only whole files, and the next run goes on behind the last of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger.errors import StoreError
from ledger.log.archive.checking import leftovers, verified
from ledger.log.archive.files import LOCK, PARTIAL, one_line, one_writer, sync_folder
from ledger.log.archive.manifest import (
    MANIFEST,
    RECORDS,
    Manifest,
    Segment,
    digest_of,
    save_manifest,
)
from ledger.log.archive.segment import SegmentWriter
from ledger.log.cut import Cut
from ledger.log.identity import record_hash
from ledger.log.port import Log
from ledger.log.progress import with_progress
from schemas.record import Record

__all__ = ["SEGMENT_BYTES", "Archived", "archive_log", "opened_to_write"]

SEGMENT_BYTES = 67_108_864
"""A segment is closed when its lines take so much, or at the end of a run."""


class Archived(NamedTuple):
    """What a run has added.

    Attributes:
        records: Sealed by this run.
        segments: Made by this run.
        end: How far the log is archived now.
        digest: The manifest's, to be kept elsewhere: whoever has it can tell this archive.
    """

    records: int
    segments: int
    end: Cut
    digest: str


def archive_log(
    log: Log,
    folder: Path,
    *,
    segment_bytes: int = SEGMENT_BYTES,
    progress: Callable[[int], None] = lambda _: None,
) -> Archived:
    """Copy what a log holds into an archive, up to the log's end when the run starts.

    Args:
        log: Any log.
        folder: The archive; made when it is missing.
        segment_bytes: How much a segment's lines take at most, give or take a record.
        progress: Told the number of records copied, now and then.

    Raises:
        StoreError: If the archive is of another log, or the folder cannot take it.
        DamagedArchiveError: If a file that was sealed before is missing or changed.
        CutNotHeldError: If the log has lost records that are not archived yet.
    """
    made = list[Segment]()
    _make(folder)
    with one_line(folder), opened_to_write(folder, log) as manifest, ThreadPoolExecutor(1) as pool:
        start = {int(partition): upto for partition, upto in manifest.cut.items()}
        records = with_progress(log.read(start, log.end()), progress)
        current = manifest
        with closing(_segments(records, folder, start, segment_bytes, pool)) as segments:
            for segment in segments:
                current = current.with_segments((*current.segments, segment))
                save_manifest(folder, current)
                made.append(segment)
    end = {int(partition): upto for partition, upto in current.cut.items()}
    records_made = sum(one.records for one in made)
    return Archived(records_made, len(made), dict(sorted(end.items())), digest_of(current))


@contextmanager
def opened_to_write(folder: Path, log: Log | None = None) -> Iterator[Manifest]:
    """An archive with no other writer, checked, and rid of what a run cut short has left.

    Args:
        folder: The archive.
        log: The one that it must be of; where there is no archive yet, an empty one of it is made.
    """
    with one_writer(folder):
        # The folder of the segments is made after the first manifest: whoever finds the one without
        # the other knows that a manifest was lost.
        if log is not None and not any((folder / one).exists() for one in (MANIFEST, RECORDS)):
            save_manifest(folder, Manifest.empty(log.name, log.partitions))
        manifest = verified(folder)[0]
        if log is not None:
            _refuse_another_log(folder, manifest, log)
        (folder / RECORDS).mkdir(exist_ok=True)
        sync_folder(folder)
        yield _tidied(folder, manifest)


def _make(folder: Path) -> None:
    """Make the folder where it is missing; refuse one that holds something else."""
    with one_line(folder):
        if not folder.exists():
            above = folder.absolute().parent
            if not above.is_dir():
                raise StoreError(f"{folder}: no folder {above}; make it first")
            folder.mkdir()
            sync_folder(above)
        names = {path.name for path in folder.iterdir()}
    foreign = sorted(names - {RECORDS, LOCK, f"{MANIFEST}{PARTIAL}"})
    if MANIFEST not in names and RECORDS not in names and foreign:
        raise StoreError(f"{folder} holds {foreign[0]} and no archive; name an empty or new folder")


def _refuse_another_log(folder: Path, manifest: Manifest, log: Log) -> None:
    """Refuse a log that does not hold what is archived.

    Raises:
        StoreError: If its first records or those where the archive ends are not the same.
    """
    another = f"the log {log.name} is another than the one archived in {folder}"
    hint = "name another folder, or the right log with --log"
    if log.partitions != manifest.log.partitions:
        was = manifest.log.partitions
        raise StoreError(f"{another}: {log.partitions} partitions, not {was}; {hint}")
    own = {int(partition): upto for partition, upto in manifest.cut.items() if upto}
    end = log.end()
    for partition, upto in own.items():
        if end[partition] < upto:
            raise StoreError(
                f"{another}: partition {partition} ends at {end[partition]}, {upto} are archived;"
                f" {hint}"
            )
    first = log.first_records()
    before_end = {partition: upto - 1 for partition, upto in own.items()}
    last = {record.partition: record for record in log.read(before_end, own)}
    sealed_last = {one.partition: one.last_record for one in manifest.segments}
    for partition in own:
        known = (manifest.log.identity[str(partition)], sealed_last[partition])
        if known != (_hash(first.get(partition)), _hash(last.get(partition))):
            raise StoreError(
                f"{another}: the first or the last archived record of partition {partition} is not"
                f" the same in it; {hint}"
            )


def _hash(record: Record | None) -> str | None:
    return None if record is None else record_hash(record)


def _tidied(folder: Path, manifest: Manifest) -> Manifest:
    """Remove what a run that was cut short has left."""
    for path in leftovers(folder, manifest):
        path.unlink()
    (folder / f"{MANIFEST}{PARTIAL}").unlink(missing_ok=True)
    if manifest.unsealed:
        sync_folder(folder / RECORDS)
        manifest = manifest.with_segments(manifest.segments)
        save_manifest(folder, manifest)
    return manifest


def _segments(
    records: Iterable[Record], folder: Path, start: Cut, segment_bytes: int, pool: Executor
) -> Generator[Segment]:
    """Sealed segments out of records, the first of each partition from its start on."""
    at = dict(start)
    writer: SegmentWriter | None = None
    try:
        for record in records:
            if writer is not None and (
                record.partition != writer.partition or writer.plain_bytes >= segment_bytes
            ):
                segment, writer = writer.seal(), None
                at[segment.partition] = segment.end
                yield segment
            if writer is None:
                partition = record.partition
                writer = SegmentWriter(folder, partition, at[partition], pool)
            writer.take(record)
        if writer is not None:
            yield writer.seal()
    finally:
        if writer is not None:
            writer.discard()
