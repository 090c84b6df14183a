"""Languages: gettext catalogues for words, CLDR for numbers and dates (Babel).

The source language is English. Another one is a folder `locales/LANG/LC_MESSAGES` with a catalogue,
and nothing else.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Literal

from babel import Locale, negotiate_locale
from babel.dates import format_date, format_datetime, format_skeleton, format_timedelta
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_compact_decimal, format_decimal

from ledger.numbers import growth, percent, points

__all__ = ["Language", "language_of", "languages", "negotiate"]

_FOLDER = Path(__file__).with_name("locales")
_SOURCE = "en"
_DOMAIN = "outcomes"
_NONE = "–"
_ACCEPTED_MAX = 20
_LONG = 100_000
_SECONDS_MAX = 120
_FIRST_DAY = re.compile(r"(?<![0-9])1(?![0-9])")


class Language:
    """One language: what is said in it, and how its numbers and dates are written.

    Attributes:
        code: Of the language, such as `fr`.
        locale: Its CLDR data.
    """

    def __init__(self, code: str, folder: Path = _FOLDER) -> None:
        """Load a language.

        Args:
            code: Of a folder, or `en`.
            folder: Where catalogues are.
        """
        self.code = code
        self.locale = Locale.parse(code)
        self._folder = folder

    @cached_property
    def _translations(self) -> NullTranslations:
        path = self._folder / self.code / "LC_MESSAGES" / f"{_DOMAIN}.po"
        if not path.exists():
            assert self.code == _SOURCE, f"there is no catalogue {path}"
            return NullTranslations()
        compiled = io.BytesIO()
        with path.open("rb") as file:
            write_mo(compiled, read_po(file, locale=self.code))
        compiled.seek(0)
        return GNUTranslations(compiled)

    @property
    def name(self) -> str:
        """What its speakers call it, `Français`."""
        return (self.locale.get_display_name() or self.code).capitalize()

    def gettext(self, message: str) -> str:
        """A message in this language; the message itself where it is not translated."""
        return self._translations.gettext(message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """A message about a number, in the form that the language has for it."""
        return self._translations.ngettext(singular, plural, number)

    def pgettext(self, context: str, message: str) -> str:
        """A message that has another meaning elsewhere."""
        return self._translations.pgettext(context, message)

    def number(self, count: float) -> str:
        """A number with the language's separators, at most one decimal."""
        return format_decimal(count, "#,##0.#", locale=self.locale)

    def short_number(self, count: int) -> str:
        """A count where there is room for six characters, `1.2M` from a hundred thousand on."""
        if count < _LONG:
            return self.number(count)
        return format_compact_decimal(count, locale=self.locale, fraction_digits=1)

    def percent(self, numerator: int, denominator: int) -> str:
        """A rate, see `ledger.numbers.percent`."""
        return self._as_percent(percent(numerator, denominator))

    def growth(self, count: int, previous: int) -> str:
        """Growth on the year before, see `ledger.numbers.growth`."""
        return self._as_percent(growth(count, previous))

    def points(self, rate: tuple[int, int], base: tuple[int, int]) -> str:
        """A difference of two rates in points, see `ledger.numbers.points`; empty without one."""
        return self._signed(points(rate, base))

    def tenths(self, tenths: int, decimals: int = 1, *, is_signed: bool = False) -> str:
        """A percentage that is given in tenths of a point, without a decimal where none is asked.

        Args:
            tenths: Of a point.
            decimals: 1, or 0 where they are whole points.
            is_signed: Whether a plus is written, as for growth.
        """
        assert decimals or tenths % 10 == 0
        sign = "−" if tenths < 0 else "+" if is_signed and tenths else ""
        pattern = "#,##0.0" if decimals else "#,##0"
        figure = format_decimal(Decimal(abs(tenths)) / 10, pattern, locale=self.locale)
        return self._with_percent_sign(f"{sign}{figure}")

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Of its text."""
        return "rtl" if self.locale.text_direction == "rtl" else "ltr"

    def month_in_full(self, number: int) -> str:
        """A month's name."""
        names: Mapping[int, str] = self.locale.months["stand-alone"]["wide"]
        return names[number]

    def listing(self, items: Sequence[str]) -> str:
        """Some words as a list in a sentence."""
        return format_list(items, locale=self.locale)

    def day_of_year(self, month: int, day: int) -> str:
        """A day of any year, `30 June`."""
        return self._with_first(
            day, format_skeleton("MMMMd", date(2000, month, day), locale=self.locale)
        )

    def date(self, day: date) -> str:
        """A date in full."""
        return self._with_first(day.day, format_date(day, "long", locale=self.locale))

    def _with_first(self, day: int, text: str) -> str:
        """The first of a month is `1er` in French; Babel has no pattern for it."""
        return _FIRST_DAY.sub(self.gettext("1"), text, count=1) if day == 1 else text

    def moment(self, moment: datetime) -> str:
        """A moment in its own zone, with the offset."""
        written = format_datetime(moment, "medium", tzinfo=moment.tzinfo, locale=self.locale)
        shown = self._with_first(moment.day, written)
        offset = format_datetime(moment, "xxx", tzinfo=moment.tzinfo, locale=self.locale)
        return f"{shown} {offset}"

    def span(self, seconds: float) -> str:
        """A length of time: seconds up to two minutes, then the unit that it fills."""
        if seconds < _SECONDS_MAX:
            return f"{self.number(round(seconds, 1))}\u00a0s"
        return format_timedelta(timedelta(seconds=seconds), locale=self.locale)

    def ago(self, seconds: float) -> str:
        """How long ago something was."""
        past = timedelta(seconds=-int(seconds))
        return format_timedelta(past, add_direction=True, locale=self.locale)

    def month(self, number: int) -> str:
        """A month's short name."""
        names: Mapping[int, str] = self.locale.months["stand-alone"]["abbreviated"]
        return names[number]

    def _as_percent(self, text: str) -> str:
        if text == _NONE:
            return text
        return self._with_percent_sign(self._signed(text.removesuffix(" %")))

    def _with_percent_sign(self, figure: str) -> str:
        pattern = self.locale.percent_formats[None].pattern
        return f"{figure}{pattern[pattern.rindex('0') + 1 :]}"

    def _signed(self, text: str) -> str:
        """Tenths such as `−8.1`, in the language's digits and separators."""
        if not text:
            return text
        sign = text[0] if text[0] in "+−" else ""
        return sign + format_decimal(Decimal(text.lstrip("+−")), "#,##0.0", locale=self.locale)


@cache
def languages() -> tuple[str, ...]:
    """The codes of all languages, the source language first."""
    return (_SOURCE, *sorted(path.name for path in _FOLDER.iterdir() if path.is_dir()))


@cache
def language_of(code: str) -> Language:
    """A language by its code.

    Args:
        code: One of `languages()`.
    """
    assert code in languages()
    return Language(code)


def negotiate(wanted: str | None, accepted: str) -> Language:
    """The language to answer in.

    Args:
        wanted: That was chosen, if it is one of ours.
        accepted: The header `Accept-Language`.

    >>> negotiate("fr", "en").code, negotiate(None, "de, fr;q=0.5").code, negotiate("xx", "").code
    ('fr', 'fr', 'en')
    """
    if wanted in languages():
        return language_of(str(wanted))
    weighted = []
    for position, entry in enumerate(accepted.split(",")[:_ACCEPTED_MAX]):
        code, _, parameter = entry.strip().partition(";")
        weighted.append((-_weight(parameter), position, code.strip()))
    ordered = [
        code.replace("-", "_") for weight, _, code in sorted(weighted) if weight < 0 and code
    ]
    return language_of(negotiate_locale(ordered, languages()) or _SOURCE)


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
