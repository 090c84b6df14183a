"""What is said of an archive's file that is not as it was sealed."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import DamagedArchiveError

__all__ = ["damaged", "damaged_file"]


def damaged_file(path: Path, problem: str) -> str:
    """A file, what is wrong with it, and what to do."""
    return f"{path} {problem}; restore it from a copy, or archive the log into a new folder"


def damaged(path: Path, problem: str) -> DamagedArchiveError:
    """The error for one damaged file, see `damaged_file`."""
    return DamagedArchiveError([damaged_file(path, problem)])
