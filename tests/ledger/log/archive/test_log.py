"""An archive as a log: the contract of every log, as far as a read-only one can keep it."""

from __future__ import annotations

import gzip
import tracemalloc
from contextlib import ExitStack, closing

import pytest

from ledger.errors import CutNotHeldError, DamagedArchiveError, StoreError
from ledger.log import NewRecord, open_log, open_to_append
from ledger.log.archive import ArchiveLog, archive_log, merge_segments
from ledger.log.archive.manifest import parse_segment_name
from ledger.log.identity import identity_of
from ledger.replay import replay
from ledger.report import build_report
from outcomes.synthetic import generate
from projections.policy import built_in_policies
from schemas.record import Record
from tests.ledger.log.archive.folders import MemoryLog, records, reseal, sealed, segments
from tests.ledger.log.contract import NOON, KeepingLogContract, everything, numbered

POLICY = built_in_policies()["openclassrooms-2022"]


class Archived:
    """A log whose reader is its archive: what is appended to the one is archived to the other."""

    def __init__(self, log, folder):
        self.log, self.folder = log, folder
        archive_log(log, folder, segment_bytes=1_000)
        self.archive = ArchiveLog.open(folder)

    def append(self, new):
        acknowledged = self.log.append(new)
        archive_log(self.log, self.folder, segment_bytes=1_000)
        return acknowledged

    def append_each(self, new, *, wait_seconds):
        appended = self.log.append_each(new, wait_seconds=wait_seconds)
        archive_log(self.log, self.folder, segment_bytes=1_000)
        return appended

    def __getattr__(self, name):
        return getattr(self.archive, name)


class TestContract(KeepingLogContract):
    """An archive keeps the promises of every log; its log takes what is appended."""

    @pytest.fixture
    def make(self, tmp_path):
        with ExitStack() as stack:

            def make(partitions):
                url = f"sqlite:{tmp_path / 'ledger.db'}?partitions={partitions}"
                log = stack.enter_context(closing(open_log(url, create=True)))
                return Archived(log, tmp_path / "archive")

            yield make

    @pytest.fixture
    def open_again(self, tmp_path):
        return lambda: open_log(f"archive:{tmp_path / 'archive'}")


@pytest.fixture
def world(tmp_path):
    """A log of three partitions with everything that platforms deliver, and its path."""
    with closing(open_log(f"sqlite:{tmp_path / 'l.db'}?partitions=3", create=True)) as log:
        log.append(
            NewRecord(record.key, record.value, record.recorded_at) for record in generate(60, 7)
        )
        yield log


def report_of(log, cut=None):
    replayed = replay(log, cut or log.end(), [POLICY])
    return build_report(replayed, log_name=log.name, policy=POLICY, year=2022)


class TestSame:
    """An archive is its log again: records, places, moments, identity, figures."""

    @pytest.mark.parametrize("segment_bytes", [1_000, 10_000, 1_000_000])
    def test_every_record_has_its_place_its_moment_and_its_bytes(
        self, world, tmp_path, segment_bytes
    ):
        archive_log(world, tmp_path / "a", segment_bytes=segment_bytes)
        log = open_log(f"archive:{tmp_path / 'a'}")

        assert everything(world) == everything(log)
        assert list(world.read_by_key(world.end())) == list(log.read_by_key(log.end()))
        assert (world.name, world.partitions) == (log.name, log.partitions)
        assert identity_of(world) == identity_of(log)

    def test_the_report_is_byte_for_byte_that_of_the_log_at_any_cut(self, world, tmp_path):
        archive_log(world, tmp_path / "a", segment_bytes=5_000)
        log = open_log(f"archive:{tmp_path / 'a'}")

        assert report_of(world) == report_of(log)
        moment = everything(world)[40].recorded_at
        assert world.cut_as_of(moment) == log.cut_as_of(moment)
        assert report_of(world, world.cut_as_of(moment)) == report_of(log, log.cut_as_of(moment))

    def test_an_archive_of_an_archive_is_the_same_to_the_byte(self, world, tmp_path):
        archive_log(world, tmp_path / "a", segment_bytes=5_000)

        archive_log(open_log(f"archive:{tmp_path / 'a'}"), tmp_path / "b", segment_bytes=5_000)

        first, second = (tmp_path / name for name in "ab")
        assert [segment.read_bytes() for segment in segments(first)] == [
            segment.read_bytes() for segment in segments(second)
        ]
        assert (first / "manifest.json").read_bytes() == (second / "manifest.json").read_bytes()


