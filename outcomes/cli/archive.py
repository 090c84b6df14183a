"""`outcomes archive`: the sealed copy of a log (docs/archive.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.errors import InterruptError, UsageError
from ledger.numbers import pluralise
from outcomes.cli.options import JsonOption, LogOption, log_address
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.columns.build import BuildResult
    from ledger.log import LogAddress

__all__ = ["archive"]

_MIB = 1_048_576


def archive(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where the archive is, or is to be.")
    ],
    log: LogOption = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge small segments instead; adds no records.")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Rebuild all typed columns instead; adds no records.")
    ] = False,
    segment_mib: Annotated[
        int,
        typer.Option(
            min=1, max=65_536, metavar="N", help="Largest size of a segment's lines, in MiB."
        ),
    ] = 64,
    json: JsonOption = False,
) -> None:
    """Copy a log into sealed segments, continuing where the last run stopped."""
    if merge and refresh:
        raise UsageError(
            "--merge already builds the typed columns of what it merges; give one of them"
        )
    if merge:
        _merge(folder, segment_mib * _MIB, json=json)
    elif refresh:
        _refresh(folder, json=json)
    else:
        _add(folder, log_address(log), segment_mib * _MIB, json=json)


def _add(folder: Path, address: LogAddress, segment_bytes: int, *, json: bool) -> None:
    from ledger.log import format_cut, open_log
    from ledger.log.archive import archive_log, archive_size

    opened = open_log(address)
    before = archive_size(folder)
    waiting = sum(opened.end().values()) - before.offsets
    try:
        with terminal.progress("archiving", max(0, waiting)) as progress:
            added = archive_log(opened, folder, segment_bytes=segment_bytes, progress=progress)
    except KeyboardInterrupt as error:
        sealed = pluralise(archive_size(folder).records - before.records, "record")
        raise InterruptError(
            f"interrupted, {sealed} sealed; the same command continues from there"
        ) from error
    finally:
        opened.close()
    if json:
        terminal.print_json(
            {
                "archive": str(folder),
                "records": added.records,
                "segments": added.segments,
                "typed": _build_columns(folder).built,
                "end": {str(partition): end for partition, end in added.end.items()},
                "digest": added.digest,
            }
        )
        return
    new = f"{pluralise(added.records, 'record')} sealed in {pluralise(added.segments, 'segment')}"
    # What is sealed is reported first, even if its typed columns cannot be built.
    terminal.line(f"{folder}: {new}; end {format_cut(added.end)}")
    terminal.line(f"manifest {added.digest}")
    _print_columns(_build_columns(folder))


def _merge(folder: Path, segment_bytes: int, *, json: bool) -> None:
    from ledger.log.archive import merge_segments

    with terminal.progress("merging", None) as progress:
        merged = merge_segments(folder, segment_bytes=segment_bytes, progress=progress)
    if json:
        terminal.print_json(
            {
                "archive": str(folder),
                "segments_before": merged.before,
                "segments": merged.after,
                "typed": _build_columns(folder).built,
                "digest": merged.digest,
            }
        )
        return
    before, after = pluralise(merged.before, "segment"), pluralise(merged.after, "segment")
    terminal.line(f"{folder}: {before} before, {after} now")
    terminal.line(f"manifest {merged.digest}")
    _print_columns(_build_columns(folder))


def _refresh(folder: Path, *, json: bool) -> None:
    built = _build_columns(folder, rebuild=True)
    if json:
        terminal.print_json({"archive": str(folder), "typed": built.built})
    else:
        _print_columns(built)


def _build_columns(folder: Path, *, rebuild: bool = False) -> BuildResult:
    from ledger.columns.build import build_columns
    from ledger.log.archive import archive_size

    _build_leaves(folder, rebuild=rebuild)
    with terminal.progress("building typed columns", archive_size(folder).records) as progress:
        return build_columns(folder, rebuild=rebuild, progress=progress)


def _build_leaves(folder: Path, *, rebuild: bool) -> None:
    from ledger.evidence.leaf_files import build_leaves
    from ledger.log.archive import archive_size

    with terminal.progress("hashing records", archive_size(folder).records) as progress:
        build_leaves(folder, rebuild=rebuild, progress=progress)


def _print_columns(built: BuildResult) -> None:
    segments, unchanged = pluralise(built.built, "segment"), built.segments - built.built
    verb = "was" if unchanged == 1 else "were"
    terminal.line(f"typed columns of {segments} built, {unchanged:,} {verb} up to date")
