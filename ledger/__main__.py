"""Where `outcomes` starts, and where every failure becomes one line and an exit code."""

from __future__ import annotations

import sys
from typing import NoReturn

from typer.exceptions import Abort, TyperException

from ledger import terminal
from ledger.cli import app
from ledger.errors import LedgerError
from ledger.narration import narrates_json, narrator

__all__ = ["main"]

_INTERRUPTED = 130
_FAULT_OF_THE_LEDGER = 70


def main() -> NoReturn:
    """Run the command line; every failure is one line and an exit code, never a traceback."""
    sys.exit(_run())


def _run() -> int:
    try:
        code = app(standalone_mode=False)
    except terminal.PipeClosed:
        return 0
    except LedgerError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, Abort):
        return _fail("interrupted", _INTERRUPTED)
    except TyperException as error:
        return _fail(f"{error.format_message()} (see `outcomes --help`)", error.exit_code)
    except Exception as error:  # noqa: BLE001 - a user never sees a traceback
        narrator().debug("command.crashed", exc_info=True)
        place = f"{type(error).__name__}: {error}"
        return _fail(
            f"a fault of the ledger itself, {place}; please report it", _FAULT_OF_THE_LEDGER
        )
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    line = " ".join(message.split())
    if narrates_json():
        narrator().error("command.failed", message=line, exit_code=code)
    else:
        sys.stderr.write(f"outcomes: {line}\n")
    return code


if __name__ == "__main__":
    main()
