"""Runs command lines in processes forked from one that has loaded the ledger already.

Each is a process of its own with its own arguments, folder, environment, standard streams and exit
code. Only the loading is shared, which is most of what a command that fails at once would take.
"""

from __future__ import annotations

import gc
import io
import json
import os
import resource
import sys

import ledger.report.page  # noqa: F401 - loaded for the commands
import outcomes.cli.run  # noqa: F401 - loaded for the commands
from outcomes.__main__ import main


def serve(requests, replies):
    """Answer each line, a command line, with its exit code; the end of the lines is the end."""
    gc.freeze()
    while request := requests.readline():
        document = json.loads(request)
        child = os.fork()
        if child == 0:
            requests.close()
            become(document)
            leave(main)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        replies.write(f"{code}\n".encode())
        replies.flush()


def become(request):
    """Take on what was asked for."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["outcomes", *request["words"]]
    for number, name in enumerate(request["streams"]):
        file = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_TRUNC)
        os.dup2(file, number)
        os.close(file)
    if request["file_bytes_max"] is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes_max"], hard))
    if os.environ.get("PYTHONUNBUFFERED"):
        # As the interpreter makes them when it starts in that mode.
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(io.FileIO(number, "w", closefd=False), write_through=True)
            for number in (1, 2)
        )


def leave(command):
    """Run a command and end with its exit code; taking a whole interpreter down takes longer."""
    try:
        command()
    except SystemExit as left:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(left.code)


if __name__ == "__main__":
    serve(os.fdopen(int(sys.argv[1]), "rb"), os.fdopen(int(sys.argv[2]), "wb"))
