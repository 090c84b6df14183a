"""The long list of `test_hiding.py`: `make soak`, or `python -m tests.ledger.disclosure.soak`.

Every shape of school under both profiles that hide, by the ledger and by the oracle.
"""

from __future__ import annotations

import argparse
import sys
import time

from ledger.disclosure.disclose import judge
from ledger.disclosure.profile import built_in_profiles
from tests.support.disclosure_oracle import Oracle
from tests.support.histories import policy_of
from tests.support.schools import SHAPES, school_report

POLICIES = ("openclassrooms-2022", "openclassrooms-2023")


def is_same(shape, seed, policy, profile):
    """Whether the ledger hides what the oracle hides."""
    report = school_report(shape, seed, policy)
    hidden, oracle = judge(report, policy, profile).hidden, Oracle(report, policy, profile)
    is_all = oracle.hide()
    ours = (hidden.is_all, hidden.forms.counts, hidden.forms.rates)
    return ours == (is_all, oracle.counts, oracle.rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2, help="schools of each shape")
    request = parser.parse_args()
    differing, began, number = [], time.monotonic(), 0
    for seed in range(request.seeds):
        for shape in SHAPES:
            policy = policy_of(POLICIES[seed % 2])
            for name in ("threshold-5", "round-5"):
                number += 1
                if not is_same(shape, seed, policy, built_in_profiles()[name]):
                    differing.append((shape, seed, policy.id, name))
                    print(f"differs: {differing[-1]}")
    seconds = time.monotonic() - began
    print(f"{number} reports disclosed twice, {len(differing)} differ, {seconds:.0f} s")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
