"""A log URL means one log: a path is taken to the letter, or refused if a URL cannot express it."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, StoreError
from ledger.log import (
    ArchiveAddress,
    NewRecord,
    SqliteAddress,
    TopicAddress,
    open_log,
    parse_address,
)
from ledger.log.archive import archive_log
from tests.ledger.log.contract import everything

NAMES = [
    "plain.db", " leading and trailing ", "-rf", "--log", "~", "~root", "$HOME", "`id`", "$(id)",
    "a;b&c|d", "a>b<c", "'single'", '"double"', "back\\slash", "!history", "#fragment", "100%25.db",
    "%00", "%zz", "a&mode=rwc", "[a-z]", "{a,b}", "*", "(paren)", "a:b", "file:x.db", ":memory:",
    "sqlite:x", "a=b", "@user", "tab\there", "line\nbreak", "\x1b[31m", "é", "e\u0301",
    "\U0001f600", "\u202eright-to-left", b"caf\xe9", b"\xff\xfe", "x" * 200, "kind=raise",
    "a,b", "a+b", "...", "a..b", "NUL", "con.db", "partitions=2",
]  # fmt: skip


def names_in(folder):
    return [path.name for path in folder.iterdir()]


def names():
    return [pytest.param(os.fsdecode(name), id=ascii(name)[:30]) for name in NAMES]


class TestPaths:
    """The file or folder of exactly that name is the log, and no other is made or opened."""

    @pytest.mark.parametrize("name", names())
    def test_a_file_of_any_name_is_the_log(self, tmp_path, monkeypatch, name):
        monkeypatch.chdir(tmp_path)

        with closing(open_log(f"sqlite:{name}", create=True)) as log:
            log.append([NewRecord(b"s-1", b"{}")])

        assert [name] == names_in(Path())
        with closing(open_log(f"sqlite:{tmp_path}/{name}?partitions=1")) as log:
            assert [b"{}"] == [record.value for record in everything(log)]
        assert name == parse_address(str(parse_address(f"sqlite:{name}"))).path.name

    @pytest.mark.parametrize("name", names())
    def test_a_folder_of_any_name_is_the_archive(self, tmp_path, monkeypatch, name):
        (tmp_path / "logs").mkdir()
        with closing(open_log(f"sqlite:{tmp_path}/logs/ledger.db", create=True)) as log:
            log.append([NewRecord(b"s-1", b"{}")])
            (tmp_path / "archives").mkdir()
            monkeypatch.chdir(tmp_path / "archives")
            archive_log(log, parse_address(f"archive:{name}").path)

        assert [name] == names_in(Path())
        with closing(open_log(f"archive:{tmp_path}/archives/{name}")) as log:
            assert [b"{}"] == [record.value for record in everything(log)]

    @pytest.mark.parametrize("path", ["a/../b.db", "./b.db", "a/.././b.db", "link/../b.db"])
    def test_dots_and_links_lead_where_the_system_leads(self, tmp_path, monkeypatch, path):
        (tmp_path / "a").mkdir()
        (tmp_path / "other" / "deep").mkdir(parents=True)
        (tmp_path / "link").symlink_to("other/deep")
        monkeypatch.chdir(tmp_path)

        open_log(f"sqlite:{path}", create=True).close()

        expected = tmp_path / ("other/b.db" if path.startswith("link") else "b.db")
        assert expected.is_file()
        assert Path(path).samefile(expected)

    def test_a_question_mark_in_an_archives_name_is_taken_to_the_letter(self, tmp_path):
        assert ArchiveAddress(Path("a?b=c")) == parse_address("archive:a?b=c")


class TestRefused:
    """A name that a URL cannot express is refused, and no file is made or opened instead."""

    @pytest.mark.parametrize(
        "url",
        ["sqlite:what?.db", "sqlite:a?b", "sqlite:a?", "sqlite:a?partitions=1.db",
         "sqlite:a?partitions=1?partitions=1", "sqlite:a?partitions=1&x", "sqlite:a?partitions=%31",
         "sqlite:a?PARTITIONS=1", "sqlite:a?partitions= 1", "sqlite:a?partitions=+1"],
    )  # fmt: skip
    def test_a_question_mark_in_a_files_name_is_refused_with_the_way_out(
        self, tmp_path, monkeypatch, url
    ):
        monkeypatch.chdir(tmp_path)
        open_log("sqlite:a", create=True).close()

        with pytest.raises(ConfigurationError, match="rename a file that has one in its name"):
            open_log(url, create=True)

        assert ["a"] == names_in(Path())

    def test_a_file_whose_name_reads_like_a_partition_count_is_not_passed_over(
        self, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        open_log("sqlite:a", create=True).close()
        Path("a?partitions=1").touch()

        with pytest.raises(StoreError, match=r"a\?partitions=1.*rename"):
            open_log("sqlite:a?partitions=1")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "x",
            "ledger.db",
            "sqlite:",
            "sqlite://host/x.db",
            "SQLITE:x.db",
            "archive:",
            "http://x",
        ],
    )
    def test_what_is_not_a_log_url_is_refused(self, url):
        with pytest.raises(ConfigurationError, match="not a log URL"):
            parse_address(url)


class TestParse:
    def test_each_kind_of_url_has_its_address(self):
        assert SqliteAddress(Path("x.db"), 4) == parse_address("sqlite:x.db?partitions=4")
        assert SqliteAddress(Path("x.db")) == parse_address("sqlite:x.db")
        assert ArchiveAddress(Path("x")) == parse_address("archive:x/")
        assert TopicAddress(("h:9092",), "t") == parse_address("kafka://h:9092/t")

    @pytest.mark.parametrize(
        "url",
        ["sqlite:x.db", "sqlite:/a/x.db?partitions=12", "archive:a/b", "kafka://h:1,i:2/t"],
    )
    def test_an_address_is_printed_as_its_url(self, url):
        assert url == str(parse_address(url))