class TestHoles:
    """Offsets of a Kafka log have holes; a cut is brought to its normal form by looking."""

    HELD = (*records(20, step=3, first=2), *records(7, partition=1, step=5))

    @pytest.fixture(params=[1, 300, 1_000_000])
    def log(self, request, tmp_path):
        folder = sealed(tmp_path / "a", self.HELD, partitions=3, segment_bytes=request.param)
        return open_log(f"archive:{folder}")

    def test_a_cut_within_a_gap_becomes_one_more_than_the_last_record_below(self, log):
        for first in range(log.end()[0] + 1):
            below = [
                item.offset for item in self.HELD if item.partition == 0 and item.offset < first
            ]
            expected = {0: max(below, default=-1) + 1, 1: 0, 2: 0}
            assert expected == log.normalise({0: first, 1: 0, 2: 0})

    def test_the_latest_moment_below_a_cut_in_a_hole_is_found(self, log):
        for first in range(log.end()[0] + 1):
            below = [
                item.recorded_at
                for item in self.HELD
                if item.partition == 0 and item.offset < first
            ]
            assert max(below, default=None) == log.latest_recorded_at({0: first, 1: 0, 2: 0})

    def test_a_read_from_within_a_gap_begins_after_it(self, log):
        for start in range(log.end()[0]):
            expected = [item for item in self.HELD if item.partition == 0 and item.offset >= start]
            assert expected == list(log.read({0: start}, {0: 99}))

    def test_the_cut_as_of_a_moment_is_in_normal_form(self, log):
        for moment in range(NOON - 1_000, NOON + 22_000, 500):
            cut = log.cut_as_of(moment)
            assert cut == log.normalise(cut)
            below = [item for item in self.HELD if item.offset < cut[item.partition]]
            assert [item for item in self.HELD if item.recorded_at <= moment] == below

    def test_the_first_records_are_those_that_there_are(self, log):
        assert {0: self.HELD[0], 1: self.HELD[20]} == log.first_records()


class TestReadOnly:
    """What is sealed takes nothing, and says so before any input is read."""

    def test_an_append_is_refused_with_the_reason(self, tmp_path):
        log = open_log(f"archive:{sealed(tmp_path / 'a', records(3))}")

        with pytest.raises(StoreError, match="takes no records") as raised:
            log.append(numbered(1))
        assert str(raised.value).isprintable()
        with (
            pytest.raises(StoreError, match="takes no records"),
            open_to_append(f"archive:{tmp_path / 'a'}"),
        ):
            pytest.fail("opened to append")

    @pytest.mark.parametrize("name", ["missing", "empty", "file"])
    def test_where_there_is_no_archive_it_says_so(self, tmp_path, name):
        (tmp_path / "empty").mkdir()
        (tmp_path / "file").write_bytes(b"x")

        with pytest.raises(StoreError, match=r"no archive at .*; `outcomes archive` creates one"):
            open_log(f"archive:{tmp_path / name}")

    def test_a_cut_beyond_the_end_names_the_folder(self, tmp_path):
        log = open_log(f"archive:{sealed(tmp_path / 'a', records(3))}")

        with pytest.raises(CutNotHeldError, match=r"0:4.*its end is 0:3"):
            log.normalise({0: 4})


