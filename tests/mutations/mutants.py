"""One-line changes of meaning in each engine; a test must fail for every one of them.

    make mutants                                  all of them, about twenty minutes
    .venv/bin/python -m tests.mutations.mutants NAME ...

Each is made in a copy of the tree, in which the tests that compare the engines are run. If they do
not notice a mutant, they would not notice a mistake of that kind either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_COPIED = (
    "outcomes",
    "processors",
    "ledger",
    "projections",
    "schemas",
    "tests",
    "verifier",
    "pyproject.toml",
)
_COLUMNAR = "tests/ledger/replay/test_sql_engine.py"
EQUALITY = (
    f"{_COLUMNAR}::TestBothEngines",
    f"{_COLUMNAR}::TestLimit",
    "tests/properties/test_columnar_equals_fold.py",
)
_ADMISSION = ("tests/ledger/columns/test_admission.py",)
_SECONDS_MAX = 900


class Mutant(NamedTuple):
    """One change.

    Attributes:
        name: The rule that the changed engine would follow.
        file: Relative to the root.
        original: A text that occurs once in the file.
        replacement: The text that replaces it.
        tests: Those that have to notice it.
    """

    name: str
    file: str
    original: str
    replacement: str
    tests: tuple[str, ...] = EQUALITY


def _sql(name, script, original, replacement):
    return Mutant(f"columnar: {name}", f"ledger/replay/sql/{script}.sql", original, replacement)


def _fold(name, module, original, replacement):
    family = ROOT / "projections" / "measures" / f"{module}.py"
    folder = "projections/measures" if family.exists() else "projections"
    return Mutant(f"fold: {name}", f"{folder}/{module}.py", original, replacement)


def _column(name, module, original, replacement):
    file = f"ledger/columns/{module}.py"
    return Mutant(f"column admission: {name}", file, original, replacement, _ADMISSION)


MUTANTS = (
    _sql("every copy is a duplicate", "records", "arg_min(digest", "arg_max(digest"),
    _sql("a thousand and one events", "records",
         "order by first_offset) > 1000", "order by first_offset) > 1001"),
    _sql("a retraction can be retracted", "records", "then 'void'", "then 'in_force'"),
    _sql(
        "a retraction names itself", "records",
        "named_event.identity = retracting_event.retracts_identity",
        "named_event.identity = retracting_event.identity",
    ),
    _sql("repeats are facts", "facts",
         "min(log_offset) as first_offset", "max(log_offset) as first_offset"),
    _sql("the latest graduation counts", "facts", "min(on_date) filter", "max(on_date) filter"),
    _sql("the last record sets the expected date", "facts",
         "(on_date, log_offset))", "(log_offset, on_date))"),
    _sql("of outcomes of one moment the id decides", "facts",
         "order by source, id", "order by id, source"),
    _sql("the first of a day's declarations", "memberships",
         "order by since, log_offset)", "order by since, -log_offset)"),
    _sql("an anniversary is too early", "career_outcomes",
         ">= anchor.on_date +", "> anchor.on_date +"),
    _sql("nanoseconds do not count", "career_outcomes",
         "time, time_nanos, order_in_moment", "time, order_in_moment"),
    _sql("a student from the second day", "career_outcomes",
         "first_enrolment.on_date <= candidate", "first_enrolment.on_date < candidate"),
    _sql("the year's last application", "orientation", "min(applied_on)", "max(applied_on)"),
    _sql("funding of the last that day", "enrolment",
         "(enrolled_on, log_offset)", "(enrolled_on, -log_offset)"),
    _sql("leaving on the deadline is too late", "graduation",
         "withdrawal.withdrew_on <= dated", "withdrawal.withdrew_on < dated"),
    _sql("graduating on the day of leaving is too late", "graduation",
         "graduated_on > withdrawal", "graduated_on >= withdrawal"),
    _sql("an answer on the day is too early", "placement",
         "answer.answered_on >= graduate.on_date", "answer.answered_on > graduate.on_date"),
    _sql("the first of a day's answers", "placement", "log_offset desc", "log_offset"),
    _sql("a declaration from the next day on", "figures",
         "contribution.on_date >= membership.since", "contribution.on_date > membership.since"),
    _sql("the wanted years but for the first", "figures",
         "getvariable('years'), year)", "getvariable('years')[2:], year)"),
    _sql("the second of a day's candidates counts", "career_outcomes", ") > 1;", ") <> 2;"),
    _sql("whoever is placed has not answered", "figures",
         "('placed', ['respondents', 'graduates'])", "('placed', ['graduates'])"),
    _fold("every copy is a duplicate", "history",
          "if first.content == event.content", "if first.content"),
    _fold("a thousand and one events", "history", "EVENTS_MAX = 1_000", "EVENTS_MAX = 1_001"),
    _fold("void is pending", "history", "void.append(event)", "pending.append(event)"),
    _fold("repeats are facts", "history",
          "repeats.append(event)", "facts.append(event)"),
    _fold("a declaration from the next day on", "facts",
          "declaration[0] > day:", "declaration[0] >= day:"),
    _fold("the latest graduation counts", "facts",
          "fact.graduated_on < known", "fact.graduated_on > known"),
    _fold("a student from the second day", "facts",
          "enrolment.enrolled_on <= day", "enrolment.enrolled_on < day"),
    _fold("an anniversary is too early", "career_outcomes",
          "return day >= months_after", "return day > months_after"),
    _fold("two in a calendar year", "career_outcomes",
          "day.year > anchor.year", "day.year >= anchor.year"),
    _fold("the last that day", "enrolment",
          "enrolment.enrolled_on < first", "enrolment.enrolled_on <= first"),
    _fold("the last day is too late", "orientation",
          "enrolment.enrolled_on <= last", "enrolment.enrolled_on < last"),
    _fold("the first of a day's decisions", "graduation",
          "decided_on >= latest.decided_on", "decided_on > latest.decided_on"),
    _fold("leaving on the deadline is too late", "graduation",
          "withdrew_on <= deadline(", "withdrew_on < deadline("),
    _fold("an answer on the day is too early", "placement",
          "answer.answered_on >= reference", "answer.answered_on > reference"),
    _fold("found on the last day is too late", "placement",
          "found_on <= last", "found_on < last"),
    _fold("the first of a day's answers", "placement",
          "answered_on >= _answer_of", "answered_on > _answer_of"),
    _column("a control character in a text", "json_pattern",
            r'(?:[^"\\\x00-\x1f]|', r'(?:[^"\\]|'),
    _column("a surrogate alone", "json_pattern",
            'f"[dD][0-7]{_HEX}{{2}}"', 'f"[dD]{_HEX}{{3}}"'),
    _column("no media type", "json_pattern", '"(?:[A-Za-ce-z0-9_]', '"(?:[A-Za-z0-9_]'),
    _column("a text is a boolean", "json_pattern",
            'return "true|false"', 'return f"true|false|{self._text}"'),
    _column("a number is a text", "json_pattern",
            "return self._some_text if", 'return self._some_text + "|[0-9]" if'),
    _column("a text may be empty", "json_pattern", 'self._string("+")', 'self._string("*")'),
    _column("any choice", "json_pattern", 'if member.kind == "choice"', 'if member.kind == "none"'),
    _column("the choices of another type", "admission",
            "concat(type_number, {column}) in ({allowed})", "true"),
    _column("any length", "admission", "coalesce(strlen({text}) <= {TEXT_MAX}, true)", "true"),
    _column("a required member is missing", "admission",
            "there & {_REQUIRED} = {_REQUIRED}", "there & {_REQUIRED} > 0"),
    _column("members of another type", "admission", "there | {_ALLOWED} = {_ALLOWED}", "true"),
    _column("anybody's key", "admission", "    and subject = key\n", ""),
    _column("no id", "admission", "strlen(id) > 0", "strlen(id) >= 0"),
    _column("any version", "admission", "specversion = '1.0'", "specversion is not null"),
    _column("any media type", "admission",
            "datacontenttype = '{DEFAULT_MEDIA_TYPE}'", "datacontenttype <> ''"),
    _column("an attribute twice", "admission",
            "len(list_distinct(names)) = len(names)", "true"),
    _column("a member twice", "admission",
            "len(list_distinct(data_names)) = len(data_names)", "true"),
    _column("a null of another type", "admission",
            "and list_has_all({_by_type(map(_names, MEMBERS.values()))}, data_names)", ""),
    _column("any form of a date", "json_pattern",
            "(?:{_CENTURIES})[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}", "[-0-9]*"),
    _column("every text is compact", "admission", '"strlen(value) = "', '"strlen(value) >= "'),
    _column("dates of any century", "json_pattern", "(?:{_CENTURIES})", "[0-9]{{2}}"),
    _column("a category twice", "admission",
            "strlen(data.categories) = {_CATEGORY", "strlen(data.categories) >= {_CATEGORY"),
    _column("times of 1900", "admission", "190[1-9]|19[1-9][0-9]", "19[0-9]{2}"),
    _column("a byte too many", "admission",
            'f"strlen(value) <= {VALUE_BYTES_MAX}"', 'f"strlen(value) <= {VALUE_BYTES_MAX + 1}"'),
    _column("nanoseconds from the right", "admission", "then rpad(", "then lpad("),
    _column("null is absent", "admission", "array_to_string(list_sort(data_names), ',')", "''"),
    _column("any partition", "keys",
            "where partition = (murmur2", "where partition >= 0 * (murmur2"),
)  # fmt: skip


def is_noticed(mutant: Mutant, folder: Path) -> bool:
    """Whether the tests that compare the engines fail in a copy of the tree with the change."""
    for name in _COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    file = folder / mutant.file
    text = file.read_text(encoding="utf-8")
    assert text.count(mutant.original) == 1, mutant
    file.write_text(text.replace(mutant.original, mutant.replacement), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "OUTCOMES_TEST_HYPOTHESIS_PROFILE": "mutants",
        },
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
    # 1 is a failed test; anything else is a tree that does not run at all.
    assert done.returncode in (0, 1), done.stdout
    return done.returncode == 1


def main(names: list[str]) -> int:
    """Try the named mutants, or all; 1 if one goes unnoticed."""
    unnoticed = 0
    for mutant in MUTANTS:
        if names and mutant.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            noticed = is_noticed(mutant, Path(folder))
        unnoticed += not noticed
        sys.stdout.write(f"{'noticed' if noticed else 'NOT NOTICED'}  {mutant.name}\n")
        sys.stdout.flush()
    return min(unnoticed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
