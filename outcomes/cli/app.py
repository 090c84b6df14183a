"""`outcomes`, the command line (SPEC section 6), put together from its command groups.

Each command imports what it needs when it runs, so that `--help` and completion answer at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.diagnostics import configure_diagnostics, logger
from ledger.errors import UsageError
from outcomes.cli import (
    about,
    append,
    archive,
    backup,
    candidates,
    checkpoint,
    dead_letters,
    demo,
    diff,
    disclosure,
    explain,
    findings,
    key,
    live,
    policy,
    prove,
    publish,
    report,
    sample,
    serve,
    tail,
    topic,
    trace,
    verify,
    witness,
)
from outcomes.cli.examples import START
from outcomes.cli.help import Commands
from outcomes.console import terminal

__all__ = ["app"]

app = Commands(
    name="outcomes",
    help="Any year's report of student outcomes, rebuilt from the log of events.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    # Frames of rich around the help would double the time until it is there.
    rich_markup_mode=None,
    invoke_without_command=True,
    epilog=START,
)
about.policy_app.command("check")(policy.policy_check)
about.policy_app.command("diff")(policy.policy_diff)
app.add_typer(about.policy_app, name="policy")
app.add_typer(disclosure.disclosure_app, name="disclosure")
app.add_typer(topic.topic_app, name="topic")
app.add_typer(serve.token_app, name="token")
app.add_typer(dead_letters.dead_letters_app, name="dead-letters")
app.add_typer(key.key_app, name="key")
app.add_typer(prove.prove_app, name="prove")
app.add_typer(witness.witness_app, name="witness")
for command in (
    report.report,
    verify.verify,
    explain.explain,
    trace.trace,
    findings.findings,
    diff.diff,
    sample.sample,
    publish.publish,
    archive.archive,
    backup.backup,
    checkpoint.checkpoint,
    live.worker,
    live.live,
    serve.serve,
    about.schema,
    about.doctor,
    demo.demo,
    demo.generate,
    append.validate,
    append.append,
    tail.tail,
):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        from schemas.version import RULES_VERSION

        terminal.line(f"outcomes {version('outcome-ledger')} (rules {RULES_VERSION})")
        raise typer.Exit


@app.callback()
def outcomes(
    context: typer.Context,
    log_format: Annotated[
        str | None,
        typer.Option(
            metavar="console|json",
            help="Format of diagnostics on stderr (OUTCOMES_LOG_FORMAT).",
            autocompletion=candidates.log_formats,
        ),
    ] = None,
    version: Annotated[  # noqa: ARG001 - acted on by its callback
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            help="Print the version of the program and of the rules.",
        ),
    ] = False,
) -> None:
    """Any year's report of student outcomes, rebuilt from the log of events."""
    from ledger.settings import load_settings, unknown_variables

    settings = load_settings()
    form = log_format or settings.log_format
    if form not in ("console", "json"):
        raise UsageError(f"--log-format {form}: write console or json")
    configure_diagnostics("json" if form == "json" else "console", settings.log_level)
    for name in unknown_variables():
        logger().warning("setting.unknown", variable=name, effect="none")
    if context.invoked_subcommand is None:
        terminal.write(f"{context.get_help()}\n".encode())
