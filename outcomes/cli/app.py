"""`outcomes`, the command line (SPEC section 6): data on stdout, narration on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ledger.diagnostics import configure_diagnostics, diagnostics_are_json, inform, logger
from ledger.errors import (
    BadInputError,
    InterruptError,
    UsageError,
)
from ledger.numbers import pluralise
from ledger.settings import load_settings
from outcomes.cli import about, archive, live, report, topic
from outcomes.cli.options import JsonOption, LogOption, log_url
from outcomes.console import terminal
from schemas.text import one_line

if TYPE_CHECKING:
    from outcomes.ingest.json_lines import LineFault

__all__ = ["app"]

# Each command imports what it needs when it runs, so that `--help` and completion answer at once.

app = typer.Typer(
    name="outcomes",
    help="Any year's report of student outcomes, rebuilt from the log of events.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)
app.add_typer(about.policy_app, name="policy")
app.add_typer(topic.topic_app, name="topic")
for command in (
    report.report,
    report.verify,
    archive.archive,
    live.worker,
    live.live,
    about.schema,
    about.doctor,
):
    app.command()(command)

FileArgument = Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines; - is stdin.")]
STUDENTS_MAX = 100_000_000
_WRITE_BYTES = 262_144


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from schemas.version import RULES_VERSION

        of = f"outcomes {version('outcome-ledger')} (rules {RULES_VERSION})"
        terminal.write(f"{of}\n".encode())
        raise typer.Exit


@app.callback()
def outcomes(
    context: typer.Context,
    log_format: Annotated[
        str | None, typer.Option(metavar="console|json", help="How narration on stderr looks.")
    ] = None,
    version: Annotated[  # noqa: ARG001 - acted on by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print and exit.")
    ] = False,
) -> None:
    """Any year's report of student outcomes, rebuilt from the log of events."""
    settings = load_settings()
    form = log_format or settings.log_format
    if form not in ("console", "json"):
        raise UsageError(f"--log-format {form}: write console or json")
    configure_diagnostics("json" if form == "json" else "console", settings.log_level)
    if context.invoked_subcommand is None:
        terminal.write(f"{context.get_help()}\n".encode())


@app.command()
def demo(
    students: Annotated[int, typer.Option(min=1, max=STUDENTS_MAX, help="Persons.")] = 5_000,
    seed: Annotated[int, typer.Option(help="Same seed, same history.")] = 2022,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where files go.")] = Path("demo"),
) -> None:
    """The whole story: generate, append, report 2022 as known on 31 March 2023 and now, compare."""
    from ledger.policies import find_policy
    from ledger.report.page import movement_table, report_page
    from outcomes.demo import run_demo

    policy = find_policy(load_settings().policy)
    made = run_demo(students, seed, out, policy, lambda step: inform(f"… {step}"))
    terminal.pages(report_page(made.now), movement_table(made.then, made.now, "31 March 2023"))
    terminal.write(
        f"\n{made.log_file}: the log, {made.acknowledged.records:,} records\n"
        f"{made.then_file}: the report as known on 31 March 2023\n"
        f"{made.now_file}: the report as known now\n"
        f"Replayed twice: {'the same' if made.replays_agree else 'DIFFERENT'} bytes.\n".encode()
    )
    if not made.replays_agree:
        raise typer.Exit(1)


@app.command()
def generate(
    students: Annotated[int, typer.Option(min=1, max=STUDENTS_MAX, help="Persons.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")],
    first: Annotated[int, typer.Option("--from", help="First year that looks whole.")] = 2021,
    last: Annotated[int, typer.Option("--to", help="Last year that looks whole.")] = 2023,
    records: Annotated[
        bool, typer.Option("--records", help="As tail --jsonl prints, with recorded_at.")
    ] = False,
) -> None:
    """A synthetic history as JSON lines: realistic rates, duplicates, late and corrected facts."""
    from ledger.log.record_lines import format_record
    from outcomes.synthetic import generate as world
    from schemas import Record

    try:
        made = world(students, seed, first_year=first, last_year=last)
    except ValueError as error:
        raise UsageError(f"generate: {error}") from error
    lines = bytearray()
    offset = 0
    for one in made:
        if records:
            lines += format_record(Record(0, offset, one.recorded_at, one.key, one.value))
            offset += 1
        elif not one.broken:
            lines += one.value + b"\n"
        if len(lines) > _WRITE_BYTES:
            terminal.write(bytes(lines))
            lines.clear()
    terminal.write(bytes(lines))


