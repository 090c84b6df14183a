"""`outcomes.console.tables`: rows as one document, as lines, and for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outcomes.console.tables import csv_lines, document, json_lines, print_lines

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=3), max_size=4)


class TestJson:
    @given(
        st.dictionaries(st.text().map(lambda name: f"h{name}"), VALUES, max_size=3),
        st.dictionaries(st.text().map(lambda name: f"a{name}"), ROWS, max_size=3),
    )
    def test_a_document_holds_what_it_was_made_of_and_nothing_that_steers_a_terminal(
        self, head, arrays
    ):
        text = b"".join(document(head, arrays)).decode()
        assert json.loads(text) == head | arrays
        assert not steering(text)

    @given(ROWS)
    def test_a_row_is_a_line(self, rows):
        text = b"".join(json_lines(rows)).decode()
        assert [json.loads(line) for line in text.split("\n")[:-1]] == rows
        assert not steering(text)

    def test_a_reader_has_the_first_page_before_the_hundredth_row_is_made(self, capfdbinary):
        printed = b""

        def rows():
            nonlocal printed
            for number in range(1_000):
                if number == 100:
                    printed = capfdbinary.readouterr().out
                yield {"number": number, "subject": "s" * 30}

        print_lines(rows())

        lines = (printed + capfdbinary.readouterr().out).splitlines()
        assert printed.count(b"\n") >= 40
        assert list(range(1_000)) == [json.loads(line)["number"] for line in lines]


class TestCsv:
    @given(st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.none() | st.text()})))
    def test_a_table_has_its_rows_and_no_formula(self, rows):
        text = b"".join(csv_lines(["a", "b"], rows)).decode()
        head, *read = csv.reader(io.StringIO(text, newline=""), strict=True)
        assert head == ["a", "b"]
        assert len(read) == len(rows)
        cells = [cell for row in read for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
        assert not steering(text.replace("\r\n", ""))

    @pytest.mark.parametrize(
        ("value", "cell"),
        [
            ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
            ("-1", "'-1"),
            (-1, "-1"),
            ("a\nb", "a\\nb"),
            (None, '""'),
            ([1], "[1]"),
            ("ordinary", "ordinary"),
        ],
    )
    def test_a_number_stays_one_and_a_formula_becomes_text(self, value, cell):
        assert b"".join(csv_lines(["x"], [{"x": value}])) == f"x\r\n{cell}\r\n".encode()


def steering(text):
    """The characters that a terminal may obey."""
    return [char for char in text if (ord(char) < 32 and char != "\n") or 127 <= ord(char) < 160]
