"""What holds for every history and every policy, beginning with: both programs say the same."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from ledger.log import NewRecord, open_log
from ledger.report import encode_reports
from projections.contributions import contributions
from projections.figures import Figures, RecordCounts
from projections.measures.catalogue import COUNTS
from projections.policy import parse_policy
from tests.support.histories import (
    NOON,
    facts,
    figures_of,
    new_record,
    oracle,
    oracle_records,
    reports_of,
    resolution_of,
)
from tests.support.strategies import YEARS, histories, policies, records

FIGURES = ("counts", "rates")
# Where there is a file system in memory: no test here is about the disk.
MEMORY = Path("/dev/shm")
FOLDER = MEMORY if os.access(MEMORY, os.W_OK) else None


@contextmanager
def log_with(batches, partitions=1):
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        url = f"sqlite:{Path(folder) / 'ledger.db'}?partitions={partitions}"
        with closing(open_log(url, create=True)) as log:
            for batch in batches:
                log.append(batch)
            yield log


def parsed(policy):
    return parse_policy(json.dumps(policy).encode(), "of a test")


def figures_in(reports):
    return {
        year: {name: getattr(report, name) for name in FIGURES} for year, report in reports.items()
    }


def cells_of(figures):
    return {cell: count for cell, count in figures.cells.items() if count}


# The edges of a dozen rules are to be met.
MANY = settings(max_examples=3 * settings.default.max_examples)


class TestBothPrograms:
    """The ledger and the auditor's naive verifier make one report of one log."""

    @MANY
    @given(records(), policies, st.sampled_from((1, 2, 3)))
    def test_the_whole_report_is_the_one_that_the_oracle_makes(self, appended, policy, partitions):
        with log_with([appended], partitions) as log:
            reports = reports_of(log, parsed(policy), YEARS)
            read = oracle_records(log)

        for year in YEARS:
            expected = oracle().report(read, policy, year, partitions=partitions)
            assert expected == reports[year].as_json()

    @given(records(), policies, st.data())
    def test_the_report_at_an_earlier_cut_is_the_oracles_too(self, appended, policy, data):
        with log_with([appended], 2) as log:
            end = log.end()
            cut = {
                partition: data.draw(st.integers(0, offset)) for partition, offset in end.items()
            }
            read = oracle_records(log)
            reports = reports_of(log, parsed(policy), [2022], cut=cut)

        assert oracle().report(read, policy, 2022, partitions=2, cut=cut) == reports[2022].as_json()

    @MANY
    @given(histories(subjects=("s-1",), max_size=60), policies)
    def test_one_crowded_life_has_the_oracles_report(self, history, policy):
        with log_with([[new_record(event) for event in history]]) as log:
            reports = reports_of(log, parsed(policy), YEARS)
            read = oracle_records(log)

        for year in YEARS:
            assert oracle().report(read, policy, year, partitions=1) == reports[year].as_json()


class TestOrder:
    """Only the order within a student matters, and not how the records came into the log."""

    @given(records(), policies, st.randoms(use_true_random=False))
    def test_any_interleaving_of_students_gives_the_same_figures(self, appended, policy, random):
        queues = {}
        for record in appended:
            queues.setdefault(record.key, []).append(record)
        turns = [key for key, queue in queues.items() for _ in queue]
        random.shuffle(turns)
        interleaved = [queues[key].pop(0) for key in turns]

        with log_with([appended]) as log, log_with([interleaved]) as other:
            expected = reports_of(log, parsed(policy), YEARS)
            reports = reports_of(other, parsed(policy), YEARS)

        assert figures_in(expected) == figures_in(reports)
        assert expected[2022].records == reports[2022].records

    @given(records(), policies, st.sampled_from((2, 3, 12)))
    def test_the_number_of_partitions_does_not_move_a_figure(self, appended, policy, partitions):
        keyed = [record for record in appended if record.key is not None]
        with log_with([keyed]) as log, log_with([keyed], partitions) as other:
            expected = reports_of(log, parsed(policy), YEARS)
            reports = reports_of(other, parsed(policy), YEARS)

        assert figures_in(expected) == figures_in(reports)
        assert expected[2022].records == reports[2022].records

    @given(records(), policies, st.lists(st.integers(0, 30)))
    def test_any_batch_boundaries_of_append_give_the_same_bytes(self, appended, policy, ends):
        ends = sorted({0, len(appended), *(min(end, len(appended)) for end in ends)})
        batches = [appended[start:end] for start, end in pairwise(ends)]

        with log_with([appended], 2) as log, log_with(batches, 2) as other:
            expected = reports_of(log, parsed(policy), YEARS)
            reports = reports_of(other, parsed(policy), YEARS)

        assert encode_reports(list(expected.values())) == encode_reports(list(reports.values()))

    @given(records(), policies)
    def test_two_replays_give_the_same_bytes(self, appended, policy):
        with log_with([appended], 2) as log:
            first = reports_of(log, parsed(policy), YEARS)
            second = reports_of(log, parsed(policy), YEARS)

        assert encode_reports(list(first.values())) == encode_reports(list(second.values()))

    @given(records(), st.tuples(policies, policies))
    def test_two_policies_in_one_pass_say_what_each_says_alone(self, appended, pair):
        with log_with([appended]) as log:
            together = reports_of(log, parsed(pair[0]), YEARS, beside=[parsed(pair[1])])
            alone = reports_of(log, parsed(pair[0]), YEARS)

        assert alone == together


