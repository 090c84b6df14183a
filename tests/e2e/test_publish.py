"""`outcomes publish` as a user runs it: what it prints, and one line where it cannot."""

from __future__ import annotations

import json
from shutil import copytree

import jsonschema
import pytest

from ledger.disclosure.profile import built_in_profiles
from tests.e2e.command import ROOT, fails, run_fresh
from tests.support.permissions import without_root

SCHEMA = json.loads((ROOT / "docs/json/provenance.json").read_text())


@pytest.fixture(scope="module")
def published(world, warm, tmp_path_factory):
    """A publication from the report's file alone: no log is there."""
    folder = tmp_path_factory.mktemp("published")
    words = ("publish", world.report, "--out", "out", "--lang", "en", "--json")
    return folder / "out", warm.run(*words, folder=folder)


class TestPublish:
    def test_a_report_needs_no_log_and_the_summary_names_every_file(self, published):
        out, done = published
        assert done.code == 0, done
        held = {path.name for path in (out / "revision-1").iterdir()}
        assert held == set(done.json["files"])
        assert done.json["languages"] == ["en"]

    def test_a_replay_gives_the_same_folder_as_its_report(self, published, world, warm, tmp_path):
        out, _ = published
        words = ("publish", "--year", "2022", "--log", world.url, "--out", "out", "--lang", "en")
        assert warm.run(*words, folder=tmp_path).code == 0
        for path in (out / "revision-1").iterdir():
            assert path.read_bytes() == (tmp_path / "out" / "revision-1" / path.name).read_bytes()

    def test_its_provenance_is_as_described(self, published):
        out, _ = published
        provenance = json.loads((out / "revision-1" / "provenance.json").read_bytes())
        jsonschema.validate(provenance, SCHEMA)
        assert "digest" not in provenance["report"]

    def test_a_profile_of_ones_own_and_roots_come_along_and_are_verified(
        self, world, warm, tmp_path
    ):
        own = built_in_profiles()["exact"].model_dump(mode="json") | {"id": "ours", "threshold": 3}
        (tmp_path / "ours.json").write_text(json.dumps(own))
        assert warm.run("archive", "sealed", "--log", world.url, folder=tmp_path).code == 0
        log = ("--log", "archive:sealed")
        words = ("publish", "--year", "2022", *log, "--out", "out", "--lang", "fr")
        assert warm.run(*words, "--disclosure", "ours.json", folder=tmp_path).code == 0
        (tmp_path / "ours.json").unlink()
        done = warm.run("verify", "out", *log, "--json", folder=tmp_path)
        assert done.code == 0, done
        (publication,) = done.json["publications"]
        assert publication["folder"] == "out"
        provenance = json.loads((tmp_path / "out/revision-1/provenance.json").read_bytes())
        assert provenance["report"]["log"]["roots"].keys() == {"0", "1", "2"}


class TestErrors:
    """One line, and nothing in the folder that was not there before."""

    @pytest.mark.parametrize(
        "case",
        [
            ((), 2, "name a report, or --year Y"),
            (("{report}", "--year", "2022"), 2, "one of them"),
            (("{report}", "--as-of", "2023-01-01T00:00:00Z"), 2, "drop the report"),
            (("--year", "2022", "--cut", "0:1", "--as-of", "2023-01-01T00:00:00Z"), 2, "one of"),
            (("{report}", "--lang", "en,xx"), 2, "--lang en,xx: write some of en, fr"),
            (("{report}", "--lang", "en,en"), 2, "each once"),
            (("{report}", "--revise", "whim"), 2, "--revise whim: write one of late-facts"),
            (("{report}", "--revise", "policy"), 65, "publish it first, without --revise"),
            (("{report}", "--disclosure", "none"), 78, "--disclosure none: neither built in"),
            (("{report}", "--edition", "missing.yaml"), 65, "missing.yaml"),
            (("missing.json",), 65, "missing.json: No such file"),
            (("{report}", "--out", "missing/out"), 69, "missing: no such folder"),
            (("{report}", "--out", "a" * 256), 69, "shorter name"),
            (("{report}", "--out", "."), 2, "is there already"),
        ],
        ids=str,
    )
    def test_a_wish_that_cannot_be_is_one_line(self, world, warm, tmp_path, case):
        words, code, sentence = case
        given = [str(world.report) if word == "{report}" else word for word in words]
        where = () if "--out" in given else ("--out", "out")
        done = warm.run("publish", *given, *where, folder=tmp_path, env={"OUTCOMES_LOG": world.url})
        fails(done, code, sentence)
        assert [] == list(tmp_path.iterdir())

    def test_a_full_disk_leaves_nothing(self, world, warm, tmp_path):
        words = ("publish", world.report, "--out", "out", "--lang", "en", "--disclosure", "exact")
        done = warm.run(*words, folder=tmp_path, file_bytes_max=50_000)
        assert done.code == 69, done
        assert "publish again" in done.err.decode().splitlines()[-1]
        assert [] == list(tmp_path.iterdir())

    def test_a_parent_that_cannot_be_written_to_is_named(self, world, tmp_path):
        parent = tmp_path / "parent"
        parent.mkdir()
        parent.chmod(0o555)
        words = ("publish", world.report, "--out", parent / "out", "--lang", "en")
        done = run_fresh(*words, "--disclosure", "exact", folder=tmp_path, prefix=without_root())
        assert done.code == 69, done
        assert "check the permissions" in done.err.decode().splitlines()[-1]

    def test_words_that_did_not_change_are_no_reason(self, published, world, warm, tmp_path):
        copytree(published[0], tmp_path / "out")
        words = ("publish", world.report, "--out", "out", "--revise", "edition")
        done = warm.run(*words, "--lang", "en", folder=tmp_path)
        fails(done, 2, "the words and the languages are those of revision-1")
        (tmp_path / "words.yaml").write_text("school: A school\n")
        done = warm.run(*words, "--lang", "en", "--edition", "words.yaml", folder=tmp_path)
        assert done.code == 0, done

    def test_a_revision_leads_to_its_publication(self, published, warm):
        out, _ = published
        done = warm.run("verify", "revision-1", folder=out)
        fails(done, 65, "name the folder that holds it")

    @pytest.mark.parametrize("name", ["report.en.pdf", "shown.json", "data.csv"])
    def test_so_does_one_of_its_files(self, published, warm, name):
        out, _ = published
        done = warm.run("verify", f"out/revision-1/{name}", folder=out.parent)
        fails(done, 65, f"{name}: a file of a publication", f"name its folder, {out}")

    @pytest.mark.parametrize(
        "words",
        [
            ("publish", "{report}", "--out", "out"),
            ("verify", "{out}"),
            ("disclosure", "check", "round-5", "{report}"),
        ],
    )
    def test_a_missing_extra_is_named(self, published, world, tmp_path, words):
        for name in ("typst", "highspy"):
            (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError(name='{name}')\n")
        named = {"{report}": str(world.report), "{out}": str(published[0])}
        given = [named.get(word, word) for word in words]
        done = run_fresh(*given, folder=tmp_path, env={"PYTHONPATH": str(tmp_path)})
        fails(done, 2, "needs its extra: pip install 'outcome-ledger[report]'")
