"""Charts as inline SVG: no script, no style of their own, colours by the classes of the page.

Every chart is an image with a description; the figures stand beside it as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

__all__ = ["Month", "bar", "interval", "months_chart"]

_WIDTH, _HEIGHT, _BASE, _TOP = 590, 176, 150, 24
_STEP, _BAR = 46, 28
_LEFT, _RIGHT = 4, 156


class Month(NamedTuple):
    """One bar.

    Attributes:
        label: Below it.
        title: What a pointer or a screen reader gets.
        counted: In the year.
        repeated: On top.
        previous: Counted in the year before.
        figure: Above it.
    """

    label: str
    title: str
    counted: int
    repeated: int
    previous: int
    figure: str


def months_chart(months: Sequence[Month], description: str) -> Markup:
    """Twelve bars, counted and repeated, with a line for the year before."""
    top = max([1, *(max(month.counted + month.repeated, month.previous) for month in months)])
    parts = [_month(index, month, top) for index, month in enumerate(months)]
    axis = Markup('<line x1="18" x2="582" y1="{0}" y2="{0}" class="axis"/>').format(_BASE)
    svg = Markup('<svg viewBox="0 0 {} {}" class="months" role="img" aria-label="{}">{}{}</svg>')
    return svg.format(_WIDTH, _HEIGHT, description, Markup("").join(parts), axis)


def _month(index: int, month: Month, top: int) -> Markup:
    left = 26 + index * _STEP
    scale = (_BASE - _TOP) / top
    counted, whole = month.counted * scale, (month.counted + month.repeated) * scale
    line = _BASE - month.previous * scale
    middle = left + _BAR / 2
    return Markup(
        "<g><title>{title}</title>"
        '<rect x="{left}" width="{bar}" y="{whole_y:.1f}" height="{whole:.1f}" class="rep"/>'
        '<rect x="{left}" width="{bar}" y="{counted_y:.1f}" height="{counted:.1f}" class="cnt"/>'
        '<line x1="{from_x}" x2="{to_x}" y1="{line:.1f}" y2="{line:.1f}" class="prev"/>'
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
        line=line,
        from_x=left - 4,
        to_x=left + _BAR + 4,
        middle=middle,
        label=month.label,
        figure=month.figure,
        figure_y=_BASE - max(whole, month.previous * scale) - 5,
    )


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
