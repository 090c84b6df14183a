"""`schemas.events`: strict and frozen; nothing is coerced, no unknown member is let in."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from schemas.events import CATEGORIES, FACTS, FUNDINGS, KINDS, STATUSES
from tests.support.histories import oracle, story

# Of each type the data with every member, those that may be absent among them.
FULL = {
    name: event["data"] | more
    for line, more in (
        ("applied a1 2022-03-10", {"categories": ["refugee"]}),
        ("enrolled e1 2022-03-10 2022-12-01", {"application_id": "a1", "categories": []}),
        ("rescheduled e1 2022-03-10 2022-12-01", {"reason": "school"}),
        ("withdrew e1 2022-03-10 left", {}),
        ("graduated e1 2022-12-01", {"credential": "x"}),
        (
            "answered 2022-12-01 employed",
            {
                "enrollment_id": "e1",
                "job_found_on": "2022-11-01",
                "in_field": True,
                "employment": "part_time",
                "by_school": False,
                "stated_by": "registry",
                "evidence": {"sha256": "0" * 64, "uri": "x"},
            },
        ),
        ("outcome 2022-12-01 raise", {"evidence": {"sha256": "f" * 64}}),
        ("declared 2022-12-01 refugee+disability", {}),
        ("retracted 1", {}),
    )
    for event in story(line)
    for name in [event["type"]]
}
MEMBERS = [
    pytest.param(name, member, id=f"{name} {member}") for name in FULL for member in FULL[name]
]
STRANGERS = (
    None, True, 0, 1, 1.0, "", "x" * 201, "other ", "2022-02-30", "2022-1-01", 20_220_101, [], {},
    [None], [[]], ["refugee", "refugee"], [1], ["none"], {"source": "/a"}, {"sha256": "0" * 63},
    {"sha256": "A" * 64}, {"sha256": "0" * 64 + "\n"}, {"sha256": "0" * 64, "x": 1},
    {"source": "/a", "id": "1", "x": 1}, "true", "0",
)  # fmt: skip


def is_accepted(name, data):
    try:
        FACTS[name].model_validate(data)
    except ValidationError:
        return False
    return True


class TestFacts:
    """A fact is the `data` of its type as the specification has it, and nothing near it."""

    def test_there_are_nine_and_each_is_the_oracles(self):
        pairs = {oracle().type_of(name) for name in FACTS}

        assert {(pair, "1") for pair in oracle().DATA} == pairs
        assert set(FULL) == set(FACTS)

    @pytest.mark.parametrize("name", FULL)
    def test_every_member_that_the_specification_names_is_taken(self, name):
        pair, _ = oracle().type_of(name)

        assert {member.removesuffix("?") for member in oracle().DATA[pair]} == set(FULL[name])
        assert is_accepted(name, FULL[name])

    @pytest.mark.parametrize("name", FULL)
    def test_an_unknown_member_is_an_error(self, name):
        assert not is_accepted(name, FULL[name] | {"note": None})

    @pytest.mark.parametrize(("name", "member"), MEMBERS)
    def test_a_member_may_be_absent_or_null_only_where_the_specification_says_so(
        self, name, member
    ):
        pair, _ = oracle().type_of(name)
        optional = f"{member}?" in oracle().DATA[pair]
        without = {other: value for other, value in FULL[name].items() if other != member}

        assert optional == is_accepted(name, without)
        assert optional == is_accepted(name, FULL[name] | {member: None})

    @pytest.mark.parametrize(("name", "member"), MEMBERS)
    def test_no_value_is_coerced_into_another(self, name, member):
        for stranger in STRANGERS:
            data = FULL[name] | {member: stranger}
            expected = oracle().MATCHES[oracle().type_of(name)[0]](data)
            assert expected == is_accepted(name, data), stranger

    @pytest.mark.parametrize(("name", "member"), MEMBERS)
    def test_a_fact_is_frozen(self, name, member):
        fact = FACTS[name].model_validate(FULL[name])

        with pytest.raises(ValidationError):
            setattr(fact, member, getattr(fact, member))

    def test_a_date_is_a_date_and_categories_are_a_set(self):
        fact = FACTS["ledger.categories.declared.v1"].model_validate(
            FULL["ledger.categories.declared.v1"]
        )

        assert date(2022, 12, 1) == fact.declared_on
        assert frozenset({"refugee", "disability"}) == fact.categories


class TestWords:
    """The words are those of the specification, in its order."""

    def test_the_lists_are_the_oracles(self):
        assert oracle().CATEGORIES == CATEGORIES
        assert oracle().FUNDINGS == FUNDINGS
        assert oracle().KINDS == KINDS
        assert oracle().WORDS["status"] == STATUSES

    @pytest.mark.parametrize(
        ("name", "member", "words"),
        [
            ("ledger.student.enrolled.v1", "funding", oracle().FUNDINGS),
            ("ledger.enrollment.rescheduled.v1", "reason", oracle().WORDS["rescheduled"]),
            ("ledger.student.withdrew.v1", "reason", oracle().WORDS["withdrew"]),
            ("ledger.survey.answered.v1", "status", oracle().WORDS["status"]),
            ("ledger.survey.answered.v1", "employment", oracle().WORDS["employment"]),
            ("ledger.survey.answered.v1", "stated_by", oracle().WORDS["stated_by"]),
            ("ledger.outcome.declared.v1", "kind", oracle().KINDS),
            ("ledger.outcome.declared.v1", "stated_by", oracle().WORDS["stated_by"]),
            ("ledger.event.retracted.v1", "reason", oracle().WORDS["retracted"]),
        ],
    )
    def test_a_word_of_the_list_is_taken_and_another_is_not(self, name, member, words):
        for word in words:
            assert is_accepted(name, FULL[name] | {member: word})
            assert not is_accepted(name, FULL[name] | {member: word.upper()})
            assert not is_accepted(name, FULL[name] | {member: f"{word} "})
