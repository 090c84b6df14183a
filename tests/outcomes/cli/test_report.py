"""`outcomes.cli.report`: what is said of a moment that cannot be read."""

from __future__ import annotations

import pytest

from outcomes.cli.run import run


@pytest.mark.parametrize(
    ("moment", "remedy"),
    [
        ("2023-03-31T23:59:59", "add one, such as 2023-03-31T23:59:59+02:00"),
        ("2023-03-31T23:59:59.5", "add one, such as 2023-03-31T23:59:59.5+02:00"),
        ("2023-03-31", "write both, such as 2023-03-31T23:59:59+02:00"),
        ("31.03.2023", "such as 2023-03-31T23:59:59+02:00"),
        ("2023-02-31T23:59:59", "such as 2023-03-31T23:59:59+02:00"),
    ],
)
def test_a_moment_without_an_offset_gets_one_to_copy(moment, remedy, capsys):
    assert 2 == run(["report", "--year", "2022", "--as-of", moment])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"outcomes: --as-of {moment}: ")
    assert line.endswith(remedy)
