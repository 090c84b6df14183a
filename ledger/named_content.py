"""What has an id, a version and one content, built in or in a file: policies and profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from ledger.errors import ConfigurationError

__all__ = ["NamedContent", "read_named", "refuse_other_content"]


class NamedContent(Protocol):
    """A content that its id and version belong to."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def version(self) -> int:
        """Of that name."""

    @property
    def sha256(self) -> str:
        """Of the content."""


Content = TypeVar("Content", bound=NamedContent)


def read_named(name: str, built_in: Iterable[str], source: str) -> bytes:
    """The bytes of a file that is named where an id could be.

    Args:
        name: The file.
        built_in: The ids that there are, for the message.
        source: What has named it.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{source} {name}: neither built in ({', '.join(built_in)}) nor a file that can be read"
        ) from error


def refuse_other_content(content: Content, built_in: Mapping[str, Content], place: str) -> None:
    """Refuse what has the id and version of something built in, and another content.

    Raises:
        ConfigurationError: If it has.
    """
    namesake = built_in.get(content.id)
    if namesake is None or namesake.version != content.version:
        return
    if namesake.sha256 != content.sha256:
        raise ConfigurationError(
            f"{place}: {content.id} version {content.version} is built in and has another content;"
            " give it an id or version of its own"
        )