class TestWhileItIsRead:
    """An archive grows and is merged beside its readers."""

    def test_a_read_survives_a_merge_of_its_segments(self, tmp_path):
        held = [*records(30), *records(30, partition=1)]
        folder = sealed(tmp_path / "a", held, partitions=2, segment_bytes=300)
        log = open_log(f"archive:{folder}")
        reading, cut = log.read({}, log.end()), log.end()
        first = [next(reading) for _ in range(5)]

        merge_segments(folder, segment_bytes=1_000)
        second = [next(reading) for _ in range(10)]
        merge_segments(folder)

        assert held == [*first, *second, *reading]
        assert held == list(log.read({}, cut))

    def test_another_archive_in_its_place_is_not_read(self, tmp_path):
        folder = sealed(tmp_path / "a", records(30))
        log = open_log(f"archive:{folder}")
        sealed(tmp_path / "b", records(40, value=b"other"))
        folder.rename(tmp_path / "gone")
        (tmp_path / "b").rename(folder)

        with pytest.raises(StoreError, match="was replaced by another archive"):
            log.end()

    def test_a_segment_changed_after_it_was_opened_is_not_read(self, tmp_path):
        folder = sealed(tmp_path / "a", records(60), segment_bytes=300)
        log = open_log(f"archive:{folder}")
        victim = segments(folder)[-1]
        text = gzip.decompress(victim.read_bytes())
        victim.write_bytes(gzip.compress(text.replace(b"{}", b"[]")))

        results = []
        with pytest.raises(DamagedArchiveError, match=victim.name):
            results += log.read({}, {0: 60})
        assert list(range(parse_segment_name(victim.name).start)) == [
            match.offset for match in results
        ]


class TestRedacted:
    def test_a_redacted_record_is_refused_and_named(self, tmp_path):
        folder = sealed(tmp_path / "a", records(2))
        (path,) = segments(folder)
        text = gzip.decompress(path.read_bytes()).replace(
            b'"value":"{}"}\n', b'"leaf_sha256":"%s"}\n' % (b"ab" * 32), 1
        )
        reseal(folder, path, gzip.compress(text))

        with pytest.raises(DamagedArchiveError, match="line 1: its value was redacted"):
            everything(open_log(f"archive:{folder}"))


class TestMemory:
    def test_reading_by_key_uses_no_more_memory_for_a_larger_archive(self, tmp_path):
        def peak(count, name):
            folder = sealed(
                tmp_path / name, records(count, value=b"x" * 200), segment_bytes=100_000
            )
            log = open_log(f"archive:{folder}")
            tracemalloc.start()
            for _ in log.read({}, log.end()):
                pass
            result = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            return result

        peak(100, "warm")
        assert peak(8_000, "large") < 2 * peak(2_000, "small")


class TestRecord:
    @pytest.mark.parametrize("key", [None, b"", b"s-1", b"\xff\x00", "é😀".encode()])
    @pytest.mark.parametrize(
        "value", [None, b"", b"\x00\n\r", b"\xff", b"\xed\xa0\x80", b'"\\', "\u2028😀".encode()]
    )
    def test_bytes_survive(self, tmp_path, key, value):
        held = [Record(0, 7, 253_402_300_799_999, key, value)]

        assert held == everything(open_log(f"archive:{sealed(tmp_path / 'a', held)}"))

    def test_a_record_after_the_year_9999_is_refused_with_advice(self, tmp_path):
        held = MemoryLog([Record(0, 0, 253_402_300_800_000, b"k", b"")])

        with pytest.raises(StoreError, match="0:0 was recorded after the year 9999"):
            archive_log(held, tmp_path / "a")

    def test_a_record_before_the_year_1_is_refused_too(self, tmp_path):
        held = MemoryLog([Record(0, 0, -62_135_596_800_001, b"k", b"")])

        with pytest.raises(StoreError, match="0:0 was recorded before the year 1"):
            archive_log(held, tmp_path / "a")
