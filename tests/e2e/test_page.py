from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from typer.main import get_command

from outcomes.cli.app import app
from tests.e2e.command import (
    OUTCOMES,
    ROOT,
    SECONDS_MAX,
    environment,
    fails,
    on_terminal,
    run,
    run_all,
)

ESCAPE = b"\x1b"
FIGURE = re.compile(r"[+−]?[0-9][0-9,.]*")


def commands(group, *words):
    """Every command line that can be asked for help."""
    yield words
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *words, name)


COMMANDS = list(commands(get_command(app)))


class TestPage:
    @pytest.fixture(scope="class")
    @classmethod
    def shown(cls, world):
        words = ("report", "--year", "2022", "--log", world.url)
        context = {"folder": world.folder}
        return {
            "pipe": run(*words, **context),
            "100": on_terminal(*words, columns=100, **context),
            "200": on_terminal(*words, columns=200, **context),
            "80": on_terminal(*words, columns=80, env={"NO_COLOR": "1"}, **context),
            "no colour": on_terminal(*words, columns=100, env={"NO_COLOR": "1"}, **context),
        }

    @pytest.mark.parametrize("name", ["pipe", "100", "200", "80", "no colour"])
    def test_it_is_printed_at_once_and_alone(self, name, shown):
        assert 0 == shown[name].code
        assert b"Digest" in shown[name].out

    def test_a_terminal_gets_colours(self, shown):
        assert ESCAPE in shown["100"].out

    @pytest.mark.parametrize("name", ["pipe", "no colour"])
    def test_pipes_and_those_who_want_no_colour_get_the_bare_text(self, name, shown):
        assert ESCAPE not in shown[name].out + shown[name].err

    @pytest.mark.parametrize("name", ["pipe", "200", "100", "80"])
    def test_the_page_of_a_small_school_fits_80_columns(self, name, shown):
        text = re.sub(r"\x1b\[[0-9;]*m", "", shown[name].text)
        assert 80 >= max(map(len, text.splitlines()))

    def test_a_title_is_never_broken(self, shown):
        title = "Graduate employment, percentage points against “none of the five”"
        assert title in shown["pipe"].text.splitlines()

    @pytest.mark.parametrize("name", ["pipe", "100", "80"])
    def test_no_figure_is_cut_off(self, name, shown):
        text = re.sub(r"\x1b\[[0-9;]*m", "", shown[name].text)
        assert [] == [line for line in text.splitlines() if "…" in line]

    def test_a_narrow_terminal_shows_the_same_figures(self, shown):
        bare = [re.sub(r"\x1b\[[0-9;]*m", "", shown[name].text) for name in ("pipe", "80")]
        whole, narrow = (sorted(FIGURE.findall(text)) for text in bare)
        assert whole == narrow


# Packages that take a command ten milliseconds and more to load.
HEAVY = {
    "aiokafka",
    "asyncio",
    "duckdb",
    "faust",
    "orjson",
    "pydantic",
    "rich",
    "sqlite3",
    "sqlite_utils",
    "structlog",
    "zoneinfo",
}
# Runs each command in a fork of its own, and looks at what that has loaded.
PROBE = f"""
import json, os, sys
from outcomes.__main__ import main
for words in json.loads(sys.argv[1]):
    if os.fork() == 0:
        sys.argv = ["outcomes", *words]
        try:
            main()
        except SystemExit as left:
            loaded = sorted({HEAVY} & sys.modules.keys())
            print(json.dumps([left.code, loaded]), file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(0)
    os.wait()
"""


