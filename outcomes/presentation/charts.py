"""Charts as inline SVG: no script, no style of their own, colours by the classes of the page.

Every chart is an image with a description; the figures stand beside it as text. What is not
shown as a number has no length: its text alone is where the figure would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

__all__ = [
    "Bar",
    "Bars",
    "Drawing",
    "Month",
    "Months",
    "Rate",
    "Rates",
    "bar",
    "draw",
    "interval",
    "marks",
    "months_chart",
]

_WIDTH, _HEIGHT, _BASE, _TOP = 590, 176, 150, 24
_STEP, _BAR = 46, 28
_FIGURE_ROOM = 18
_LEFT, _RIGHT = 4, 156


class Month(NamedTuple):
    """One bar.

    Attributes:
        label: Below it.
        title: What a pointer or a screen reader gets.
        counted: In the year; None for no number.
        repeated: On top.
        previous: Counted in the year before; None for no number.
        figure: Above it.
    """

    label: str
    title: str
    counted: int | None
    repeated: int
    previous: int | None
    figure: str


class Months(NamedTuple):
    """The months of a year, see `months_chart`."""

    months: tuple[Month, ...]


class Bar(NamedTuple):
    """A count as a bar.

    Attributes:
        label: What it counts.
        figure: The count as text.
        value: Its length; None for no number.
        previous: Of the year before, marked by a line; None for no line.
    """

    label: str
    figure: str
    value: int | None
    previous: int | None = None


class Bars(NamedTuple):
    """Counts below each other, on one scale.

    Attributes:
        rows: From the top.
    """

    rows: tuple[Bar, ...]


class Rate(NamedTuple):
    """A rate as a point between 0 and 100 %, in tenths of a point.

    Attributes:
        label: Whose it is.
        figure: The rate as text.
        tenths: Its place; None for none.
        bounds: The least and the greatest that it could be; None where one is not shown.
        is_base: Whether the others are compared with it.
    """

    label: str
    figure: str
    tenths: int | None
    bounds: tuple[int, int] | None = None
    is_base: bool = False


class Rates(NamedTuple):
    """Rates below each other, each with a line where the base is.

    Attributes:
        rows: From the top.
    """

    rows: tuple[Rate, ...]


Drawing = Months | Bars | Rates


def months_chart(months: Sequence[Month], description: str) -> Markup:
    """Twelve bars, counted and repeated, with a line for the year before."""
    top = max(
        [1, *(max((month.counted or 0) + month.repeated, month.previous or 0) for month in months)]
    )
    parts = [_month(index, month, top) for index, month in enumerate(months)]
    axis = Markup('<line x1="18" x2="582" y1="{0}" y2="{0}" class="axis"/>').format(_BASE)
    svg = Markup('<svg viewBox="0 0 {} {}" class="months" role="img" aria-label="{}">{}{}</svg>')
    return svg.format(_WIDTH, _HEIGHT, description, Markup("").join(parts), axis)


def _month(index: int, month: Month, top: int) -> Markup:
    left = 26 + index * _STEP
    scale = (_BASE - _TOP) / top
    counted = (month.counted or 0) * scale
    whole = counted + month.repeated * scale
    line = _BASE - (month.previous or 0) * scale
    previous = Markup('<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" class="prev"/>').format(
        left - 4, left + _BAR + 4, line, line
    )
    middle = left + _BAR / 2
    return Markup(
        "<g><title>{title}</title>"
        '<rect x="{left}" width="{bar}" y="{whole_y:.1f}" height="{whole:.1f}" class="rep"/>'
        '<rect x="{left}" width="{bar}" y="{counted_y:.1f}" height="{counted:.1f}" class="cnt"/>'
        "{previous}"
        '<text x="{middle:.0f}" y="168" class="ax">{label}</text>'
        '<text x="{middle:.0f}" y="{figure_y:.1f}" class="val">{figure}</text></g>'
    ).format(
        title=month.title,
        left=left,
        bar=_BAR,
        whole=whole,
        whole_y=_BASE - whole,
        counted=counted,
        counted_y=_BASE - counted,
        previous="" if month.previous is None else previous,
        middle=middle,
        label=month.label,
        figure=month.figure,
        figure_y=_figure_place(_BASE - whole, None if month.previous is None else line),
    )


def _figure_place(top: float, mark: float | None) -> float:
    """Where the figure of a bar stands: on it, unless the mark of the year before is in the way."""
    is_in_the_way = mark is not None and top - _FIGURE_ROOM < mark < top
    return (mark if mark is not None and is_in_the_way else top) - 5


def bar(part: int, whole: int, kind: str = "s1") -> Markup:
    """A part of a whole as a bar; it says nothing that the figure beside it does not.

    Args:
        part: From 0 to `whole`.
        whole: Of the full width.
        kind: Class of the bar.
    """
    width = 100 * part / whole if whole else 0
    return Markup(
        '<svg class="track" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rail" width="100" height="8"/>'
        '<rect class="{}" width="{:.1f}" height="8"/></svg>'
    ).format(kind, width)


def interval(
    rate: tuple[int, int],
    base: tuple[int, int],
    *,
    description: str,
    bounds: tuple[tuple[int, int], tuple[int, int]] | None = None,
    is_hollow: bool = False,
) -> Markup:
    """A rate as a point between 0 and 1, with the comparison as a line.

    Args:
        rate: Numerator and denominator.
        base: Of the comparison.
        description: What a screen reader gets.
        bounds: The least and the greatest that the rate could be.
        is_hollow: Whether it is of too few people to compare.
    """
    ticks = Markup("").join(
        Markup('<line x1="{0:.0f}" x2="{0:.0f}" y1="8" y2="14" class="axis"/>').format(
            _position(each, 4)
        )
        for each in range(5)
    )
    parts = [Markup('<line x1="4" x2="156" y1="11" y2="11" class="axis"/>'), ticks]
    if bounds is not None and bounds[0][1]:
        low, high = _position(*bounds[0]), _position(*bounds[1])
        parts.append(
            Markup(
                '<rect x="{:.1f}" width="{:.1f}" y="8" height="6" rx="3" class="bound"/>'
            ).format(low, max(1.0, high - low))
        )
    if base[1]:
        line = Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="2" y2="20" class="ref"/>')
        parts.append(line.format(_position(*base)))
    if rate[1]:
        point = Markup('<circle cx="{:.1f}" cy="11" r="4.5" class="{}"/>')
        parts.append(point.format(_position(*rate), "pt hollow" if is_hollow else "pt"))
    svg = Markup(
        '<svg viewBox="0 0 160 22" preserveAspectRatio="xMinYMid" class="dot" role="img"'
        ' aria-label="{}">{}</svg>'
    )
    return svg.format(description, Markup("").join(parts))


def _position(numerator: int, denominator: int) -> float:
    return _LEFT + (_RIGHT - _LEFT) * numerator / denominator


_ROW, _WIDE = 46, 330
_LABEL_CHARACTERS_MAX = 34


def draw(drawing: Drawing, description: str) -> Markup:
    """A drawing as SVG, 330 units wide but for the months.

    Args:
        drawing: What is drawn.
        description: What a screen reader gets; empty for nothing, where the same is said beside it.
    """
    if isinstance(drawing, Months):
        return months_chart(drawing.months, description)
    rows: Sequence[Bar | Rate] = drawing.rows
    groups = [
        Markup('<g transform="translate(0 {})">{}{}</g>').format(index * _ROW, _words(row), mark)
        for index, (row, mark) in enumerate(zip(rows, _marks(drawing), strict=True))
    ]
    svg = Markup(
        '<svg viewBox="0 0 {width} {height}" class="rows" role="img" aria-label="{description}">'
        "{rows}</svg>"
    )
    return svg.format(
        width=_WIDE,
        height=len(rows) * _ROW,
        description=description,
        rows=Markup("").join(groups),
    )


def marks(drawing: Drawing) -> tuple[str, ...]:
    """The marks in a drawing that a reader has to be explained, in the order of importance.

    Returns:
        Of `this_year` and `year_before`, or of `rate`, `base` and `bounds`.
    """
    if isinstance(drawing, Rates):
        drawn = {
            "rate": True,
            "base": any(row.is_base for row in drawing.rows),
            "bounds": any(row.bounds for row in drawing.rows),
        }
    else:
        rows = drawing.months if isinstance(drawing, Months) else drawing.rows
        before = any(row.previous is not None for row in rows)
        drawn = {"this_year": before, "year_before": before}
    return tuple(mark for mark, is_drawn in drawn.items() if is_drawn)


def _words(row: Bar | Rate) -> Markup:
    label = row.label
    if len(label) > _LABEL_CHARACTERS_MAX:
        label = f"{label[: _LABEL_CHARACTERS_MAX - 1]}…"
    is_number = (row.value if isinstance(row, Bar) else row.tenths) is not None
    return Markup(
        '<text x="0" y="13" class="{}">{}</text><text x="{}" y="13" class="{}">{}</text>'
    ).format(
        "lab base" if isinstance(row, Rate) and row.is_base else "lab",
        label,
        _WIDE,
        "fig" if is_number else "fig none",
        row.figure,
    )


def _marks(drawing: Bars | Rates) -> list[Markup]:
    if isinstance(drawing, Rates):
        base = next((row.tenths for row in drawing.rows if row.is_base), None)
        return [_rate_mark(row, base) for row in drawing.rows]
    top = max([1, *(max(row.value or 0, row.previous or 0) for row in drawing.rows)])
    return [_bar_mark(row, top) for row in drawing.rows]


def _bar_mark(row: Bar, top: int) -> Markup:
    parts = [_rail(row.value)]
    if row.value:
        parts.append(
            Markup('<rect x="0" y="22" width="{:.1f}" height="8" rx="2" class="cnt"/>').format(
                max(2.0, _WIDE * row.value / top)
            )
        )
    if row.previous is not None:
        parts.append(
            Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="19" y2="33" class="prev"/>').format(
                max(1.0, min(_WIDE - 1.0, _WIDE * row.previous / top))
            )
        )
    return Markup("").join(parts)


def _rate_mark(row: Rate, base: int | None) -> Markup:
    parts = [_rail(row.tenths)]
    if row.bounds is not None:
        low, high = (_along(tenths) for tenths in row.bounds)
        band = Markup('<rect x="{:.1f}" y="21" width="{:.1f}" height="10" rx="5" class="bound"/>')
        parts.append(band.format(low, max(2.0, high - low)))
    if base is not None and not row.is_base:
        line = Markup('<line x1="{0:.1f}" x2="{0:.1f}" y1="19" y2="33" class="ref"/>')
        parts.append(line.format(_along(base)))
    if row.tenths is not None:
        point = Markup('<circle cx="{:.1f}" cy="26" r="5.5" class="{}"/>')
        parts.append(point.format(_along(row.tenths), "pt base" if row.is_base else "pt"))
    return Markup("").join(parts)


def _rail(value: int | None) -> Markup:
    if value is None:
        return Markup('<line x1="0" x2="{}" y1="26" y2="26" class="void"/>').format(_WIDE)
    return Markup('<rect x="0" y="24" width="{}" height="4" rx="2" class="rail"/>').format(_WIDE)


def _along(tenths: int) -> float:
    """Where a rate is, with room for its point at both ends."""
    return 6 + (_WIDE - 12) * min(max(tenths, 0), 1_000) / 1_000
