"""Runs command lines in processes forked from one that has loaded the ledger already.

Each is a process of its own with its own arguments, folder, environment, standard streams and exit
code. Only the loading is shared, which is most of what a command that fails at once would take.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import pkgutil
import resource
import sys
from contextlib import suppress

import ledger
import outcomes
import processors
import projections
import schemas
from outcomes.__main__ import main

PACKAGES = (outcomes, processors, ledger, projections, schemas)
NOT_LOADED = ("outcomes.__main__", "outcomes.serve", "processors.app")
"""What runs or connects when it is loaded, and what only a server needs."""


def load():
    """Load everything that a command may need."""
    for package in PACKAGES:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.startswith(NOT_LOADED):
                # A command that needs what is not installed says so itself.
                with suppress(ImportError):
                    importlib.import_module(module.name)


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
    # Started as a module, Python would be the name of the program.
    sys.modules["__main__"].__package__ = ""
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
    load()
    serve(os.fdopen(int(sys.argv[1]), "rb"), os.fdopen(int(sys.argv[2]), "wb"))
