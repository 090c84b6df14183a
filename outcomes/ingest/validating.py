"""Checking events as if they were recorded now, without a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from outcomes.ingest.appending import JSON_LINES_HINT
from outcomes.ingest.entries import Entries
from outcomes.ingest.files import name_of, open_input
from outcomes.ingest.judging import EVENTS, LineFinding, recording_findings

__all__ = ["FileCheck", "Listing", "Validation", "validate_inputs"]

_BATCH = 1_000


class FileCheck(NamedTuple):
    """What one input is made of.

    Attributes:
        name: What it is called.
        noun: What its entries are called, `line` or `item`.
        entries: How many were read, without blank lines.
        at_fault: How many of them are no events.
    """

    name: str
    noun: str
    entries: int
    at_fault: int


class Listing:
    """Findings, of which only so many are listed.

    Attributes:
        listed: The first ones.
        total: How many there are.
        entries: How many lines or items have one, by rule.
    """

    def __init__(self, size: int, on_finding: Callable[[LineFinding], None]) -> None:
        self.listed = list[LineFinding]()
        self.total = 0
        self.entries = Counter[str]()
        self._size = size
        self._on_finding = on_finding

    def add(self, findings: Sequence[LineFinding]) -> None:
        """The findings of one line or item."""
        self.total += len(findings)
        self.entries.update({finding.finding.rule for finding in findings})
        for finding in findings:
            if not self._size or len(self.listed) < self._size:
                self.listed.append(finding)
                self._on_finding(finding)


class Validation(NamedTuple):
    """What a check has seen.

    Attributes:
        files: Each input.
        faults: What keeps lines from being events.
        warnings: What an auditor would ask about lines that are events.
    """

    files: list[FileCheck]
    faults: Listing
    warnings: Listing


def validate_inputs(
    paths: Sequence[str],
    list_max: int,
    *,
    on_fault: Callable[[LineFinding], None],
    on_warning: Callable[[LineFinding], None],
) -> Validation:
    """Check files, or standard input for `-`.

    Args:
        paths: As a person typed them.
        list_max: How many faults, and how many warnings, are listed; 0 for all.
        on_fault: Gets each listed fault as it is seen.
        on_warning: Gets each listed warning likewise.

    Raises:
        BadInputError: If an input cannot be read.
    """
    checked = Validation([], Listing(list_max, on_fault), Listing(list_max, on_warning))
    for path in paths:
        with open_input(path, JSON_LINES_HINT) as stream:
            entries = Entries(stream, path, EVENTS)
            file = name_of(path) if len(paths) > 1 else None
            checked.files.append(_check(entries, file, checked))
    return checked


def _check(entries: Entries, file: str | None, checked: Validation) -> FileCheck:
    count = at_fault = 0
    for batch in entries.batches(_BATCH):
        count += len(batch)
        for line in batch:
            faults = EVENTS.judge(line)[1]
            at_fault += bool(faults)
            listing = checked.faults if faults else checked.warnings
            findings = faults or recording_findings(line)
            listing.add([LineFinding(line.number, each, entries.noun, file) for each in findings])
    return FileCheck(name_of(entries.path), entries.noun, count, at_fault)
