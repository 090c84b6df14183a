"""Plain English: words that a reader would have to translate are refused, with what to say instead.

The contract, `docs/SPEC.md`, keeps its words; so do copies of what was agreed elsewhere, files that
older versions have written, and the entries of the changelog for versions that are out.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.repository import ROOT, repository_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = {
    r"\bmend(?:s|ed|ing)?\b": "fix, repair",
    r"\banew\b": "again; rebuild, recreate",
    r"\btold\b(?! apart)": "said, reported, logged; a name: message, output, events",
    r"\bupto\b": "end",
    r"\bnarrat(?:es?|ed|ion|or|ing)\b": "log, diagnostics, messages",
    r"\bheed(?:s|ed)?\b": "raise_if_cancelled",
    r"\b_leap\b": "catch_up_burst",
    r"\btake[sn]?_up\b": "on_assigned",
    r"\bstand[-_]ins?\b": "hash128, placeholder",
    r"\bstands? (?:twice|there|wherever)\b": "is repeated, is listed, appears",
    r"\blies? (?:there|against)\b|\blie in the wrong\b": "is in",
    r"\bparted by\b": "separated by",
    r"(?<!-)\bhanging\b": "dependents",
    r"(?<!from )\bscratch\b": "temporary folder",
    r"\boverheard\b": "last_logged_error",
    r"\bsettle[sd]?\b(?!_load)": "resolve",
    r"\b(?:keep|find)_typed\b|\breplay_kept\b|\bkept\.py\b|\bkeeping\.py\b": "columns/cache, build",
    r"\b(?:Kept|Found|Told|Settled|Replayed|Verdict|StatedFinding|LineFault)\b(?= ?[\[(:|.])": (
        "BuildResult, ColumnFile, Resolution, FiguresAtCut, Disposition, Finding"
    ),
    r"(?<![_\w])signed\(|\barchive\.signed\b": "self_digest",
    r"\bdie\(": "abort_process",
    r"\bmade[- ]up\b(?! school)|\bmakes up\b|\bmaking up\b": "synthetic; generates",
    r"\backnowledges no more\b": "stopped acknowledging",
    r"\bis the broker well\b": "is the broker healthy",
    r"\d to look at\b": "warnings",
    r"\bstudent's way\b": "student's journey",
    r"\bwhole time\b": "observation period",
    r"\bfolded to\b": "processed to",
    r"\bBehind the log\b": "Lag",
    r"\bPrint anew\b": "Refresh",
    r"\bWho can write\b": "Anyone who can write",
    r"\b[Hh]urt(?:s|ing)?\b": "fault injection; stop, kill, crash",
    r"\bmoves no figure\b": "changes no figure",
    r"\bvisits? upon\b|\bthereof\b|\bwherefrom\b": "plain words",
    r"(?<![\w`.])[Ee]nrollment\b(?!_id|[`.'_])": "enrolment, but for `enrollment_id` of the wire",
}
NAMES = {
    "one": "what it is: record, event, student, partition",
    "ones": "what they are",
    "found": "result, matches, faults",
    "told": "message, output, events",
    "upto": "end",
    "at": "position, moment, offset",
    "by": "key, engine",
    "of": "year, subject",
    "asked": "request, query",
    "said": "message, output",
    "gone": "missing, deleted",
}
"""Pronouns, prepositions and bare participles, which name nothing."""

KEEP_THEIR_WORDS = ("docs/SPEC.md", "tests/cases/", "tests/data/", "LICENSE", "docs/pictures/")
THIS = "tests/repository/test_wording.py"


def unreleased(changelog: str) -> str:
    """The entries of the version that is not out yet, without the names that it lists as old."""
    entries = changelog.partition("\n## [Unreleased]")[2].partition("\n## [")[0]
    return re.sub(r"`[^`]*` →", "→", entries)


def texts() -> Iterator[tuple[str, str]]:
    """What is written here and now: code, messages, documents, tests."""
    for name, text in repository_texts():
        if name == "CHANGELOG.md":
            yield name, unreleased(text)
        elif name != THIS and not name.startswith(KEEP_THEIR_WORDS):
            yield name, text


def banned_words(text: str) -> Iterator[str]:
    """Each banned word of a text, by its line, with what to say instead."""
    for pattern, replacement in WORDS.items():
        for match in re.finditer(pattern, text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{line}: {match[0]!r}, say {replacement}"


def banned_names(source: str) -> Iterator[str]:
    """Each name that a Python source gives to something, and that names nothing."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        else:
            continue
        plain = name.strip("_").lower()
        if plain in NAMES:
            yield f"{node.lineno}: `{name}`, name {NAMES[plain]}"


class TestWords:
    def test_no_text_needs_a_translation(self):
        found_in = {name: list(banned_words(text)) for name, text in texts()}
        assert {name: words for name, words in found_in.items() if words} == {}

    @pytest.mark.parametrize(
        "planted",
        [
            "lines at fault: 2; mend them",
            "the file is made anew",
            "upto = log.end()",
            "standard error carries the narration",
            "a member stands twice",
            "1 line, 0 to look at",
            "every event of a student's way",
            "class Kept(NamedTuple):",
            "from ledger.log.archive.signed import signed",
            "an enrollment in force",
            "make soak: hurt workers",
        ],
    )
    def test_a_banned_word_is_seen_with_its_line_and_what_to_say(self, planted):
        (first, *_) = banned_words(f"\n{planted}\n")
        assert re.match(r"2: .+, say .+", first)

    @pytest.mark.parametrize(
        "planted",
        [
            "two kinds that nobody has told apart",
            "an enrolment named by its `enrollment_id`",
            '"type": "ledger.enrollment.rescheduled.v1"',
            "recommend the amendment",
            "kafka-transactions.sh find-hanging",
        ],
    )
    def test_a_plain_word_is_accepted(self, planted):
        assert list(banned_words(planted)) == []

    def test_only_what_is_not_released_counts_in_the_changelog(self):
        changelog = "# Changelog\n\n## [Unreleased]\n\n- new\n\n## [0.1.0]\n\n- made anew\n"
        assert list(banned_words(unreleased(changelog))) == []
        assert list(banned_words(unreleased(changelog.replace("new\n\n", "anew\n\n"))))


class TestNames:
    def test_every_name_says_what_it_names(self):
        named = {name: list(banned_names(text)) for name, text in texts() if name.endswith(".py")}
        assert {name: places for name, places in named.items() if places} == {}

    @pytest.mark.parametrize(
        "planted",
        [
            "found = 1",
            "def f(by): ...",
            "[one for one in range(3)]",
            "class Told: ...",
            "for _, upto in (): ...",
            "with open('x') as asked: ...",
        ],
    )
    def test_a_name_that_names_nothing_is_seen(self, planted):
        assert len(list(banned_names(planted))) == 1

    def test_a_name_of_somebody_else_is_not_ours_to_change(self):
        assert list(banned_names("import re\nre.match(at=1)\nx.found\nfrom a import by")) == []


def test_all_kinds_of_texts_are_read():
    names = {name for name, _ in texts()}
    assert {"README.md", "Makefile", "ledger/log/port.py", "docs/cli.md"} <= names
    assert {"ledger/replay/sql/facts.sql", ".github/workflows/ci.yml"} <= names
    assert not {"docs/SPEC.md", "LICENSE"} & names
    assert (ROOT / THIS).is_file()
