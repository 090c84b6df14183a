"""Whatever is changed of what an auditor holds is seen by two programs that share no code.

The full list: `python -m tests.faults.tampering --count 1000`.
"""

from __future__ import annotations

import re
import shutil

import pytest

from tests.faults.stage import seed_of_run
from tests.faults.tampering import (
    MUTATIONS,
    SEEN_BY_BOTH,
    Held,
    by_the_command,
    by_the_verifier,
    forge_columns,
    stage,
    tampered,
)

DRAWN = list(MUTATIONS)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    return stage(tmp_path_factory.mktemp("tampering") / "held")


@pytest.fixture(params=[by_the_command, by_the_verifier])
def look(request):
    return request.param


class TestUntouched:
    def test_what_was_not_touched_passes(self, held, look):
        assert look(held).code == 0, look(held)


class TestTouched:
    @pytest.mark.parametrize(("number", "name"), list(enumerate(DRAWN)))
    def test_a_change_is_seen_and_named_by_both(self, held, tmp_path, number, name):
        copy, trouble = tampered(held, tmp_path / "copy", name, f"{seed_of_run()} {number}")
        for look in (by_the_command, by_the_verifier):
            code, output = look(copy)
            assert code in SEEN_BY_BOTH, (look, output)
            assert re.search(trouble, output), (look, trouble, output)

    def test_forged_columns_are_seen_by_the_ledger_and_not_read_by_the_verifier(
        self, held, tmp_path
    ):
        copy = Held(shutil.copytree(held.folder, tmp_path / "copy"))
        forge_columns(copy)
        code, output = by_the_command(copy)
        assert code == 1
        assert "typed columns are forged" in output
        assert by_the_verifier(copy).code == 0
