"""Broker and browser for tests that ask for them, the order of files, profiles, ids of cases.

Of the profiles `ci` gives the same examples every time, `soak` looks for new ones, and `mutants` is
for tests that are expected to fail: it does not shrink a failure.
"""

from __future__ import annotations

import os
from datetime import date

import pytest
from hypothesis import Phase, settings

pytest_plugins = ("tests.support.broker", "tests.support.browser")

settings.register_profile("ci", derandomize=True, max_examples=40, deadline=None)
settings.register_profile("soak", max_examples=5_000, deadline=None, print_blob=True)
settings.register_profile(
    "mutants",
    derandomize=True,
    max_examples=120,
    deadline=None,
    phases=[Phase.generate],
)
settings.load_profile(os.environ.get("OUTCOMES_TEST_HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def configured_diagnostics():
    """Diagnostics that were configured before the test, so that it can capture them."""
    from ledger.diagnostics import logger

    logger()


_ID_LENGTH_MAX = 60


def pytest_make_parametrize_id(val):
    """A value that pytest would number goes by its beginning."""
    if isinstance(val, date):
        return str(val)
    if isinstance(val, set | frozenset):  # Their order differs from process to process.
        val = sorted(val, key=repr)
    if isinstance(val, bytes | list | tuple | dict):
        return repr(val)[:_ID_LENGTH_MAX]
    if isinstance(val, str) and len(val) > _ID_LENGTH_MAX:
        return " ".join(val.split())[:_ID_LENGTH_MAX]
    return None


LONGEST_FIRST = (
    "tests/processors/kafka/test_worker.py",
    "tests/ledger/log/kafka/test_log.py",
    "tests/faults/",
    "tests/repository/test_readme.py",
    "tests/processors/kafka/",
    "tests/emit/",
    "tests/deploy/",
    "tests/properties/",
    "tests/ledger/log/kafka/",
    "tests/processors/",
    "tests/repository/",
    "tests/e2e/",
)
"""Where files take long, longest first: several processes that begin with them end together."""


def pytest_collection_modifyitems(config, items):
    """Put the files that take longest first; the order within a file stays.

    One process alone keeps the order it was asked for: it is the quick tests that notice a mutant.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: position(item.nodeid))


def position(nodeid):
    """The place of a test's folder in the order; those that are not named come last."""
    matches = (place for place, name in enumerate(LONGEST_FIRST) if nodeid.startswith(name))
    return next(matches, len(LONGEST_FIRST))
