"""`outcomes.ingest.entries`: lines, arrays and gzip are read, other formats refused in one line."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import shlex
import subprocess
import sys
import tracemalloc
import zipfile
import zlib

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.errors import BadInputError
from outcomes.ingest.array_items import ArraySplitter
from outcomes.ingest.entries import Entries
from outcomes.ingest.judging import EVENTS, RECORDS
from outcomes.ingest.sources import Unpacked

ITEMS = [
    b'{"a": "]},{[\\\\\\" ,"}',
    b'{\n "b" : [1, {"c": []}]\n}',
    b"[[]]",
    b'"x,y"',
    b"1e5",
    b"null",
]
VALUES = st.recursive(
    st.text() | st.integers(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=10,
)
CSV = b"id,source,type\n1,/crm,ledger.student.applied.v1\n"

EVENT = '{"specversion":"1.0","id":"1"}\n'
# Without the time of their making, by which two processes would name these tests differently.
WORKBOOK = io.BytesIO()
with zipfile.ZipFile(WORKBOOK, "w") as archive:
    archive.writestr(zipfile.ZipInfo("[Content_Types].xml"), "<x/>")
ARCHIVE = io.BytesIO()
with zipfile.ZipFile(ARCHIVE, "w") as archive:
    archive.writestr(zipfile.ZipInfo("events.jsonl"), EVENT)
RUNNABLE = ("UTF-16", "CSV with semicolons", "tab-separated values")
REFUSED = {
    "UTF-16": [EVENT.encode("utf-16"), EVENT.encode("utf-16-le"), EVENT.encode("utf-16-be")],
    "UTF-32": [EVENT.encode("utf-32")],
    "CSV": [CSV, b"\xef\xbb\xbf" + CSV, b'"id","a b"\r\n"1","2"\r\n', b"id,source,"],
    "CSV with semicolons": [CSV.replace(b",", b";")],
    "tab-separated values": [CSV.replace(b",", b"\t")],
    "XML": [b'<?xml version="1.0"?><a/>', b"\n<events>\n", b"<!DOCTYPE html>"],
    "an Excel workbook": [WORKBOOK.getvalue(), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"],
    "a ZIP archive": [ARCHIVE.getvalue()],
    "Parquet": [b"PAR1\x15\x04\x15"],
    "zstd": [b"\x28\xb5\x2f\xfd\x04\x00"],
    "bzip2": [bz2.compress(b"x")],
    "xz": [lzma.compress(b"x")],
    "lz4": [b"\x04\x22\x4d\x18\x64"],
    "Avro": [b"Obj\x01\x04"],
    "an SQLite file": [b"SQLite format 3\x00\x10"],
    "a tar archive": [b"events.jsonl" + bytes(245) + b"ustar\x0000" + bytes(255)],
    "YAML": [b"---\nid: 1\n"],
    "JSON over several lines": [json.dumps({"id": 1}, indent=2).encode(), b'{\r\n\t"id": 1}'],
    "a JSON text sequence": [b'\x1e{"id":1}\n'],
}


def batches_of(tmp_path, content, form=EVENTS, size=3):
    file = tmp_path / "input"
    file.write_bytes(content)
    with file.open("rb") as stream:
        entries = Entries(stream, str(file), form)
        return entries, list(entries.batches(size))


def read(tmp_path, content, form=EVENTS):
    entries, batches = batches_of(tmp_path, content, form)
    return entries.noun, [tuple(line) for batch in batches for line in batch]


def refusal(tmp_path, content, form=EVENTS):
    with pytest.raises(BadInputError) as raised:
        read(tmp_path, content, form)
    return str(raised.value)


def split(text, size, bytes_max=100):
    splitter = ArraySplitter("input", bytes_max)
    chunks = [text[start : start + size] for start in range(0, len(text), size)]
    return [line for chunk in [*chunks, b""] for line in splitter.split(chunk)]


class Chunks:
    """A source of given chunks."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)

    def read(self):
        return self.chunks.pop(0) if self.chunks else b""

    def wait(self, _):
        return True


