"""One life in a log, and its report, for every test of reports."""

from __future__ import annotations

import pytest

from tests.support.histories import log_of, new_record, policy_of, reports_of, story

LIFE = """
    applied a1 2022-01-10 categories=refugee
    enrolled e1 2022-02-10 2022-12-01
    outcome 2021-12-31 internship
    graduated e1 2022-11-30
    answered 2022-12-20 employed job_found_on=2022-12-15
"""


@pytest.fixture
def log(tmp_path):
    with log_of(tmp_path, [new_record(event) for event in story(LIFE)], partitions=3) as log:
        yield log


@pytest.fixture
def report(log):
    return reports_of(log, policy_of(), [2022])[2022]
