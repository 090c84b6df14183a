"""`ledger.columns.paths`: DuckDB opens the file that is meant, whatever its folders are called."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from ledger.columns import paths
from ledger.columns.build import build_columns
from ledger.columns.database import Database
from ledger.columns.paths import PlainPaths
from ledger.errors import StoreError
from ledger.log import NewRecord
from ledger.log.archive import archive_log, workers
from tests.ledger.columns.archives import POLICY, faults, figures, history, leftovers
from tests.support.engines import differences, figures_by
from tests.support.histories import ROOT, encode, log_of, story

LIFE = """
    applied a1 2022-01-05 categories=refugee
    enrolled e1 2022-02-01 2022-09-01
    outcome 2022-03-01 new_job
    outcome 2022-06-01 business
"""
NAMES = (
    *("kind=raise", "source=crm", "id=7", "subject=x", "student=1", "partition=1", "=", "a=b=c"),
    *("sealed[1]", "[!a]", "[", "]", "*", "**", "?", "a?", "all *", "{a,b}", "{", "\\", "a\\*"),
    *("~", "~sealed", "~root", "$HOME", "${HOME}", "%48", "%", "#a", "a?b=c", "a&b", ":", "C:"),
    *("http:", "s3:", "file:", ":memory:", "-", "-rf", "--", " ", " a ", "a\nb", "\t", "'", '"'),
    *("a'b\"c", "''", "`id`", ";", "|", "<>", "(a)", "!", "...", ".hidden", ",", "a.gz", "a.db"),
    *("École", "E\u0301cole", "学校", "caf\udce9", "\udcff\udcfe", "x.parquet", "\x01", "\x7f"),
)
NESTED = ["/".join(NAMES[start : start + 10]) for start in range(0, len(NAMES), 10)]
SHELLS, BYTES = "kind=raise/sealed[1]/all *?/a\nb", "id=7/caf\udce9/{a,b}/~"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    records = [NewRecord(event["subject"].encode(), encode(event), 0) for event in story(LIFE)]
    with log_of(tmp_path_factory.mktemp("log"), records) as log:
        yield log


@pytest.fixture(scope="module")
def expected(log):
    """The figures of the fold, which opens no file by the name of a folder."""
    return figures_by("fold", log, [POLICY])


@pytest.fixture(params=["open folders", "links"])
def way(request, monkeypatch):
    """Both ways to name a folder: that of a system with open folders, and that of one without."""
    if request.param == "links":
        monkeypatch.setattr(paths, "OPEN_FOLDERS", Path("/nowhere"))


@pytest.fixture
def temporary(monkeypatch):
    """Make the temporary folder one of a name."""

    def set_temporary(folder):
        folder.mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))

    return set_temporary


def archive_in(folder, log):
    folder.mkdir(parents=True)
    archive_log(log, folder / "a")
    build_columns(folder / "a")
    return folder / "a"


class TestFolders:
    """Columns in a folder of any name are those of its records, written and read."""

    @pytest.mark.parametrize("name", NESTED, ids=ascii)
    def test_an_archive_in_folders_of_any_names_has_its_own_columns(
        self, log, expected, tmp_path, name
    ):
        archive = archive_in(tmp_path / name, log)

        assert [None] == faults(archive)
        assert expected == figures(archive)
        assert [] == leftovers(archive)

    @pytest.mark.usefixtures("way")
    @pytest.mark.parametrize("name", [SHELLS, BYTES], ids=ascii)
    def test_an_archive_below_several_of_them_has_its_own_columns(
        self, log, expected, tmp_path, name
    ):
        archive = archive_in(tmp_path / name, log)

        assert expected == figures(archive)

    def test_processes_build_columns_in_folders_of_such_names(self, tmp_path, monkeypatch):
        monkeypatch.setattr(workers, "SINGLE_PROCESS_BYTES", 0)
        monkeypatch.setattr(workers.os, "cpu_count", lambda: 2)
        with log_of(tmp_path, history(10), partitions=2) as log:
            archive = archive_in(tmp_path / SHELLS / BYTES, log)

        assert [None, None] == faults(archive)
        assert figures(archive, engine="fold") == figures(archive)
        assert [] == leftovers(archive)

    @pytest.mark.usefixtures("way")
    def test_a_neighbour_whose_name_matches_as_a_pattern_is_not_read(self, log, expected, tmp_path):
        other = [NewRecord(b"s-2", encode(story("outcome 2022-03-01 raise subject=s-2")[0]), 0)]
        (tmp_path / "other").mkdir()
        with log_of(tmp_path / "other", other) as neighbour:
            for name in ("sealed1", "sealed2", "sealed[12]x", "sealed"):
                archive_in(tmp_path / name, neighbour)

        for name in ("sealed[12]", "sealed?", "sealed*", "**"):
            assert expected == figures(archive_in(tmp_path / name, log)), name

    def test_an_archive_named_relatively_is_that_of_the_working_folder(
        self, log, expected, tmp_path, monkeypatch
    ):
        archive_in(tmp_path / "~sealed", log)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))

        assert expected == figures(Path("~sealed/a"))
        assert expected == figures(Path("~sealed/../~sealed/a"))

    def test_dots_behind_a_symbolic_link_lead_where_the_system_says(self, log, expected, tmp_path):
        (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "deep")
        archive_in(tmp_path / "elsewhere" / "kind=raise", log)

        assert expected == figures(tmp_path / "link" / ".." / "kind=raise" / "a")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
    def test_a_folder_above_that_nobody_may_list_is_no_obstacle(self, log, expected, tmp_path):
        archive = archive_in(tmp_path / "closed" / "sealed[1]", log)
        (tmp_path / "closed").chmod(0o111)
        try:
            assert expected == figures(archive)
        finally:
            (tmp_path / "closed").chmod(0o755)


class TestTemporaryFolder:
    """Columns that are built for one replay are right in a temporary folder of any name."""

    @pytest.mark.parametrize("name", NESTED, ids=ascii)
    def test_a_replay_in_a_temporary_folder_of_any_name_gives_the_same_figures(
        self, log, tmp_path, temporary, name
    ):
        temporary(tmp_path / name)

        assert {} == differences(log, [POLICY])
        assert [] == list((tmp_path / name).iterdir())

    @pytest.mark.usefixtures("way")
    @pytest.mark.parametrize("name", [SHELLS, BYTES], ids=ascii)
    def test_both_the_archive_and_the_temporary_folder_may_have_such_names(
        self, log, expected, tmp_path, temporary, name
    ):
        archive = archive_in(tmp_path / "archive" / name, log)
        temporary(tmp_path / "temporary" / name)
        next(archive.glob("typed/*.parquet")).unlink()

        assert expected == figures(archive)
        assert [] == list((tmp_path / "temporary" / name).iterdir())

    @pytest.mark.usefixtures("way")
    def test_what_does_not_fit_into_memory_goes_there_and_nowhere_else(self, tmp_path, monkeypatch):
        monkeypatch.setattr("ledger.columns.memory.MEMORY_MAX", 20_000_000)
        spill = tmp_path / SHELLS
        spill.mkdir(parents=True)
        with closing(Database(spill)) as database:
            database.run("set threads = 1")
            database.run("create table number as select range as n, hash(range) as h from"
                         " range(3_000_000)")  # fmt: skip
            spilled = list(spill.rglob("duckdb_temp*"))

            assert [(3_000_000,)] == database.rows("select count(*) from number")
        assert spilled
        assert ["a\nb"] == [path.name for path in spill.parent.iterdir()]


class TestPlainPaths:
    def test_a_plain_path_is_handed_on_as_it_is(self, tmp_path):
        with closing(PlainPaths()) as plain:
            assert "/srv/ledger_1/archive-2.x/p0.parquet" == plain.text(
                Path("/srv/ledger_1/archive-2.x/p0.parquet")
            )

    @pytest.mark.usefixtures("way")
    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    def test_any_other_has_a_text_of_letters_digits_and_little_else(self, tmp_path, name):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content")
        with closing(PlainPaths()) as plain:
            text = plain.text(tmp_path / name / "file")

            assert re.fullmatch(r"(/[\w.-]+)+", text, re.ASCII)
            assert "content" == Path(text).read_text()
            assert text.startswith(plain.text(tmp_path / name))

    @pytest.mark.usefixtures("way")
    def test_nothing_stays_open_or_behind(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        (tmp_path / "a b").mkdir()
        before = len(list(Path("/proc/self/fd").iterdir()))
        with closing(PlainPaths()) as plain:
            plain.text(tmp_path / "a b" / "file")
            plain.text(tmp_path / "a b" / "other")

        assert before == len(list(Path("/proc/self/fd").iterdir()))
        assert ["a b"] == [path.name for path in tmp_path.iterdir()]

    @pytest.mark.usefixtures("way")
    def test_an_error_names_the_file_as_the_user_does(self, tmp_path):
        folder = tmp_path / "kind=raise"
        folder.mkdir()
        with (
            closing(Database(tmp_path)) as database,
            pytest.raises(StoreError, match=re.escape(f"{folder}/none.parquet")),
        ):
            database.create_parquet_view("missing", [folder / "none.parquet"])

    def test_a_folder_that_is_missing_is_trouble_of_the_disk(self, tmp_path):
        with closing(PlainPaths()) as plain, pytest.raises(StoreError, match=r"a b.*No such file"):
            plain.text(tmp_path / "a b" / "file")

    def test_where_no_link_can_have_a_plain_name_a_person_reads_what_to_do(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(paths, "OPEN_FOLDERS", Path("/nowhere"))
        monkeypatch.setattr(paths, "LINK_FOLDERS", ("/nowhere",))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a b"))
        (tmp_path / "a b").mkdir()
        with closing(PlainPaths()) as plain, pytest.raises(StoreError, match="set TMPDIR to"):
            plain.text(tmp_path / "a b" / "file")


class TestOnePlace:
    """Every path goes to DuckDB through `Database`, which knows how."""

    INTERPRETING = re.compile(
        r"\bimport duckdb|\bread_(parquet|json|csv|blob)\w*\(|\bparquet_scan|\bcopy \(.* to\b"
    )

    def test_no_other_module_hands_a_path_to_duckdb(self):
        sources = [
            path
            for package in ("outcomes", "processors", "ledger", "projections", "schemas")
            for path in (ROOT / package).rglob("*")
            if path.suffix in (".py", ".sql")
        ]
        speaking = {path.name for path in sources if self.INTERPRETING.search(path.read_text())}

        assert {"database.py"} == speaking

    @pytest.mark.parametrize(
        "planted", ["import duckdb", "from read_parquet('x')", "copy (from t) to 'x'"]
    )
    def test_a_module_that_does_would_be_noticed(self, planted):
        assert self.INTERPRETING.search(planted)