class TestArrays:
    @pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
    def test_each_item_is_its_exact_bytes_however_they_arrive(self, size):
        text = b" \n[\t" + b" ,\r\n ".join(ITEMS) + b" ]\n \n"
        assert list(enumerate(ITEMS, 1)) == [tuple(line) for line in split(text, size)]

    @given(
        st.recursive(
            st.text() | st.integers(),
            lambda part: st.lists(part) | st.dictionaries(st.text(), part),
        ),
        st.integers(1, 9),
    )
    @example('\\"', 1)
    def test_any_items_come_out_as_they_went_in(self, value, size):
        items = [
            json.dumps(value, indent=1).encode(),
            json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        ]
        lines = split(b"[" + b",".join(items) + b"]", size, 1_000_000)
        assert items == [line.text for line in lines]

    def test_items_are_counted_and_batched(self, tmp_path):
        entries, batches = batches_of(tmp_path, b"[1,2,3,4]")
        assert "item" == entries.noun
        assert [[1, 2, 3], [4]] == [[line.number for line in batch] for batch in batches]

    @pytest.mark.parametrize("content", [b"[]", b" [ \n ] ", b"\xef\xbb\xbf[]"])
    def test_an_empty_array_has_no_items(self, content, tmp_path):
        assert ("item", []) == read(tmp_path, content)

    @pytest.mark.parametrize(("content", "count"), [(b"[1,]", 2), (b"[,]", 2), (b"[,1]", 2)])
    def test_a_missing_item_is_an_empty_one(self, content, count):
        lines = split(content, 9)
        assert count == len(lines)
        assert b"" in [line.text for line in lines]

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"[1, 2", "ends inside its array, after item 1"),
            (b'["x', "ends inside its array, after item 0"),
            (b'["x\\', "ends inside its array, after item 0"),
            (b"[1] [2]", "goes on after its array, 1 item; send"),
            (b"[1}", "a brace too many after item 1"),
        ],
    )
    def test_an_array_that_is_not_whole_is_refused(self, content, words, tmp_path):
        assert words in refusal(tmp_path, content)

    @pytest.mark.parametrize("item", [b'"' + b"x" * 3_000_000 + b'"', b"1" + b" " * 99 + b"1"])
    def test_of_an_overlong_item_only_enough_to_refuse_it_is_kept(self, item):
        (line, after) = split(b"[" + item + b", 2 ]", 50_000, 60)
        assert 60 < len(line.text) < 70
        assert (2, b"2") == after

    def test_blanks_around_an_item_are_no_part_of_its_length(self):
        (line,) = split(b"[" + b" " * 999 + b"1" + b" " * 999 + b"]", 100, 10)
        assert b"1" == line.text

    def test_records_are_never_items(self, tmp_path):
        assert ("line", [(1, b"[1]")]) == read(tmp_path, b"[1]\n", RECORDS)


class TestGzip:
    @pytest.mark.parametrize(
        "packed",
        [
            gzip.compress(b"a\nb\n"),
            gzip.compress(b"a\n") + gzip.compress(b"b"),
            gzip.compress(b"a\nb") + b"\0" * 512,
            gzip.compress(b"") + gzip.compress(b"a\nb"),
        ],
        ids=["one", "two members", "filled up", "an empty member"],
    )
    def test_lines_are_unpacked(self, packed, tmp_path):
        assert ("line", [(1, b"a"), (2, b"b")]) == read(tmp_path, packed)

    def test_an_array_is_unpacked(self, tmp_path):
        assert ("item", [(1, b"{ }"), (2, b"2")]) == read(tmp_path, gzip.compress(b"[{ },2]"))

    def test_bytes_that_arrive_one_by_one_are_unpacked(self):
        packed = gzip.compress(b"x" * 700_000) + gzip.compress(b"y")
        source = Unpacked(Chunks(*(packed[i : i + 1] for i in range(len(packed)))), "input")
        assert b"x" * 700_000 + b"y" == b"".join(iter(source.read, b""))

    @pytest.mark.parametrize(
        ("packed", "words"),
        [
            (gzip.compress(b"a\n" * 99)[:-9], "ends inside its gzip data"),
            (gzip.compress(b"a\n" * 99)[:-8] + b"\1" * 8, "damaged gzip data after"),
            (gzip.compress(b"a\n") + b"more", "damaged gzip data after 2 unpacked bytes"),
            (gzip.compress(gzip.compress(b"a")), ": gzip, not JSON lines"),
            (gzip.compress(CSV), ": CSV, not JSON lines"),
        ],
        ids=["cut off", "another checksum", "more behind it", "gzip twice", "CSV"],
    )
    def test_what_is_damaged_or_no_json_inside_is_refused(self, packed, words, tmp_path):
        assert words in refusal(tmp_path, packed)

    def test_what_unpacks_to_too_much_is_refused_with_the_limit(self):
        source = Unpacked(Chunks(gzip.compress(b"\0" * (3 << 20))), "bomb.gz", 2 << 20)
        with pytest.raises(BadInputError, match=r"bomb\.gz unpacks to more than 2 MiB; "):
            list(iter(source.read, b""))

    @pytest.mark.parametrize("content", [b"[" + b"1,\n" * 1_000_000 + b"1]", b" " * 40_000_000])
    def test_memory_is_bounded(self, content, tmp_path):
        file = tmp_path / "input"
        file.write_bytes(gzip.compress(content, 1))
        del content
        tracemalloc.start()
        with file.open("rb") as stream:
            for count, _ in enumerate(Entries(stream, "input", EVENTS).batches(1_000)):
                if count > 20:
                    break
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8_000_000

    def test_a_live_pipe_gives_what_was_flushed(self):
        output, feed = os.pipe()
        packer = zlib.compressobj(wbits=31)
        with os.fdopen(output, "rb") as stream, os.fdopen(feed, "wb", buffering=0) as writer:
            writer.write(packer.compress(b'{"a":1}\n{"a":2}\n') + packer.flush(2))
            batches = Entries(stream, "-", EVENTS).batches(10)
            assert [1, 2] == [line.number for line in next(batches)]
            writer.write(packer.flush())


