"""Completion in bash and zsh, of what an option takes too.

Bash splits words at the characters of `COMP_WORDBREAKS`, among them the colon of every log URL. So
the line is split here, and what bash has before the last colon is taken off its candidates.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

# Typer has no other way to change its scripts; `tests/e2e/test_completion.py` types in real shells.
from typer import _completion_shared as scripts
from typer._completion_classes import BashComplete, ZshComplete
from typer.main import get_command

from outcomes.cli.app import app
from outcomes.console import terminal

if TYPE_CHECKING:
    from typer._click.shell_completion import CompletionItem

__all__ = ["VARIABLE", "complete", "use_own_scripts"]

VARIABLE = "_OUTCOMES_COMPLETE"
"""Its value says what the shell asks for, such as `complete_bash`."""

_LINE = "_OUTCOMES_LINE"
"""Set by these scripts, up to the cursor; without it Typer's own scripts are answered."""

_BASH = """
%(complete_func)s() {
    mapfile -t COMPREPLY < <(env _OUTCOMES_LINE="${COMP_LINE:0:COMP_POINT}" \\
        _OUTCOMES_BREAKS="$COMP_WORDBREAKS" %(autocomplete_var)s=complete_bash "$1")
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[:/] ]]; then compopt -o nospace; fi
}

complete -o default -F %(complete_func)s %(prog_name)s
"""
_ZSH = """
#compdef %(prog_name)s

%(complete_func)s() {
  local -a open whole
  local line value
  for line in "${(@f)$(env _OUTCOMES_LINE="${words[1,$CURRENT]}" \\
      %(autocomplete_var)s=complete_zsh "${words[1]}")}"; do
    value="${line%%%%$'\\t'*}"
    if [[ "$value" == *[:/] ]]; then
      open+=("$value")
    elif [[ -n "$value" ]]; then
      whole+=("${value//:/\\\\:}:${line#*$'\\t'}")
    fi
  done
  [[ "${words[CURRENT]}" == --*=* ]] && compset -P 1 '*='
  (( $#open )) && compadd -S '' -- $open
  (( $#whole )) && _describe -V %(prog_name)s whole
  (( $#open + $#whole )) || _files
}

compdef %(complete_func)s %(prog_name)s
"""
_UNSAFE = re.compile(r"[^\w@%+=:,./-]")
_IN_QUOTES = re.compile(r"(?:^|[\s=])[\"'][^\"']*$")


class _Bash(BashComplete):
    source_template = _BASH
    _held = ""
    _is_quoted = False

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ.get(_LINE)
        if line is None:
            return super().get_completion_args()
        # As Typer does for zsh.
        os.environ["_TYPER_COMPLETE_ARGS"] = line
        arguments, incomplete = ZshComplete.get_completion_args(self)  # type: ignore[arg-type]
        value = incomplete.partition("=")[2] if incomplete.startswith("--") else incomplete
        breaks = {":", "="} & {*os.environ.get("_OUTCOMES_BREAKS", "")}
        self._is_quoted = _IN_QUOTES.search(line) is not None
        if not self._is_quoted:
            self._held = value[: 1 + max((value.rfind(char) for char in breaks), default=-1)]
        return arguments, incomplete

    def format_completion(self, item: CompletionItem) -> str:
        word = str(item.value).removeprefix(self._held)
        return word if self._is_quoted else _UNSAFE.sub(r"\\\g<0>", word)


class _Zsh(ZshComplete):
    source_template = _ZSH

    def format_completion(self, item: CompletionItem) -> str:
        if _LINE not in os.environ:
            return super().format_completion(item)
        return f"{item.value}\t{' '.join((item.help or '').split())}"

    def complete(self) -> str:
        if _LINE not in os.environ:
            return super().complete()
        os.environ["_TYPER_COMPLETE_ARGS"] = os.environ[_LINE]
        arguments, incomplete = self.get_completion_args()
        return "\n".join(map(self.format_completion, self.get_completions(arguments, incomplete)))


_CLASSES = {"bash": _Bash, "zsh": _Zsh}


def use_own_scripts() -> None:
    """Have `--show-completion` and `--install-completion` use the scripts of this module."""
    scripts._completion_scripts.update(bash=_BASH, zsh=_ZSH)  # noqa: SLF001 - see above


def complete(instruction: str) -> bool:
    """Answer a shell, if it is one that is answered here.

    Args:
        instruction: `source_SHELL` for its script, `complete_SHELL` for candidates.
    """
    what, _, shell = instruction.partition("_")
    if shell not in _CLASSES:
        return False
    request = _CLASSES[shell](get_command(app), {}, "outcomes", VARIABLE)
    answer = request.source() if what == "source" else request.complete()
    terminal.write(f"{answer}\n".encode() if answer else b"")
    return True