class TestSums:
    """Figures are sums over students, so they can be added, merged and taken away."""

    @given(histories(), policies)
    def test_the_figures_are_the_sum_of_every_students_contributions(self, history, policy):
        policy = parsed(policy)
        total = Counter()
        for subject in {member["subject"] for member in history}:
            own = [member for member in history if member["subject"] == subject]
            for year, measure, groups in contributions(facts(own), policy):
                total.update((year, measure, group) for group in groups)

        with log_with([[new_record(event) for event in history]]) as log:
            reports = reports_of(log, policy, YEARS)

        assert {
            (year, row.measure, row.group): row.count
            for year, report in reports.items()
            for row in report.counts
            if row.count
        } == {cell: count for cell, count in total.items() if cell[0] in YEARS}

    @given(histories(), policies)
    def test_removing_what_was_added_leaves_nothing(self, history, policy):
        policy, figures = parsed(policy), Figures()
        for sign in (1, -1):
            for subject in {member["subject"] for member in history}:
                own = [member for member in history if member["subject"] == subject]
                figures.add(contributions(facts(own), policy), sign)

        assert cells_of(figures) == {}

    @given(histories(), histories(subjects=("other-1", "other-2")), policies)
    def test_the_figures_of_two_groups_of_students_add_up(self, some, others, policy):
        policy = parsed(policy)
        merged = figures_of(some, policy)
        merged.merge(figures_of(others, policy))

        assert cells_of(figures_of([*some, *others], policy)) == cells_of(merged)

    @given(histories(subjects=("s-1",)), policies, st.integers(0, 30))
    def test_replacing_a_share_event_by_event_ends_at_the_whole(self, history, policy, start):
        policy, figures, counts = parsed(policy), Figures(), RecordCounts()
        start = min(start, len(history))
        figures.add(contributions(facts(history[:start]), policy))
        counts.count_resolution(resolution_of(history[:start]))
        for end in range(start, len(history)):
            figures.add(contributions(facts(history[:end]), policy), -1)
            figures.add(contributions(facts(history[: end + 1]), policy))
            counts.count_resolution(resolution_of(history[:end]), -1)
            counts.count_resolution(resolution_of(history[: end + 1]))
        whole = RecordCounts()
        whole.count_resolution(resolution_of(history))

        assert cells_of(figures_of(history, policy)) == cells_of(figures)
        assert whole == counts


