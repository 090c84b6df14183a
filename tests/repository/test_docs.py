"""The documents name everything that is there, and nothing that is not."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import re
import shlex
import tomllib
from pathlib import Path

import jsonschema
import pytest
from typer.main import get_command

import projections.findings
from ledger import errors
from ledger.settings import Settings
from outcomes.cli.app import app
from outcomes.cli.examples import EXAMPLES, START
from projections.candidates import Reason
from projections.figures import RecordCounts
from projections.history import Disposition
from projections.policy import Policy, built_in_policies
from schemas.admission import Event, admit
from schemas.events import FACTS
from schemas.record import Record
from schemas.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MARKDOWN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
RECORDS_OF_DECISIONS = sorted((DOCS / "adr").glob("[0-9]*.md"))


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def prose(markdown: str) -> str:
    return re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def sections(markdown: str) -> dict[str, str]:
    """Text by heading of the second or third level, up to the next one."""
    parts = re.split(r"^##+ (.+)$", markdown, flags=re.MULTILINE)[1:]
    return {title.strip("`"): text for title, text in zip(parts[::2], parts[1::2], strict=True)}


def first_cells(section: str) -> list[str]:
    """The words in backticks that begin the rows of a section's tables."""
    return re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


def commands_of(example):
    """The words after `outcomes`, for each time that it is in a line of a shell."""
    parts = re.split(r"[|>]", example)
    words = [shlex.split(part) for part in parts]
    return [part[1:] for part in words if part[0] == "outcomes"]


def commands():
    """Every command with its options, as typer has it."""
    waiting = [("outcomes", get_command(app))]
    while waiting:
        name, command = waiting.pop()
        below = getattr(command, "commands", {})
        waiting += [(f"{name} {word}", item) for word, item in below.items()]
        if not below:
            yield name, command


COMMANDS = dict(commands())


class TestCommandLine:
    SECTIONS = sections(read("docs/cli.md"))
    OF_ALL = SECTIONS["What holds for every command"]
    SHOWN = tuple(sorted(COMMANDS.keys() & SECTIONS))

    def test_every_command_stands_there_and_every_one_there_exists(self):
        named = {title for title in self.SECTIONS if title.startswith("outcomes ")}
        assert named == set(COMMANDS)

    @pytest.mark.parametrize("name", SHOWN)
    def test_every_option_of_a_command_stands_there(self, name):
        shown = self.SECTIONS[name]
        options = {
            option
            for parameter in COMMANDS[name].params
            for option in parameter.opts
            if option.startswith("-")
        }
        assert {option for option in options if not re.search(rf"`{option}[ `]", shown)} == set()

    @pytest.mark.parametrize("name", SHOWN)
    def test_every_option_there_is_one_of_the_command(self, name):
        shown = first_cells(self.SECTIONS[name])
        known = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        assert {item.split()[0] for item in shown} <= known

    @pytest.mark.parametrize("name", SHOWN)
    def test_every_command_has_help_and_a_transcript(self, name):
        assert COMMANDS[name].help
        assert (
            f"```console\n$ {name}" in self.SECTIONS[name] or f"\n$ {name}" in self.SECTIONS[name]
        )

    @pytest.mark.parametrize("name", COMMANDS)
    def test_help_ends_with_examples_that_can_be_typed(self, name):
        assert EXAMPLES.get(name), f"outcomes/cli/examples.py has none of {name}"
        for example in EXAMPLES[name]:
            for words in commands_of(example):
                context = get_command(app).make_context("outcomes", words)
                while context._protected_args:
                    word, command, rest = context.command.resolve_command(
                        context, [*context._protected_args, *context.args]
                    )
                    context = command.make_context(word, rest, parent=context)
        assert name in EXAMPLES[name][0]

    @pytest.mark.parametrize("name", COMMANDS)
    def test_lists_of_commands_cut_no_summary_off(self, name):
        summary = COMMANDS[name].get_short_help_str(limit=10_000)
        assert summary == COMMANDS[name].get_short_help_str()

    @pytest.mark.parametrize("name", COMMANDS)
    def test_help_shows_no_types_of_python(self, name):
        words = name.split()
        command = COMMANDS[name]
        help_text = command.get_help(command.context_class(command, info_name=words[-1]))
        assert not re.search("<[a-z]", help_text.partition("Examples:")[0])

    def test_every_option_of_the_command_itself_stands_there(self):
        options = {opt for parameter in get_command(app).params for opt in parameter.opts}
        assert {option for option in options if f"`{option}" not in self.OF_ALL} == set()

    def test_every_setting_stands_there(self):
        named = set(re.findall(r"^\| `OUTCOMES_(\w+)`", self.OF_ALL, re.MULTILINE))
        assert named == {name.upper() for name in Settings.model_fields}

    def test_the_variables_that_help_names_are_settings(self):
        named = set(re.findall(r"OUTCOMES_(\w+)", START))
        for command in COMMANDS.values():
            for parameter in command.params:
                named |= set(re.findall(r"OUTCOMES_(\w+)", getattr(parameter, "help", None) or ""))
        assert {"LOG", "POLICY", "STATE", "LOG_FORMAT", "LIVE_POLICIES"} <= named
        assert named <= {name.upper() for name in Settings.model_fields}

    def test_every_exit_code_of_an_error_stands_there(self):
        codes = {
            member.exit_code
            for member in vars(errors).values()
            if inspect.isclass(member) and issubclass(member, errors.LedgerError)
        }
        shown = set(map(int, re.findall(r"^\| ([0-9]+) \|", self.OF_ALL, re.MULTILINE)))
        assert codes | {0, 1, 70, 130} == shown


