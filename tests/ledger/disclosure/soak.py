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
    parser.add_argument("--begin", type=int, default=0, help="how many reports are left out")
    parser.add_argument("--minutes", type=float, default=90, help="no report begins after them")
    request = parser.parse_args()
    cases = [
        (shape, seed, POLICIES[seed % 2], name)
        for seed in range(request.seeds)
        for shape in SHAPES
        for name in ("threshold-5", "round-5")
    ]
    differing, began, tried = [], time.monotonic(), 0
    for number, (shape, seed, policy, name) in enumerate(cases[request.begin :], request.begin):
        if time.monotonic() - began > request.minutes * 60:
            break
        before = time.process_time()
        same = is_same(shape, seed, policy_of(policy), built_in_profiles()[name])
        tried += 1
        verdict, seconds = "same" if same else "DIFFERS", time.process_time() - before
        print(f"{number}: {shape} {seed}, {policy}, {name}: {verdict}, {seconds:.0f} CPU s")
        if not same:
            differing.append(number)
    rest = len(cases) - request.begin - tried
    later = f"; {rest} not tried, --begin {request.begin + tried}" if rest else ""
    print(f"{tried} of {len(cases)} reports disclosed twice, {len(differing)} differ{later}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
