"""`projections.policy`: parameters as versioned data, and nothing that is near it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from projections.policy import (
    DEFAULT_POLICY,
    PolicyError,
    built_in_policies,
    differing_parameters,
    parse_policy,
)
from projections.zones import zone_data_release
from schemas.events import FUNDINGS, KINDS, STATUSES
from tests.support.bytes import anything, json_values
from tests.support.histories import encode, oracle, policy_of
from tests.support.strategies import policies

PLAIN = oracle().BUILT_IN_POLICIES["openclassrooms-2022"]
SHA256 = {
    "openclassrooms-2022": "ca4f2116f3acde48556cc0e0880010a3f9500621edd857e145a1ec5bc8b0b5b5",
    "openclassrooms-2023": "5d6fab1c55242c7f468c1cc9706871a15a1784999323931e778fa33807cb4d9f",
}
GROUPS = PLAIN["funding_groups"]

# For each member what it must not be.
STRANGERS = (
    ("schema", "ledger/policy/v2"), ("schema", ""), ("schema", 1),
    ("id", ""), ("id", 1), ("id", ["x"]),
    ("version", "1"), ("version", 1.5), ("version", True), ("version", 1.0),
    ("version", 2**53), ("version", -(2**53)), ("version", 10**400),
    ("zone", "Paris"), ("zone", "europe/paris "), ("zone", ""), ("zone", "../etc/passwd"),
    ("zone", "/etc/localtime"), ("zone", "Europe"), ("zone", "Europe/Paris\u0000"), ("zone", "é"),
    ("zone", "x" * 5_000), ("zone", 1), ("zone", "zone.tab"), ("zone", "Europe\nParis"),
    ("zone", "localtime"), ("zone", "posix/Europe/Paris"), ("zone", "right/Europe/Paris"),
    *((f"{name}_months", months) for name in ("outcome_window", "orientation", "placement")
      for months in (0, -1, 1.5, 12.0, "12", True, 10**400, 2**53)),
    ("outcome_window_anchor", "first"), ("outcome_window_anchor", ["last_counted"]),
    ("outcome_window_scope", "kind"), ("outcome_date", "recorded_at"),
    ("outcome_kinds", ["raise", "raise"]), ("outcome_kinds", ["promotion"]),
    ("outcome_kinds", "raise"), ("outcome_kinds", {"raise": 1}), ("outcome_kinds", [1]),
    ("outcome_must_be_credited", 1), ("outcome_must_be_credited", "true"),
    ("expected_date", "last"), ("graduation_deadline", "never"),
    ("excluded_withdrawals", ["deceased", "deceased"]), ("excluded_withdrawals", ["dead"]),
    ("placement_window", ["01-01"]), ("placement_window", ["01-01", "06-30", "12-31"]),
    ("placement_window", ["02-29", "12-31"]), ("placement_window", ["1-1", "12-31"]),
    ("placement_window", ["01-01", "13-01"]), ("placement_window", ["01-01", "2022-12-31"]),
    ("placement_window", "01-01"), ("placement_window", ["01-01", 1]), ("placement_window", []),
    ("placement_window", ["01-01", "\u0661\u0662-31"]), ("placement_window", ["01-01\n", "12-31"]),
    ("placement_base", "students"), ("placement_answer", "first"),
    ("placement_statuses", ["employed", "employed"]), ("placement_statuses", ["busy"]),
    ("funding_groups", {}), ("funding_groups", []), ("funding_groups", GROUPS | {"none": []}),
    ("funding_groups", GROUPS | {"more": ["cpf"]}), ("funding_groups", GROUPS | {"other": ["x"]}),
    ("funding_groups", GROUPS | {"other": ["other", "other"]}),
    ("funding_groups", GROUPS | {"other": "other"}), ("funding_groups", {"all": FUNDINGS[:7]}),
    ("funding_groups", {"all": [list(FUNDINGS)]}),
    *((name, None) for name in PLAIN),
)  # fmt: skip


def fault_of(text, where="file.json"):
    """The one line with which a policy is refused; None where it is taken."""
    try:
        parse_policy(text, where)
    except PolicyError as error:
        line = str(error)
    else:
        return None
    assert where in line
    assert line.isprintable(), line
    return line


class TestBuiltInPolicies:
    """The published policies are never rewritten: their hashes are those of the specification."""

    def test_there_are_two_and_the_first_is_the_default(self):
        assert list(SHA256) == list(built_in_policies())
        assert "openclassrooms-2022" == DEFAULT_POLICY

    @pytest.mark.parametrize("name", SHA256)
    def test_the_hash_is_the_specifications(self, name):
        policy = built_in_policies()[name]

        assert SHA256[name] == policy.sha256
        assert (name, 1) == (policy.id, policy.version)

    @pytest.mark.parametrize("name", SHA256)
    def test_the_members_are_the_oracles(self, name):
        dumped = json.loads(built_in_policies()[name].model_dump_json())

        assert oracle().BUILT_IN_POLICIES[name] == dumped

    def test_a_policy_is_frozen(self):
        with pytest.raises(ValidationError):
            built_in_policies()[DEFAULT_POLICY].zone = "UTC"


class TestParsePolicy:
    """A policy has exactly the members of the table; anything else is a configuration error."""

    @given(policies)
    def test_any_policy_is_taken_and_has_the_oracles_hash(self, policy):
        assert [] == oracle().check_policy(policy)

        assert oracle().sha256(policy) == parse_policy(encode(policy), "x").sha256

    def test_the_hash_does_not_depend_on_order_or_white_space(self):
        spaced = json.dumps(dict(reversed(PLAIN.items())), indent=3).encode()

        assert SHA256["openclassrooms-2022"] == parse_policy(spaced, "x").sha256

    def test_the_order_of_a_list_is_part_of_the_hash(self):
        kinds = list(reversed(KINDS))

        assert SHA256["openclassrooms-2022"] != policy_of(outcome_kinds=kinds).sha256

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("outcome_kinds", []),
            ("excluded_withdrawals", []),
            ("placement_statuses", []),
            ("placement_statuses", list(STATUSES)),
            ("placement_window", ["06-30", "06-30"]),
            ("outcome_window_months", 1),
            ("placement_months", 2**53 - 1),
            ("version", 0),
            ("version", -1),
            ("zone", "UTC"),
            ("funding_groups", {"é\U0001f600": list(FUNDINGS)}),
        ],
    )
    def test_what_the_table_allows_is_taken(self, member, value):
        policy = PLAIN | {member: value}

        assert [] == oracle().check_policy(policy)
        assert oracle().sha256(policy) == parse_policy(encode(policy), "x").sha256

    @pytest.mark.parametrize(
        ("member", "value"),
        [pytest.param(*row, id=f"{row[0]} {repr(row[1])[:40]}") for row in STRANGERS],
    )
    def test_a_member_against_the_table_is_named_in_one_line(self, member, value):
        policy = PLAIN | {member: value}

        assert [] != oracle().check_policy(policy)
        assert member in fault_of(encode(policy))

    @pytest.mark.parametrize("member", PLAIN)
    def test_a_missing_member_is_named_in_one_line(self, member):
        policy = {name: value for name, value in PLAIN.items() if name != member}

        assert [] != oracle().check_policy(policy)
        assert member in fault_of(encode(policy))

    @pytest.mark.parametrize(
        "name", ["note", "schema_name", "Id", "", "a.b", "two\nlines", "\x1b[31m"]
    )
    def test_an_unknown_member_is_refused_in_one_line(self, name):
        policy = PLAIN | {name: 1}

        assert [] != oracle().check_policy(policy)
        assert fault_of(encode(policy)) is not None

    @pytest.mark.parametrize("name", ["two\nlines", "\x1b[31m"])
    def test_a_fault_in_an_oddly_named_funding_group_is_one_line(self, name):
        assert fault_of(encode(PLAIN | {"funding_groups": GROUPS | {name: ["x"]}})) is not None

    @pytest.mark.parametrize(
        "text",
        [
            b"", b"{}", b"[]", b"null", b"1", b'"x"', b"{", b"\xff", b"\xef\xbb\xbf{}", b"NaN",
            encode(PLAIN)[:-1], encode(PLAIN) + b"x", b"[" * 100_000, b"[" * 500 + b"]" * 500,
            encode(PLAIN)[:-1] + b', "id": "y"}',
            encode(PLAIN).replace(b'"other": ["other"]', b'"other": ["other"], "other": ["cpf"]'),
            encode(PLAIN).replace(b'"version": 1,', b'"version": 1e999,'),
            encode(PLAIN).replace(b'"openclassrooms-2022"', b'"\\ud800"'),
            encode(PLAIN).decode().encode("utf-16"),
        ],
    )  # fmt: skip
    def test_what_is_no_json_object_with_unique_members_is_refused_in_one_line(self, text):
        assert fault_of(text) is not None

    def test_many_faults_are_one_line_too(self):
        line = fault_of(encode({name: [] for name in PLAIN}))

        assert "more" in line
        assert len(line) < 1_000

    @given(anything)
    def test_no_bytes_raise_anything_else(self, text):
        assert fault_of(text) is not None

    @given(policies, st.sampled_from(sorted(PLAIN)), json_values)
    def test_it_agrees_with_the_oracle_on_any_value_of_any_member(self, policy, member, value):
        policy = policy | {member: value}

        assert bool(oracle().check_policy(policy)) == (fault_of(encode(policy)) is not None)


class TestDifferingParameters:
    def test_they_are_listed_in_the_order_of_the_specification_with_both_values(self):
        before = policy_of()
        after = policy_of(version=9, outcome_kinds=["raise"], outcome_date="time")

        first, second = differing_parameters(before, after)

        assert ("outcome_date", "outcome_on", "time") == first
        assert ("outcome_kinds", ["raise"]) == (second.parameter, second.after)

    def test_a_policy_differs_from_itself_in_nothing(self):
        assert [] == differing_parameters(policy_of(), policy_of())


class TestFiguresKey:
    """Stored figures are known by all that decides them."""

    def test_where_no_zone_decides_a_date_it_is_the_hash(self):
        policy = policy_of(zone="Africa/Casablanca")

        assert policy.sha256 == policy.figures_key

    def test_where_one_does_the_release_of_the_zone_data_is_part_of_it(self):
        policy = policy_of(outcome_date="time")

        assert f"{policy.sha256}@{zone_data_release()}" == policy.figures_key
