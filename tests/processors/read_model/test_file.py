"""The read model's file is never confused with somebody else's."""

from __future__ import annotations

import pytest

from ledger.errors import LedgerError
from processors.read_model.store import Store


class TestOpening:
    def test_a_file_that_is_no_read_model_is_refused_and_left_as_it_is(self, tmp_path):
        path = tmp_path / "notes.db"
        path.write_bytes(b"my notes, not a database at all, but long enough to look at")

        with pytest.raises(LedgerError, match="delete the file"):
            Store(path)

        assert path.read_bytes().startswith(b"my notes")
