"""`outcomes archive`: the sealed copy of a log (docs/archive.md)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.errors import InterruptError, UsageError
from ledger.numbers import pluralise
from outcomes.cli.options import JsonOption, LogOption, log_url
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.columns.build import BuildResult

__all__ = ["archive"]

_MIB = 1_048_576


def archive(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Made when it is missing.")],
    log: LogOption = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Merge small segments; adds no records.")
    ] = False,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Make all typed columns anew; adds no records.")
    ] = False,
    segment_mib: Annotated[
        int, typer.Option(min=1, max=65_536, help="Lines of a segment at most, in MiB.")
    ] = 64,
    json: JsonOption = False,
) -> None:
    """Copy a log into sealed segments, on from where the last run stopped."""
    if merge and refresh:
        raise UsageError("--merge already makes the typed columns of what it merges; give one")
    if merge:
        _merge(folder, segment_mib * _MIB, json=json)
    elif refresh:
        _refresh(folder, json=json)
    else:
        _add(folder, log_url(log), segment_mib * _MIB, json=json)


def _add(folder: Path, url: str, segment_bytes: int, *, json: bool) -> None:
    from ledger.log import format_cut, open_log
    from ledger.log.archive import archive_log, held_by

    opened = open_log(url)
    before = held_by(folder)
    waiting = sum(opened.end().values()) - before.offsets
    try:
        with terminal.progress("archiving", max(0, waiting)) as told:
            added = archive_log(opened, folder, segment_bytes=segment_bytes, progress=told)
    except KeyboardInterrupt as error:
        safe = pluralise(held_by(folder).records - before.records, "record")
        raise InterruptError(
            f"interrupted, {safe} sealed; the same command goes on from there"
        ) from error
    finally:
        opened.close()
    if json:
        terminal.print_json(
            {
                "archive": str(folder),
                "records": added.records,
                "segments": added.segments,
                "typed": _typed(folder).built,
                "end": {str(partition): upto for partition, upto in added.end.items()},
                "digest": added.digest,
            }
        )
        return
    new = f"{pluralise(added.records, 'record')} sealed in {pluralise(added.segments, 'segment')}"
    # What is sealed is told of first, whatever becomes of its typed columns.
    terminal.line(f"{folder}: {new}; end {format_cut(added.end)}")
    terminal.line(f"manifest {added.digest}")
    _tell_typed(_typed(folder))


def _merge(folder: Path, segment_bytes: int, *, json: bool) -> None:
    from ledger.log.archive import merge_segments

    with terminal.progress("merging", None) as told:
        merged = merge_segments(folder, segment_bytes=segment_bytes, progress=told)
    if json:
        terminal.print_json(
            {
                "archive": str(folder),
                "segments_before": merged.before,
                "segments": merged.after,
                "typed": _typed(folder).built,
                "digest": merged.digest,
            }
        )
        return
    before, after = pluralise(merged.before, "segment"), pluralise(merged.after, "segment")
    terminal.line(f"{folder}: {before} before, {after} now")
    terminal.line(f"manifest {merged.digest}")
    _tell_typed(_typed(folder))


def _refresh(folder: Path, *, json: bool) -> None:
    built = _typed(folder, rebuild=True)
    if json:
        terminal.print_json({"archive": str(folder), "typed": built.built})
    else:
        _tell_typed(built)


def _typed(folder: Path, *, rebuild: bool = False) -> BuildResult:
    from ledger.columns.build import build_columns
    from ledger.log.archive import held_by

    with terminal.progress("making typed columns", held_by(folder).records) as told:
        return build_columns(folder, rebuild=rebuild, progress=told)


def _tell_typed(built: BuildResult) -> None:
    segments, kept = pluralise(built.built, "segment"), built.segments - built.built
    verb = "was" if kept == 1 else "were"
    terminal.line(f"typed columns of {segments} built, {kept:,} {verb} up to date")
