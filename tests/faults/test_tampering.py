"""Whatever is changed of what an auditor holds is seen by two programs that share no code.

The full list: `python -m tests.faults.tampering --count 1000`.
"""

from __future__ import annotations

import pytest

from tests.faults.stage import seed_of_run
from tests.faults.tampering import (
    MUTATIONS,
    by_the_command,
    by_the_verifier,
    stage,
    tampered,
    was_noticed,
)


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    return stage(tmp_path_factory.mktemp("tampering") / "held")


@pytest.fixture(params=[by_the_command, by_the_verifier])
def look(request):
    return request.param


class TestUntouched:
    def test_what_was_not_touched_passes(self, held, look):
        assert look(held).code == 0, look(held)


# The others are in the full list.
FORGERIES = (
    "forge_a_date",
    "forge_whose_key_a_quarantined_record_has",
    "forge_whom_a_quarantined_record_names",
    "repeat_a_row",
)


class TestTouched:
    @pytest.mark.parametrize(("number", "name"), list(enumerate([*MUTATIONS, *FORGERIES])))
    def test_a_change_is_seen_and_named_by_both(self, held, tmp_path, number, name):
        copy, trouble = tampered(held, tmp_path / "copy", name, f"{seed_of_run()} {number}")
        for look in (by_the_command, by_the_verifier):
            seen = look(copy)
            assert was_noticed(name, look, seen, trouble), (look, trouble, seen)
