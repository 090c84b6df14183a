"""Narration: what the ledger does, told on stderr and never mixed with data.

Events are named `noun.verb_past`; their fields carry counts, offsets and places, never a person.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

__all__ = ["narrate", "narrates_json", "narrator"]


def narrate(form: Literal["console", "json"], level: str) -> None:
    """Choose how narration looks; colour only where stderr is a terminal.

    Args:
        form: `console` for a person, `json` for one object a line.
        level: The least important that is shown, as in `logging`.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def narrator() -> structlog.typing.FilteringBoundLogger:
    """The logger of the calling module."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def narrates_json() -> bool:
    """Whether narration has been set to JSON."""
    return isinstance(structlog.get_config()["processors"][-1], structlog.processors.JSONRenderer)
