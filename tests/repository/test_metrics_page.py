"""The page on metrics names each of them, and no other."""

from __future__ import annotations

import re

from tests.support.metrics import metric_names
from tests.support.repository import ROOT


def test_the_page_lists_all_metrics():
    text = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    section = text.partition("## Metrics")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]

    assert metric_names() == set(re.findall(r"outcomes_\w+", " ".join(rows)))
