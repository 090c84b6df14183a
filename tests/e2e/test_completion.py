"""Completion, typed at real shells."""

from __future__ import annotations

import shutil

import pytest

from ledger.log import open_log
from tests.e2e.shells import typed
from tests.support.quick_command import quick_command

LINES = {
    "outcomes report --log sqlite:my\t": ["report", "--log", "sqlite:my log.db"],
    'outcomes report --log "sqlite:my\t': ["report", "--log", "sqlite:my log.db"],
    "outcomes tail --log=sqlite:sub/\t": ["tail", "--log=sqlite:sub/school.db"],
    # No blank follows what is not whole.
    "outcomes tail --log kaf\tbroker:9092/school": ["tail", "--log", "kafka://broker:9092/school"],
    "outcomes schema ledger.student.grad\t": ["schema", "ledger.student.graduated.v1"],
}


@pytest.fixture(scope="module")
def tools(tmp_path_factory):
    with quick_command(tmp_path_factory.mktemp("quick")) as tools:
        yield tools


class TestShells:
    """Bash splits words at a colon, zsh does not; the words come out alike."""

    @pytest.mark.parametrize("shell", ["bash", "zsh"])
    def test_what_is_typed_is_completed(self, shell, tmp_path, tools):
        if shutil.which(shell) is None:
            pytest.skip(f"there is no {shell} here")
        (tmp_path / "sub").mkdir()
        for name in ("my log.db", "sub/school.db"):
            open_log(f"sqlite:{tmp_path / name}", create=True).close()
        (tmp_path / "events.jsonl").touch()

        assert [*LINES.values()] == typed(shell, LINES, folder=tmp_path, tools=tools)
