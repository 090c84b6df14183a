"""`projections.history`: which of one student's events count, and why the others do not."""

from __future__ import annotations

import pytest
from hypothesis import given

from projections.history import EVENTS_MAX, Disposition, History, are_all_first
from tests.support.histories import admit_all, resolution_of, story
from tests.support.strategies import histories

OUTCOME = "outcome 2022-03-01 raise"


def verdicts(text):
    history = History()
    return [history.add(item) for item in admit_all(story(text))]


def fates(text):
    """For each event of a story that is not in force, its id and what became of it."""
    resolution = resolution_of(story(text))
    return {
        event.id: fate
        for fate in ("repeats", "retracted", "pending", "void", "orphans")
        for event in getattr(resolution, fate)
    }


class TestTake:
    """A record is an event, a duplicate or a conflict by the first record of its identity."""

    def test_the_same_content_again_is_a_duplicate_however_often(self):
        assert [Disposition.EVENT, Disposition.DUPLICATE, Disposition.DUPLICATE] == verdicts(
            f"""
            {OUTCOME} id=1
            {OUTCOME} id=1
            {OUTCOME} id=1
            """
        )

    def test_each_later_record_is_compared_with_the_first_only(self):
        assert [
            Disposition.EVENT,
            Disposition.CONFLICT,
            Disposition.CONFLICT,
            Disposition.DUPLICATE,
        ] == verdicts(
            f"""
            {OUTCOME} id=1
            outcome 2022-03-02 raise id=1
            outcome 2022-03-02 raise id=1
            {OUTCOME} id=1
            """
        )

    def test_another_type_under_one_identity_is_a_conflict(self):
        assert [Disposition.EVENT, Disposition.CONFLICT] == verdicts(
            """
            graduated e1 2022-03-01 id=1
            withdrew e1 2022-03-01 left id=1
            """
        )

    def test_the_source_is_part_of_the_identity(self):
        assert [Disposition.EVENT] * 2 == verdicts(
            f"""
            {OUTCOME} id=1 source=/a
            {OUTCOME} id=1 source=/b
            """
        )

    def test_ids_are_told_apart_by_every_code_point(self):
        lines = [f"{OUTCOME} id={name}" for name in ("a", "A", "é", "e\u0301", "a\u200b")]

        assert [Disposition.EVENT] * 5 == verdicts("\n".join(lines))

    @given(histories(subjects=("s-1",)))
    def test_a_history_that_has_none_of_them_takes_each_or_it_is_said(self, appended):
        events, history = admit_all(appended), History()

        taken = [history.add(event) for event in events]

        assert are_all_first(events) is (set(taken) <= {Disposition.EVENT})

    def test_a_thousand_events_are_taken_and_copies_of_them_ever_after(self):
        history = History()
        lines = [f"{OUTCOME} id={n}" for n in range(EVENTS_MAX)]
        for item in admit_all(story("\n".join(lines))):
            assert Disposition.EVENT == history.add(item)

        more, other, again, changed, more_again = admit_all(
            story(
                f"""
                {OUTCOME} id=more
                retracted 0 id=other
                {OUTCOME} id=7
                outcome 2022-03-09 raise id=7
                {OUTCOME} id=more
                """
            )
        )

        assert Disposition.OVER_LIMIT == history.add(more)
        assert Disposition.OVER_LIMIT == history.add(other)
        assert Disposition.DUPLICATE == history.add(again)
        assert Disposition.CONFLICT == history.add(changed)
        assert Disposition.OVER_LIMIT == history.add(more_again)
        assert EVENTS_MAX == 1_000 == len(history.events)

    def test_copies_and_conflicts_are_not_among_the_thousand(self):
        lines = [f"{OUTCOME} id=0"] * 900 + [f"outcome 2022-03-02 raise id={n}" for n in range(999)]

        assert Disposition.OVER_LIMIT not in verdicts("\n".join(lines))


