"""A program named `outcomes` that has the command run by a process which has loaded the ledger.

It passes on its words, folder, environment, standard streams and interrupts, and ends with the
command's exit code; so a shell cannot tell it from the installed command, but that it starts in a
tenth of the time.
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

from tests.support.repository import ROOT

# Of modules that are there without looking for a file, so that Python starts in ten milliseconds.
_PROGRAM = r"""#!{python} -ISE
import _socket, os, posix, signal, sys

connection = _socket.socket(_socket.AF_UNIX)
connection.connect({address!r})
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
words = [os.fsencode(word) for word in sys.argv[1:]]
variables = [name + b"=" + value for name, value in posix.environ.items()]
request = b"\0".join([str(len(words)).encode(), *words, os.getcwdb(), *variables])
sent = connection.sendmsg(
    [request], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)]
)
connection.sendall(request[sent:])
connection.shutdown(_socket.SHUT_WR)
with os.fdopen(connection.detach(), "rb") as answers:
    command = int(answers.readline())
    signal.signal(signal.SIGINT, lambda number, _: os.kill(command, number))
    sys.exit(int(answers.readline()))
"""


@contextmanager
def quick_command(folder):
    """A folder for PATH that holds the program; what it asks ends with the context."""
    address, tools = folder / "socket", folder / "tools"
    tools.mkdir()
    program = tools / "outcomes"
    program.write_text(_PROGRAM.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    words = [sys.executable, "-m", "tests.e2e.warm", str(address)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout.readline() == b"ready\n"
            yield tools
        finally:
            server.kill()