def loaded_by(commands, **context):
    """What each printed in all, and its exit code with the heavy packages that it loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(commands)],
        capture_output=True,
        timeout=SECONDS_MAX,
        check=True,
        **{"cwd": ROOT, "env": environment(), **context},
    )
    return done.stdout, [json.loads(line) for line in done.stderr.splitlines()]


class TestStart:
    """A command loads what it needs, when it needs it."""

    def test_the_version_is_there_at_once(self):
        assert [[0, []]] == loaded_by([["--version"]])[1]

    def test_a_report_of_a_small_log_loads_no_more_than_its_page_needs(self, world):
        words = ["report", "--year", "2022", "--log", world.url]
        page, document = loaded_by([words, [*words, "--json"]])[1]
        needed = ["orjson", "pydantic", "sqlite3", "zoneinfo"]
        assert ([0, sorted([*needed, "rich"])], [0, needed]) == (page, document)

    def test_an_append_loads_no_more_than_events_need(self, tmp_path):
        words = ["append", os.devnull, "--log", f"sqlite:{tmp_path / 'l.db'}"]
        assert [[0, ["orjson", "pydantic", "sqlite3", "zoneinfo"]]] == loaded_by([words])[1]


class TestHelp:
    @pytest.fixture(scope="class")
    @classmethod
    def helped(cls):
        printed, answers = loaded_by([[*words, "--help"] for words in COMMANDS])
        assert len(COMMANDS) == printed.count(b"Usage:")
        return dict(zip(COMMANDS, answers, strict=True))

    @pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words) or "outcomes")
    def test_every_command_explains_itself_at_once(self, words, helped):
        code, loaded = helped[words]
        # Options before a command are read by Pydantic, the settings too.
        assert (0, set()) == (code, {*loaded} - ({"pydantic", "zoneinfo"} if words else set()))

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_a_completion_script_comes_out(self, shell, outcomes):
        done = outcomes(env={"_OUTCOMES_COMPLETE": f"source_{shell}"})
        assert (0, b"") == (done.code, done.err)
        assert b"_OUTCOMES_COMPLETE=complete_" in done.out

    def test_the_completion_knows_the_commands(self, outcomes):
        typed = {"COMP_WORDS": "outcomes rep", "COMP_CWORD": "1"}
        done = outcomes(env={"_OUTCOMES_COMPLETE": "complete_bash", **typed})
        assert (0, "report") == (done.code, done.text.strip())


PRINTING = {
    "help": ["--help"],
    "version": ["--version"],
    "report": ["report", "--year", "2022"],
    "json": ["report", "--year", "2022", "--json"],
    "tail": ["tail"],
    "generate": ["generate", "--students", "20", "--seed", "1"],
}


class TestStandardOutput:
    @pytest.fixture(scope="class")
    @classmethod
    def on_a_full_disk(cls, world):
        context = {"folder": world.folder, "env": {"OUTCOMES_LOG": world.url}}
        with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
            cases = {name: (words, {"stdout": full, **context}) for name, words in PRINTING.items()}
            return run_all(cases, folder=world.folder)

    @pytest.mark.parametrize("name", PRINTING)
    def test_a_full_disk_is_one_line(self, name, on_a_full_disk):
        fails(on_a_full_disk[name], 69, "standard output")

    @pytest.fixture(scope="class")
    @classmethod
    def into_a_closed_pipe(cls, world):
        context = {"folder": world.folder, "env": {"OUTCOMES_LOG": world.url}}
        reading, writing = os.pipe()
        os.close(reading)
        cases = {name: (words, {"stdout": writing, **context}) for name, words in PRINTING.items()}
        done = run_all(cases, folder=world.folder)
        os.close(writing)
        return done

    @pytest.mark.parametrize("name", PRINTING)
    def test_a_reader_that_went_away_is_no_fault(self, name, into_a_closed_pipe):
        done = into_a_closed_pipe[name]
        assert (0, b"") == (done.code, done.err)

    def test_head_takes_what_it_wants(self, world):
        script = (
            "set -o pipefail; {0} generate --students 20000 --seed 1 | head -1;"
            " echo $?; {0} tail --jsonl | head -1; echo $?"
        )
        shell = ["bash", "-c", script.format(shlex.quote(str(OUTCOMES)))]
        done = run(prefix=[*shell, "--"], folder=world.folder, env={"OUTCOMES_LOG": world.url})
        lines = done.text.splitlines()
        assert ("0", "0", b"") == (lines[1], lines[3], done.err)

    @pytest.mark.parametrize("name", ["report", "json", "tail"])
    def test_a_closed_standard_output_is_one_line(self, name, world):
        shell = ["sh", "-c", 'exec "$@" >&-', "sh"]
        context = {"folder": world.folder, "env": {"OUTCOMES_LOG": world.url}}
        fails(run(*PRINTING[name], prefix=shell, **context), 69, "standard output")


class TestStandardError:
    @pytest.mark.parametrize(
        ("words", "code"),
        [(["report", "--year", "2022", "--json"], 0), (["tail", "--log", "sqlite:none.db"], 69)],
    )
    def test_a_closed_one_changes_no_exit_code(self, words, code, world):
        shell = ["sh", "-c", 'exec "$@" 2>&-', "sh"]
        done = run(*words, prefix=shell, folder=world.folder, env={"OUTCOMES_LOG": world.url})
        assert code == done.code
        assert b"Traceback" not in done.out

    def test_a_full_one_changes_no_exit_code(self, world):
        with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
            done = run("tail", "--log", "sqlite:none.db", folder=world.folder, stderr=full)
        assert 69 == done.code


def test_the_environment_of_the_tests_is_clean():
    assert [] == [name for name in environment() if name.startswith("OUTCOMES_")]
