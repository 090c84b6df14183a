"""What is made of segments, several at a time, by processes that end with this one."""

from __future__ import annotations

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
from typing import Any, NamedTuple, Protocol, TypeVar

from ledger.diagnostics import internal_error
from ledger.errors import DamagedArchiveError, LedgerError, StoreError
from ledger.log.archive.files import translate_archive_errors
from ledger.log.archive.manifest import Segment
from ledger.log.progress import ProgressCallback

__all__ = ["SINGLE_PROCESS_BYTES", "Advance", "Done", "SegmentJob", "run_job"]

SINGLE_PROCESS_BYTES = 33_554_432
"""Lines of records that are read before another process has started."""

_Made = TypeVar("_Made")
_Made_co = TypeVar("_Made_co", covariant=True)


class SegmentJob(Protocol[_Made_co]):
    """What is made of each segment; it goes to other processes, and what it makes comes back."""

    @property
    def folder(self) -> Path:
        """The archive."""

    def make(self, segment: Segment, advance: ProgressCallback, *, beside: int) -> _Made_co:
        """Make it of one segment.

        Args:
            segment: One of the archive's.
            advance: Called with the number of records read since its last call.
            beside: How many other processes do the same.
        """


class Advance(NamedTuple):
    """So many more records are read."""

    records: int


class Done(NamedTuple):
    """What was made of a segment."""

    made: Any


class _Failure(NamedTuple):
    """Why a process has not made what it should.

    Attributes:
        message: For a person.
        is_damage: Whether the sealed records themselves are damaged.
    """

    message: str
    is_damage: bool


def run_job(
    job: SegmentJob[_Made], segments: Sequence[Segment], advance: ProgressCallback
) -> Generator[_Made]:
    """Do a job for some segments, in processes where that is worth it.

    Args:
        job: What is made.
        segments: Any of the archive's segments.
        advance: Called with the number of records read since its last call.

    Yields:
        What was made, as it is complete; the processes end with the generator.

    Raises:
        StoreError: If something cannot be made, or a process has ended.
        DamagedArchiveError: If records are not those that were sealed.
    """
    processes = min(os.cpu_count() or 1, len(segments))
    plain_bytes = sum(segment.plain_bytes for segment in segments)
    if processes > 1 and plain_bytes > SINGLE_PROCESS_BYTES:
        yield from _run_in_processes(job, segments, processes, advance)
    else:
        yield from (job.make(segment, advance, beside=0) for segment in segments)


def _run_in_processes(
    job: SegmentJob[_Made], segments: Iterable[Segment], count: int, advance: ProgressCallback
) -> Generator[_Made]:
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
        with _interrupts_deferred():
            for _ in range(count):
                pipe, process = _start_process(job, beside=count - 1)
                processes[pipe] = process
        for pipe in processes:
            assign(pipe)
        while busy:
            ready = wait(list(busy))
            for pipe in [pipe for pipe in busy if pipe in ready]:
                answer = _answer(pipe, processes[pipe], busy[pipe])
                if isinstance(answer, Advance):
                    advance(answer.records)
                    continue
                del busy[pipe]
                assign(pipe)
                yield answer.made
    finally:
        for process in processes.values():
            process.kill()
        for pipe, process in processes.items():
            process.join()
            pipe.close()


def _answer(pipe: Connection, process: BaseProcess, segment: Segment) -> Advance | Done:
    """A process's answer: how many more records it has read, or what it has made.

    Raises:
        StoreError: If it could not make it, or has ended.
    """
    try:
        answer: Advance | Done | _Failure = pipe.recv()
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


def _start_process(job: SegmentJob[_Made], *, beside: int) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with closing(theirs):
        process = context.Process(target=_serve, args=(theirs, job, beside), daemon=True)
        process.start()
    return ours, process


def _serve(pipe: Connection, job: SegmentJob[_Made], beside: int) -> None:
    """What a process does: its job for each segment that it is sent, until nobody sends any."""
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            pipe.send(_attempt(job, pipe.recv(), pipe, beside=beside))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _attempt(
    job: SegmentJob[_Made], segment: Segment, pipe: Connection, *, beside: int
) -> Done | _Failure:
    def advance(records: int) -> None:
        pipe.send(Advance(records))

    try:
        with translate_archive_errors(job.folder):
            return Done(job.make(segment, advance, beside=beside))
    except LedgerError as error:
        return _Failure(str(error), isinstance(error, DamagedArchiveError))
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        return _Failure(internal_error(error)[0], is_damage=False)
