"""Workers that are started alike share a folder: each has a read model of its own in it."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from ledger.errors import StoreError
from ledger.log import parse_address
from processors.live_fold import FOLD_VERSION
from processors.read_model.store import open_store
from processors.stored_figures import state_path


class TestFolder:
    def test_each_takes_the_first_that_is_free(self, tmp_path):
        with ExitStack() as stack:
            stores = [stack.enter_context(closing(open_store(tmp_path))) for _ in range(3)]
            assert [f"worker-{number}.db" for number in (1, 2, 3)] == [
                store.path.name for store in stores
            ]
            stores[1].close()
            again = stack.enter_context(closing(open_store(tmp_path)))
            assert "worker-2.db" == again.path.name

    def test_what_is_wrong_with_a_file_is_said_and_not_passed_over(self, tmp_path):
        (tmp_path / "worker-1.db").write_bytes(b"my notes" * 100)

        with pytest.raises(StoreError, match=r"worker-1\.db is not a read model"):
            open_store(tmp_path)

        assert ["worker-1.db"] == [path.name for path in tmp_path.iterdir()]

    def test_a_file_is_taken_as_it_is_named(self, tmp_path):
        with closing(open_store(tmp_path / "own.db")) as store:
            assert tmp_path / "own.db" == store.path


class TestStatePath:
    @pytest.mark.parametrize("url", ["sqlite:logs/ledger.db", "archive:logs/sealed/"])
    def test_a_folder_holds_the_file_that_would_be_beside_the_log(self, tmp_path, url, monkeypatch):
        address = parse_address(url)
        beside = state_path(address, None)

        assert f"logs/{address.path.name}.live-{FOLD_VERSION}.db" == str(beside)
        assert tmp_path / beside.name == state_path(address, tmp_path)
        monkeypatch.setenv("OUTCOMES_STATE", str(tmp_path))
        assert tmp_path / beside.name == state_path(address, None)
        assert tmp_path / "own.db" == state_path(address, tmp_path / "own.db")
