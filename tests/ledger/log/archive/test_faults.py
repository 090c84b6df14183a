"""What time, disks and people do to an archive: found before any record of it is used."""

from __future__ import annotations

import gzip
import random
import shutil

import pytest

from ledger.errors import DamagedArchiveError, StoreError
from ledger.log import open_log
from ledger.log.address import ArchiveAddress
from ledger.log.archive import archive_log, merge_segments
from outcomes.doctor import examine
from tests.ledger.log.archive.folders import (
    MemoryLog,
    files,
    forge,
    records,
    reseal,
    sealed,
    segments,
)
from tests.ledger.log.contract import everything

HELD = [*records(30), *records(30, partition=1, value="é".encode())]


@pytest.fixture
def folder(tmp_path):
    """An archive of several segments in two partitions."""
    return sealed(tmp_path / "a", HELD, partitions=2, segment_bytes=500)


def refused(folder, *words):
    """Assert that nothing reads the archive or adds to it, and that one line names the reason."""
    before = files(folder)
    for attempt in (
        lambda: open_log(f"archive:{folder}"),
        lambda: archive_log(MemoryLog(HELD, partitions=2), folder),
        lambda: merge_segments(folder),
    ):
        with pytest.raises(StoreError) as raised:
            attempt()
        text = str(raised.value)
        assert text.isprintable()
        assert [] == [word for word in words if word not in text], text
        assert 69 == raised.value.exit_code
    assert before == files(folder)
    broken = [
        check.detail for check in examine(ArchiveAddress(folder)) if check.severity == "broken"
    ]
    assert broken
    return broken


def flip(path, bit):
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(bytes(data))


class TestSegments:
    def test_a_truncated_segment(self, folder):
        victim = segments(folder)[2]
        victim.write_bytes(victim.read_bytes()[:-9])

        refused(folder, str(victim), "bytes", "restore it from a copy")

    def test_a_truncated_segment_that_was_filled_up(self, folder):
        victim = segments(folder)[2]
        data = victim.read_bytes()
        victim.write_bytes(data[:-9] + bytes(9))

        refused(folder, str(victim), "is not what was sealed")

    def test_any_flipped_bit_of_a_segment(self, folder):
        victim = segments(folder)[-1]
        data = victim.read_bytes()
        for bit in random.Random(7).sample(range(len(data) * 8), 60):
            flip(victim, bit)
            with pytest.raises(DamagedArchiveError, match=victim.name):
                open_log(f"archive:{folder}")
            victim.write_bytes(data)
        assert HELD == everything(open_log(f"archive:{folder}"))

    def test_a_flipped_bit_of_a_value_compressed_again(self, folder):
        victim = segments(folder)[0]
        text = gzip.decompress(victim.read_bytes())
        victim.write_bytes(gzip.compress(text.replace(b'"{}"', b'"{|"', 1), 6, mtime=0))

        refused(folder, str(victim))

    def test_a_removed_segment(self, folder):
        victim = segments(folder)[1]
        victim.unlink()

        refused(folder, str(victim), "is missing")

    def test_all_segments_removed(self, folder):
        shutil.rmtree(folder / "records")

        broken = refused(folder, "records/p0000", "is missing", "more")
        assert len(broken) > 5

    @pytest.mark.parametrize(
        "name", ["p0000-000000000000-000000000999.jsonl.gz", "copy of p0000.jsonl.gz"]
    )
    def test_a_duplicate_segment(self, folder, name):
        shutil.copy(segments(folder)[1], folder / "records" / name)

        refused(folder, name, "duplicate or foreign", "move it out")

    def test_a_foreign_segment_under_an_unlisted_name(self, folder, tmp_path):
        other = sealed(tmp_path / "b", records(9, value=b"other"))
        shutil.copy(segments(other)[0], folder / "records")

        refused(folder, segments(other)[0].name, "duplicate or foreign")

    def test_a_foreign_segment_in_the_place_of_another(self, folder, tmp_path):
        victim = segments(folder)[0]
        other = sealed(tmp_path / "b", records(30, value=b"[]"), segment_bytes=500)
        shutil.copy(segments(other)[0], victim)

        refused(folder, str(victim))

    def test_two_segments_that_changed_places(self, folder):
        first, second = segments(folder)[:2]
        data = first.read_bytes(), second.read_bytes()
        first.write_bytes(data[1])
        second.write_bytes(data[0])

        broken = refused(folder, str(first), "1 more")
        assert [first.name in broken[0], second.name in broken[1]] == [True, True]

    def test_doctor_lists_every_damaged_file(self, folder):
        missing, changed = segments(folder)[0], segments(folder)[3]
        missing.unlink()
        flip(changed, 100)

        broken = refused(folder)

        assert 2 == len(broken)
        assert f"{missing} is missing" in broken[0]
        assert f"{changed} is not what was sealed" in broken[1]


