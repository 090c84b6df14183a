from __future__ import annotations

import pytest

from ledger.errors import ConfigurationError, StoreError
from ledger.evidence.keys import create_key
from ledger.evidence.quorum import parse_quorum, read_quorum


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    keys = {"log": create_key(folder / "log", "log.example")}
    for name in ("x1", "x2", "x3", "y1"):
        keys[name] = create_key(folder / name, f"{name}.example", witness=True)
    return keys


@pytest.fixture
def lines(keys):
    witnesses = [f"witness {name} {keys[name]}" for name in ("x1", "x2", "x3", "y1")]
    return ["# the quorum", "", f" log {keys['log']} https://log.example", *witnesses]


class TestReached:
    @pytest.mark.parametrize(
        ("cosigners", "reached"),
        [
            ([], False),
            (["x1", "x2"], False),
            (["x1", "y1"], False),
            (["x1", "x3", "y1"], True),
            (["x1", "x2", "x3", "y1"], True),
        ],
    )
    def test_groups_of_groups_are_counted(self, lines, cosigners, reached):
        more = ["group x 2 x1 x2 x3", "group\ty any y1", "group both all x y", "quorum both"]
        quorum = parse_quorum("\n".join([*lines, *more]))
        assert quorum.is_reached(dict.fromkeys(cosigners, 0)) is reached

    def test_none_needs_no_witness_and_a_witness_needs_itself(self, lines):
        assert parse_quorum("\n".join([*lines, "quorum none"])).is_reached({})
        single = parse_quorum("\n".join([*lines, "quorum x1"]))
        assert not single.is_reached({"x2": 0})
        assert single.is_reached({"x1": 0})


class TestLines:
    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ([], "no quorum line"),
            (["quorum none", "quorum none"], "line 9: there is a quorum line already"),
            (["quorum z"], "line 8: no line above names z"),
            (["group x 4 x1 x2 x3", "quorum x"], "from 1 to its members"),
            (["group x 0 x1", "quorum x"], "from 1 to its members"),
            (["group x 01 x1", "quorum x"], "from 1 to its members"),
            (["group x all", "quorum x"], "from 1 to its members"),
            (["group x all x1 x1"], "a member of a group already"),
            (["group x1 all x2"], "the name x1 is taken"),
            (["group none all x2"], "the name none is taken"),
            (["group x all none"], "no line above names none"),
            (["hello"], "log, witness, group or quorum"),
            (["log nonsense"], "a public key is a line"),
        ],
    )
    def test_a_line_that_is_none_is_named(self, lines, more, message):
        with pytest.raises(ValueError, match=message):
            parse_quorum("\n".join([*lines, *more]))

    def test_a_key_of_the_other_kind_or_one_that_is_listed_is_refused(self, lines, keys):
        for line, message in (
            (f"log {keys['x1']}", "type 1"),
            (f"witness z {keys['log']}", "type 4"),
            (f"witness z {keys['x1']}", "the same key"),
        ):
            with pytest.raises(ValueError, match=message):
                parse_quorum("\n".join([*lines, line]))

    def test_without_a_log_there_is_nothing_to_believe(self):
        with pytest.raises(ValueError, match="no log line"):
            parse_quorum("quorum none")

    def test_a_file_is_named_with_its_fault(self, tmp_path):
        with pytest.raises(StoreError, match="No such file"):
            read_quorum(tmp_path / "absent")
        (tmp_path / "quorum").write_text("quorum none")
        with pytest.raises(ConfigurationError, match="quorum: it has no log line"):
            read_quorum(tmp_path / "quorum")
