"""Rules of the repository itself, each with a planted violation that its guard must see."""

from __future__ import annotations

import ast
import itertools
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.repository import ROOT, repository_texts

TOOLS = Path(sys.executable).parent
PYPROJECT_TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
TOOL = tomllib.loads(PYPROJECT_TEXT)["tool"]
PACKAGES = TOOL["importlinter"]["root_packages"]
CONTRACTS = {contract["id"]: contract for contract in TOOL["importlinter"]["contracts"]}
STOREYS = CONTRACTS["storeys"]["layers"]
VERIFIER = ROOT / "verifier" / "ledger_verify.py"
EVIDENCE_VERIFIER = ROOT / "verifier" / "ledger_evidence.py"

FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 400


def run(*command: str | Path, folder: Path = ROOT, stdin: str = "") -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=folder,
        input=stdin,
        env={**os.environ, "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def module_path(folder: Path, module: str) -> Path:
    """The file of a module that exists under *folder*, a package's being its `__init__.py`."""
    path = folder.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def modules_of(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def modules_in(package: str) -> list[str]:
    """The names of a package and of all modules in it."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in modules_of(package))
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


PURE_IMPORTS = frozenset(
    {
        "__future__",
        "calendar",
        "collections",
        "collections.abc",
        "dataclasses",
        "datetime",
        "difflib",
        "enum",
        "functools",
        "hashlib",
        "importlib",
        "importlib.resources",
        "itertools",
        "json",
        "math",
        "operator",
        "orjson",
        "pydantic",
        "pydantic_core",
        "re",
        "rfc8785",
        "struct",
        "typing",
        "tzdata",
        "zoneinfo",
    }
)
"""What schemas and projections may import: nothing that reads or changes the world."""


def impure(source: str) -> set[str]:
    """The imports and calls of a module through which a rule would touch the world."""
    result = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            result |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            result.add(node.module or ".")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            result |= {node.func.id} & {"open", "print", "input", "exec", "eval", "__import__"}
    ours = {name for name in result if name.partition(".")[0] in {"schemas", "projections"}}
    return result - ours - PURE_IMPORTS


class TestPurity:
    @pytest.mark.parametrize("package", CONTRACTS["purity"]["source_modules"])
    def test_rules_and_words_use_only_what_is_pure(self, package: str) -> None:
        results = {
            str(path.relative_to(ROOT)): impure(path.read_text(encoding="utf-8"))
            for path in modules_of(package)
        }
        assert {name: names for name, names in results.items() if names} == {}

    @pytest.mark.parametrize(
        ("planted", "seen"),
        [
            ("import pathlib", {"pathlib"}),
            ("def f():\n    from urllib import request", {"urllib"}),
            ("data = open('x').read()", {"open"}),
            ("from ledger.clock import now_ms", {"ledger.clock"}),
            ("from schemas.record import Record", set()),
        ],
    )
    def test_what_touches_the_world_is_seen(self, planted: str, seen: set[str]) -> None:
        assert impure(planted) == seen


class TestImportContracts:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        for package in PACKAGES:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
        shutil.copy(ROOT / "pyproject.toml", tmp_path)
        return tmp_path

    def plant(self, folder: Path, module: str, *imports: str) -> None:
        with module_path(folder, module).open("a", encoding="utf-8") as file:
            file.writelines(f"\nimport {name}\n" for name in imports)

    def lint(self, folder: Path, contract: str) -> tuple[int, str]:
        command = (TOOLS / "lint-imports", "--no-cache", "--no-logo", "--contract", contract)
        return run(*command, folder=folder)

    def keeps_apart(self, copy: Path, contract: str, module: str) -> None:
        """Every module that the contract forbids is refused in this one."""
        forbidden = CONTRACTS[contract]["forbidden_modules"]
        self.plant(copy, module, *forbidden)
        status, output = self.lint(copy, contract)
        assert status == 1, output
        refused = re.findall(rf"{module} is not allowed to import (\S+):", output)
        assert sorted(refused) == sorted(forbidden)

    @pytest.mark.parametrize("contract", CONTRACTS)
    def test_every_contract_holds(self, contract: str, copy: Path) -> None:
        status, output = self.lint(copy, contract)
        assert (status, "1 kept, 0 broken" in output) == (0, True), output

    def test_every_storey_is_kept_from_those_above_it(self, copy: Path) -> None:
        pairs = [(lower, upper) for index, lower in enumerate(STOREYS) for upper in STOREYS[:index]]
        for lower, upper in pairs:
            self.plant(copy, lower, upper)
        status, output = self.lint(copy, "storeys")
        assert status == 1, output
        refused = set(re.findall(r"(\S+) is not allowed to import (\S+):", output))
        assert set(pairs) <= refused

    def test_a_module_deep_in_a_storey_is_kept_from_one_deep_in_another(self, copy: Path) -> None:
        self.plant(copy, "ledger.log.cut", "outcomes.cli.app")
        status, output = self.lint(copy, "storeys")
        assert status == 1, output
        assert "ledger is not allowed to import outcomes:" in output

    @pytest.mark.parametrize(
        ("lower", "upper"),
        [
            ("ledger.log.cut", "ledger.replay.engines"),
            ("ledger.columns.schema", "ledger.report.document"),
            ("processors.read_model.store", "processors.kafka.worker"),
            ("projections.policy", "projections.measures.catalogue"),
            ("outcomes.console.terminal", "outcomes.cli.app"),
        ],
    )
    def test_a_cycle_between_neighbours_in_a_storey_is_refused(
        self, lower: str, upper: str, copy: Path
    ) -> None:
        self.plant(copy, lower, upper)
        status, output = self.lint(copy, "cycles")
        assert status == 1, output
        assert f"No cycles are allowed in {lower.partition('.')[0]}." in output

    @pytest.mark.parametrize(
        "planted",
        [
            "def planted():\n    import outcomes.doctor\n",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import outcomes.doctor\n",
            "try:\n    from outcomes import doctor\nexcept ImportError:\n    doctor = None\n",
        ],
        ids=["in a function", "for types only", "optional"],
    )
    def test_an_import_up_is_refused_wherever_it_hides(self, planted: str, copy: Path) -> None:
        with module_path(copy, "ledger.log.kafka.topic").open("a", encoding="utf-8") as file:
            file.write(f"\n{planted}")
        status, output = self.lint(copy, "storeys")
        assert status == 1, output
        assert "ledger is not allowed to import outcomes:" in output

    def test_a_package_that_is_new_in_a_storey_is_held_to_the_contracts(self, copy: Path) -> None:
        new = copy / "ledger" / "planted"
        new.mkdir()
        (new / "__init__.py").write_text("import outcomes.doctor\n", encoding="utf-8")
        self.plant(copy, "ledger.log.cut", "ledger.planted")
        (new / "circle.py").write_text("import ledger.log.cut\n", encoding="utf-8")
        assert "ledger is not allowed to import outcomes:" in self.lint(copy, "storeys")[1]
        assert "No cycles are allowed in ledger." in self.lint(copy, "cycles")[1]

    def test_only_the_families_of_measures_are_imported_by_name_at_run_time(self) -> None:
        """Nothing else escapes the contracts, which see no import that a name is computed for."""
        results = {
            str(path.relative_to(ROOT)): re.findall(r"\bimport_module\((.*?)\)", source)
            for package in PACKAGES
            for path in modules_of(package)
            if re.search(r"\b(?:import_module|__import__)\(", source := path.read_text("utf-8"))
        }
        assert results == {"projections/contributions.py": ['f"projections.measures.{family}"']}

    def test_no_contract_makes_an_exception(self) -> None:
        assert [item["id"] for item in CONTRACTS.values() if item.get("ignore_imports")] == []

    @pytest.mark.parametrize("package", CONTRACTS["purity"]["source_modules"])
    def test_rules_and_words_are_kept_from_the_world(self, package: str, copy: Path) -> None:
        self.keeps_apart(copy, "purity", package)

    def test_disclosure_is_kept_from_counts_solver_and_world(self, copy: Path) -> None:
        for module in CONTRACTS["shown"]["source_modules"]:
            self.plant(copy, module, "ledger.report")
        for module in ("ledger.disclosure.hiding", "outcomes.doctor"):
            self.plant(copy, module, *CONTRACTS["solver"]["protected_modules"])
        self.plant(copy, "ledger.disclosure", *CONTRACTS["disclosure"]["forbidden_modules"])
        names = ("shown", "solver", "disclosure")
        flags = [flag for name in names for flag in ("--contract", name)]
        status, output = run(TOOLS / "lint-imports", "--no-cache", "--no-logo", *flags, folder=copy)
        assert status == 1, output
        for module in CONTRACTS["shown"]["source_modules"]:
            assert f"{module} is not allowed to import ledger.report:" in output
        for module in ("ledger.disclosure.hiding", "outcomes.doctor"):
            assert len(re.findall(rf"{module} -> (?:highspy|numpy)\b", output)) == 2, output
        for name in CONTRACTS["disclosure"]["forbidden_modules"]:
            assert f"ledger.disclosure is not allowed to import {name}:" in output

    @pytest.mark.parametrize("module", CONTRACTS["second_opinion"]["source_modules"])
    def test_the_columnar_replay_is_kept_from_the_fold(self, module: str, copy: Path) -> None:
        self.keeps_apart(copy, "second_opinion", module)

    def test_the_contract_on_the_columnar_replay_covers_all_of_its_modules(self) -> None:
        fold_side = {"ledger.replay", "ledger.replay.engines", "ledger.replay.fold"}
        modules = {*modules_in("ledger/columns"), *modules_in("ledger/replay")} - fold_side
        assert modules == set(CONTRACTS["second_opinion"]["source_modules"])

    def test_the_contract_on_the_columnar_replay_forbids_all_rules(self) -> None:
        without_rules = {
            "projections",
            "projections.figures",
            "projections.measures",
            "projections.measures.catalogue",
            "projections.policy",
            "projections.zones",
        }
        forbidden = set(CONTRACTS["second_opinion"]["forbidden_modules"])
        assert set(modules_in("projections")) - without_rules <= forbidden

    @pytest.mark.parametrize(
        ("contract", "module"),
        [
            ("publication", "outcomes.publish.workbook"),
            ("publication", "outcomes.publish.sections.year"),
            ("publishing", "outcomes.publish.verifying"),
        ],
    )
    def test_a_publication_is_kept_from_the_report(
        self, contract: str, module: str, copy: Path
    ) -> None:
        self.plant(copy, module, "ledger.report")
        status, output = self.lint(copy, contract)
        assert status == 1, output
        assert "is not allowed to import ledger.report:" in output

    def test_the_contracts_on_publications_cover_all_modules_but_the_one_that_sees_a_report(
        self,
    ) -> None:
        kept = {
            *CONTRACTS["publication"]["source_modules"],
            *CONTRACTS["publishing"]["source_modules"],
        }
        modules = {".".join(name.split(".")[:3]) for name in modules_in("outcomes/publish")} - {
            "outcomes.publish"
        }
        assert modules - kept == {"outcomes.publish.disclosing"}
        assert kept <= modules

    @pytest.mark.parametrize("module", ["projections", "ledger.settings"])
    def test_errors_are_kept_from_the_rest_of_the_project(self, module: str, copy: Path) -> None:
        self.plant(copy, "ledger.errors", module)
        status, output = self.lint(copy, "errors")
        assert status == 1, output
        assert f"ledger.errors is not allowed to import {module}:" in output

    def test_every_package_is_a_storey(self) -> None:
        results = {path.parent.name for path in ROOT.glob("*/__init__.py")}
        assert results - {"tests", "deploy"} == set(STOREYS) == set(PACKAGES)


class TestBans:
    BANNED = TOOL["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    PLANTED = """
import datetime
import pickle
import time
import uuid

PLANTED = (
    datetime.date.today(),
    datetime.datetime.now(tz=datetime.UTC),
    datetime.datetime.utcnow(),
    pickle.dumps(1),
    time.time(),
    time.time_ns(),
    uuid.uuid4(),
)
"""

    def lint(self, name: str) -> tuple[int, str]:
        command = (TOOLS / "ruff", "check", "--no-cache", "--select", "TID251", "-")
        return run(*command, "--stdin-filename", name, stdin=self.PLANTED)

    @pytest.mark.parametrize(
        "name", ["ledger/planted.py", "projections/planted.py", "schemas/planted.py"]
    )
    def test_a_banned_name_is_refused_with_its_replacement(self, name: str) -> None:
        status, output = self.lint(name)
        assert status == 1, output
        refused = dict(re.findall(r"TID251 `([^`]+)` is banned: (.+)", output))
        assert refused == {api: ban["msg"] for api, ban in self.BANNED.items()}

    def test_only_the_clock_reads_the_clock(self) -> None:
        status, output = self.lint("ledger/clock.py")
        assert status == 0, output
        exempt = [
            name
            for name, codes in TOOL["ruff"]["lint"]["per-file-ignores"].items()
            if "TID251" in codes
        ]
        assert exempt == ["ledger/clock.py"]


CLOCKS = frozenset({"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time"})
MEASURING = frozenset(
    {
        "tests/faults/ending.py",
        "tests/faults/gateway.py",
        "tests/faults/soak.py",
        "tests/faults/tampering.py",
        "tests/ledger/disclosure/soak.py",
    }
)
"""What prints how long it took; it is no test."""


def durations(source: str) -> list[int]:
    """The lines that compute how long something has taken: a difference from an earlier moment.

    A bound is a moment to come, `until = monotonic() + BOUND`, which needs no difference.
    """
    tree = ast.parse(source)
    moments = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_reading_a_clock(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)
        if is_reading_a_clock(node.left)
        or (isinstance(node.left, ast.Name) and node.left.id in moments)
    ]


def is_reading_a_clock(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    return name in CLOCKS


class TestDurations:
    """A machine may be as slow as it likes: what a test measures is never time."""

    def test_no_test_measures_how_long_something_takes(self) -> None:
        results = {
            name: lines
            for name, text in repository_texts()
            if name.startswith("tests/") and name.endswith(".py") and name not in MEASURING
            if (lines := durations(text))
        }
        assert results == {}, "say what it must not wait for, see tests/support/bounds.py"

    @pytest.mark.parametrize(
        ("planted", "lines"),
        [
            ("assert time.monotonic() - begun < 3", [1]),
            ("begun = perf_counter()\nwork()\nend = perf_counter()\nassert end - begun < 3", [4]),
            ("until = time.monotonic() + BOUND\nassert time.monotonic() < until", []),
            ("sleep(begun + sent / rate - time.monotonic())", []),
        ],
        ids=["beside the clock", "between two moments", "a bound", "a pace"],
    )
    def test_a_timed_assertion_is_seen(self, planted: str, lines: list[int]) -> None:
        assert durations(planted) == lines


def long_functions(source: str, name: str) -> list[str]:
    return [
        f"{name}:{node.lineno} {node.name}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]


def is_long_module(source: str) -> bool:
    return len(source.splitlines()) > MODULE_LINES_MAX


class TestSizes:
    @pytest.mark.parametrize("package", [*PACKAGES, "verifier"])
    def test_no_function_is_longer_than_a_screen_or_two(self, package: str) -> None:
        results = [
            function
            for path in modules_of(package)
            for function in long_functions(
                path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
            )
        ]
        assert results == []

    @pytest.mark.parametrize("package", PACKAGES)
    def test_no_module_is_too_long_to_read(self, package: str) -> None:
        results = [
            str(path.relative_to(ROOT))
            for path in modules_of(package)
            if is_long_module(path.read_text(encoding="utf-8"))
        ]
        assert results == []

    @pytest.mark.parametrize("opening", ["def", "async def"])
    def test_one_line_more_than_allowed_is_seen(self, opening: str) -> None:
        longest = f"{opening} planted():\n" + "    1\n" * (FUNCTION_LINES_MAX - 1)
        assert long_functions(longest, "x.py") == []
        assert long_functions(longest + "    1\n", "x.py") == ["x.py:1 planted"]
        assert not is_long_module("1\n" * MODULE_LINES_MAX)
        assert is_long_module("1\n" * (MODULE_LINES_MAX + 1))


def imports_beyond_the_standard_library(source: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." if node.level else (node.module or "").partition(".")[0])
    return names - sys.stdlib_module_names


class TestVerifierStandsAlone:
    def test_it_imports_only_the_standard_library(self) -> None:
        assert imports_beyond_the_standard_library(VERIFIER.read_text(encoding="utf-8")) == set()

    def test_the_evidence_needs_signatures_and_the_figures_beside_it(self) -> None:
        source = EVIDENCE_VERIFIER.read_text(encoding="utf-8")
        assert imports_beyond_the_standard_library(source) == {"cryptography", "ledger_verify"}

    @pytest.mark.parametrize("path", [VERIFIER, EVIDENCE_VERIFIER])
    def test_it_never_imports_by_name_at_run_time(self, path: Path) -> None:
        source = path.read_text(encoding="utf-8")
        assert re.findall(r"\b(?:importlib|__import__|exec|eval)\b", source) == []

    @pytest.mark.parametrize(
        ("planted", "seen"),
        [
            ("import json, pydantic", {"pydantic"}),
            ("def f():\n    from schemas.canonical import canonical", {"schemas"}),
            ("from ledger import errors", {"ledger"}),
            ("from . import sibling", {"."}),
            ("from collections.abc import Iterator", set()),
        ],
    )
    def test_a_foreign_import_is_seen(self, planted: str, seen: set[str]) -> None:
        assert imports_beyond_the_standard_library(planted) == seen


MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home|Users)/")
HOST = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|registry\.npmjs\.org|npmjs\.com|crates\.io|rust-lang\.org"
    r"|proxy\.golang\.org|sum\.golang\.org|repo1?\.maven\.(?:org|apache\.org)"
    r"|(?:deb|security|snapshot)\.debian\.org)\b"
)


class TestTexts:
    @pytest.mark.parametrize("pattern", [MACHINE, HOST], ids=["machine path", "registry host"])
    def test_no_file_names_a_machine_or_a_registry(self, pattern: re.Pattern[str]) -> None:
        results = [
            f"{name}: {match[0]}"
            for name, text in repository_texts()
            for match in pattern.finditer(text)
        ]
        assert results == []

    def test_the_patterns_see_what_they_are_for(self) -> None:
        planted = " home someone ledger.db".replace(" ", "/")
        assert MACHINE.search(f"open('{planted}')")
        assert MACHINE.search(f"file://{planted}")
        assert HOST.search("https://" + "pypi org".replace(" ", ".") + "/simple")
        assert not MACHINE.search("https://example.org" + planted)

    def test_the_walk_finds_the_known_files(self) -> None:
        names = {name for name, _ in repository_texts()}
        assert {"pyproject.toml", "Makefile", ".ci/run", "tests/repository/test_guards.py"} <= names


def first_level_headings(markdown: str) -> list[str]:
    prose = re.sub(r"^(```|~~~).*?^\1", "", markdown, flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^# .+$", prose, flags=re.MULTILINE)


class TestDocuments:
    def test_every_document_has_one_title(self) -> None:
        titles = {
            name: len(first_level_headings(text))
            for name, text in repository_texts()
            if name.endswith(".md")
        }
        assert {name: count for name, count in titles.items() if count != 1} == {}

    @pytest.mark.parametrize(
        ("markdown", "count"),
        [("# A\n\n## B\n", 1), ("text\n", 0), ("# A\n\n# B\n", 2), ("# A\n```\n# no\n```\n", 1)],
    )
    def test_a_second_title_and_a_missing_one_are_seen(self, markdown: str, count: int) -> None:
        assert len(first_level_headings(markdown)) == count


def ignores_without_a_reason(pyproject_text: str) -> list[str]:
    section = pyproject_text.partition("[tool.ruff.lint]")[2].partition("convention =")[0]
    lines = [line.strip() for line in section.splitlines()]
    codes = [line for line in lines if re.match(r'"[A-Z]+[0-9]*"', line)]
    return [line for line in codes if not re.fullmatch(r'"[A-Z]+[0-9]*", +# [A-Z].*\.', line)]


class TestIgnores:
    def test_every_ignore_has_its_reason_beside_it(self) -> None:
        assert ignores_without_a_reason(PYPROJECT_TEXT) == []

    def test_an_ignore_without_a_reason_is_seen(self) -> None:
        planted = PYPROJECT_TEXT.replace("\nignore = [\n", '\nignore = [\n    "ANN401",\n')
        assert ignores_without_a_reason(planted) == ['"ANN401",']

    def test_every_ignore_stands_on_a_line_of_its_own(self) -> None:
        lint = TOOL["ruff"]["lint"]
        ignored = [lint["ignore"], *lint["per-file-ignores"].values()]
        for code in itertools.chain.from_iterable(ignored):
            assert re.search(rf'^ +"{code}", +# ', PYPROJECT_TEXT, re.MULTILINE), code
