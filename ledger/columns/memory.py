"""How much memory DuckDB may take, where a container's limit may be below that of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["MEMORY_MAX", "memory_limit"]

MEMORY_MAX = 2_000_000_000
"""Bytes, for all databases that are open at one time together."""

SHARE_PERCENT = 60
"""Of a control group's limit; Python and the figures themselves need some too."""

_GROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


def memory_limit(*, groups: Path = _GROUPS, mount: Path = _MOUNT) -> int:
    """Bytes that DuckDB may take: 2 GB, or 60 % of the control group's limit where that is less.

    Args:
        groups: In which control groups this process is, as Linux writes it.
        mount: Where control groups are mounted, of version 1 or 2.
    """
    limits = [limit * SHARE_PERCENT // 100 for limit in _group_limits(groups, mount)]
    return min([MEMORY_MAX, *limits])


def _group_limits(groups: Path, mount: Path) -> Iterator[int]:
    """The limits of the control group and of those around it; none outside of Linux."""
    lines = list[str]()
    with suppress(OSError):
        lines = groups.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, name = mount, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = mount / "memory", "memory.limit_in_bytes"
        else:
            continue
        inner = root / path.lstrip("/")
        # In a container the path may be that of the host; its root is then its own group.
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(root):
                # "max", or no such file: no limit there.
                with suppress(OSError, ValueError):
                    yield int((folder / name).read_text(encoding="ascii"))