class TestOtherFormats:
    @pytest.mark.parametrize(
        ("name", "content"), [(name, text) for name, texts in REFUSED.items() for text in texts]
    )
    @pytest.mark.parametrize("form", [EVENTS, RECORDS], ids=["events", "records"])
    def test_a_format_is_named_with_the_command_that_converts_it(
        self, name, content, form, tmp_path
    ):
        line = refusal(tmp_path, content, form)
        assert f"input: {name}, not JSON lines in UTF-8; convert it: " in line
        assert line.isprintable()
        assert str(tmp_path / "input") in line.partition("convert it: ")[2]

    def test_gzip_of_records_is_refused_with_its_command(self, tmp_path):
        assert "convert it: gzip -dc " in refusal(tmp_path, gzip.compress(b"{}"), RECORDS)

    @pytest.mark.parametrize(
        "content",
        [text for name, texts in REFUSED.items() for text in texts[:3] if name in RUNNABLE],
    )
    def test_the_command_makes_json_lines(self, content, tmp_path):
        command = refusal(tmp_path, content).partition("convert it: ")[2].partition("; each")[0]
        words = shlex.split(command)
        words[0] = sys.executable if words[0] == "python3" else words[0]
        done = subprocess.run(words, capture_output=True, check=True, timeout=60)
        assert "1" == json.loads(done.stdout.decode("utf-8-sig"))["id"]

    def test_the_query_for_duckdb_makes_json_lines(self, tmp_path):
        folder = tmp_path / "it's"
        folder.mkdir()
        file = folder / "input"
        duckdb.sql(f"COPY (SELECT 1 AS id) TO '{tmp_path / 'made'}' (FORMAT parquet)")
        (tmp_path / "made").rename(file)
        line = refusal(folder, file.read_bytes())
        command = line.partition("convert it: ")[2].partition("; each")[0]
        program, option, query = shlex.split(command)
        assert ("duckdb", "-c") == (program, option)
        out = tmp_path / "out"
        duckdb.sql(query.replace("/dev/stdout", str(out)))
        assert {"id": 1} == json.loads(out.read_bytes())

    @pytest.mark.parametrize(
        "content",
        [
            b"null",
            b"\x00",
            b"{",
            b'{"id":1,"id":2}',
            b"a b c",
            b'"x"',
            b"1",
            b"\xff",
            b"id,x\n{}\n",
        ],
    )
    def test_lines_at_fault_stay_lines(self, content, tmp_path):
        assert "line" == read(tmp_path, content)[0]

    def test_standard_input_is_called_a_file_in_the_command(self, tmp_path):
        file = tmp_path / "input"
        file.write_bytes(CSV)
        with file.open("rb") as stream, pytest.raises(BadInputError) as raised:
            list(Entries(stream, "-", EVENTS).batches(1))
        assert str(raised.value).startswith("standard input: CSV, not")
        assert '" FILE; each row' in str(raised.value)
