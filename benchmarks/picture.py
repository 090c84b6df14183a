"""The picture of `year_report.py`: time against the number of events, both on logarithmic axes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import vl_convert

WIDTH, HEIGHT = 560, 360


def draw(result: dict[str, Any], target: Path) -> None:
    """Draw the figures that `year_report.py --json` writes.

    Args:
        result: The figures.
        target: The SVG file to write.
    """
    rows = [
        {"events": world["events"], "seconds": step["seconds"], "way": name}
        for world in result["worlds"]
        for name, step in world["steps"].items()
    ]
    ways = list(dict.fromkeys(row["way"] for row in rows))
    target.write_text(vl_convert.vegalite_to_svg(_chart(rows, ways, result)), encoding="utf-8")


def _chart(rows: list[dict[str, Any]], ways: list[str], result: dict[str, Any]) -> dict[str, Any]:
    machine = f"{result['machine']['cpu']}, {result['cores']} cores; median of {result['runs']}"
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {
            "text": "A year's report: seconds by number of events",
            "subtitle": machine,
            "anchor": "start",
        },
        "background": "white",
        "width": WIDTH,
        "height": HEIGHT,
        "data": {"values": rows},
        "mark": {"type": "line", "point": {"size": 45}},
        "encoding": {
            "x": {
                "field": "events",
                "type": "quantitative",
                "title": "events in the log",
                "scale": {"type": "log", "nice": False, "padding": 12},
                "axis": {"format": "~s", "values": [10_000, 100_000, 1_000_000, 10_000_000]},
            },
            "y": {
                "field": "seconds",
                "type": "quantitative",
                "title": "seconds",
                "scale": {"type": "log"},
                "axis": {"format": "~g", "values": [0.01, 0.1, 1, 10, 100]},
            },
            "color": {
                "field": "way",
                "type": "nominal",
                "title": None,
                "sort": ways,
                "scale": {"scheme": "tableau10"},
                "legend": {"labelLimit": 260, "symbolType": "stroke"},
            },
            "shape": {"field": "way", "type": "nominal", "sort": ways, "legend": None},
        },
    }


def main() -> None:
    """Draw again from a file, without measuring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", type=Path, help="what year_report.py --json wrote")
    parser.add_argument("target", type=Path, metavar="FILE.svg")
    chosen = parser.parse_args()
    draw(json.loads(chosen.figures.read_text(encoding="utf-8")), chosen.target)


if __name__ == "__main__":
    main()
