"""`outcomes.cli.candidates`: what completion offers."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from ledger.log import open_log
from ledger.log.archive import archive_log
from outcomes.cli import candidates


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A log, its archive, an SQLite file of somebody else, a text file, a policy and a folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OUTCOMES_LOG", raising=False)
    with closing(open_log(f"sqlite:{tmp_path / 'school.db'}", create=True)) as log:
        archive_log(log, tmp_path / "sealed")
    with closing(sqlite3.connect(tmp_path / "shop.db")) as database:
        database.execute("create table t (x)")
    (tmp_path / "short.db").write_bytes(b"SQLite")
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "ours.json").write_text("{}")
    return tmp_path


@pytest.mark.usefixtures("folder")
class TestLogUrls:
    @pytest.mark.parametrize(
        ("typed", "offered"),
        [
            ("", ["archive:", "kafka://", "sqlite:"]),
            ("sq", ["sqlite:"]),
            ("sqlite:", ["sqlite:school.db", "sqlite:sealed/", "sqlite:sub/"]),
            ("sqlite:sh", []),
            ("archive:", ["archive:sealed", "archive:sub/"]),
            ("archive:./se", ["archive:./sealed"]),
            ("sqlite:.h", ["sqlite:.hidden/"]),
            ("sqlite:nowhere/", []),
            ("kafka://", []),
            ("mysql:", []),
        ],
    )
    def test_they_are_schemes_then_what_is_there(self, typed, offered):
        assert offered == candidates.log_urls(typed)

    def test_the_log_that_is_set_is_among_them(self, monkeypatch):
        monkeypatch.setenv("OUTCOMES_LOG", "kafka://broker:9092/school")

        assert ["kafka://broker:9092/school"] == candidates.log_urls("kafka://b")

    def test_an_absolute_path_is_one_too(self, folder):
        offered = candidates.log_urls(f"sqlite:{folder}/scho")
        assert [f"sqlite:{folder}/school.db"] == offered


@pytest.mark.usefixtures("folder")
class TestOthers:
    def test_policies_are_ids_and_files(self):
        offered = candidates.policies("o")
        assert ["openclassrooms-2022", "openclassrooms-2023", "ours.json"] == offered

    def test_profiles_are_ids_and_files(self):
        assert ["exact"] == candidates.profiles("e")
        assert ["ours.json"] == candidates.profiles("ou")

    def test_the_engines_are_two(self):
        assert (["fold", "columnar"], ["fold"]) == (candidates.engines(""), candidates.engines("f"))

    def test_a_type_comes_with_its_meaning(self):
        ((name, meaning),) = candidates.event_types("ledger.student.graduated")
        assert "ledger.student.graduated.v1" == name
        assert meaning

    def test_formats_of_diagnostics(self):
        assert ["json"] == candidates.log_formats("j")


class TestWords:
    @pytest.mark.parametrize(
        ("offer", "typed", "offered"),
        [
            (candidates.finding_rules, "content", ["content_must_not_change"]),
            (candidates.finding_rules, "tomb", ["tombstone_is_not_an_event"]),
            (candidates.finding_rules, "x", []),
            (candidates.counts, "placed", ["placed", "placed_in_field"]),
            (candidates.counts, "placement_rate", []),
        ],
    )
    def test_rules_and_counts_are_those_that_begin_so(self, offer, typed, offered):
        assert offered == offer(typed)
