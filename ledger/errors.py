"""Operating trouble as one line: what happened, where, and what to do.

Bad data is never raised: it becomes a quarantined record or a finding. A programmer's error is an
assertion. What is left, a broker, a disk, a setting, is a `LedgerError` that names its exit code.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BadInputError",
    "ConfigurationError",
    "CutNotHeldError",
    "LedgerError",
    "StoreError",
    "UsageError",
]


class LedgerError(Exception):
    """Trouble that a person can mend; the message is one line for them.

    Attributes:
        exit_code: What `outcomes` exits with (SPEC section 6).
    """

    exit_code: ClassVar[int] = 69


class StoreError(LedgerError):
    """A log or a file is out of reach, full, damaged or not what it should be."""


class CutNotHeldError(StoreError):
    """The log does not hold the records below a cut."""


class UsageError(LedgerError):
    """The command line asks for something that makes no sense."""

    exit_code: ClassVar[int] = 2


class BadInputError(LedgerError):
    """Data handed to the ledger is not what it should be."""

    exit_code: ClassVar[int] = 65


class ConfigurationError(LedgerError):
    """A setting or a policy is unknown or invalid."""

    exit_code: ClassVar[int] = 78
