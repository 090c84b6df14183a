"""The report in at most fifteen lines: what a person asks for every morning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.text import Text

from ledger.numbers import percent, pluralise, thousands
from ledger.repairs import LetterCounts
from ledger.report.model import Report
from ledger.report.words import (
    ATTENTION,
    SMALL_GROUP,
    SMALL_MARK,
    Cells,
    head_lines,
    label_of,
    main_figure,
    names_of,
)

__all__ = ["brief_page"]

_RATES = ("orientation_rate", "graduation_rate", "placement_rate")
_NAME_WIDTH = 13


def brief_page(
    report: Report, letters: LetterCounts, *, lag: str = "", attention: Sequence[str] = ()
) -> Group:
    """The main figure, three rates, and what a reader should know of them.

    Args:
        report: Any.
        letters: Open and repaired dead letters at its cut.
        lag: Of live figures, in a few words.
        attention: What else needs attention, a few words each.
    """
    cells = Cells(report)
    needing = [*attention, *_needing_attention(report, letters)]
    lines = [
        *head_lines(report),
        main_figure(report, cells),
        *(_rate_line(cells, name) for name in _RATES),
        *_provisional(cells),
        _named("quarantined", _quarantined(report, letters)),
        *([_named("lag", lag)] if lag else []),
        _named("attention", "; ".join(needing) or "none needed", ATTENTION if needing else ""),
        _named("digest", report.digest),
    ]
    if any(cells.rate_mark(name, "all") for name in _RATES):
        lines.append(Text(f"{SMALL_MARK} fewer than {SMALL_GROUP} people"))
    return Group(*map(_unbroken, lines))


def _unbroken(line: Text) -> Text:
    """A line that stays one line, however long a name in it is."""
    line.no_wrap, line.overflow = True, "ignore"
    return line


def _named(name: str, words: str, style: str = "") -> Text:
    return Text.assemble(name.ljust(_NAME_WIDTH), (words, style))


def _rate_line(cells: Cells, name: str) -> Text:
    numerator, denominator = cells.rates[name, "all"]
    counts = f"{cells.rate_mark(name, 'all')}{thousands(numerator)}/{thousands(denominator)}"
    return _named(
        label_of(name), f"{percent(numerator, denominator):>7}{cells.star(name)}  {counts}"
    )


def _provisional(cells: Cells) -> Iterator[Text]:
    dates = sorted(set(cells.provisional.values()))
    if not dates:
        yield _named("provisional", "none")
    for date in dates:
        names = names_of([name for name, until in cells.provisional.items() if until == date])
        yield _named("provisional" if date == dates[0] else "", f"{names} until {date}")


def _quarantined(report: Report, letters: LetterCounts) -> str:
    total = sum(report.records.quarantined.values())
    repaired = letters.repaired_total
    done = f", {thousands(repaired)} of them repaired" if repaired else ""
    rest = "" if letters.is_complete else "; not all of the log was searched for repairs"
    return f"{thousands(total)} of {pluralise(report.log.records, 'record')}{done}{rest}"


def _needing_attention(report: Report, letters: LetterCounts) -> Iterator[str]:
    records = report.records
    counted = (
        (letters.open_total, "open dead letter"),
        (records.conflicts, "conflict"),
        (records.orphans, "orphan"),
        (records.pending, "pending retraction"),
    )
    listed = [pluralise(count, noun) for count, noun in counted if count]
    if listed:
        yield f"{', '.join(listed)}, see `outcomes findings`"