@app.command()
def validate(file: FileArgument, json: JsonOption = False) -> None:
    """Check events as if recorded now: one line per fault; exit 65 if there is any."""
    from outcomes.ingest import json_lines as intake

    found, warned = list[intake.LineFault](), list[intake.LineFault]()
    lines = 0
    with intake.open_input(file) as stream:
        for batch in intake.read_lines(stream, 1_000):
            lines += len(batch)
            for line in batch:
                faults = intake.judge(line)[1]
                warnings = [] if faults else list(intake.recording_findings(line))
                found += faults
                warned += warnings
                if not json:
                    _tell_faults(faults, warnings)
    if json:
        terminal.print_json(
            {
                "schema": "ledger/validation/v1",
                "lines": lines,
                "faults": [fault._asdict() for fault in found],
                "warnings": [warning._asdict() for warning in warned],
            }
        )
    at_fault = len({fault.line for fault in found})
    inform(f"{pluralise(lines, 'line')}, {at_fault or 'none'} at fault, {len(warned)} to look at")
    if found:
        raise typer.Exit(BadInputError.exit_code)


@app.command()
def append(
    file: FileArgument,
    log: LogOption = None,
    records: Annotated[
        bool, typer.Option("--records", help="Records of tail --jsonl, unchecked.")
    ] = False,
    skip_invalid: Annotated[
        bool, typer.Option("--skip-invalid", help="Append the lines without a fault.")
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Lines a batch, for stdin.")] = 10_000,
    json: JsonOption = False,
) -> None:
    """Append events: a file whole or not at all, standard input batch by batch."""
    from ledger.log import format_cut, open_to_append
    from outcomes.ingest import json_lines as intake

    judge = intake.judge_record if records else intake.judge
    bytes_max = intake.RECORD_LINE_BYTES_MAX if records else intake.VALUE_BYTES_MAX
    skipped = set[int]()
    count = 0

    def on_fault(fault: intake.LineFault) -> None:
        skipped.add(fault.line)
        if diagnostics_are_json():
            logger().warning("line.at_fault", **fault._asdict())
        else:
            terminal.narrating().print(fault_line(fault))

    with intake.open_input(file) as stream, open_to_append(log_url(log)) as opener:
        lines = intake.read_lines(stream, batch, bytes_max=bytes_max)
        if file == "-":
            try:
                with terminal.progress("appending", None) as told:
                    for count in intake.append_batches(
                        opener, lines, judge, skip_invalid=skip_invalid, on_fault=on_fault
                    ):
                        told(count)
            except KeyboardInterrupt as error:
                acknowledged = f"{pluralise(count, 'record')} acknowledged"
                raise InterruptError(
                    f"interrupted, {acknowledged}; sending all again is safe"
                ) from error
        else:
            try:
                count = intake.append_whole(
                    opener, lines, judge, skip_invalid=skip_invalid, on_fault=on_fault
                )
            except KeyboardInterrupt as error:
                whole = f"the log holds all of {file} or nothing of it"
                raise InterruptError(f"interrupted, {whole}; sending it again is safe") from error
        end = opener().end()
    if json:
        members = {str(partition): upto for partition, upto in end.items()}
        terminal.print_json({"acknowledged": count, "skipped": len(skipped), "end": members})
        return
    left_out = f", {pluralise(len(skipped), 'line')} skipped" if skipped else ""
    terminal.line(f"{pluralise(count, 'record')} acknowledged{left_out}; end {format_cut(end)}")


@app.command()
def tail(
    log: LogOption = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="CUT", help="Where to begin; the beginning.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Wait for more.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Exact, one JSON object a line.")] = False,
) -> None:
    """The records of a log, with partition, offset, recorded_at, key and value."""
    from ledger.log import open_log, parse_cut
    from ledger.log.record_lines import format_record
    from ledger.log.tail import follow_log, short_line

    opened = open_log(log_url(log))
    form = format_record if jsonl else short_line
    at = (
        opened.normalise(parse_cut(start, "--from"))
        if start is not None
        else dict.fromkeys(opened.end(), 0)
    )
    lines = bytearray()
    for record in follow_log(opened, at, follow=follow):
        if record is not None:
            lines += form(record)
        if record is None or len(lines) > _WRITE_BYTES:
            terminal.write(bytes(lines))
            lines.clear()
    terminal.write(bytes(lines))


def _tell_faults(faults: Sequence[LineFault], warnings: Sequence[LineFault]) -> None:
    for fault in faults:
        terminal.line(fault_line(fault))
    for warning in warnings:
        terminal.line(f"{fault_line(warning)} (a warning: it stays an event)")


def fault_line(fault: LineFault) -> str:
    """A fault as one line for a person."""
    at = f" at {fault.pointer}" if fault.pointer else ""
    return one_line(f"line {fault.line}: {fault.rule}{at}: {fault.reason}")
