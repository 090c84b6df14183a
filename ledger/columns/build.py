"""Keeping typed columns: an archive's are brought up to date, several segments side by side.

The records are sealed before, and nothing here writes to them. Processes make the files, each in
the folder of the run; only the run itself gives them their names, so what a killed one leaves lies
in a folder that nobody reads and that the next one removes.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import shutil
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import NamedTuple

from ledger.columns.cache import TYPED, find_typed, stamp, stamp_path, typed_path
from ledger.columns.schema import write_typed
from ledger.diagnostics import internal_error
from ledger.errors import DamagedArchiveError, InterruptError, LedgerError, StoreError
from ledger.log.archive import MANIFEST, Manifest, Segment
from ledger.log.archive.files import (
    PARTIAL,
    into_place,
    one_line,
    one_writer,
    sync_folder,
    write_whole,
)
from ledger.log.archive.manifest import place_of, read_manifest
from ledger.log.archive.segment import records_of, sealed_bytes
from ledger.log.progress import PROGRESS_EVERY
from ledger.numbers import pluralise
from schemas import Record

__all__ = ["Kept", "keep_typed"]

ALONE_BYTES = 4_194_304
"""Lines of records that are made into columns before another process has started."""


class Kept(NamedTuple):
    """What a run has done.

    Attributes:
        made: Of how many segments it made the typed columns.
        segments: How many the archive has; all of them have typed columns now.
    """

    made: int
    segments: int


class _Run(NamedTuple):
    """What a process needs to know.

    Attributes:
        folder: The archive.
        work: Where files lie until they are whole.
        partitions: The log's.
    """

    folder: Path
    work: Path
    partitions: int


class _Made(NamedTuple):
    """A file in the folder of the run, on disk.

    Attributes:
        segment: Whose typed columns.
        sha256: Of the file, hexadecimal.
        size: Of the file, in bytes.
    """

    segment: Segment
    sha256: str
    size: int


class _Trouble(NamedTuple):
    """Why a process has not made a file.

    Attributes:
        text: For a person.
        is_of_records: Whether the sealed records themselves are damaged.
    """

    text: str
    is_of_records: bool


def keep_typed(
    folder: Path, *, anew: bool = False, progress: Callable[[int], None] = lambda _: None
) -> Kept:
    """Bring the typed columns of an archive up to date, and remove those of no segment.

    Args:
        folder: The archive.
        anew: Make also those that are fresh.
        progress: Told the number of records whose columns are there, now and then.

    Raises:
        StoreError: If there is no archive, another run writes to it, or the disk refuses.
        DamagedArchiveError: If records are not those that were sealed.
        InterruptError: If a person stops it; what was finished is kept.
    """
    if not (folder / MANIFEST).exists():
        raise StoreError(f"no archive at {folder}; `outcomes archive` makes one")
    finished = list[Segment]()
    try:
        with _evidence_apart(), one_line(folder), one_writer(folder):
            manifest = read_manifest(folder)[0]
            _tidy(folder, manifest)
            waiting = list(manifest.segments)
            if not anew:
                found = find_typed(folder, waiting)
                waiting = [one.segment for one in found if one.fault is not None]
            if waiting:
                _make_all(folder, manifest, waiting, finished, progress)
    except KeyboardInterrupt as error:
        safe = (
            f"the records are sealed, typed columns of {pluralise(len(finished), 'segment')} made"
        )
        raise InterruptError(
            f"interrupted, {safe}; `outcomes archive {folder}` goes on from there"
        ) from error
    return Kept(len(finished), len(manifest.segments))


@contextmanager
def _evidence_apart() -> Iterator[None]:
    """Say with any trouble that it is not one of the evidence, unless it is."""
    try:
        yield
    except DamagedArchiveError:
        raise
    except StoreError as error:
        raise StoreError(
            f"the records are sealed, but not all of their typed columns are made: {error}"
        ) from error


def _tidy(folder: Path, manifest: Manifest) -> None:
    """Remove what a run cut short has left, and what belongs to no segment any more."""
    if not (folder / TYPED).exists():
        return
    own = {typed_path(folder, segment) for segment in manifest.segments}
    own |= {stamp_path(path) for path in own}
    for path in sorted((folder / TYPED).iterdir()):
        if path.name.endswith(PARTIAL) and path.is_dir():
            # A process of a killed run may be about to end in it.
            shutil.rmtree(path, ignore_errors=True)
        elif path.name.endswith(PARTIAL) or (path not in own and _is_typed(path)):
            path.unlink()


def _is_typed(path: Path) -> bool:
    """Whether a file has a name that typed columns or a stamp would have."""
    return path.suffix in (".parquet", ".json") and place_of(f"{path.stem}.jsonl.gz") is not None


def _make_all(
    folder: Path,
    manifest: Manifest,
    waiting: Sequence[Segment],
    finished: list[Segment],
    progress: Callable[[int], None],
) -> None:
    (folder / TYPED).mkdir(exist_ok=True)
    sync_folder(folder)
    there = sum(one.records for one in manifest.segments) - sum(one.records for one in waiting)

    def more(records: int) -> None:
        nonlocal there
        there += records
        progress(there)

    more(0)
    # Processes that were killed a moment ago may still be writing when it goes.
    with TemporaryDirectory(suffix=PARTIAL, dir=folder / TYPED, ignore_cleanup_errors=True) as work:
        run = _Run(folder, Path(work), manifest.log.partitions)
        with closing(_made(run, waiting, more)) as files:
            for made in files:
                path = typed_path(folder, made.segment)
                into_place(run.work / path.name, path)
                write_whole(stamp_path(path), stamp(*made))
                finished.append(made.segment)


def _made(run: _Run, segments: Sequence[Segment], more: Callable[[int], None]) -> Generator[_Made]:
    processes = min(os.cpu_count() or 1, len(segments))
    if processes > 1 and sum(one.plain_bytes for one in segments) > ALONE_BYTES:
        yield from _side_by_side(run, segments, processes, more)
    else:
        yield from (_make(run, segment, more) for segment in segments)


def _make(run: _Run, segment: Segment, more: Callable[[int], None]) -> _Made:
    target = run.work / typed_path(run.folder, segment).name
    records = records_of(run.folder, segment, sealed_bytes(run.folder, segment))
    write_typed(_told(records, more), run.partitions, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
        return _Made(segment, hashlib.file_digest(file, "sha256").hexdigest(), size)


def _told(records: Iterable[Record], more: Callable[[int], None]) -> Iterator[Record]:
    count = 0
    for count, record in enumerate(records, 1):
        if count % PROGRESS_EVERY == 0:
            more(PROGRESS_EVERY)
        yield record
    more(count % PROGRESS_EVERY)


def _side_by_side(
    run: _Run, segments: Iterable[Segment], count: int, more: Callable[[int], None]
) -> Generator[_Made]:
    """Files as they get ready; the processes end with the generator, whatever ends it."""
    # Long ones first, so that no process is left with one when the others are done.
    waiting = deque(sorted(segments, key=attrgetter("plain_bytes"), reverse=True))
    processes = dict[Connection, BaseProcess]()
    busy = dict[Connection, Segment]()

    def give(pipe: Connection) -> None:
        if waiting:
            busy[pipe] = waiting.popleft()
            # One that has ended shows when its answer is read.
            with suppress(OSError):
                pipe.send(busy[pipe])

    try:
        with _interrupts_wait():
            for _ in range(count):
                pipe, process = _started(run)
                processes[pipe] = process
        for pipe in processes:
            give(pipe)
        while busy:
            ready = wait(list(busy))
            for pipe in [one for one in busy if one in ready]:
                answer = _answer(pipe, processes[pipe], busy[pipe])
                if isinstance(answer, int):
                    more(answer)
                    continue
                del busy[pipe]
                give(pipe)
                yield answer
    finally:
        for process in processes.values():
            process.kill()
        for pipe, process in processes.items():
            process.join()
            pipe.close()


def _answer(pipe: Connection, process: BaseProcess, segment: Segment) -> int | _Made:
    """What a process says: how many more records it has read, or that a file is made.

    Raises:
        StoreError: If it could not make it, or has ended.
    """
    try:
        answer: int | _Made | _Trouble = pipe.recv()
    except (EOFError, OSError) as error:
        process.join()
        raise StoreError(
            f"{segment.file}: the process that read it ended with code {process.exitcode}; is"
            " memory short? run it again"
        ) from error
    if isinstance(answer, _Trouble):
        raise (
            DamagedArchiveError([answer.text]) if answer.is_of_records else StoreError(answer.text)
        )
    return answer


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Let Ctrl-C wait; a process that is started meanwhile never hears of one."""
    # Where it is not there yet it would be started below, and let Ctrl-C through.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _started(run: _Run) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with closing(theirs):
        process = context.Process(target=_work, args=(theirs, run), daemon=True)
        process.start()
    return ours, process


def _work(pipe: Connection, run: _Run) -> None:
    """What a process does: make what it is told to, until nobody is there to tell it."""
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(_tried(run, pipe.recv(), pipe.send))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _tried(run: _Run, segment: Segment, more: Callable[[int], None]) -> _Made | _Trouble:
    try:
        with one_line(run.folder):
            return _make(run, segment, more)
    except LedgerError as error:
        return _Trouble(str(error), isinstance(error, DamagedArchiveError))
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        return _Trouble(internal_error(error)[0], is_of_records=False)
