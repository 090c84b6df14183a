"""Where `outcomes` starts; what it needs is loaded inside, so that Ctrl-C is heard at once."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

__all__ = ["main"]

_NEW_OBJECTS_MAX = 200_000
"""Objects until Python looks for cycles; loading and a batch of events make fewer."""


def main() -> NoReturn:
    """Run the command line; every failure is one line and an exit code, never a traceback."""
    gc.set_threshold(_NEW_OBJECTS_MAX)
    # Pydantic would read the metadata of every package that is installed, and run what it finds.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        from outcomes.cli.run import run  # noqa: PLC0415 - see the module

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    # The process ends, so nobody needs to look for cycles among all that it holds.
    gc.freeze()
    sys.exit(code)


if __name__ == "__main__":
    main()
