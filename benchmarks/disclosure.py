"""How long it takes to say what may be shown of a report, and how much is left; see README.md.

Reports of synthetic schools of several sizes, each under both profiles that hide something. With
files, those reports instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from ledger.disclosure.disclose import Disclosure, judge
from ledger.disclosure.forms import Forms
from ledger.disclosure.profile import built_in_profiles
from ledger.log import NewRecord, open_log
from ledger.report import Report, ReportQuery, decode_reports, make_reports
from ledger.report.document import complete_report
from outcomes.synthetic import generate
from projections.policy import DEFAULT_POLICY, built_in_policies

SEED, YEARS = 2022, (2021, 2022, 2023)
SECONDS_WANTED = 2.0
SIZES = (40, 200, 1_000, 5_000, 20_000)
POLICY = built_in_policies()[DEFAULT_POLICY]


def main() -> None:
    """Judge every report under both profiles, and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="reports instead of synthetic schools")
    parser.add_argument("--students", type=int, action="append", help="repeatable")
    request = parser.parse_args()
    reports = _read(request.files) if request.files else _made(request.students or SIZES)
    names = ("profile", "counts shown", "in danger", "hidden", "rates", "CPU s")
    print(f"| report | {' | '.join(names)} |")
    print(f"|---|---|{'---:|' * (len(names) - 1)}")
    slowest = 0.0
    for name, report in reports:
        for profile in ("round-5", "threshold-5"):
            began = process_time()
            judged = judge(report, POLICY, built_in_profiles()[profile])
            seconds = process_time() - began
            slowest = max(slowest, seconds)
            print(f"| {name} | {profile} | {' | '.join(_cells(judged))} | {seconds:.2f} |")
    verdict = "reached" if slowest <= SECONDS_WANTED else "missed"
    print(f"\nat most {SECONDS_WANTED:.0f} s for any report: {verdict}, {slowest:.2f} s")


def _cells(judged: Disclosure) -> tuple[str, ...]:
    hidden = judged.hidden
    shown = sum(form is not None for form in hidden.forms.counts.values())
    rates = f"{_rates(judged.first)} → {_rates(hidden.forms)}"
    counts = f"{shown} of {len(hidden.forms.counts)}"
    return counts, str(len(hidden.in_danger)), str(len(hidden.steps)), rates


def _rates(forms: Forms) -> int:
    return sum(tenths is not None for tenths in forms.rates.values())


def _read(files: Sequence[Path]) -> Iterator[tuple[str, Report]]:
    for path in files:
        for name, outline in decode_reports(path.read_bytes(), path.name).items():
            yield name, complete_report(outline, name)


def _made(sizes: Sequence[int]) -> Iterator[tuple[str, Report]]:
    for students in sizes:
        with (
            TemporaryDirectory() as folder,
            closing(open_log(f"sqlite:{folder}/school.db", create=True)) as log,
        ):
            log.append(
                NewRecord(record.key, record.value, record.recorded_at)
                for record in generate(students, SEED)
            )
            for report in make_reports(log, ReportQuery(YEARS, [POLICY])):
                yield f"{students:,} students, {report.reference_year}", report


if __name__ == "__main__":
    main()
