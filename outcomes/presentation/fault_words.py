"""What is wrong with a record, in words of a language (`schemas.faults`, `schemas.reasons`).

Those who find a fault say it in English, with values in it. Here the sentence is taken apart
from its values, so that a page can say it in another language; what is not known stays English.
"""

from __future__ import annotations

import re
from functools import cache

from outcomes.presentation.languages import Language
from outcomes.presentation.words import _

__all__ = ["fault_words"]

_NOT_JSON = _("{what}, at character {position}")
_SENTENCES = (
    _("the value is null"),
    _("{count} bytes; at most {most}"),
    _("there is no record key; send the subject's bytes as the key"),
    _("the record key is another; send the subject's bytes as the key"),
    _("the record is in another partition than Kafka's own partitioner chooses"),
    _("begins with a byte order mark; save it as UTF-8 without one"),
    _("not UTF-8 at byte {position}"),
    _("a member that is there {count} times; keep one"),
    _("a number beyond 1.8e308; write a smaller one, or a string"),
    _("{count} levels; at most 16, of which the object is the first"),
    _("a date from 1900-01-01 to 2199-12-31"),
    _("its subject has {count} events before this record"),
    _("1 to 64 characters of {characters}, this has {what}; never a name or an address"),
    _("a time without an offset; add one, such as {example}"),
    _("a date without a time; write both, such as {example}"),
    _("not an RFC 3339 time with T, an offset or Z, such as {example}"),
    _("a list of categories without duplicates; it has {word} more than once"),
    _("data_base64 is not supported; put the object into data"),
    _("64 hexadecimal digits in lower case, this has upper case"),
    _("64 hexadecimal digits in lower case"),
    _("{word} is no media type of JSON; write {example}"),
    _("1 to 200 characters, this is empty"),
    _("1 to 200 characters, this has {count}"),
    _("a date that exists, as YYYY-MM-DD, without a time"),
    _("a date that exists, as YYYY-MM-DD, not {type}"),
    _("a date that exists, as YYYY-MM-DD"),
    _("one of the strings {words}, not {type}"),
    _("a list of categories, not {type}"),
    _("{wanted}, not {type}"),
    _NOT_JSON,
    _("no member of this object"),
    _("{word} is no type of event"),
    _("{word} is not understood here"),
    _("{word} is not a category"),
    _("{word} is none of {words}"),
    _("{word} is not {words}"),
    _("missing"),
)
_REMEDIES = (_("{reason}; did you mean {word}?"), _("{reason}; known: {words}"))
_VALUES = (
    _("null"),
    _("a boolean"),
    _("a string"),
    _("a list"),
    _("an array"),
    _("an object"),
    _("a number"),
    _("true or false"),
    _("this"),
)


def fault_words(reason: str, language: Language) -> str | None:
    """The reason of a fault in a language; None where it is none of those that are known.

    Args:
        reason: Of a `schemas.finding.Finding`.
        language: To say it in.
    """
    for remedy in _REMEDIES:
        match = _pattern(remedy).fullmatch(reason)
        if match is not None:
            inner = fault_words(match["reason"], language)
            return inner and _say(remedy, match.groupdict() | {"reason": inner}, language)
    for sentence in _SENTENCES:
        match = _pattern(sentence).fullmatch(reason)
        if match is not None:
            return _say(sentence, match.groupdict(), language)
    return None


def _say(sentence: str, fields: dict[str, str], language: Language) -> str:
    say = language.gettext
    values = {name: say(text) if text in _VALUES else text for name, text in fields.items()}
    return say(sentence).format(**values)


@cache
def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", sentence)
    fields = (f"(?P<{name}>.+?)" for name in parts[1::2])
    texts = map(re.escape, parts[::2])
    return re.compile("".join(text + next(fields, "") for text in texts), re.DOTALL)
