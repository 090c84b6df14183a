"""Runs command lines in processes forked from one that has loaded the ledger already.

Each is a process of its own with its own arguments, folder, environment, standard streams and exit
code. Only the loading is shared, which is most of what a command that fails at once would take.

Requests come from the tests, one after the other, or from programs named `outcomes` that
`tests.support.quick_command` makes, any number at a time.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import pkgutil
import resource
import signal
import socket
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
    while request := requests.readline():
        document = json.loads(request)
        child = os.fork()
        if child == 0:
            requests.close()
            become(document, open_streams(document["streams"]))
            leave(main)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        replies.write(f"{code}\n".encode())
        replies.flush()


def listen(address):
    """Run a command for each connection to a socket, until somebody ends this process."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        # Nobody waits for a command here: its exit code goes to who asked for it.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(connection)
            connection.close()


def answer(connection):
    """Run the command of one connection: its number goes back first, at the end its exit code."""
    data, streams, _, _ = socket.recv_fds(connection, 65_536, 3)
    while chunk := connection.recv(65_536):
        data += chunk
    connection.sendall(f"{os.getpid()}\n".encode())
    count, *fields = (os.fsdecode(field) for field in data.split(b"\0"))
    words, (folder, *variables) = fields[: int(count)], fields[int(count) :]
    request = {
        "words": words,
        "folder": folder,
        "environment": dict(variable.split("=", 1) for variable in variables),
        "file_bytes_max": None,
    }
    become(request, streams)
    leave(main, lambda code: connection.sendall(f"{code}\n".encode()))


def open_streams(names):
    """Standard input, output and error as files of these names."""
    for number, name in enumerate(names):
        yield os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_TRUNC)


def become(request, streams):
    """Take on what was asked for, with these files as standard streams."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["outcomes", *request["words"]]
    # Started as a module, Python would be the name of the program.
    sys.modules["__main__"].__package__ = ""
    for number, file in enumerate(streams):
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


def leave(command, tell=lambda code: None):
    """Run a command and end with its exit code; taking a whole interpreter down takes longer."""
    try:
        command()
    except SystemExit as left:
        sys.stdout.flush()
        sys.stderr.flush()
        tell(left.code)
        os._exit(left.code)


if __name__ == "__main__":
    load()
    gc.freeze()
    if len(sys.argv) == 2:
        listen(sys.argv[1])
    serve(os.fdopen(int(sys.argv[1]), "rb"), os.fdopen(int(sys.argv[2]), "wb"))
