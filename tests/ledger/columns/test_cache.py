"""`ledger.columns.cache`: what an archive keeps is used while it is fresh, and never trusted."""

from __future__ import annotations

import random
import shutil

import duckdb
import pytest

from ledger.columns import reading
from ledger.columns.build import build_columns
from ledger.columns.cache import check_columns, stamp_path
from ledger.columns.schema import LAYOUT, write_columns
from ledger.errors import StoreError
from ledger.log.archive import archive_log, merge_segments
from ledger.replay import replay, sql_engine
from ledger.report import build_report
from outcomes.doctor import examine
from tests.ledger.columns.archives import (
    JUNK,
    PARTITIONS,
    POLICY,
    archive_of,
    cuts,
    faults,
    flip,
    forge,
    history,
    opened,
    restamp,
    said,
    state,
    typed,
)
from tests.ledger.log.archive.folders import MemoryLog
from tests.ledger.log.archive.folders import records as plain_records
from tests.ledger.log.contract import everything

STUDENTS = 120


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An archive of several segments in each of three partitions, its typed columns fresh."""
    return archive_of(tmp_path_factory.mktemp("whole"), history(STUDENTS))


@pytest.fixture(scope="module")
def expected(whole):
    """What the fold finds, which reads the records alone."""
    return said(whole, engine="fold")


@pytest.fixture
def folder(whole, tmp_path):
    """A copy to damage."""
    return shutil.copytree(whole, tmp_path / "a")


@pytest.fixture
def nothing_is_made(monkeypatch):
    def refuse(*arguments):
        pytest.fail("columns were made although fresh ones are kept")

    monkeypatch.setattr(reading, "write_column_files", refuse)


def replayed(folder, engine="columnar"):
    log = opened(folder)
    return replay(log, log.end(), [POLICY], engine=engine)


def digest_of(found):
    return build_report(found, log_name="any", policy=POLICY, year=2022).digest


class TestFresh:
    def test_the_archive_has_what_these_tests_want(self, whole, expected):
        log = opened(whole)

        assert all(len(series) > 1 for series in log.manifest.series().values())
        assert len(JUNK) <= sum(expected["records"]["quarantined"].values())
        assert [None] * len(log.manifest.segments) == faults(whole)

    def test_it_is_used_and_gives_the_figures_of_the_fold(self, whole, expected, nothing_is_made):
        assert expected == said(whole)
        assert replayed(whole).remark is None

    def test_it_is_used_at_any_cut(self, whole, nothing_is_made):
        for cut in cuts(opened(whole).end(), random.Random(7), 4):
            assert said(whole, cut, "fold") == said(whole, cut)

    def test_at_a_cut_only_segments_below_it_are_looked_at(self, folder, nothing_is_made):
        segments = opened(folder).manifest.segments
        for number, segment in enumerate(segments):
            if segment.start:
                typed(folder, number)[0].unlink()
        cut = {one.partition: one.end for one in segments if one.start == 0}

        assert said(folder, cut, "fold") == said(folder, cut)

    def test_where_the_archive_was_continued_only_what_came_is_made(self, folder, monkeypatch):
        made = []
        of_records = reading.write_column_files

        def noted(records, *rest):
            return of_records((made.append(one) or one for one in records), *rest)

        monkeypatch.setattr(reading, "write_column_files", noted)
        log = opened(folder)
        more = plain_records(20, partition=1, first=log.end()[1])
        longer = MemoryLog([*everything(log), *more], partitions=PARTITIONS)
        longer.name = log.name
        archive_log(longer, folder)

        assert said(folder, engine="fold") == said(folder)
        assert more == made


class TestReading:
    """Reading leaves an archive as it is, whatever it lacks."""

    @pytest.mark.parametrize("missing", [False, True])
    def test_a_replay_writes_nothing_into_the_archive(self, folder, expected, missing):
        if missing:
            shutil.rmtree(folder / "typed")
        before = state(folder)

        assert expected == said(folder)

        assert before == state(folder)


def truncated(path, segment, folder):
    path.write_bytes(path.read_bytes()[:-100])


def flipped(path, segment, folder):
    flip(path, path.stat().st_size * 4)


def grown(path, segment, folder):
    path.write_bytes(path.read_bytes() + b"\0")


def missing(path, segment, folder):
    path.unlink()


def a_folder_of_other_columns(path, segment, folder):
    """DuckDB reads all files in a folder whose name it is given."""
    path.unlink()
    path.mkdir()
    shutil.copy(typed(folder, 1)[0], path)


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


def of_a_newer_ledger(path, segment, folder):
    restamp(path, schema="ledger/typed/v2")


def doctored(path, segment, folder):
    """The stamp is the right one, but the columns are those of other records."""
    records = [one._replace(value=b"{}") for one in opened(folder).records_of(segment)]
    write_columns(records, PARTITIONS, path)


def in_the_place_of_another(path, segment, folder):
    other, _ = typed(folder, 1)
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
    of_a_newer_ledger: "is of other records, rules or columns",
    doctored: "differs from its stamp",
    in_the_place_of_another: "is of other records, rules or columns",
}


class TestNeverTrusted:
    """Only files that equal their stamp, of exactly these records, are used."""

    @pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
    def test_typed_columns_that_are(self, folder, expected, damage):
        damage(*typed(folder), folder)

        said_of = faults(folder)
        assert DAMAGES[damage] in said_of[0]
        assert {None} == set(said_of[1:])
        assert expected == said(folder)

    def test_columns_of_another_archive_under_the_right_names(self, tmp_path):
        held = history(30)
        others = [one._replace(value=JUNK[0]) for one in held]
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
        assert said(own, engine="fold") == said(own)

    def test_any_flipped_bit_of_columns_or_stamp(self, folder):
        path, segment = typed(folder)
        chance = random.Random(7)
        for victim, count in ((path, 60), (stamp_path(path), 200)):
            data = victim.read_bytes()
            for bit in chance.sample(range(len(data) * 8), count):
                flip(victim, bit)
                (found,) = check_columns(folder, [segment])
                assert found.fault is not None, bit
                victim.write_bytes(data)
        assert {None} == set(faults(folder))

    def test_a_stamp_guards_against_accident_and_not_against_a_forger(self, folder, expected):
        path, segment = typed(folder)
        doctored(path, segment, folder)
        forge(path, segment)

        assert {None} == set(faults(folder))
        assert expected != said(folder)
        assert expected == said(folder, engine="fold")

    def test_a_person_is_told_once_what_was_made_and_how_to_keep_it(self, folder):
        count = len(opened(folder).manifest.segments)
        for number in (0, 2):
            typed(folder, number)[0].unlink()

        assert (
            f"typed columns of 2 of {count} segments were built for this replay only;"
            f" `outcomes archive {folder}` keeps them"
        ) == replayed(folder).remark

    def test_an_archive_without_any(self, folder, expected):
        shutil.rmtree(folder / "typed")

        assert expected == said(folder)

    def test_an_archive_of_nothing(self, tmp_path):
        folder = archive_of(tmp_path, [])

        assert said(folder, engine="fold") == said(folder)
        assert replayed(folder).remark is None


class TestChangedMeanwhile:
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

    def test_what_was_replaced_is_read_again(self, folder, whole, changed_while_read):
        def replaced(files):
            doctored(*typed(folder), folder)

        found = changed_while_read(folder, replaced)

        assert digest_of(replayed(whole, "fold")) == digest_of(found)
        assert "columns of 1 of" in found.remark

    def test_what_a_merge_removed_is_read_again(self, folder, whole, changed_while_read):
        def merged(files):
            merge_segments(folder)
            build_columns(folder)

        found = changed_while_read(folder, merged)

        assert digest_of(replayed(whole, "fold")) == digest_of(found)
        assert found.remark is None

    def test_an_archive_that_never_rests_is_told(self, folder, monkeypatch, changed_while_read):
        monkeypatch.setattr(sql_engine, "ATTEMPTS", 2)

        def touched(files):
            files[0].touch()

        with pytest.raises(StoreError, match="kept changing while it was read"):
            changed_while_read(folder, touched, times=10)


class TestDoctor:
    def checks(self, folder):
        return [one for one in examine(f"archive:{folder}") if one.name == "typed"]

    def test_fresh_columns_are_fine(self, folder):
        count = len(opened(folder).manifest.segments)
        (check,) = self.checks(folder)

        assert ("fine", f"fresh typed columns for {count} of {count} segments") == check[1:]

    def test_what_is_not_fresh_is_named_with_what_to_do(self, folder):
        count = len(opened(folder).manifest.segments)
        first, _ = typed(folder)
        truncated(first, None, folder)
        typed(folder, 3)[0].unlink()
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


class TestLayout:
    """Other columns, types or meanings have another number; what was pinned is never edited."""

    def test_the_columns_of_a_layout_are_those_that_were_pinned(self, tmp_path):
        write_columns([], 1, tmp_path / "none.parquet")
        columns = duckdb.sql(f"describe from '{tmp_path / 'none.parquet'}'").fetchall()
        pinned = " ".join(PINNED[LAYOUT].split()).split(", ")

        assert pinned == [f"{name} {kind}" for name, kind, *_ in columns]
