"""Charts say in words what they draw, and nothing in them comes back as markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from outcomes.presentation.charts import Month, bar, interval, months_chart

MONTHS = [Month("<b>", 'a "title" &', number, 1, 12 - number, str(number)) for number in range(12)]


def numbers(svg, name):
    return [float(text) for text in re.findall(rf'{name}="([^"]*)"', str(svg))]


class TestCharts:
    """Every chart is well-formed, and stays inside its frame."""

    @pytest.mark.parametrize(
        "svg",
        [
            months_chart(MONTHS, "by month"),
            months_chart([Month("", "", 0, 0, 0, "0")] * 12, "nothing"),
            bar(1, 3),
            bar(0, 0),
            interval((1, 3), (0, 0), description="<x>", bounds=((0, 9), (9, 9)), is_hollow=True),
            interval((0, 0), (1, 1), description=""),
        ],
        ids=range(6),
    )
    def test_it_is_well_formed_and_inside(self, svg):
        root = ET.fromstring(str(svg))
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for each in root.iter():
            for name, limit in (("x1", width), ("x2", width), ("cx", width), ("y1", height)):
                assert 0 <= float(each.attrib.get(name, 0)) <= limit
        assert "style" not in str(svg)

    def test_what_it_says_is_escaped(self):
        assert "<b>" not in str(months_chart(MONTHS, '"><script>'))
        assert "<script>" not in str(months_chart(MONTHS, '"><script>'))

    @pytest.mark.parametrize("counted", [0, 3, 20, 40])
    def test_no_figure_of_a_month_lies_over_the_mark_of_the_year_before(self, counted):
        for previous in range(41):
            months = [Month("", "", counted, 0, previous, ""), Month("", "", 40, 0, 0, "")]
            svg = str(months_chart(months, ""))
            bar_top, mark = numbers(svg, "y")[1], numbers(svg, "y1")[0]
            foot = float(re.search(r'y="([0-9.]+)" class="val"', svg)[1])
            assert not foot - 11 < mark < foot + 2
            # Far above the bar it would seem to be the figure of the mark.
            assert foot < bar_top
            assert foot == bar_top - 5 or bar_top - mark < 18

    def test_a_point_lies_where_its_rate_is(self):
        points = [numbers(interval((n, 4), (0, 0), description=""), "cx")[0] for n in range(5)]

        assert [4.0, 42.0, 80.0, 118.0, 156.0] == points

    def test_a_bar_is_as_long_as_its_part(self):
        assert [0.0, 50.0, 100.0] == [numbers(bar(n, 2), "width")[1] for n in range(3)]
