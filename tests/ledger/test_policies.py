"""`ledger.policies`: a policy by what a person types."""

from __future__ import annotations

import json

import pytest

from ledger.errors import ConfigurationError
from ledger.policies import find_policies, find_policy, live_policies
from projections.policy import built_in_policies


def refusal(*names):
    with pytest.raises(ConfigurationError) as caught:
        find_policies(names)
    assert 78 == caught.value.exit_code
    return str(caught.value)


class TestFindPolicy:
    def test_a_built_in_policy_is_found_by_its_id(self):
        assert "openclassrooms-2023" == find_policy("openclassrooms-2023").id

    def test_a_file_that_is_no_policy_is_a_configuration_error_that_names_it(self, tmp_path):
        file = tmp_path / "policy.json"
        file.write_text("{}")
        assert f"policy {file}: " in refusal(str(file))

    def test_what_is_neither_is_a_configuration_error_that_lists_what_there_is(self):
        assert "openclassrooms-2022, openclassrooms-2023" in refusal("openclassrooms-1999")


@pytest.fixture
def written(tmp_path):
    """Writes a policy: a built-in one, some of its members replaced."""

    def write(name, base="openclassrooms-2022", **members):
        policy = built_in_policies()[base].model_dump(mode="json") | members
        (tmp_path / name).write_text(json.dumps(policy))
        return str(tmp_path / name)

    return write


class TestNamesakes:
    """An id and version belong to one content."""

    @pytest.mark.parametrize(
        "members",
        [
            {"placement_months": 9},
            {"zone": "UTC"},
            {"outcome_must_be_credited": False},
            {"outcome_kinds": []},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("base", ["openclassrooms-2022", "openclassrooms-2023"])
    def test_a_built_in_id_and_version_with_another_content_is_refused(
        self, base, members, written
    ):
        message = refusal(written("mine.json", base, **members))

        assert "mine.json: " in message
        assert f"{base} version 1 is built in" in message
        assert message.endswith("give it an id or version of its own")

    def test_a_copy_of_a_built_in_policy_is_that_policy(self, written):
        assert built_in_policies()["openclassrooms-2022"] == find_policy(written("copy.json"))

    @pytest.mark.parametrize("members", [{"id": "mine"}, {"version": 2}], ids=str)
    def test_an_id_or_a_version_of_its_own_is_enough(self, members, written):
        assert (
            9 == find_policy(written("mine.json", placement_months=9, **members)).placement_months
        )

    def test_two_files_of_one_id_and_version_are_refused_together(self, written):
        first = written("first.json", id="mine", placement_months=9)
        second = written("second.json", id="mine", placement_months=8)

        message = refusal("openclassrooms-2022", first, second)

        assert f"{first} and --policy {second} are both mine version 1" in message
        assert "an id or version of its own" in message

    def test_one_policy_given_twice_is_no_conflict(self, written):
        first = written("first.json", id="mine", placement_months=9)
        second = written("second.json", id="mine", placement_months=9)

        assert 2 == len(find_policies([first, second]))

    def test_policies_kept_live_are_held_to_the_same(self, written, monkeypatch):
        first = written("first.json", id="mine", placement_months=9)
        second = written("second.json", id="mine", placement_months=8)
        monkeypatch.setenv("OUTCOMES_LIVE_POLICIES", f"{first},{second}")

        with pytest.raises(ConfigurationError, match="are both mine version 1"):
            live_policies()
