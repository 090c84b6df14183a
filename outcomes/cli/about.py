"""`outcomes policy`, `outcomes schema`, `outcomes doctor`: the installation and what it knows."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.errors import LedgerError, UsageError
from outcomes.cli import candidates
from outcomes.cli.options import JsonOption, LogOption, command_group, log_url
from outcomes.console import terminal
from schemas.text import one_line

__all__ = ["doctor", "policy_app", "schema"]

policy_app = command_group("The policies that a report can be made under.")


@policy_app.command("list")
def policy_list(json: JsonOption = False) -> None:
    """The built-in policies."""
    from projections.policy import built_in_policies

    known = built_in_policies().values()
    if json:
        members = ("id", "version", "sha256")
        terminal.print_json([{name: getattr(policy, name) for name in members} for policy in known])
        return
    for policy in known:
        terminal.write(f"{policy.id}  version {policy.version}  {policy.sha256}\n".encode())


@policy_app.command("show")
def policy_show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ID|FILE",
            help="A built-in policy or a file (OUTCOMES_POLICY).",
            autocompletion=candidates.policies,
        ),
    ] = None,
) -> None:
    """A policy as JSON; a file of this shape is a policy too."""
    from ledger.policies import chosen_policy

    terminal.print_json(chosen_policy(name).model_dump(mode="json"))


def schema(
    event_type: Annotated[
        str | None,
        typer.Argument(
            metavar="TYPE",
            help="A type of event; without it, all are listed.",
            autocompletion=candidates.event_types,
        ),
    ] = None,
    asyncapi: Annotated[
        bool, typer.Option("--asyncapi", help="The log on Kafka with all types, as AsyncAPI 3.")
    ] = False,
) -> None:
    """The event types, or the JSON Schema of one."""
    from schemas.asyncapi import asyncapi_document
    from schemas.catalogue import event_schema
    from schemas.events import FACTS

    if asyncapi and event_type is not None:
        raise UsageError(f"--asyncapi describes all types; leave out {event_type}")
    if asyncapi:
        terminal.print_json(asyncapi_document())
    elif event_type is None:
        for name, fact in FACTS.items():
            terminal.write(f"{name:34}{fact.__doc__}\n".encode())
    elif event_type in FACTS:
        terminal.print_json(event_schema(event_type))
    else:
        from schemas.reasons import type_reason

        raise UsageError(type_reason(event_type))


def doctor(
    log: LogOption = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every record, to count the quarantined ones.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Check the installation, policies and log; exit 69 if something is broken."""
    from outcomes.doctor import examine

    checks = []
    for check in examine(log_url(log), deep=deep):
        checks.append(check)
        if not json:
            name, severity, detail = check
            terminal.write(f"{severity:8} {name:12} {one_line(detail)}\n".encode())
    if json:
        terminal.print_json(
            [
                {"name": name, "verdict": severity, "detail": one_line(detail)}
                for name, severity, detail in checks
            ]
        )
    if any(check.severity == "broken" for check in checks):
        raise typer.Exit(LedgerError.exit_code)
