"""Checking events as if they were recorded now, without a log."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from outcomes.ingest.appending import JSON_LINES_HINT
from outcomes.ingest.files import open_input
from outcomes.ingest.judging import EVENTS, LineFinding, recording_findings
from outcomes.ingest.lines import read_lines

__all__ = ["Validation", "validate_input"]

_BATCH = 1_000


class Validation(NamedTuple):
    """What was found.

    Attributes:
        lines: How many were read, without blank ones.
        faults: What keeps lines from being events.
        warnings: What an auditor would ask about lines that are events.
    """

    lines: int
    faults: list[LineFinding]
    warnings: list[LineFinding]


def validate_input(
    path: str,
    *,
    on_fault: Callable[[LineFinding], None],
    on_warning: Callable[[LineFinding], None],
) -> Validation:
    """Check a file, or standard input for `-`.

    Args:
        path: As a person typed it.
        on_fault: Gets each fault as it is found.
        on_warning: Gets each warning likewise.

    Raises:
        BadInputError: If the input cannot be read.
    """
    count, faults, warnings = 0, list[LineFinding](), list[LineFinding]()
    with open_input(path, JSON_LINES_HINT) as stream:
        for batch in read_lines(stream, _BATCH):
            count += len(batch)
            for line in batch:
                line_faults = EVENTS.judge(line)[1]
                for fault in line_faults:
                    faults.append(LineFinding(line.number, fault))
                    on_fault(faults[-1])
                for warning in () if line_faults else recording_findings(line):
                    warnings.append(LineFinding(line.number, warning))
                    on_warning(warnings[-1])
    return Validation(count, faults, warnings)
