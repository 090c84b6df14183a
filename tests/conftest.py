"""The broker for whoever asks for `kafka`, and hypothesis profiles.

Of the profiles `ci` gives the same examples every time, `soak` looks for new ones.

`mutants` is for tests that are to fail: it does not shrink what it finds.
"""

from __future__ import annotations

import os

from hypothesis import Phase, settings

pytest_plugins = ("tests.support.broker",)

settings.register_profile("ci", derandomize=True, max_examples=60, deadline=None)
settings.register_profile("soak", max_examples=5_000, deadline=None, print_blob=True)
settings.register_profile(
    "mutants",
    derandomize=True,
    max_examples=120,
    deadline=None,
    phases=[Phase.generate],
)
settings.load_profile(os.environ.get("OUTCOMES_HYPOTHESIS_PROFILE", "ci"))
