"""`ledger.disclosure.profile`: what a profile is, and what is said of a file that is none."""

from __future__ import annotations

import json

import pytest

from ledger.disclosure.profile import (
    DEFAULT_PROFILE,
    Profile,
    built_in_profiles,
    load_profile,
    profile_faults,
)
from ledger.errors import ConfigurationError
from schemas.canonical import canonical, sha256_hex

OURS = {
    "schema": "ledger/disclosure/v1",
    "id": "ours",
    "version": 1,
    "left_out": [],
    "threshold": 5,
    "rounding": None,
    "rate_steps": [[20, 10]],
    "ambiguity": 3,
}


def file_of(folder, members):
    path = folder / "ours.json"
    path.write_text(json.dumps(members), encoding="utf-8")
    return str(path)


class TestBuiltIn:
    def test_there_are_three_and_a_published_one_never_changes(self):
        assert {name: profile.sha256[:12] for name, profile in built_in_profiles().items()} == {
            "exact": "bb53d07b80a0",
            "round-5": "d1092db5898d",
            "threshold-5": "41838a69b0af",
        }
        assert DEFAULT_PROFILE == load_profile(DEFAULT_PROFILE).id

    def test_a_hash_is_that_of_the_rfc_8785_form_of_the_file(self, tmp_path):
        assert sha256_hex(canonical(OURS)) == load_profile(file_of(tmp_path, OURS)).sha256


class TestFaults:
    @pytest.mark.parametrize(
        ("change", "pointer", "reason"),
        [
            ({"schema": "x"}, "/schema", "not ledger/disclosure/v1"),
            ({"threshold": 1}, "/threshold", "at least 2"),
            ({"threshold": True}, "/threshold", "a whole number"),
            ({"rounding": 1}, "/rounding", "at least 2"),
            ({"rounding": 11}, "/rounding", "at most twice the threshold, 10"),
            ({"ambiguity": 0}, "/ambiguity", "at least 1"),
            ({"ambiguity": 5}, "/ambiguity", "at most 4"),
            # 8 to 10 are 10.
            ({"threshold": 8, "rounding": 10, "ambiguity": 8}, "/ambiguity", "at most 7"),
            ({"threshold": 8, "rounding": 5, "ambiguity": 6}, "/ambiguity", "at most 5"),
            ({"threshold": 7, "rounding": 5, "ambiguity": 2}, "/ambiguity", "that 5 stands for"),
            ({"threshold": None, "rounding": 2, "ambiguity": 2}, "/ambiguity", "that 0 stands for"),
            ({"threshold": None, "ambiguity": 2}, "/ambiguity", "that is not rounded"),
            ({"left_out": ["placd"]}, "/left_out", "did you mean placed?"),
            ({"left_out": ["placed"] * 2}, "/left_out", "each once"),
            ({"rate_steps": [[20]]}, "/rate_steps/0/1", "missing"),
            ({"rate_steps": [[20, 1, 1]]}, "/rate_steps/0", "no more"),
            ({"rate_steps": [[0, 1]]}, "/rate_steps/0/0", "at least 1"),
            ({"rate_steps": [[20, 1], [20, 2]]}, "/rate_steps", "ascending, each once"),
            ({"rate_steps": {}}, "/rate_steps", "an array"),
            ({"minimum": 3}, "/minimum", "no member"),
        ],
    )
    def test_a_fault_is_one_line_with_its_pointer(self, change, pointer, reason, tmp_path):
        members = OURS | change
        (fault,) = profile_faults(json.dumps(members).encode())
        with pytest.raises(ConfigurationError) as error:
            load_profile(file_of(tmp_path, members))

        assert fault.pointer == pointer
        assert reason in fault.reason
        assert f"{pointer}: {fault.reason}; compare `outcomes disclosure show`" in str(error.value)

    @pytest.mark.parametrize(
        "change",
        [
            {"rounding": 10},
            {"threshold": 8, "rounding": 5, "ambiguity": 5},
            {"threshold": None, "rounding": 5},
            {"rate_steps": []},
            {"left_out": ["placement_rate", "placed"]},
        ],
    )
    def test_what_the_specification_allows_is_a_profile(self, change, tmp_path):
        profile = load_profile(file_of(tmp_path, OURS | change))
        assert OURS | change == json.loads(profile.model_dump_json())

    def test_every_missing_member_is_named(self):
        assert [fault.pointer for fault in profile_faults(b"{}")] == [f"/{name}" for name in OURS]

    def test_what_is_no_json_or_has_a_member_twice_is_said(self):
        assert [tuple(fault) for fault in profile_faults(b"{")] == [("", "not JSON")]
        text = json.dumps(OURS).encode()[:-1] + b', "threshold": 9}'
        assert [fault.pointer for fault in profile_faults(text)] == ["/threshold"]

    def test_a_built_in_id_and_version_belong_to_one_content(self, tmp_path):
        with pytest.raises(ConfigurationError, match="built in and has another content"):
            load_profile(file_of(tmp_path, OURS | {"id": "round-5"}))
        known = built_in_profiles()["round-5"]
        same = file_of(tmp_path, json.loads(known.model_dump_json()))
        assert known == load_profile(same)
        assert isinstance(
            load_profile(file_of(tmp_path, OURS | {"id": "round-5", "version": 2})), Profile
        )

    def test_what_is_neither_built_in_nor_a_file_is_said(self, tmp_path):
        with pytest.raises(ConfigurationError, match=r"round-6: neither built in \(exact, round-5"):
            load_profile("round-6")
        with pytest.raises(ConfigurationError, match="nor a file that can be read"):
            load_profile(str(tmp_path))
