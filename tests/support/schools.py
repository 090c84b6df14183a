"""Reports of random schools, whose counts are those of students: every relation holds."""

from __future__ import annotations

from random import Random

from ledger.replay.figures_at_cut import FiguresAtCut
from ledger.report import build_report
from projections.figures import Figures, RecordCounts
from schemas.events import CATEGORIES, KINDS
from tests.support.histories import NOON, policy_of

YEAR = 2022
SHAPES = {
    # Students of each family, how many of them are alike at most, and the shares of those who are
    # in a category, and who reach what they could.
    "nobody": (0, 1, 0.2, 0.5),
    "one student": (1, 1, 0.5, 0.5),
    "sparse": (25, 1, 0.2, 0.5),
    "middling": (200, 1, 0.3, 0.5),
    "dense": (1_000, 1, 0.3, 0.5),
    "unsuccessful": (300, 1, 0.1, 0.04),
    "successful": (300, 1, 0.1, 0.97),
    "alike": (6, 30, 0.3, 0.5),
    "huge": (60, 100_000, 0.3, 0.5),
    "without categories": (120, 1, 0.0, 0.5),
}


def school_report(shape, seed=0, policy=None):
    """The report of a school of a shape; another seed gives another one."""
    policy, random = policy or policy_of(), Random(f"{shape} {seed}")
    size, alike, member, reached = SHAPES[shape]
    counts = Figures()
    for year in (YEAR, YEAR - 1):
        for _ in range(size):
            for measures, others in _shares(random, policy, reached):
                groups, weight = (*_groups(random, member), *others), random.randint(1, alike)
                counts.add([(year, measure, groups) for measure in measures], weight)
    return report_of(counts.cells, policy, records=size * 4)


def report_of(counts, policy=None, *, records=9, quarantined=()):
    """A report of these counts, the others 0.

    Args:
        counts: (year, measure, group) → count.
        policy: That of 2022 by default.
        records: How many events the log has.
        quarantined: Rule → how many records more fail it.
    """
    policy, figures = policy or policy_of(), Figures()
    figures.cells.update(counts)
    totals = RecordCounts(events=records)
    totals.quarantined.update(dict(quarantined))
    replayed = FiguresAtCut(
        cut={0: totals.records},
        records=totals,
        figures={policy.sha256: figures},
        latest_recorded_at=NOON,
    )
    return build_report(replayed, log_name="school", policy=policy, year=YEAR)


def _groups(random, member):
    chosen = [category for category in CATEGORIES if random.random() < member]
    if chosen:
        return ("all", *chosen, "any_category")
    return ("all", "undeclared" if random.random() < 0.2 else "no_category")


def _shares(random, policy, reached):
    """The measures that a student counts in, family by family, and the groups beside membership."""

    def reach(*measures):
        """The first measure, and each next one with some probability."""
        length = 1
        while length < len(measures) and random.random() < reached:
            length += 1
        return measures[:length]

    kinds = [kind for kind in KINDS if kind in policy.outcome_kinds]
    if kinds:
        counted = "career_outcomes" if random.random() < 0.8 else "outcomes_repeated"
        month = f"month:{random.randint(1, 12):02}"
        population = f"population:{random.choice(['student', 'learner'])}"
        yield ("outcomes_declared", counted), (f"kind:{random.choice(kinds)}", population, month)
    yield reach("applicants", "became_students"), ()
    yield ("students_enrolled",), (f"funding:{random.choice([*policy.funding_groups])}",)
    yield reach("expected_to_graduate", "graduated_as_expected"), ()
    places = {*policy.placement_statuses} - {"unknown"}
    yield reach("graduates", "respondents", *(("placed", "placed_in_field") if places else ())), ()
