"""`ledger.columns.memory`: DuckDB stays below the limit of a container."""

from __future__ import annotations

import pytest

from ledger.columns.memory import MEMORY_MAX, memory_limit

GIB = 1 << 30
V1 = "4:memory:/app\n5:cpu:/app\n0::/\n"
V2 = "0::/app/worker\n"
FILES = {
    "version 1": (V1, {"memory/app/memory.limit_in_bytes": GIB}, GIB * 6 // 10),
    "version 1, no limit": (V1, {"memory/app/memory.limit_in_bytes": (1 << 63) - 4096}, MEMORY_MAX),
    "version 1 in a container": (V1, {"memory/memory.limit_in_bytes": GIB}, GIB * 6 // 10),
    "version 2": (V2, {"app/worker/memory.max": GIB}, GIB * 6 // 10),
    "version 2, of the group around it": (
        V2, {"app/worker/memory.max": "max", "app/memory.max": GIB}, GIB * 6 // 10,
    ),
    "version 2 in a container": ("0::/\n", {"memory.max": GIB}, GIB * 6 // 10),
    "a large limit": (V2, {"app/worker/memory.max": 64 * GIB}, MEMORY_MAX),
    "no control group": ("", {}, MEMORY_MAX),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_the_limit_is_two_gigabytes_or_60_percent_of(name, tmp_path):
    groups, files, expected = FILES[name]
    (tmp_path / "groups").write_text(groups)
    for file, limit in files.items():
        path = tmp_path / "mount" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{limit}\n")

    assert expected == memory_limit(groups=tmp_path / "groups", mount=tmp_path / "mount")


def test_where_there_are_no_control_groups_it_is_two_gigabytes(tmp_path):
    assert MEMORY_MAX == memory_limit(groups=tmp_path / "none", mount=tmp_path / "none")
