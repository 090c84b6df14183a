"""`projections.figures`: sums that can be added, merged and taken away."""

from __future__ import annotations

import pytest

from projections.figures import Figures, RecordCounts, Tally
from projections.history import Disposition
from tests.support.histories import figures_of, policy_of, resolution_of, story

CONTRIBUTIONS = [(2022, "placed", ("all", "refugee")), (2021, "graduates", ("all",))]

GRADUATES = "\n".join(
    f"enrolled e1 2022-01-10 2022-12-01 subject=s-{n}\ngraduated e1 2022-08-31 subject=s-{n}"
    for n in range(5)
) + "".join(
    f"\nanswered 2022-10-01 {status} job_found_on=2022-09-01 subject=s-{n} in_field={field}"
    for n, (status, field) in enumerate(
        [("employed", "true"), ("self_employed", "false"), ("seeking", "true")]
    )
)  # fmt: skip


class TestFigures:
    """A figure is an integer sum over contributions; what is absent is 0."""

    def test_each_contribution_adds_one_to_each_of_its_cells(self):
        figures = Figures()
        figures.add(CONTRIBUTIONS)
        figures.add(CONTRIBUTIONS[:1])

        assert 2 == figures.count(2022, "placed", "all") == figures.count(2022, "placed", "refugee")
        assert 1 == figures.count(2021, "graduates", "all")
        assert 0 == figures.count(2022, "graduates", "all") == figures.count(1, "x", "y")

    def test_looking_makes_no_cell(self):
        figures = Figures()

        figures.count(2022, "placed", "all")

        assert {} == dict(figures.cells)

    def test_what_was_added_can_be_taken_away(self):
        figures = Figures()
        figures.add(CONTRIBUTIONS)
        figures.add(CONTRIBUTIONS, -1)

        assert 0 == sum(figures.cells.values())
        assert 0 == figures.count(2022, "placed", "all")

    def test_figures_of_others_are_merged_and_stay_as_they_are(self):
        figures, others = Figures(), Figures()
        figures.add(CONTRIBUTIONS)
        others.add(CONTRIBUTIONS)
        figures.merge(others)

        assert 2 == figures.count(2022, "placed", "refugee")
        assert 1 == others.count(2022, "placed", "refugee")

    def test_merging_keeps_a_negative_difference(self):
        figures, difference = Figures(), Figures()
        figures.add(CONTRIBUTIONS)
        difference.add(CONTRIBUTIONS, -1)
        figures.merge(difference)

        assert 0 == figures.count(2022, "placed", "all")

    # Five graduates, three answers, two placed, one of them in the field.
    @pytest.mark.parametrize(
        ("rate", "by_respondents", "by_graduates"),
        [
            ("response_rate", (3, 5), (3, 5)),
            ("placement_rate", (2, 3), (2, 5)),
            ("placement_in_field_rate", (1, 3), (1, 5)),
            ("placement_rate_if_silent_not_placed", (2, 5), (2, 5)),
            ("placement_rate_if_silent_placed", (4, 5), (4, 5)),
            ("graduation_rate", (5, 5), (5, 5)),
            ("orientation_rate", (0, 0), (0, 0)),
        ],
    )
    def test_a_rate_is_a_pair_of_counts_over_the_policys_base(
        self, rate, by_respondents, by_graduates
    ):
        for base, expected in (("respondents", by_respondents), ("graduates", by_graduates)):
            policy = policy_of(placement_base=base)
            figures = figures_of(story(GRADUATES), policy)

            assert expected == figures.rate(2022, rate, "all", policy)
            assert (0, 0) == figures.rate(2021, rate, "all", policy)


class TestTally:
    """Contributions counted as they are come to the figures that adding each one makes."""

    @pytest.mark.parametrize("waiting_max", [0, 10_000])
    def test_its_figures_are_those_of_every_addition_and_removal(self, waiting_max, monkeypatch):
        monkeypatch.setattr("projections.figures._WAITING_MAX", waiting_max)
        figures, tally = Figures(), Tally()
        for each in (figures, tally):
            each.add(CONTRIBUTIONS)
            each.add(CONTRIBUTIONS)
            each.add(CONTRIBUTIONS[:1], -1)

        assert figures.cells == tally.figures().cells
        assert 1 == tally.figures().count(2022, "placed", "refugee")

    def test_more_removals_than_additions_are_a_negative_difference(self):
        tally = Tally()
        tally.add(CONTRIBUTIONS, -1)

        assert -1 == tally.figures().count(2021, "graduates", "all")


class TestRecordCounts:
    """Every record is counted in one place, and what became of events beside that."""

    def test_records_are_events_and_copies_and_conflicts_and_quarantined(self):
        counts = RecordCounts()
        for disposition in (
            Disposition.EVENT,
            Disposition.EVENT,
            Disposition.DUPLICATE,
            Disposition.CONFLICT,
        ):
            counts.count_record(disposition)
        counts.count_record(Disposition.OVER_LIMIT)
        counts.quarantined["value_must_be_json"] += 2

        assert (2, 1, 1) == (counts.events, counts.duplicates, counts.conflicts)
        assert 7 == counts.records
        assert {"subject_must_not_exceed_1000_events": 1, "value_must_be_json": 2} == dict(
            counts.quarantined
        )

    def test_counts_of_other_records_are_merged(self):
        counts, others = RecordCounts(events=2, orphans=1), RecordCounts(events=3, void=1)
        counts.quarantined["value_must_be_json"] += 1
        others.quarantined["value_must_be_json"] += 2
        counts.merge(others)

        assert (5, 1, 1) == (counts.events, counts.orphans, counts.void)
        assert 3 == counts.quarantined["value_must_be_json"]
        assert 3 == others.events

    def test_a_report_names_only_the_rules_that_were_hit_in_order(self):
        counts = RecordCounts(events=1)
        counts.quarantined["value_must_be_json"] += 1
        counts.quarantined["key_must_equal_subject"] += 2

        members = counts.as_dict()

        assert (1, 0) == (members["events"], members["orphans"])
        assert [("key_must_equal_subject", 2), ("value_must_be_json", 1)] == list(
            members["quarantined"].items()
        )

    def test_what_became_of_events_can_be_uncounted(self):
        counts = RecordCounts()
        resolution = resolution_of(
            story(
                """
                graduated e9 2022-01-01
                applied a1 2022-01-01
                applied a1 2022-01-01
                declared 2022-01-01 none
                retracted 4
                retracted 5
                retracted x
                """
            )
        )
        counts.count_resolution(resolution)

        assert (1, 1, 1, 1, 1) == (
            counts.repeats,
            counts.retracted,
            counts.pending,
            counts.void,
            counts.orphans,
        )
        counts.count_resolution(resolution, -1)
        assert RecordCounts() == counts
