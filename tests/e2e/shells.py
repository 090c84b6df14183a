"""Typing at a real shell: what its completion makes of a line."""

from __future__ import annotations

import os
import pty
import select
import signal
import time

from tests.e2e.command import SECONDS_MAX, environment

# The function prints what the shell would hand to the program; completion runs the program itself.
_SHOWN = "outcomes() { printf 'given'; printf '<%s>' \"$@\"; echo '|'; }"
SETUP = {
    "bash": [
        "PS1='> '; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'",
        'eval "$(_OUTCOMES_COMPLETE=source_bash outcomes)"',
        _SHOWN,
    ],
    "zsh": [
        "PS1='> '; unsetopt zle_bracketed_paste beep; autoload -Uz compinit; compinit -u -D",
        'eval "$(_OUTCOMES_COMPLETE=source_zsh outcomes)"',
        _SHOWN,
    ],
}
START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}


def typed(shell, lines, *, folder, tools):
    """The words of each line as the program gets them, after the completion where `\\t` is."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        os.execvpe(
            START[shell][0], START[shell], environment(PATH=path, TERM="dumb", HOME=str(folder))
        )
    try:
        printed = b""
        for line in [*SETUP[shell], *lines]:
            os.write(terminal, f"{line}\r".encode())
        printed = _until(terminal, b"|\r\n", len(lines))
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
    given = [part.partition(b"|")[0] for part in printed.split(b"given<")[1:]]
    return [part.decode().removesuffix(">").split("><") for part in given]


def _until(terminal, mark, times):
    end, printed = time.monotonic() + SECONDS_MAX, b""
    while printed.count(mark) < times:
        ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
        assert ready, printed.decode(errors="replace")
        printed += os.read(terminal, 65_536)
    return printed
