"""Where `outcomes` starts; what it needs is loaded inside, so that Ctrl-C is heard at once."""

from __future__ import annotations

import gc
import os
import sys
from types import ModuleType
from typing import NoReturn

__all__ = ["main"]

_NEW_OBJECTS_MAX = 200_000
"""Objects until Python looks for cycles; loading and a batch of events make fewer."""

_PLUGIN_LOADER = "pydantic.plugin._loader"


def main() -> NoReturn:
    """Run the command line; every failure is one line and an exit code, never a traceback."""
    gc.set_threshold(_NEW_OBJECTS_MAX)
    _leave_plugins_out()
    try:
        from outcomes.cli.run import run  # noqa: PLC0415 - see the module

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    # The process ends, so nobody needs to look for cycles among all that it holds.
    gc.freeze()
    sys.exit(code)


def _leave_plugins_out() -> None:
    """Have Pydantic look for no plugins.

    It would read the metadata of every package that is installed, and run what it finds. What reads
    them takes an eighth of a start to load, even where no plugin is wanted; so it is left out too.
    """
    if os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__") == "__all__":
        sys.modules[_PLUGIN_LOADER] = _NoPlugins(_PLUGIN_LOADER)


class _NoPlugins(ModuleType):
    """In the place of Pydantic's loader until something else than plugins is asked of it."""

    get_plugins = tuple

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        del sys.modules[_PLUGIN_LOADER]
        from pydantic.plugin import _loader  # noqa: PLC0415 - when it is asked for

        return getattr(_loader, name)


if __name__ == "__main__":
    main()