def examples() -> dict[str, dict]:
    matches = re.findall(r"^```json\n(.*?)^```$", read("docs/events.md"), re.MULTILINE | re.DOTALL)
    return {match["type"]: match for match in map(json.loads, matches)}


class TestEvents:
    TEXT = read("docs/events.md")
    SECTIONS = sections(TEXT)

    def test_every_type_has_one_example(self):
        assert list(examples()) == list(FACTS)
        assert self.TEXT.count("```json") == len(FACTS)

    @pytest.mark.parametrize("event_type", FACTS)
    def test_an_example_is_admitted(self, event_type):
        item = examples()[event_type]
        record = Record(0, 0, 0, item["subject"].encode(), json.dumps(item).encode())
        assert isinstance(admit(record, 1), Event)

    @pytest.mark.parametrize("event_type", FACTS)
    def test_an_example_meets_its_schema(self, event_type):
        schema = json.loads(read(f"schemas/{event_type}.json"))
        jsonschema.Draft202012Validator(schema).validate(examples()[event_type])

    @pytest.mark.parametrize("event_type", FACTS)
    def test_every_member_is_named_with_whether_it_may_be_absent(self, event_type):
        members = re.search(
            r"Members: (.*?)(?:\n\n|$)", self.SECTIONS[event_type], re.DOTALL
        ).group(1)
        for name, field in FACTS[event_type].model_fields.items():
            assert f"`{name}{'' if field.is_required() else '?'}`" in members

    @pytest.mark.parametrize("event_type", FACTS)
    def test_every_word_of_a_member_is_named(self, event_type):
        schema = json.loads(read(f"schemas/{event_type}.json"))
        words = re.findall(r'"enum": \[(.*?)\]', json.dumps(schema["properties"]["data"]))
        for word in re.findall(r'"(\w+)"', ",".join(words)):
            assert f"`{word}`" in self.TEXT

    def test_the_rules_stand_there_in_their_order(self):
        expected = [*(rule.__name__ for rule in RULES), Disposition.OVER_LIMIT.value]
        assert first_cells(self.SECTIONS["Which records are events"]) == expected

    def test_every_finding_that_the_code_looks_for_stands_there(self):
        source = inspect.getsource(projections.findings)
        named = first_cells(self.SECTIONS["Findings"])
        assert set(re.findall(r'"(\w+_must_\w+)"', source)) <= set(named)
        assert len(named) == len(set(named)) == 15


