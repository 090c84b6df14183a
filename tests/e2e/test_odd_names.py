"""Files whose names a shell, a terminal or a library gives a meaning: the exact file is taken.

What is printed about them is text for a terminal, whatever bytes they are made of.
"""

from __future__ import annotations

import json
import os

import pytest

from projections.policy import built_in_policies
from tests.e2e.command import event, fails, rows

NAMES = [
    b"caf\xe9",
    b"two\nlines",
    b"-dash",
    b"~tilde",
    b"~",
    b"two  spaces",
    b"[a]*",
    b"kind=raise",
    b"a?b#c%41,d",
    b"$HOME'\"\\",
    b"\x1b[31mred",
    "é\u202e".encode(),
]
OF_FOLDERS = [b"caf\xe9", b"-dash", b"~tilde", b"\x1b[31mred"]


def ids(name):
    return ascii(name)[2:-1]


def named(folder, name):
    return os.path.join(os.fsencode(folder), name)  # noqa: PTH118 - bytes


def write(folder, name, data):
    with open(named(folder, name), "wb") as file:  # noqa: PTH123 - bytes
        file.write(data)


def assert_printable(done):
    text = (done.out + done.err).decode("utf-8")
    assert all(line.isprintable() for line in text.splitlines()), text


@pytest.mark.parametrize("name", NAMES, ids=ids)
class TestFiles:
    def test_a_policy_file_is_read(self, name, warm, world, tmp_path):
        policy = built_in_policies()["openclassrooms-2022"].model_dump(mode="json")
        write(tmp_path, name, json.dumps(policy | {"id": "own"}).encode())
        words = ["report", "--year", "2022", b"--policy=" + name, "--log", world.url]
        done = warm.run(*words, folder=tmp_path)
        assert (0, b"") == (done.code, done.err)
        assert "policy own version 1 " in done.text
        assert_printable(done)

    def test_a_policy_file_that_is_missing_is_named(self, name, warm, world, tmp_path):
        words = ["report", "--year", "2022", b"--policy=" + name + b"!", "--log", world.url]
        done = warm.run(*words, folder=tmp_path)
        fails(done, 78, "--policy ", "!: neither built in")
        assert_printable(done)

    def test_a_report_file_is_verified(self, name, warm, world, tmp_path):
        write(tmp_path, name, world.report.read_bytes())
        words = ["verify", "--json", "--log", world.url, "--", name]
        done = warm.run(*words, folder=tmp_path)
        assert (0, b"") == (done.code, done.err)
        assert_printable(done)

    def test_a_report_file_that_is_missing_is_named(self, name, warm, world, tmp_path):
        done = warm.run("verify", "--log", world.url, "--", name + b"!", folder=tmp_path)
        fails(done, 65, "!: No such file")
        assert_printable(done)

    def test_events_are_taken_from_the_file(self, name, warm, tmp_path):
        write(tmp_path, name, event(1))
        log = tmp_path / "own.db"
        done = warm.run("append", "--log", f"sqlite:{log}", "--", name, folder=tmp_path)
        assert (0, b"", [event(1)]) == (done.code, done.err, [row[4] for row in rows(log)])


@pytest.mark.parametrize("name", OF_FOLDERS, ids=ids)
class TestFolders:
    def test_the_demo_writes_into_the_folder(self, name, warm, tmp_path):
        words = ["demo", "--students", "2", b"--out=" + name]
        done = warm.run(*words, folder=tmp_path)
        assert 0 == done.code, done
        assert_printable(done)
        assert b"report-2022.json" in os.listdir(named(tmp_path, name))  # noqa: PTH208 - bytes

    def test_an_archive_is_made_in_the_folder(self, name, warm, world, tmp_path):
        log = ["--log", world.url]
        for words in (["archive"], ["archive", "--json"]):
            done = warm.run(*words, *log, "--", name, folder=tmp_path)
            assert (0, b"") == (done.code, done.err)
            assert_printable(done)
        assert b"manifest.json" in os.listdir(named(tmp_path, name))  # noqa: PTH208 - bytes


class TestPage:
    """Names inside a policy are shown as they are, not read as markup."""

    @pytest.mark.parametrize(
        "name", ["[/]", "paid [by employer]", ":x:", "[red]x", "\x1b[31mred", "a\nb"]
    )
    def test_a_name_is_shown_as_it_is(self, name, warm, world, tmp_path):
        policy = warm.run("policy", "show", folder=tmp_path).json | {"id": name}
        groups = policy["funding_groups"]
        policy["funding_groups"] = {name: groups.pop("employer"), **groups}
        (tmp_path / "policy.json").write_text(json.dumps(policy))
        words = ["report", "--year", "2022", "--policy", "policy.json", "--log", world.url]
        done = warm.run(*words, folder=tmp_path)
        assert (0, b"") == (done.code, done.err)
        assert_printable(done)
        shown = " ".join(name.split()).replace("\x1b", "\\x1b")
        assert shown in done.text.split("version", 1)[0]
        assert shown in done.text.partition("Enrolled by funding")[2]
