"""What is wrong with a value and what to write instead, in a few words.

A value may be about a person, so it is not shown: only a word where a closed list of words belongs,
and only if it looks like one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from schemas.events import CATEGORIES, FACTS
from schemas.moments import day

__all__ = [
    "model_reason",
    "subject_reason",
    "suggestion",
    "time_reason",
    "type_reason",
    "version_reason",
]

_WORD = re.compile(r"[A-Za-z](?!.*[0-9]{6})[A-Za-z0-9_.+/:-]{0,79}|[0-9]\.[0-9]")
_TIME_EXAMPLE = "2023-03-31T23:59:59+02:00"
_LOCAL_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?")
_JSON_TYPES = {bool: "a boolean", str: "a string", list: "an array", dict: "an object"}
_WANTED = {
    "string_type": "a string",
    "bool_type": "true or false",
    "dict_type": "an object",
    "model_type": "an object",
}
_SUBJECT_CHARACTERS = re.compile(r"[A-Za-z0-9._:-]")


def model_reason(fault: ErrorDetails, model: type[BaseModel]) -> str:
    """Why a member does not match its class.

    Args:
        fault: As pydantic reports it, with its input.
        model: The class of the object that has the member.
    """
    kind = fault["type"]
    if kind in _WANTED:
        return f"{_WANTED[kind]}, not {_json_type(fault['input'])}"
    if kind == "extra_forbidden":
        name = str(fault["loc"][-1])
        known = [field.alias or own for own, field in model.model_fields.items()]
        return f"no member of this object{suggestion(name, known)}"
    reason = _REASONS.get(kind)
    return reason(fault) if reason else fault["msg"]


def subject_reason(subject: str) -> str:
    """Why a subject is no pseudonym."""
    others = [char for char in subject if not _SUBJECT_CHARACTERS.fullmatch(char)]
    what = f"this has {others[0]!a}" if others else f"this has {len(subject):,}"
    return f"1 to 64 characters of A-Z a-z 0-9 . _ : -, {what}; never a name or an address"


def type_reason(event_type: str) -> str:
    """Why a type is none of the events."""
    return f"{_shown(event_type)} is no type of event{suggestion(event_type, FACTS)}"


def version_reason(event_type: str) -> str:
    """Which versions of a fact there are instead of this one."""
    name = event_type.rpartition(".")[0]
    known = [fact for fact in FACTS if fact.startswith(f"{name}.")]
    return f"{event_type} is not understood here; known: {', '.join(known)}"


def time_reason(text: str) -> str:
    """Why a text is no RFC 3339 time, and how to write one."""
    local = _LOCAL_TIME.fullmatch(text)
    if local and day(local[1]):
        return f"a time without an offset; add one, such as {text}+02:00"
    if day(text):
        return f"a date without a time; write both, such as {text}T23:59:59+02:00"
    return f"not an RFC 3339 time with T, an offset or Z, such as {_TIME_EXAMPLE}"


def _word_reason(fault: ErrorDetails) -> str:
    words = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
    value = fault["input"]
    if not isinstance(value, str):
        return f"one of the strings {', '.join(words)}, not {_json_type(value)}"
    others = f"not {words[0]}" if len(words) == 1 else f"none of {', '.join(words)}"
    return f"{_shown(value)} is {others}{suggestion(value, words, '')}"


def _category_reason(fault: ErrorDetails) -> str:
    value = fault["input"]
    if not isinstance(value, list):
        return f"a list of categories, not {_json_type(value)}; known: {', '.join(CATEGORIES)}"
    for member in value:
        if member not in CATEGORIES:
            return f"{_shown(member)} is not a category{suggestion(str(member), CATEGORIES)}"
    repeated = next(member for member in CATEGORIES if value.count(member) > 1)
    return f"a list of categories without duplicates; it has {repeated} more than once"


def _date_reason(fault: ErrorDetails) -> str:
    value, wanted = fault["input"], "a date that exists, as YYYY-MM-DD"
    if not isinstance(value, str):
        return f"{wanted}, not {_json_type(value)}"
    return f"{wanted}, without a time" if day(value[:10]) else wanted


def _digest_reason(fault: ErrorDetails) -> str:
    upper = f"{fault['input']}".lower() != fault["input"]
    return "64 hexadecimal digits in lower case" + (", this has upper case" if upper else "")


_REASONS: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "missing",
    "literal_error": _word_reason,
    "category_set": _category_reason,
    "calendar_date": _date_reason,
    "rfc3339_time": lambda fault: time_reason(fault["input"]),
    "json_media_type": lambda fault: (
        f"{_shown(fault['input'])} is no media type of JSON; write application/json"
    ),
    "string_too_short": lambda _: "1 to 200 characters, this is empty",
    "string_too_long": lambda fault: f"1 to 200 characters, this has {len(fault['input']):,}",
    "string_pattern_mismatch": _digest_reason,
}


def suggestion(word: str, words: Iterable[str], remedy: str | None = None) -> str:
    """What was probably meant; without an idea, the words or the remedy."""
    words = list(words)
    close = get_close_matches(word[:100].lower(), words, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known: {', '.join(words)}" if remedy is None else remedy


def _shown(value: object) -> str:
    """A value, if it is a word."""
    if not isinstance(value, str):
        return _json_type(value)
    return f"{value!r}" if _WORD.fullmatch(value) else "this"


def _json_type(value: object) -> str:
    return "null" if value is None else _JSON_TYPES.get(type(value), "a number")