class TestRepetition:
    """Stating a fact again, or retracting it, does what a person expects."""

    @given(histories(), policies, st.data())
    def test_a_retraction_equals_never_having_stated_it(self, history, policy, data):
        assume(history)
        policy = parsed(policy)
        # Unique, so that taking one record away changes the fate of no other of its identity.
        history = [item | {"id": f"{item['id']}-{n}"} for n, item in enumerate(history)]
        wrong = data.draw(st.sampled_from(history))
        assume(wrong["type"] != "ledger.event.retracted.v1")
        retraction = wrong | {
            "type": "ledger.event.retracted.v1",
            "id": "taken back",
            "source": data.draw(st.sampled_from(("/a", "/b"))),
            "data": {
                "retracts": {"source": wrong["source"], "id": wrong["id"]},
                "reason": "entered_wrongly",
            },
        }
        place = data.draw(st.integers(0, len(history)))

        without = [event for event in history if event is not wrong]
        with_both = [*history[:place], retraction, *history[place:]]

        assert cells_of(figures_of(without, policy)) == cells_of(figures_of(with_both, policy))

    @given(histories(), policies, st.data())
    def test_copies_behind_their_first_change_only_the_duplicates(self, history, policy, data):
        assume(history)
        policy = parsed(policy)
        copied = list(history)
        firsts = {}
        for item in history:
            firsts.setdefault((item["subject"], item["source"], item["id"]), item)
        for _ in range(data.draw(st.integers(1, 4))):
            first = data.draw(st.sampled_from(list(firsts.values())))
            behind = next(n for n, item in enumerate(copied) if item is first) + 1
            place = data.draw(st.integers(behind, len(copied)))
            copied.insert(place, dict(reversed(first.items())))
        more = len(copied) - len(history)

        with log_with([[new_record(event) for event in history]]) as log:
            expected = reports_of(log, policy, YEARS)
        with log_with([[new_record(item) for item in copied]]) as log:
            reports = reports_of(log, policy, YEARS)

        assert figures_in(expected) == figures_in(reports)
        counters = expected[2022].records.as_json()
        counters["duplicates"] += more
        assert counters == reports[2022].records.as_json()

    @given(histories(), policies)
    def test_sending_everything_again_moves_no_figure(self, history, policy):
        policy = parsed(policy)
        batch = [new_record(event) for event in history]
        with log_with([batch]) as log:
            expected = figures_in(reports_of(log, policy, YEARS))
            log.append(batch)

            assert expected == figures_in(reports_of(log, policy, YEARS))


class TestInvariants:
    """Invariant I4: records add up, and no part exceeds its whole, in any group."""

    @given(records(), policies)
    def test_every_record_is_accounted_for(self, appended, policy):
        with log_with([appended], 2) as log:
            report = reports_of(log, parsed(policy), [2022])[2022]

        counters = report.records.as_json()
        event(f"events: {min(counters['events'], 5)}")
        named = [counters[name] for name in ("events", "duplicates", "conflicts")]
        assert len(appended) == sum(named) + sum(counters["quarantined"].values())
        assert len(appended) == report.log.records
        assert len(appended) == sum(report.cut.values())

    @given(histories(), policies)
    def test_no_part_exceeds_its_whole(self, history, policy):
        figures = figures_of(history, parsed(policy)).cells
        chains = (
            ("became_students", "applicants"),
            ("graduated_as_expected", "expected_to_graduate"),
            ("placed_in_field", "placed", "respondents", "graduates"),
            ("career_outcomes", "outcomes_declared"),
        )

        for year, _, group in list(figures):
            for chain in chains:
                counts = [figures[year, measure, group] for measure in chain]
                assert counts == sorted(counts)
            assert figures[year, "outcomes_repeated", group] == (
                figures[year, "outcomes_declared", group] - figures[year, "career_outcomes", group]
            )

    @given(histories(), policies)
    def test_all_is_any_category_and_no_category_and_undeclared(self, history, policy):
        policy = parsed(policy)
        figures = figures_of(history, policy).cells

        for year in {year for year, _, _ in figures}:
            for measure in COUNTS:
                parts = ("any_category", "no_category", "undeclared")
                whole = figures[year, measure, "all"]
                assert whole == sum(figures[year, measure, part] for part in parts)
            for measure in ("career_outcomes", "outcomes_declared", "outcomes_repeated"):
                for split in ("kind:", "population:", "month:"):
                    assert figures[year, measure, "all"] == sum(
                        count
                        for (counted_year, name, group), count in figures.items()
                        if counted_year == year and name == measure and group.startswith(split)
                    )
            assert figures[year, "students_enrolled", "all"] == sum(
                figures[year, "students_enrolled", f"funding:{group}"]
                for group in policy.funding_groups
            )

    @given(histories(), policies)
    def test_what_is_recorded_when_moves_no_figure(self, history, policy):
        early = [NewRecord(event.key, event.value, 0) for event in map(new_record, history)]
        late = [NewRecord(event.key, event.value, NOON) for event in map(new_record, history)]
        with log_with([early]) as log, log_with([late]) as other:
            expected = reports_of(log, parsed(policy), YEARS)
            reports = reports_of(other, parsed(policy), YEARS)

        digests = [report.digest for report in expected.values()]
        assert digests == [report.digest for report in reports.values()]