class TestPolicies:
    SECTIONS = sections(read("docs/policies.md"))

    def test_every_parameter_stands_there_once(self):
        fields = [field.alias or name for name, field in Policy.model_fields.items()]
        assert first_cells(self.SECTIONS["The parameters"]) == fields

    def test_every_built_in_policy_has_a_column(self):
        heads = re.search(r"^\| parameter .*$", self.SECTIONS["The parameters"], re.MULTILINE)
        assert re.findall(r"`([^`]+)`", heads[0]) == list(built_in_policies())


class TestGlossary:
    WORDS = re.findall(r"^- \*\*(.+?)\*\*: [A-Z`]", read("docs/GLOSSARY.md"), re.MULTILINE)

    def test_every_word_has_one_meaning(self):
        assert sorted(set(self.WORDS)) == sorted(self.WORDS)
        assert len(self.WORDS) == read("docs/GLOSSARY.md").count("\n- ")

    def test_every_counter_of_a_report_is_explained(self):
        counters = {field.name for field in dataclasses.fields(RecordCounts)}
        assert {name for name in counters if not {name, name[:-1]} & set(self.WORDS)} == set()

    def test_every_reason_is_listed_in_the_order_in_which_it_is_asked(self):
        assert list(Reason) == first_cells(sections(read("docs/GLOSSARY.md"))["Reasons"])

    def test_every_attribute_of_a_record_is_explained(self):
        words = {*Record._fields, *Event._fields} - {"key", "value", "source", "id", "content"}
        assert words - set(self.WORDS) == set()


class TestDecisions:
    @pytest.mark.parametrize("path", RECORDS_OF_DECISIONS, ids=ids)
    def test_a_record_has_its_shape(self, path):
        text = path.read_text(encoding="utf-8")
        assert re.match(rf"# {int(path.name[:4])}\. .+\n\nDate: \d{{4}}-\d\d-\d\d\n", text)
        assert list(sections(text)) == ["Status", "Context", "Decision", "Consequences"]

    def test_the_index_lists_every_record_in_order(self):
        listed = re.findall(
            r"^\| \[[0-9]{4}\]\((.+?)\) \|", read("docs/adr/README.md"), re.MULTILINE
        )
        assert listed == [path.name for path in RECORDS_OF_DECISIONS]
        assert [int(name[:4]) for name in listed] == list(range(1, len(listed) + 1))


class TestArchitecture:
    TEXT = read("docs/ARCHITECTURE.md")
    SECTIONS = sections(TEXT)

    def test_the_storeys_are_those_of_the_contract(self):
        contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
        storeys = next(contract["layers"] for contract in contracts if contract["id"] == "storeys")
        assert first_cells(self.SECTIONS["Five storeys"]) == storeys

    @pytest.mark.parametrize(
        "title", ["The path of an event", "The path of a report", "The path of a live figure"]
    )
    def test_a_path_has_at_most_eight_hops_each_with_the_name_of_its_code(self, title):
        hops = re.findall(r"^\d+\. (.+)$", self.SECTIONS[title], re.MULTILINE)
        assert 4 <= len(hops) <= 8
        names = [re.match(r"`([\w.]+)`", hop) for hop in hops]
        assert [hop for hop, name in zip(hops, names, strict=True) if not name] == []
        assert [name[1] for name in names if not is_there(name[1])] == []

    def test_every_test_that_it_names_is_there(self):
        named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", self.TEXT)
        assert named
        for path, name in named:
            assert not name or f"class {name}" in read(path), f"{path} has no {name}"
            assert (ROOT / path).is_file()