class TestManifest:
    def test_any_flipped_bit_of_the_manifest(self, folder):
        path = folder / "manifest.json"
        data = path.read_bytes()
        for bit in random.Random(7).sample(range(len(data) * 8), 300):
            flip(path, bit)
            with pytest.raises(StoreError, match="manifest"):
                open_log(f"archive:{folder}")
            path.write_bytes(data)
        assert HELD == everything(open_log(f"archive:{folder}"))

    @pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"digest":1}', b"\xff", b"null"])
    def test_another_file_in_its_place(self, folder, text):
        (folder / "manifest.json").write_bytes(text)

        refused(folder, "manifest.json", "restore it from a copy")

    def test_the_same_manifest_in_other_bytes(self, folder):
        path = folder / "manifest.json"
        path.write_bytes(path.read_bytes().replace(b",", b", "))

        refused(folder, "manifest.json")

    def test_a_lost_manifest(self, folder):
        (folder / "manifest.json").unlink()

        with pytest.raises(StoreError, match=r"manifest\.json is missing"):
            open_log(f"archive:{folder}")
        with pytest.raises(StoreError, match=r"manifest\.json is missing"):
            archive_log(MemoryLog(HELD, partitions=2), folder)

    def test_a_manifest_of_a_newer_ledger(self, folder):
        forge(folder, lambda members: members.update(schema="ledger/archive/v2"))

        refused(folder, "ledger/archive/v2", "upgrade")


def last(members):
    return members["segments"][-1]


FORGERIES = {
    "a segment left out": lambda members: members["segments"].pop(1),
    "a segment doubled": lambda members: members["segments"].insert(1, members["segments"][0]),
    "segments in another order": lambda members: members["segments"].reverse(),
    "an unknown partition": lambda members: last(members).update(partition=7),
    "a file elsewhere": lambda members: last(members).update(file="../../etc/passwd"),
    "a cut beyond the segments": lambda members: members["cut"].update({"1": 99}),
    "a cut of fewer partitions": lambda members: members["cut"].pop("1"),
    "more partitions": lambda members: members["log"].update(partitions=3),
    "another identity": lambda members: members["log"]["identity"].update({"0": "0" * 64}),
    "more records than offsets": lambda members: last(members).update(records=10**6),
    "a moment that is none": lambda members: last(members).update(first_recorded_at="now"),
    "moments that go back": lambda members: last(members).update(
        last_recorded_at="1999-01-01T00:00:00.000Z"
    ),
    "an unknown member": lambda members: members.update(more=1),
    "a number as text": lambda members: last(members).update(end="30"),
}


class TestForgeries:
    """A manifest that contradicts itself is refused although its digest fits."""

    @pytest.mark.parametrize("name", FORGERIES)
    def test_a_manifest_with(self, folder, name):
        forge(folder, FORGERIES[name])

        refused(folder, "manifest.json")

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text.replace(b'"partition":0', b'"partition":1', 1),
            lambda text: text.replace(b'"offset":2', b'"offset":1', 1),
            lambda text: text[: text.rindex(b"\n", 0, -1) + 1],
            lambda text: text + b"x\n",
            lambda text: text.replace(b'"value"', b'"Value"', 1),
            lambda text: text.replace(b"2024-", b"24-", 1),
        ],
        ids=["partition", "offset", "a line less", "junk", "no value", "no moment"],
    )
    def test_a_segment_that_is_sealed_but_wrong(self, folder, change):
        victim = segments(folder)[0]
        text = change(gzip.decompress(victim.read_bytes()))
        reseal(folder, victim, gzip.compress(text, mtime=0))

        with pytest.raises(DamagedArchiveError, match=victim.name):
            everything(open_log(f"archive:{folder}"))
        details = [check for check in examine(ArchiveAddress(folder)) if check.severity == "broken"]
        assert [victim.name in detail.detail for detail in details] == [True]

    def test_a_segment_that_is_sealed_but_no_gzip_file(self, folder):
        victim = segments(folder)[0]
        reseal(folder, victim, b"x" * 99)

        with pytest.raises(DamagedArchiveError, match="cannot be unpacked"):
            everything(open_log(f"archive:{folder}"))
