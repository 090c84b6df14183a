"""The Dockerfile, read."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def last_stage(steps: list[tuple[str, str]]) -> list[tuple[str, str]]:
    start = max(index for index, (name, _) in enumerate(steps) if name == "FROM")
    return steps[start:]


IMAGE = instructions((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))
