"""`ledger.policies`: a policy by what a person types."""

from __future__ import annotations

import pytest

from ledger.errors import ConfigurationError
from ledger.policies import find_policy


def refusal(name):
    with pytest.raises(ConfigurationError) as caught:
        find_policy(name)
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
