"""The files of the repository, for tests that read all of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
GENERATED = frozenset({"__pycache__", "build", "demo", "dist"})
HIDDEN_BUT_OURS = frozenset({".ci", ".github"})


def repository_files() -> Iterator[Path]:
    """Every file but what tools have generated."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in GENERATED and (not name.startswith(".") or name in HIDDEN_BUT_OURS)
        ]
        # In a work tree of git `.git` is a file that names the place of the repository.
        yield from (Path(folder, name) for name in files if name != ".git")


def repository_texts() -> Iterator[tuple[str, str]]:
    """Every file that is text, by its path from the root."""
    for path in repository_files():
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
