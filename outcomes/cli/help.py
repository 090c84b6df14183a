"""Help of commands: how it ends, and what it leaves out."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperArgument, TyperCommand
from typer.main import get_command_name

from outcomes.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from typer._click import Context, HelpFormatter
    from typer.models import CommandInfo

__all__ = ["Commands"]


class _Command(TyperCommand):
    """A command whose help ends with examples."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - Typer's own
        super().__init__(*arguments, **options)
        for parameter in self.params:
            if isinstance(parameter, TyperArgument):
                # Its name says what it is; Typer would add `<str>`.
                parameter.display_type_rich = lambda ctx: None  # type: ignore[method-assign] # noqa: ARG005

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        pieces = super().collect_usage_pieces(ctx)
        return [piece.replace("{", "").replace("}", "") for piece in pieces]

    def format_epilog(self, ctx: Context, formatter: HelpFormatter) -> None:
        with formatter.section("Examples"):
            for example in EXAMPLES.get(ctx.command_path, ()):
                formatter.write(f"  {example}\n")


class Commands(typer.Typer):
    """Commands with such help."""

    def command(self, name: str | None = None, **options: Any) -> Callable[..., Any]:  # noqa: ANN401 - Typer's own
        """See `typer.Typer.command`; lists show the first line of a docstring whole."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            summary = (function.__doc__ or "").partition("\n")[0]
            chosen = {"cls": _Command, "short_help": summary, **options}
            return super(Commands, self).command(name, **chosen)(function)

        return register

    def only(self, name: str) -> Commands:
        """The command or the group of that name alone, or all where there is none.

        Typer makes the options of every command that it is given, a tenth of a start.
        """
        commands = [info for info in self.registered_commands if _name_of(info) == name]
        groups = [info for info in self.registered_groups if info.name == name]
        if not commands and not groups:
            return self
        alone = copy(self)
        alone.registered_commands, alone.registered_groups = commands, groups
        return alone


def _name_of(info: CommandInfo) -> str:
    assert info.callback is not None
    return info.name or get_command_name(info.callback.__name__)
