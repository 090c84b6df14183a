"""What completion offers for the values of options; nothing here asks a server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = [
    "counts",
    "engines",
    "event_types",
    "finding_rules",
    "log_formats",
    "log_urls",
    "policies",
    "profiles",
]

_SCHEMES = ("sqlite:", "kafka://", "archive:")
_SQLITE_MAGIC = b"SQLite format 3\0"
_APPLICATION_ID_AT = slice(68, 72)


def log_urls(incomplete: str) -> list[str]:
    """Schemes; after one, the logs and archives in the file system; and the log that is set."""
    offered = {os.environ.get("OUTCOMES_LOG", ""), *_SCHEMES}
    scheme = next((scheme for scheme in _SCHEMES if incomplete.startswith(scheme)), None)
    if scheme in _ACCEPTED:
        paths = _paths(incomplete.removeprefix(scheme), _ACCEPTED[scheme])
        offered |= {f"{scheme}{path}" for path in paths}
    fitting = {url for url in offered if url.startswith(incomplete)}
    return sorted(fitting - {"", incomplete})


def policies(incomplete: str) -> list[str]:
    """The ids that are built in, and files of JSON."""
    from projections.policy import built_in_policies

    ids = [name for name in built_in_policies() if name.startswith(incomplete)]
    return [*ids, *sorted(_paths(incomplete, _is_json))]


def profiles(incomplete: str) -> list[str]:
    """The ids of the disclosure profiles that are built in, and files of JSON."""
    from ledger.disclosure.profile import built_in_profiles

    ids = [name for name in built_in_profiles() if name.startswith(incomplete)]
    return [*ids, *sorted(_paths(incomplete, _is_json))]


def engines(incomplete: str) -> list[str]:
    """The engines."""
    from ledger.replay import ENGINES

    return [name for name in ENGINES if name.startswith(incomplete)]


def event_types(incomplete: str) -> list[tuple[str, str]]:
    """The types of event, each with what it states."""
    from schemas.events import FACTS

    return [
        (name, fact.__doc__ or "") for name, fact in FACTS.items() if name.startswith(incomplete)
    ]


def finding_rules(incomplete: str) -> list[str]:
    """The findings, and the rules of admission."""
    from ledger.audit.findings import ADMISSION
    from projections.findings import FINDINGS

    return [rule for rule in (*FINDINGS, *ADMISSION) if rule.startswith(incomplete)]


def counts(incomplete: str) -> list[str]:
    """The measures that are counts."""
    from projections.measures.catalogue import COUNTS

    return [name for name in COUNTS if name.startswith(incomplete)]


def log_formats(incomplete: str) -> list[str]:
    """The formats of diagnostics."""
    return [name for name in ("console", "json") if name.startswith(incomplete)]


def _paths(incomplete: str, accepts: Callable[[Path], bool]) -> Iterator[str]:
    """The paths that begin so: what is accepted, and folders with a slash."""
    folder, _, name = incomplete.rpartition("/")
    above = f"{folder}/" if "/" in incomplete else ""
    try:
        entries = sorted(Path(above or ".").iterdir())
    except OSError:
        return
    for path in entries:
        if path.name.startswith(name) and (name or not path.name.startswith(".")):
            if accepts(path):
                yield f"{above}{path.name}"
            elif path.is_dir():
                yield f"{above}{path.name}/"


def _is_log(path: Path) -> bool:
    from ledger.log.sqlite.opening import APPLICATION_ID

    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_APPLICATION_ID_AT.stop)
    except OSError:
        return False
    is_sqlite = head.startswith(_SQLITE_MAGIC)
    return is_sqlite and head[_APPLICATION_ID_AT] == APPLICATION_ID.to_bytes(4, "big")


def _is_archive(path: Path) -> bool:
    from ledger.log.archive.manifest import MANIFEST

    return (path / MANIFEST).is_file()


def _is_json(path: Path) -> bool:
    return path.suffix == ".json" and path.is_file()


_ACCEPTED = {"sqlite:": _is_log, "archive:": _is_archive}