# (sentence, story, fates by id)
FATES = (
    (
        "a retraction removes the event that it names",
        """
        outcome 2022-03-01 raise
        retracted 1
        """,
        {"1": "retracted"},
    ),
    (
        "a retraction may come before its event",
        """
        retracted 2
        outcome 2022-03-01 raise
        """,
        {"2": "retracted"},
    ),
    (
        "an event retracted twice is retracted once",
        """
        outcome 2022-03-01 raise
        retracted 1
        retracted 1
        """,
        {"1": "retracted"},
    ),
    (
        "a retraction of an event that is not there is pending",
        """
        outcome 2022-03-01 raise
        retracted x
        """,
        {"2": "pending"},
    ),
    (
        "the source of the named event matters",
        """
        outcome 2022-03-01 raise source=/other
        retracted 1
        """,
        {"2": "pending"},
    ),
    (
        "the retraction's own source does not matter",
        """
        outcome 2022-03-01 raise
        retracted 1 source=/other
        """,
        {"1": "retracted"},
    ),
    (
        "a retraction of a retraction is void, and the first one holds",
        """
        outcome 2022-03-01 raise
        retracted 1
        retracted 2
        """,
        {"1": "retracted", "3": "void"},
    ),
    (
        "a retraction of itself is void",
        """
        outcome 2022-03-01 raise
        retracted 2
        """,
        {"2": "void"},
    ),
    (
        "two retractions of each other are both void",
        """
        retracted 2
        retracted 1
        """,
        {"1": "void", "2": "void"},
    ),
    (
        "of two enrolments with one id the first is the fact",
        """
        enrolled e1 2022-01-01 2022-12-01
        enrolled e1 2021-01-01 2022-12-01
        enrolled e1 2020-01-01 2022-12-01
        """,
        {"2": "repeats", "3": "repeats"},
    ),
    (
        "an application and an enrolment with one id are no repeats",
        """
        applied x 2022-01-01
        enrolled x 2022-01-01 2022-12-01
        """,
        {},
    ),
    (
        "when the first of two enrolments is retracted the second is the fact",
        """
        enrolled e1 2022-01-01 2022-12-01
        enrolled e1 2021-01-01 2022-12-01
        enrolled e1 2020-01-01 2022-12-01
        retracted 1
        """,
        {"1": "retracted", "3": "repeats"},
    ),
    (
        "a retracted repeat is retracted and no repeat",
        """
        applied a1 2022-01-01
        applied a1 2022-01-02
        retracted 2
        """,
        {"2": "retracted"},
    ),
    (
        "what names no enrolment is an orphan",
        """
        graduated e1 2022-12-01
        withdrew e1 2022-12-01 left
        rescheduled e1 2022-01-01 2022-12-01
        """,
        {"1": "orphans", "2": "orphans", "3": "orphans"},
    ),
    (
        "an orphan takes effect when its enrolment comes",
        """
        graduated e1 2022-12-01
        enrolled e1 2022-01-01 2022-12-01
        """,
        {},
    ),
    (
        "what names a retracted enrolment is an orphan",
        """
        enrolled e1 2022-01-01 2022-12-01
        graduated e1 2022-12-01
        retracted 1
        """,
        {"1": "retracted", "2": "orphans"},
    ),
    (
        "a retracted orphan is no orphan",
        """
        graduated e1 2022-12-01
        retracted 1
        """,
        {"1": "retracted"},
    ),
    (
        "what names a repeat belongs to the fact",
        """
        enrolled e1 2022-01-01 2022-12-01
        graduated e1 2022-12-01
        enrolled e1 2022-02-01 2022-12-01
        """,
        {"3": "repeats"},
    ),
    (
        "answers and references to applications are never orphans",
        """
        answered 2022-12-01 employed enrollment_id=e9
        enrolled e1 2022-01-01 2022-12-01 application_id=a9
        """,
        {},
    ),
)  # fmt: skip


class TestResolve:
    """What becomes of an event does not depend on the order, except where order decides."""

    @pytest.mark.parametrize(("text", "expected"), [row[1:] for row in FATES],
                             ids=[row[0] for row in FATES])  # fmt: skip
    def test_what_becomes_of_each_event(self, text, expected):
        assert expected == fates(text)

    @pytest.mark.parametrize("text", [row[1] for row in FATES], ids=[row[0] for row in FATES])
    def test_every_event_but_a_retraction_is_in_one_place_only(self, text):
        resolution = resolution_of(story(text))

        lists = (resolution.in_force, resolution.repeats, resolution.retracted, resolution.orphans)
        placed = [event.id for each in lists for event in each]
        statements = [
            event["id"] for event in story(text) if event["type"] != "ledger.event.retracted.v1"
        ]
        assert sorted(statements) == sorted(placed)

    def test_a_conflict_does_not_take_over_when_the_first_is_retracted(self):
        resolution = resolution_of(
            story(
                """
                enrolled e1 2022-01-01 2022-12-01 id=1
                enrolled e1 2021-01-01 2022-12-01 id=1
                retracted 1
                """
            )
        )

        assert [] == resolution.in_force
        assert ["1"] == [event.id for event in resolution.retracted]
        assert [] == resolution.repeats

    def test_events_in_force_keep_the_order_of_the_log(self):
        resolution = resolution_of(
            story(
                """
                graduated e1 2022-12-01
                outcome 2022-01-01 raise
                enrolled e1 2022-01-01 2022-12-01
                applied a1 2021-01-01
                retracted 2
                """
            )
        )

        assert ["1", "3", "4"] == [event.id for event in resolution.in_force]
