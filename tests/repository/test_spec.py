"""The contract lies in the repository, and every reference to it leads to a paragraph of it.

A reference has one form, `SPEC section N` or `SPEC section N, Name`, and stands on one line. It
leads to the anchor `section-N` or `section-N-name` of `docs/SPEC.md`, where the name is in lower
case, with a hyphen for whatever is neither a letter, a digit nor an underscore.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.repository import ROOT, repository_texts

SPEC = "docs/SPEC.md"
# What several programs agree on; a checkout has it beside itself only where it was agreed.
AGREED = ROOT.parent / "shared"
ANCHOR = re.compile(r'<a id="([a-z0-9_-]+)"></a>')
MENTION = re.compile(r"\bSPEC\b(?!\.md)")
REFERENCE = re.compile(r"SPEC section ([1-9])(?:,(?: (`[^`\n]+`|[A-Za-z][\w. -]*\w))?)?")
BARE_SECTION = re.compile(r"(?<!SPEC )\bsections? [1-9]\b|§")


def anchors(markdown: str) -> list[str]:
    return ANCHOR.findall(markdown)


def anchor_of(reference: re.Match[str]) -> str | None:
    """The anchor that a reference leads to; None where its name is missing."""
    section, name = reference.groups()
    if name is None:
        return None if reference[0].endswith(",") else f"section-{section}"
    slug = re.sub(r"[^a-z0-9_]+", "-", name.strip("`").lower())
    return f"section-{section}-{slug}"


def dangling(text: str, known: set[str]) -> list[str]:
    """The mentions of the contract that lead nowhere, each as it is written."""
    lost = [text[match.start() : match.start() + 40] for match in BARE_SECTION.finditer(text)]
    for mention in MENTION.finditer(text):
        reference = REFERENCE.match(text, mention.start())
        if reference is None or anchor_of(reference) not in known:
            lost.append(text[mention.start() : mention.start() + 40])
    return lost


def referring_texts() -> dict[str, str]:
    """Everything that may cite the contract: code, tests, SQL, documents, the verifier."""
    apart = {SPEC, "tests/repository/test_spec.py"}
    endings = (".py", ".sql", ".md", ".toml", ".yml", ".java", "Makefile")
    return {
        name: text
        for name, text in repository_texts()
        if name.endswith(endings) and name not in apart
    }


class TestContract:
    TEXT = (ROOT / SPEC).read_text(encoding="utf-8")

    @pytest.mark.skipif(not AGREED.is_dir(), reason="nothing agreed lies beside the checkout")
    def test_without_its_anchors_it_is_the_agreed_text_to_the_byte(self):
        assert ANCHOR.sub("", self.TEXT) == (AGREED / "SPEC.md").read_text(encoding="utf-8")

    def test_every_anchor_has_a_name_of_its_own(self):
        assert sorted(set(anchors(self.TEXT))) == sorted(anchors(self.TEXT))

    def test_every_anchor_lies_in_the_section_that_it_names(self):
        sections = re.split(r"^## ", self.TEXT, flags=re.MULTILINE)[1:]
        for number, section in enumerate(sections, 1):
            assert {name[: len("section-N")] for name in anchors(section)} == {f"section-{number}"}

    def test_every_reference_leads_to_an_anchor(self):
        known = set(anchors(self.TEXT))
        lost = {name: dangling(text, known) for name, text in referring_texts().items()}
        assert {name: references for name, references in lost.items() if references} == {}

    def test_code_tests_sql_documents_and_the_verifier_are_all_looked_at(self):
        assert {
            "README.md",
            "docs/events.md",
            "ledger/replay/sql/placement.sql",
            "projections/history.py",
            "tests/scenarios/test_cases.py",
            "verifier/ledger_verify.py",
        } <= set(referring_texts())


class TestReference:
    KNOWN = frozenset({"section-4", "section-4-career-outcomes", "section-5-log-name"})

    @pytest.mark.parametrize(
        "text",
        [
            "the rates (SPEC section 4).",
            "Source: SPEC section 4, Career outcomes.",
            "SPEC section 4, career outcomes: the walk",
            "SPEC section 5, `log.name`).",
            "[the contract](docs/SPEC.md)",
            "a section of its own",
        ],
    )
    def test_one_that_leads_somewhere_is_accepted(self, text: str):
        assert dangling(text, set(self.KNOWN)) == []

    @pytest.mark.parametrize(
        "text",
        [
            "SPEC section 9",
            "SPEC section 4, Careers.",
            "SPEC section 4, Career outcomes and more",
            "SPEC section 4,\n# Career outcomes",
            "SPEC 4, Career outcomes",
            "the SPEC says so",
            "see section 4",
            "see §4",
        ],
    )
    def test_a_dangling_one_is_named(self, text: str):
        assert len(dangling(text, set(self.KNOWN))) == 1


class TestCopies:
    """What several programs agree on is in the checkout, so that a clone stands alone."""

    @pytest.mark.skipif(not AGREED.is_dir(), reason="nothing agreed lies beside the checkout")
    @pytest.mark.parametrize("folder", ["cases", "vectors"])
    def test_the_cases_and_vectors_are_the_agreed_ones_byte_for_byte(self, folder: str):
        agreed, here = (
            {path.name: path.read_bytes() for path in place.glob("*.json")}
            for place in (AGREED / folder, ROOT / "tests" / folder)
        )
        # What is shown was worked out here.
        assert sorted(here.keys() - {"disclosure.json"}) == sorted(agreed)
        assert [name for name in agreed if here[name] != agreed[name]] == []

    def test_no_other_test_reads_outside_the_checkout(self):
        results = {
            name: outside_the_checkout(name, text)
            for name, text in repository_texts()
            if name.startswith("tests/") and name != "tests/repository/test_spec.py"
        }
        assert {name: places for name, places in results.items() if places} == {}

    @pytest.mark.parametrize(
        ("text", "count"),
        [
            ("ROOT.parent / 'shared'", 1),
            ("Path(__file__).parents[3]", 1),
            ("Path(__file__).parents[2]", 0),
            ("open('../shared/SPEC.md')", 1),
            ("path.parent", 0),
        ],
    )
    def test_a_path_that_leads_outside_is_seen(self, text: str, count: int):
        assert len(outside_the_checkout("tests/repository/test_x.py", text)) == count


def outside_the_checkout(name: str, text: str) -> list[str]:
    """The expressions of a test file that lead out of the checkout."""
    above = [
        match[0]
        for match in re.finditer(r"\.parents\[([0-9]+)\]", text)
        if int(match[1]) >= len(Path(name).parts)
    ]
    return above + re.findall(r"\b(?:ROOT|REPOSITORY)\.parent\b|\.\./shared", text)
