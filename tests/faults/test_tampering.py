"""Whatever is changed of what an auditor holds is seen by two programs that share no code.

The full list: `python -m tests.faults.tampering --count 1000`.
"""

from __future__ import annotations

import itertools
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

COUNT = 50
DRAWN = list(itertools.islice(itertools.cycle(MUTATIONS), COUNT))
NAMED = {
    "flip_a_bit": "sealed/|manifest",
    "truncate_a_file": "sealed/|manifest",
    "drop_a_segment": "sealed/records/p000",
    "insert_a_segment": "p0000-000000000",
    "swap_two_segments": "sealed/records/p000",
    "replace_a_segment_with_lines_of_another": "sealed/records/p000",
    "replace_the_archive_with_an_older_one": "checkpoint 2",
    "change_a_value": "partition [01]",
    "drop_a_record": "partition [01]|checkpoint [12]",
    "drop_the_last_records": "checkpoint [12]",
    "insert_a_record": "partition [01]|checkpoint [12]",
    "swap_two_values": "partition [01]",
    "re_date_a_record": "partition [01]",
    "re_key_a_record": "partition [01]",
    "renumber_records": "partition [01]|checkpoint [12]",
    "change_the_digest": "digest",
    "change_a_root": "root of partition [01]",
    "change_a_parameter_of_the_policy_and_its_hash": "openclassrooms-2022 version 1",
    "change_a_byte_of_a_checkpoint": "checkpoint-00000[12]",
    "change_a_byte_of_the_entries": "entries",
    "drop_an_entry": "entries",
    "swap_the_entries": "entries",
    "go_back_to_the_first_checkpoint": "is not signed",
    "swap_the_checkpoints": "checkpoint-00000[12]",
    "sign_again_with_another_key": "is not signed by the key of school.example/ledger",
    "sign_the_entries_with_another_key": "is not signed by the key of school.example/ledger",
    "rewrite_everything_but_the_signatures": "checkpoint-00000[12]",
}
"""What both messages say of where the trouble is; of other mutations they name a cell."""


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
        copy = tampered(held, tmp_path / "copy", name, f"{seed_of_run()} {number}")
        for look in (by_the_command, by_the_verifier):
            code, output = look(copy)
            assert code in SEEN_BY_BOTH, (look, output)
            assert re.search(NAMED.get(name, r"\w"), output), (look, output)

    def test_forged_columns_are_seen_by_the_ledger_and_not_read_by_the_verifier(
        self, held, tmp_path
    ):
        copy = Held(shutil.copytree(held.folder, tmp_path / "copy"))
        forge_columns(copy)
        code, output = by_the_command(copy)
        assert code == 1
        assert "typed columns are forged" in output
        assert by_the_verifier(copy).code == 0