class TestRunbook:
    SECTION = sections(read("docs/runbook.md"))["What each alarm means"]
    SOURCES = "".join(
        path.read_text(encoding="utf-8")
        for package in ("outcomes", "processors", "ledger")
        for path in (ROOT / package).rglob("*.py")
    )
    NEVER_ALARMS = frozenset({"software", "zone data", "policy"})
    OF_COMMANDS = frozenset({"command.failed", "line.at_fault"})
    """What commands say in their one line; the exit codes cover it."""

    def test_every_check_of_the_doctor_is_explained(self):
        checks = set(re.findall(r'Check\(\s*"([a-z_ ]+)"', self.SOURCES)) - self.NEVER_ALARMS
        assert len(checks) > 8
        assert {name for name in checks if f"| `{name}` " not in self.SECTION} == set()

    def test_every_warning_that_is_logged_is_explained(self):
        logged = re.findall(r'logger\(\)\.(?:warning|error)\(\s*"([a-z_.]+)"', self.SOURCES)
        events = set(logged) - self.OF_COMMANDS
        assert len(events) >= 4
        assert {name for name in events if f"`{name}`" not in self.SECTION} == set()

    def test_every_exit_code_that_asks_for_something_is_explained(self):
        codes = re.findall(r"^\| ([0-9]+) ", self.SECTION, re.MULTILINE)
        assert codes == ["1", "65", "69", "70", "78"]


class TestNames:
    @pytest.mark.parametrize("path", MARKDOWN, ids=ids)
    def test_every_name_in_backticks_is_there(self, path):
        pattern = r"`((?:outcomes|processors|ledger|schemas|projections)(?:\.\w+)+)`"
        named = set(re.findall(pattern, path.read_text(encoding="utf-8"))) - set(FACTS)
        assert [name for name in sorted(named) if not is_there(name)] == []

    @pytest.mark.parametrize("path", MARKDOWN, ids=ids)
    def test_every_link_leads_somewhere(self, path):
        links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", prose(path.read_text(encoding="utf-8")))
        local = [(target, anchor) for target, anchor in links if not target.startswith("https://")]
        assert [link for link in local if not leads_somewhere(path, *link)] == []

    @pytest.mark.parametrize("path", MARKDOWN, ids=ids)
    def test_every_path_in_backticks_is_there(self, path):
        pattern = (
            r"`((?:docs|outcomes|processors|ledger|projections|schemas|tests|verifier)/[\w./-]*)`"
        )
        schemas = (
            "anchor",
            "archive",
            "diff",
            "disclosure",
            "findings",
            "leaves",
            "policy",
            "proof",
            "shown",
            "typed",
        )
        identifiers = {f"ledger/{name}/v1" for name in schemas}
        named = re.findall(pattern, path.read_text(encoding="utf-8"))
        assert [
            item for item in named if item not in identifiers and not (ROOT / item).exists()
        ] == []

    def test_a_link_that_leads_nowhere_is_seen(self):
        assert leads_somewhere(ROOT / "README.md", "docs/SPEC.md", "section-4-placement")
        assert leads_somewhere(ROOT / "README.md", "", "start")
        assert not leads_somewhere(ROOT / "README.md", "docs/SPEC.md", "section-4-places")
        assert not leads_somewhere(ROOT / "README.md", "docs/absent.md", "")

    def test_a_name_that_is_not_there_is_seen(self):
        assert is_there("schemas.admission.admit")
        assert is_there("ledger.log.sqlite.log.SqliteLog.append")
        assert not is_there("schemas.admission.refuse")
        assert not is_there("ledger.nowhere")


def leads_somewhere(path: Path, target: str, anchor: str) -> bool:
    """Whether a link of a document leads to a file, and to a heading or an anchor in it."""
    file = path.parent / target if target else path
    if not anchor or not file.is_file():
        return file.exists()
    markdown = file.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", markdown, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings}
    return anchor in slugs | set(re.findall(r'<a id="([^"]+)"></a>', markdown))


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something within one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            result = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            result = getattr(result, attribute, None)
        return result is not None
    return False


class TestChangelog:
    def test_every_version_says_what_a_replay_changes(self):
        versions = re.split(r"^## \[", read("CHANGELOG.md"), flags=re.MULTILINE)[1:]
        assert versions
        assert all("\n### Replay\n" in version for version in versions)
