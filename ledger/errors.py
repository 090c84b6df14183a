"""Operating trouble as one line: what happened, where, and what to do.

Bad data is never raised: it becomes a quarantined record or a finding. A programmer's error is an
assertion. What is left, a broker, a disk, a setting, is a `LedgerError` that names its exit code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from schemas.text import one_line

__all__ = [
    "BadInputError",
    "ConfigurationError",
    "CutNotHeldError",
    "DamagedArchiveError",
    "EvidenceError",
    "InterruptError",
    "LedgerError",
    "NoFiguresError",
    "NoLogError",
    "PartlyAcknowledgedError",
    "StoreError",
    "UnreachableError",
    "UnresolvedHostError",
    "UsageError",
]


class LedgerError(Exception):
    """Trouble that a person can fix; the message is one printable line for them.

    Attributes:
        exit_code: What `outcomes` exits with (SPEC section 6, exit codes).
    """

    exit_code: ClassVar[int] = 69

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))

    def with_context(self, context: str) -> Self:
        """The same error, attributes and all, with more to its message.

        Subclasses are made from other things than a message, so this does not call them.

        >>> str(StoreError("the disk is full").with_context("nothing was appended"))
        'the disk is full - nothing was appended'
        """
        extended = type(self).__new__(type(self))
        extended.__dict__.update(self.__dict__)
        extended.args = (one_line(f"{self} - {context}"),)
        return extended


class InterruptError(LedgerError):
    """A person stopped a command that has something to say about it."""

    exit_code: ClassVar[int] = 130


class StoreError(LedgerError):
    """A log or a file is out of reach, full, damaged or not what it should be."""


class NoFiguresError(StoreError):
    """No worker has kept live figures of a log yet."""


class NoLogError(StoreError):
    """No log is kept in the file that was named."""


class UnreachableError(StoreError):
    """A broker does not answer; it may be back in a moment."""


class UnresolvedHostError(UnreachableError):
    """A broker's host name does not resolve: misspelt, or not known yet."""


class PartlyAcknowledgedError(StoreError):
    """A log without transactions was lost in the middle of an append; sending again is safe.

    Attributes:
        acknowledged: How many records the log has acknowledged, exactly; it may hold more.
    """

    def __init__(self, message: str, acknowledged: int = 0) -> None:
        super().__init__(message)
        self.acknowledged = acknowledged


class CutNotHeldError(StoreError):
    """The log does not hold the records below a cut."""


class DamagedArchiveError(StoreError):
    """A file of a sealed archive is missing, changed, or one too many; nothing of it is read.

    Attributes:
        findings: What is wrong, a line for each file.
    """

    def __init__(self, findings: Sequence[str]) -> None:
        more = f" (and {len(findings) - 1} more, see `outcomes doctor`)"
        super().__init__(findings[0] + (more if len(findings) > 1 else ""))
        self.findings = tuple(map(one_line, findings))


class EvidenceError(LedgerError):
    """A proof, a checkpoint or a signature does not show what it claims."""

    exit_code: ClassVar[int] = 1


class UsageError(LedgerError):
    """The command line asks for something that makes no sense."""

    exit_code: ClassVar[int] = 2


class BadInputError(LedgerError):
    """Data handed to the ledger is not what it should be."""

    exit_code: ClassVar[int] = 65


class ConfigurationError(LedgerError):
    """A setting or a policy is unknown or invalid."""

    exit_code: ClassVar[int] = 78
