"""Where `outcomes` starts; what it needs is loaded inside, so that Ctrl-C is heard at once."""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line; every failure is one line and an exit code, never a traceback."""
    try:
        from outcomes.cli.run import run  # noqa: PLC0415 - see the module

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
