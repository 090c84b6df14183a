"""`ledger.columns.cache`: what an archive keeps is used while it is fresh, and never trusted."""

from __future__ import annotations

import random
import shutil

import duckdb
import pytest

from ledger.columns import reading
from ledger.columns.build import build_columns
from ledger.columns.cache import check_columns, stamp_path
from ledger.columns.schema import LAYOUT
from ledger.columns.writing import write_columns
from ledger.errors import StoreError
from ledger.log import ArchiveAddress
from ledger.log.archive import archive_log, merge_segments
from ledger.replay import replay, sql_engine
from ledger.report import build_report
from outcomes.doctor import examine
from tests.ledger.columns.archives import (
    JUNK,
    PARTITIONS,
    POLICY,
    archive_of,
    column_file,
    faults,
    figures,
    flip_bit,
    forge,
    history,
    open_archive,
    random_cuts,
    restamp,
    snapshot,
)
from tests.ledger.log.archive.folders import MemoryLog
from tests.ledger.log.archive.folders import records as plain_records
from tests.ledger.log.contract import everything
from tests.support.repository import ROOT

STUDENTS = 120


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An archive of several segments in each of three partitions, its typed columns fresh."""
    return archive_of(tmp_path_factory.mktemp("whole"), history(STUDENTS))


@pytest.fixture(scope="module")
def expected(whole):
    """What the fold finds, which reads the records alone."""
    return figures(whole, engine="fold")


@pytest.fixture
def folder(whole, tmp_path):
    """A copy to damage."""
    return shutil.copytree(whole, tmp_path / "a")


@pytest.fixture
def no_columns_are_built(monkeypatch):
    def refuse(*arguments):
        pytest.fail("columns were made although fresh ones are kept")

    monkeypatch.setattr(reading, "write_column_files", refuse)
    monkeypatch.setattr(reading, "build_files", refuse)


def replayed(folder, engine="columnar"):
    log = open_archive(folder)
    return replay(log, log.end(), [POLICY], engine=engine)


def digest_of(figures):
    return build_report(figures, log_name="any", policy=POLICY, year=2022).digest


class TestFresh:
    def test_the_archive_of_these_tests_has_several_segments_a_partition_and_junk(
        self, whole, expected
    ):
        log = open_archive(whole)

        assert all(len(series) > 1 for series in log.manifest.series().values())
        assert len(JUNK) <= sum(expected["records"]["quarantined"].values())
        assert [None] * len(log.manifest.segments) == faults(whole)

    def test_fresh_columns_are_used_and_give_the_figures_of_the_fold(
        self, whole, expected, no_columns_are_built
    ):
        assert expected == figures(whole)
        assert replayed(whole).remark is None

    def test_fresh_columns_are_used_at_any_cut(self, whole, no_columns_are_built):
        for cut in random_cuts(open_archive(whole).end(), random.Random(7), 4):
            assert figures(whole, cut, "fold") == figures(whole, cut)

    def test_at_a_cut_only_columns_of_segments_below_it_are_needed(
        self, folder, no_columns_are_built
    ):
        segments = open_archive(folder).manifest.segments
        for number, segment in enumerate(segments):
            if segment.start:
                column_file(folder, number)[0].unlink()
        cut = {item.partition: item.end for item in segments if item.start == 0}

        assert figures(folder, cut, "fold") == figures(folder, cut)

    def test_of_an_archive_that_grew_only_columns_of_the_new_records_are_built(
        self, folder, monkeypatch
    ):
        built = []
        build_files = reading.build_files

        def noted(job, segments, advance):
            built.extend(segments)
            return build_files(job, segments, advance)

        monkeypatch.setattr(reading, "build_files", noted)
        log = open_archive(folder)
        more = plain_records(20, partition=1, first=log.end()[1])
        longer = MemoryLog([*everything(log), *more], partitions=PARTITIONS)
        longer.name = log.name
        archive_log(longer, folder)

        assert figures(folder, engine="fold") == figures(folder)
        log = open_archive(folder)
        assert more == [record for segment in built for record in log.records_of(segment)]


class TestReading:
    """Reading leaves an archive as it is, whatever it lacks."""

    @pytest.mark.parametrize("missing", [False, True])
    def test_a_replay_writes_nothing_into_the_archive(self, folder, expected, missing):
        if missing:
            shutil.rmtree(folder / "typed")
        before = snapshot(folder)

        assert expected == figures(folder)

        assert before == snapshot(folder)


def truncated(path, segment, folder):
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path, segment, folder):
    flip_bit(path, path.stat().st_size * 4)


def grown(path, segment, folder):
    path.write_bytes(path.read_bytes() + b"\0")


def missing(path, segment, folder):
    path.unlink()


def a_folder_of_other_columns(path, segment, folder):
    """DuckDB reads all files in a folder whose name it is given."""
    path.unlink()
    path.mkdir()
    shutil.copy(column_file(folder, 1)[0], path)


def unstamped(path, segment, folder):
    stamp_path(path).unlink()


def half_a_stamp(path, segment, folder):
    stamp_path(path).write_bytes(stamp_path(path).read_bytes()[:60])


def no_object(path, segment, folder):
    stamp_path(path).write_bytes(b"[1]\n")


def spaced_stamp(path, segment, folder):
    stamp_path(path).write_bytes(stamp_path(path).read_bytes().replace(b",", b", "))


def of_other_rules(path, segment, folder):
    restamp(path, rules=2)


def of_another_layout(path, segment, folder):
    restamp(path, layout=LAYOUT + 1)


def of_another_duckdb(path, segment, folder):
    restamp(path, column_admission={"rules": 1, "duckdb": "1.0"})


def of_no_column_admission(path, segment, folder):
    restamp(path, column_admission=None)


def of_a_newer_ledger(path, segment, folder):
    restamp(path, schema="ledger/typed/v2")


def doctored(path, segment, folder):
    """The stamp is the right one, but the columns are those of other records."""
    records = [item._replace(value=b"{}") for item in open_archive(folder).records_of(segment)]
    write_columns(records, PARTITIONS, path)


def in_the_place_of_another(path, segment, folder):
    other, _ = column_file(folder, 1)
    shutil.copy(other, path)
    shutil.copy(stamp_path(other), stamp_path(path))


DAMAGES = {
    truncated: "differs from its stamp",
    flipped: "differs from its stamp",
    grown: "differs from its stamp",
    missing: "is missing",
    a_folder_of_other_columns: "cannot be read",
    unstamped: "is missing",
    half_a_stamp: "is damaged",
    no_object: "is damaged",
    spaced_stamp: "is damaged",
    of_other_rules: "is of other records, rules or columns",
    of_another_layout: "is of other records, rules or columns",
    of_another_duckdb: "is of other records, rules or columns",
    of_no_column_admission: "is of other records, rules or columns",
    of_a_newer_ledger: "is of other records, rules or columns",
    doctored: "differs from its stamp",
    in_the_place_of_another: "is of other records, rules or columns",
}


class TestNeverTrusted:
    """Only files that equal their stamp, of exactly these records, are used."""

    @pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
    def test_typed_columns_are_not_used_when(self, folder, expected, damage):
        damage(*column_file(folder), folder)

        said_of = faults(folder)
        assert DAMAGES[damage] in said_of[0]
        assert {None} == set(said_of[1:])
        assert expected == figures(folder)

    def test_columns_of_another_archive_under_the_right_names_are_not_used(self, tmp_path):
        held = history(30)
        others = [record._replace(value=JUNK[0]) for record in held]
        own, foreign = (
            archive_of(tmp_path / name, records, segment_bytes=10**9)
            for name, records in (("own", held), ("foreign", others))
        )
        assert [path.name for path in sorted(own.glob("typed/*"))] == [
            path.name for path in sorted(foreign.glob("typed/*"))
        ]
        shutil.rmtree(own / "typed")
        shutil.copytree(foreign / "typed", own / "typed")

        assert all("is of other records" in fault for fault in faults(own))
        assert figures(own, engine="fold") == figures(own)

    def test_columns_with_any_bit_flipped_in_file_or_stamp_are_not_used(self, folder):
        path, segment = column_file(folder)
        chance = random.Random(7)
        for victim, count in ((path, 60), (stamp_path(path), 200)):
            data = victim.read_bytes()
            for bit in chance.sample(range(len(data) * 8), count):
                flip_bit(victim, bit)
                (result,) = check_columns(folder, [segment])
                assert result.fault is not None, bit
                victim.write_bytes(data)
        assert {None} == set(faults(folder))

    def test_a_stamp_protects_against_accidents_and_not_against_forgery(self, folder, expected):
        path, segment = column_file(folder)
        doctored(path, segment, folder)
        forge(path, segment)

        assert {None} == set(faults(folder))
        assert expected != figures(folder)
        assert expected == figures(folder, engine="fold")

    def test_a_remark_says_how_many_columns_were_built_and_how_to_keep_them(self, folder):
        count = len(open_archive(folder).manifest.segments)
        for number in (0, 2):
            column_file(folder, number)[0].unlink()

        assert (
            f"typed columns of 2 of {count} segments were built for this replay only;"
            f" `outcomes archive {folder}` keeps them"
        ) == replayed(folder).remark

    def test_an_archive_without_columns_gives_the_same_figures(self, folder, expected):
        shutil.rmtree(folder / "typed")

        assert expected == figures(folder)

    def test_an_archive_without_records_gives_the_same_figures(self, tmp_path):
        folder = archive_of(tmp_path, [])

        assert figures(folder, engine="fold") == figures(folder)
        assert replayed(folder).remark is None


class TestChangedWhileRead:
    """Another run may write to the archive after its files were hashed."""

    @pytest.fixture
    def changed_while_read(self, monkeypatch):
        """Replay, and change the archive so many times between hashing and reading."""
        read = sql_engine.query_columns
        left = []

        def changed_before(files, *rest):
            if left:
                left.pop()(files)
            return read(files, *rest)

        def replay_while_changed(folder, change, times=1):
            left[:] = [change] * times
            return replayed(folder)

        monkeypatch.setattr(sql_engine, "query_columns", changed_before)
        return replay_while_changed

    def test_columns_that_were_replaced_while_they_were_read_are_read_again(
        self, folder, whole, changed_while_read
    ):
        def replaced(files):
            doctored(*column_file(folder), folder)

        result = changed_while_read(folder, replaced)

        assert digest_of(replayed(whole, "fold")) == digest_of(result)
        assert "columns of 1 of" in result.remark

    def test_columns_that_a_merge_removed_while_they_were_read_are_read_again(
        self, folder, whole, changed_while_read
    ):
        def merged(files):
            merge_segments(folder)
            build_columns(folder)

        result = changed_while_read(folder, merged)

        assert digest_of(replayed(whole, "fold")) == digest_of(result)
        assert result.remark is None

    def test_an_archive_that_changes_at_every_attempt_gives_one_line(
        self, folder, monkeypatch, changed_while_read
    ):
        monkeypatch.setattr(sql_engine, "ATTEMPTS", 2)

        def touched(files):
            files[0].touch()

        with pytest.raises(StoreError, match="kept changing while it was read"):
            changed_while_read(folder, touched, times=10)


class TestDoctor:
    def checks(self, folder):
        return [check for check in examine(ArchiveAddress(folder)) if check.name == "typed"]

    def test_fresh_columns_are_fine(self, folder):
        count = len(open_archive(folder).manifest.segments)
        (check,) = self.checks(folder)

        assert ("fine", f"fresh typed columns for {count} of {count} segments") == check[1:]

    def test_columns_that_are_not_fresh_are_named_with_what_to_do(self, folder):
        count = len(open_archive(folder).manifest.segments)
        first, _ = column_file(folder)
        truncated(first, None, folder)
        column_file(folder, 3)[0].unlink()
        (check,) = self.checks(folder)

        assert "warning" == check.severity
        assert (
            f"fresh typed columns for {count - 2} of {count} segments;"
            f" {first} differs from its stamp (and 1 more);"
            f" `outcomes archive {folder} --refresh` rebuilds them"
        ) == check.detail


PINNED = {
    1: """
        partition INTEGER, offset BIGINT, recorded_at BIGINT, rule VARCHAR, subject VARCHAR, source
        VARCHAR, id VARCHAR, type VARCHAR, time_nanos SMALLINT, application_id VARCHAR,
        enrollment_id VARCHAR, programme VARCHAR, applied_on DATE, enrolled_on DATE,
        expected_graduation_on DATE, funding VARCHAR, decided_on DATE, withdrew_on DATE, reason
        VARCHAR, graduated_on DATE, credential VARCHAR, survey VARCHAR, answered_on DATE, status
        VARCHAR, job_found_on DATE, in_field BOOLEAN, employment VARCHAR, by_school BOOLEAN,
        outcome_on DATE, kind VARCHAR, credited BOOLEAN, stated_by VARCHAR, declared_on DATE,
        categories VARCHAR[], time TIMESTAMP, digest UUID, evidence_sha256 VARCHAR, evidence_uri
        VARCHAR, retracts_source VARCHAR, retracts_id VARCHAR, student UUID, application UUID,
        enrolment UUID, identity UUID, retracts_identity UUID, category_bits UTINYINT
    """,
}
# Layout 1 may hold columns that DuckDB took from the names of folders.
PINNED[2] = PINNED[1]
# Up to layout 2 `digest` was half of a BLAKE2b, and rows were sorted by subject.
PINNED[3] = PINNED[2]
# Up to layout 3 no column said under which names a quarantined record is found.
PINNED[4] = PINNED[3].replace(
    "rule VARCHAR, ", "rule VARCHAR, key_student UUID, named_student UUID, named_event UUID, "
)
# Up to layout 4 the content that `digest` is of was another text.
PINNED[5] = PINNED[4]


class TestLayout:
    """Other columns, types or meanings have another number; what was pinned is never edited."""

    def test_the_columns_of_a_layout_are_those_that_were_pinned(self, tmp_path):
        write_columns([], 1, tmp_path / "none.parquet")
        columns = duckdb.sql(f"describe from '{tmp_path / 'none.parquet'}'").fetchall()
        pinned = " ".join(PINNED[LAYOUT].split()).split(", ")

        assert pinned == [f"{name} {kind}" for name, kind, *_ in columns]
        assert f"It is {LAYOUT};" in (ROOT / "docs" / "archive.md").read_text(encoding="utf-8")
