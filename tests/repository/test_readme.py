"""Every transcript of the documents is run, and has to come out as printed.

A `console` block holds commands, each on a line that begins with `$ `, and what they print on
stdout and stderr. The blocks of one document run in order, in one fresh folder that holds a link to
`verifier/`. Output has to be equal line by line, but for these signs of the documents:

- a line that is `...` or `…` stands for any number of lines, none included;
- a line that ends in `...` or `…` gives only a line's beginning;
- a line `^C` means that the command is interrupted once the lines before it have been printed.

The commands of the README are the installed ones; those of the other documents start more quickly,
see `tests.support.quick_command`.

`export NAME=value` holds for the commands after it, and `$?` is the last command's exit code.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.quick_command import quick_command

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
SECONDS_MAX = 120
INTERRUPT = "^C"


class Step(NamedTuple):
    command: str
    output: list[str]


def blocks(markdown: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", markdown, re.MULTILINE | re.DOTALL)


def steps(block: str) -> list[Step]:
    result: list[Step] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            result.append(Step(line.removeprefix("$ "), []))
        else:
            assert result, f"a transcript begins with a command, not with {line!r}"
            result[-1].output.append(line)
    return result


def matches(expected: list[str], actual: list[str]) -> bool:
    """Whether printed lines are those expected, by the signs of this module."""
    pattern = "".join(map(pattern_of, expected))
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in actual)) is not None


def pattern_of(line: str) -> str:
    if line in ("...", "…"):
        return r"(?:.*\n)*?"
    beginning = re.fullmatch(r"(.*?)(?:\.\.\.|…)", line)
    return rf"{re.escape(beginning[1])}.*\n" if beginning else rf"{re.escape(line.rstrip())}\n"


class Session:
    """A person at a terminal who types what the document says."""

    def __init__(self, folder: Path, tools: Path = TOOLS) -> None:
        self.folder = folder
        self.status = 0
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("OUTCOMES_")
        }
        path = (str(tools), str(TOOLS), self.environment["PATH"])
        self.environment["PATH"] = os.pathsep.join(path)
        for name in ("docs", "verifier"):
            (folder / name).symlink_to(ROOT / name)

    def play(self, step: Step) -> list[str]:
        if step.command.startswith("export "):
            name, _, value = shlex.split(step.command)[1].partition("=")
            self.environment[name] = value
            return []
        before = step.output[: step.output.index(INTERRUPT)] if INTERRUPT in step.output else None
        process = subprocess.Popen(
            ["bash", "-c", f"(exit {self.status})\n{step.command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        impatience = threading.Timer(SECONDS_MAX, os.killpg, (process.pid, signal.SIGKILL))
        impatience.start()
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.decode().rstrip("\n"))
            if before is not None and matches(before, lines):
                os.killpg(process.pid, signal.SIGINT)
                lines.append(INTERRUPT)
                before = None
        process.stdout.close()
        status = process.wait()
        self.status = status if status >= 0 else 128 - status
        impatience.cancel()
        return lines


@pytest.fixture(autouse=True)
def _interruptible():
    """A child inherits an ignored SIGINT, and could then not be interrupted."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    with quick_command(tmp_path_factory.mktemp("quick")) as tools:
        yield tools


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT))


class TestTranscripts:
    @pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
    def test_every_command_prints_what_the_document_shows(self, document: Path, tmp_path, quick):
        session = Session(tmp_path, TOOLS if document == README else quick)
        for block in blocks(document.read_text(encoding="utf-8"), "console"):
            for step in steps(block):
                actual = session.play(step)
                assert matches(step.output, actual), "\n".join([f"$ {step.command}", *actual])

    @pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
    def test_every_target_of_make_exists(self, document: Path):
        shown = "\n".join(blocks(document.read_text(encoding="utf-8"), "sh"))
        named = set(re.findall(r"^make ([a-z]+)", shown, re.MULTILINE))
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert named <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))

    @pytest.mark.parametrize("document", DOCUMENTS, ids=ids)
    def test_a_block_says_what_it_holds(self, document: Path):
        fences = re.findall(r"^```(.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(fences[::2]) <= {
            "console",
            "go",
            "java",
            "js",
            "json",
            "python",
            "sh",
            "text",
            "yaml",
        }
        assert set(fences[1::2]) <= {""}

    def test_the_readme_shows_the_two_commands_that_set_up_everything(self):
        shown = "\n".join(blocks(README.read_text(encoding="utf-8"), "sh"))
        assert {"demo", "test"} <= set(re.findall(r"^make ([a-z]+)", shown, re.MULTILINE))


class TestMatcher:
    @pytest.mark.parametrize(
        ("expected", "actual", "same"),
        [
            (["a"], ["a"], True),
            (["a"], ["b"], False),
            (["a"], ["a", "b"], False),
            (["a", "b"], ["a"], False),
            ([], [], True),
            ([], ["a"], False),
            (["a  b"], ["a b"], False),
            (["a"], ["a  "], True),
            (["a", "..."], ["a"], True),
            (["a", "…", "z"], ["a", "b", "c", "z"], True),
            (["a", "…", "z"], ["a", "b", "c"], False),
            (["..."], [], True),
            (["ab…"], ["abc"], True),
            (["ab..."], ["acc"], False),
            (["a.c"], ["abc"], False),
        ],
    )
    def test_lines_are_equal_but_for_ellipses(self, expected, actual, same):
        assert matches(expected, actual) is same


class TestSession:
    def test_a_variable_and_the_exit_code_hold_for_the_next_command(self, tmp_path):
        session = Session(tmp_path)
        assert session.play(Step("export COLOUR='dark red'", [])) == []
        assert session.play(Step("echo $COLOUR; exit 3", [])) == ["dark red"]
        assert session.play(Step("echo $?", [])) == ["3"]

    def test_both_streams_are_seen_in_order(self, tmp_path):
        assert Session(tmp_path).play(Step("echo a; echo b >&2; echo c", [])) == ["a", "b", "c"]

    def test_a_command_is_interrupted_where_the_document_says_so(self, tmp_path):
        waiting = Step("echo waiting; exec sleep 60", ["waiting", INTERRUPT])
        session = Session(tmp_path)
        assert session.play(waiting) == ["waiting", INTERRUPT]
        assert session.status == 130

    def test_commands_and_what_they_print_are_told_apart(self):
        assert steps("$ a\nb\n$ c\n") == [Step("a", ["b"]), Step("c", [])]
        with pytest.raises(AssertionError, match="begins with a command"):
            steps("b\n")
