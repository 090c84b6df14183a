"""Operating trouble as one line."""

from __future__ import annotations

import pytest

from ledger.errors import (
    BadInputError,
    DamagedArchiveError,
    LedgerError,
    PartlyAcknowledgedError,
    StoreError,
)


class TestContext:
    @pytest.mark.parametrize(
        "error",
        [
            LedgerError("the disk is full"),
            StoreError("the disk is full"),
            BadInputError("the disk is full"),
            PartlyAcknowledgedError("the disk is full", 7),
            DamagedArchiveError(["the disk is full"]),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_an_error_keeps_its_type_and_attributes_when_context_is_added(self, error):
        extended = error.with_context("nothing was sent\nyet")

        assert type(error) is type(extended)
        assert vars(error) == vars(extended)
        assert "the disk is full - nothing was sent yet" == str(extended)
        assert "the disk is full" == str(error)

    def test_an_error_of_several_findings_keeps_all_of_them(self):
        error = DamagedArchiveError(["first is missing", "second is missing"])

        extended = error.with_context("3 were acknowledged before")

        assert ("first is missing", "second is missing") == extended.findings
        assert str(extended).startswith("first is missing (and 1 more")
