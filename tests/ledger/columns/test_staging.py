"""`ledger.columns.staging`: what cannot be a line never reaches DuckDB."""

from __future__ import annotations

import pytest

from ledger.columns.staging import StagedRecords
from schemas.record import Record

PLAIN = Record(0, 7, -1, b"s-1", '{"a":"é"}'.encode())
UNFIT = {
    "no key": PLAIN._replace(key=None),
    "no value": PLAIN._replace(value=None),
    "a line end": PLAIN._replace(value=b"{\n}"),
    "a carriage return": PLAIN._replace(value=b"{\r}"),
    "a separator": PLAIN._replace(value=b"{\x1f}"),
    "a separator in the key": PLAIN._replace(key=b"\x1f"),
    "a zero byte": PLAIN._replace(value=b"\x00"),
    "not UTF-8": PLAIN._replace(value=b'{"a":"\xff"}'),
    "a surrogate": PLAIN._replace(value=b'{"a":"\xed\xa0\x80"}'),
    "far too long": PLAIN._replace(value=b" " * 3_000_000),
}


def staged(folder, records, *, with_lines=True):
    result = StagedRecords(folder, 1, with_lines=with_lines)
    result.write([records])
    return result


class TestStagedRecords:
    def test_a_record_is_a_line_of_its_bytes(self, tmp_path):
        result = staged(tmp_path, [PLAIN])

        assert '0\x1f7\x1f-1\x1fs-1\x1f{"a":"é"}\n'.encode() == result.lines.read_bytes()
        assert (True, False) == (result.has_lines, result.has_rows)

    @pytest.mark.parametrize("name", UNFIT)
    def test_a_record_is_judged_at_once_that_has(self, tmp_path, name):
        records = [PLAIN, PLAIN, UNFIT[name]._replace(offset=9), PLAIN, PLAIN]
        result = staged(tmp_path, records)

        assert 4 == result.lines.read_bytes().count(b"\n")
        (row,) = result.rows.read_bytes().splitlines()
        assert b'{"partition":0,"offset":9,"recorded_at":-1,"rule":"' == row[:51]

    def test_without_column_admission_every_record_is_judged_at_once(self, tmp_path):
        result = staged(tmp_path, [PLAIN] * 3, with_lines=False)

        assert (b"", 3) == (result.lines.read_bytes(), result.rows.read_bytes().count(b"\n"))
