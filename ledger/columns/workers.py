"""Files of typed columns, built several at a time by processes that end with this one."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from operator import attrgetter
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from ledger.columns.cache import column_path
from ledger.columns.segments import Source, write_segment_columns
from ledger.diagnostics import internal_error
from ledger.errors import DamagedArchiveError, LedgerError, StoreError
from ledger.log.archive import Segment
from ledger.log.archive.files import translate_archive_errors
from ledger.log.progress import ProgressCallback

__all__ = ["SINGLE_PROCESS_BYTES", "BuiltFile", "Job", "build_files"]

SINGLE_PROCESS_BYTES = 33_554_432
"""Lines of records whose columns are built before another process has started."""


class Job(NamedTuple):
    """What a process needs to know.

    Attributes:
        source: The archive.
        run_folder: Where files are until they are complete.
    """

    source: Source
    run_folder: Path


class BuiltFile(NamedTuple):
    """A file in the folder of the run, on disk.

    Attributes:
        segment: The segment whose typed columns it holds.
        sha256: Of the file, hexadecimal.
        size: Of the file, in bytes.
    """

    segment: Segment
    sha256: str
    size: int


class _Failure(NamedTuple):
    """Why a process has not built a file.

    Attributes:
        message: For a person.
        is_damage: Whether the sealed records themselves are damaged.
    """

    message: str
    is_damage: bool


def build_files(
    job: Job, segments: Sequence[Segment], advance: ProgressCallback
) -> Generator[BuiltFile]:
    """Build the typed columns of some segments, in processes where that is worth it.

    Args:
        job: Where.
        segments: Any of the archive's segments.
        advance: Called with the number of records read since its last call.

    Yields:
        Files as they are complete; the processes end with the generator.

    Raises:
        StoreError: If a file cannot be built, or a process has ended.
        DamagedArchiveError: If records are not those that were sealed.
    """
    processes = min(os.cpu_count() or 1, len(segments))
    plain_bytes = sum(segment.plain_bytes for segment in segments)
    if processes > 1 and plain_bytes > SINGLE_PROCESS_BYTES:
        yield from _build_in_processes(job, segments, processes, advance)
    else:
        yield from (_build_file(job, segment, advance) for segment in segments)


def _build_file(job: Job, segment: Segment, advance: ProgressCallback) -> BuiltFile:
    target = job.run_folder / column_path(job.source.folder, segment).name
    write_segment_columns(job.source, segment, target, advance)
    with target.open("rb") as file:
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
        return BuiltFile(segment, hashlib.file_digest(file, "sha256").hexdigest(), size)


def _build_in_processes(
    job: Job, segments: Iterable[Segment], count: int, advance: ProgressCallback
) -> Generator[BuiltFile]:
    # Long ones first, so that no process is left with one when the others are done.
    waiting = deque(sorted(segments, key=attrgetter("plain_bytes"), reverse=True))
    processes = dict[Connection, BaseProcess]()
    busy = dict[Connection, Segment]()

    def assign(pipe: Connection) -> None:
        if waiting:
            busy[pipe] = waiting.popleft()
            # A process that has ended is noticed when its answer is read.
            with suppress(OSError):
                pipe.send(busy[pipe])

    try:
        source = job.source._replace(beside=count - 1)
        with _interrupts_deferred():
            for _ in range(count):
                pipe, process = _start_process(job._replace(source=source))
                processes[pipe] = process
        for pipe in processes:
            assign(pipe)
        while busy:
            ready = wait(list(busy))
            for pipe in [pipe for pipe in busy if pipe in ready]:
                answer = _answer(pipe, processes[pipe], busy[pipe])
                if isinstance(answer, int):
                    advance(answer)
                    continue
                del busy[pipe]
                assign(pipe)
                yield answer
    finally:
        for process in processes.values():
            process.kill()
        for pipe, process in processes.items():
            process.join()
            pipe.close()


def _answer(pipe: Connection, process: BaseProcess, segment: Segment) -> int | BuiltFile:
    """A process's answer: how many more records it has read, or the file that is complete.

    Raises:
        StoreError: If it could not build it, or has ended.
    """
    try:
        answer: int | BuiltFile | _Failure = pipe.recv()
    except (EOFError, OSError) as error:
        process.join()
        raise StoreError(
            f"{segment.file}: the process that read it ended with code {process.exitcode}, perhaps"
            " for lack of memory; run it again"
        ) from error
    if isinstance(answer, _Failure):
        raise (
            DamagedArchiveError([answer.message])
            if answer.is_damage
            else StoreError(answer.message)
        )
    return answer


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Block Ctrl-C; a process that is started meanwhile never receives it."""
    # Where the tracker is not running yet it would be started below, and let Ctrl-C through.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_process(job: Job) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with closing(theirs):
        process = context.Process(target=_serve, args=(theirs, job), daemon=True)
        process.start()
    return ours, process


def _serve(pipe: Connection, job: Job) -> None:
    """What a process does: build each segment that it is sent, until nobody sends any more."""
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(_attempt(job, pipe.recv(), pipe.send))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _attempt(job: Job, segment: Segment, advance: ProgressCallback) -> BuiltFile | _Failure:
    try:
        with translate_archive_errors(job.source.folder):
            return _build_file(job, segment, advance)
    except LedgerError as error:
        return _Failure(str(error), isinstance(error, DamagedArchiveError))
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        return _Failure(internal_error(error)[0], is_damage=False)
