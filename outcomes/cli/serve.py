"""`outcomes serve` and `outcomes token`: events and figures over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outcomes.cli.live import StateOption
from outcomes.cli.options import JsonOption, LogOption, command_group, log_address
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.log import LogAddress

__all__ = ["serve", "token_app"]

token_app = command_group("Tokens of the HTTP gateway, in the file that OUTCOMES_TOKENS names.")
FileOption = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="The file of tokens (default: OUTCOMES_TOKENS)."),
]


def serve(
    log: LogOption = None,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option("--port", min=0, max=65_535, metavar="N", help="The port; 0 for a free one."),
    ] = 8080,
    state: StateOption = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="ID|FILE", help="A policy to keep live; repeatable."),
    ] = None,
    insecure_dev: Annotated[
        bool, typer.Option("--insecure-dev", help="Serve without tokens, on this machine alone.")
    ] = False,
    demo: Annotated[
        bool, typer.Option("--demo", help="Serve a made-up school that lives on, in demo-live/.")
    ] = False,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="HOST", help="A host name by which clients ask; repeatable."
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="PEM", help="The certificate for TLS.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="PEM", help="The key of the certificate.")
    ] = None,
    behind_proxy: Annotated[
        str | None,
        typer.Option(
            "--behind-proxy", metavar="ADDRESS", help="The address of a proxy that does TLS."
        ),
    ] = None,
) -> None:
    """Take events over HTTP and serve live figures, until stopped."""
    from ledger.diagnostics import inform
    from ledger.errors import UsageError
    from ledger.policies import live_policies

    try:
        from outcomes.serve.server import ServeOptions, run_server
    except ModuleNotFoundError as error:
        raise UsageError(
            "outcomes serve needs its extra: pip install 'outcome-ledger[serve]'"
        ) from error

    options = ServeOptions(
        address=_school(log) if demo else log_address(log),
        policies=live_policies(policy or ()),
        host=host,
        port=port,
        state=state,
        tokens=None if insecure_dev or demo else _token_file(None),
        is_made_up=demo,
        names=name or (),
        certificate=tls_cert,
        key=tls_key,
        proxy=behind_proxy,
    )
    code = run_server(options, lambda url: inform(f"serving {options.address} at {url}"))
    raise typer.Exit(code)


def _school(log: str | None) -> LogAddress:
    from ledger.environment import variables
    from ledger.errors import UsageError
    from outcomes.serve.made_up import FOLDER, prepare_school

    if log is not None or "log" in variables():
        raise UsageError(
            f"--demo has a log of its own, in {FOLDER}/; leave out --log and OUTCOMES_LOG"
        )
    return prepare_school()


@token_app.command("new")
def new_token(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="A name for the token, for you and the access log."),
    ],
    role: Annotated[str, typer.Option(metavar="emitter|reader|operator", help="What it may do.")],
    source: Annotated[
        str | None,
        typer.Option(metavar="URI", help="The source of an emitter's events, or a prefix of it."),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="The days until it ends (default: never)."),
    ] = None,
    file: FileOption = None,
) -> None:
    """Make a token and print it once; only its hash is kept."""
    from ledger.clock import now_ms
    from ledger.errors import UsageError
    from outcomes.serve.tokens import Role, TokenFile

    if role not in tuple(Role):
        raise UsageError(f"--role {role}: write emitter, reader or operator")
    now = datetime.fromtimestamp(now_ms() / 1_000, UTC)
    expires = None if days is None else now + timedelta(days=days)
    terminal.line(TokenFile(_token_file(file)).add(name, Role(role), source, expires))


@token_app.command("list")
def list_tokens(file: FileOption = None, json: JsonOption = False) -> None:
    """The tokens: name, role, source, expiry; a token itself cannot be shown."""
    from outcomes.serve.tokens import TokenFile

    tokens = TokenFile(_token_file(file)).tokens()
    rows = [token.model_dump(mode="json", exclude={"sha256"}) for token in tokens]
    if json:
        terminal.print_json(rows)
    for row in [] if json else rows:
        terminal.line(
            f"{row['name']} {row['role']} {row['source'] or '-'} {row['expires'] or 'never'}"
        )


@token_app.command("revoke")
def revoke_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the token.")],
    file: FileOption = None,
) -> None:
    """Take a token back; it is refused from the next request on."""
    from outcomes.serve.tokens import TokenFile

    TokenFile(_token_file(file)).revoke(name)


def _token_file(file: Path | None) -> Path:
    from ledger.errors import UsageError
    from ledger.settings import load_settings

    named = load_settings().tokens
    if file is None and not named:
        raise UsageError(
            "name the file of tokens with OUTCOMES_TOKENS and make one with `outcomes token new`;"
            " --insecure-dev serves this machine without tokens"
        )
    return file or Path(str(named))
