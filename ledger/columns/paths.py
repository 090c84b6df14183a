"""Plain texts for paths of any name, for a library that interprets the paths that it is given.

DuckDB takes `[1]`, `*` and `?` for patterns, `kind=raise` for a column, `~` for a home folder and
`s3:` for a server, and refuses bytes that are not UTF-8. So a path that is anything but plain goes
to it through an open folder, `/proc/self/fd/N`, or where the system has none, through a symbolic
link in a temporary folder of a plain name.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import gettempdir

from ledger.error_translation import Advice, translate_errors
from ledger.errors import StoreError
from ledger.temporary import owned_folder

__all__ = ["PlainPaths"]

OPEN_FOLDERS = Path("/proc/self/fd")
LINK_FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108 - a link in a folder of a random name
_ADVICE = (Advice((OSError,), "check that it exists and who may use it"),)
_COMPONENT = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.-]+")


class PlainPaths:
    """Texts that name files and folders by letters, digits, `.`, `_` and `-` alone.

    They are absolute and are valid until `close`.
    """

    def __init__(self) -> None:
        self._resources = ExitStack()
        self._texts: dict[Path, str] = {}
        self._links: Path | None = None

    def text(self, path: Path) -> str:
        """The text of a path.

        Args:
            path: An existing folder, or a file in one, whose own name is plain.

        Raises:
            StoreError: If the folder cannot be opened.
        """
        path = path.absolute()
        if _is_plain(path):
            return str(path)
        if path.is_dir():
            return self._folder_text(path)
        assert _COMPONENT.fullmatch(path.name), path
        return f"{self._folder_text(path.parent)}/{path.name}"

    def restore(self, message: str) -> str:
        """A message in which the texts of folders are their paths again."""
        for path, text in self._texts.items():
            message = str(path).join(re.split(rf"{re.escape(text)}\b", message))
        return message

    def close(self) -> None:
        """Close the folders and remove the links."""
        self._resources.close()

    def _folder_text(self, folder: Path) -> str:
        if _is_plain(folder):
            return str(folder)
        if folder not in self._texts:
            with translate_errors(folder, "cannot be opened", _ADVICE):
                self._texts[folder] = (
                    self._open(folder) if OPEN_FOLDERS.exists() else self._link(folder)
                )
        return self._texts[folder]

    def _open(self, folder: Path) -> str:
        # Unlike any other way of opening, O_PATH asks for no right to list the folder.
        number = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._resources.callback(os.close, number)
        return str(OPEN_FOLDERS / str(number))

    def _link(self, folder: Path) -> str:
        if self._links is None:
            self._links = self._plain_temporary_folder()
        link = self._links / str(len(self._texts))
        link.symlink_to(folder)
        return str(link)

    def _plain_temporary_folder(self) -> Path:
        for parent in (gettempdir(), *LINK_FOLDERS):
            if _is_plain(Path(parent)):
                with suppress(OSError):
                    folder = owned_folder("outcomes-links-", Path(parent))
                    return self._resources.enter_context(folder)
        raise StoreError(
            f"{gettempdir()}: a temporary folder with this name cannot be used here; set TMPDIR to"
            " one whose path has only ASCII letters, digits, dots, hyphens and underscores"
        )


def _is_plain(path: Path) -> bool:
    return path.anchor == "/" and all(_COMPONENT.fullmatch(name) for name in path.parts[1:])
