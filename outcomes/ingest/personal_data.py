"""What looks like a person's address, number or name in an event; a log forgets nothing.

These are guesses, for a warning: they say where the value is, never the value. A random id looks
like none of them; `tests/outcomes/ingest/test_personal_data.py` measures how seldom it does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any, get_args

from schemas.envelope import REQUIRED
from schemas.events import FACTS
from schemas.finding import Finding
from schemas.json_places import escape_pointer

__all__ = ["is_like_a_name", "personal_data_findings"]

_EMAIL_ADDRESS = re.compile(r"[\w.+-]+(?:@|%40)(?:[\w-]+\.)+[^\W\d_]{2,}")
_PHONE_NUMBERS = (
    r"\btel:\+?[\d().-]{6,}",
    # International, +33 6 12 34 56 78, whatever separates its digits.
    r"(?<![\d+])\+[1-9](?:[ .()/-]{0,2}\d){7,13}(?!\d)",
    r"(?<![\w.+:-])00[1-9]\d{0,2}(?:[ .()/-]{1,2}\d{1,6}){2,6}(?![\w:-])",
    # National, with a leading zero and at least three groups: 06 12 34 56 78.
    r"(?<![\w.+:-])\(?0[1-9]\d{0,3}\)?(?:[ ./-]{1,2}\d{2,4}){2,5}(?![\w:-])",
    # National, in two groups: 0171/1234567.
    r"(?<![\w.+:-])\(?0[1-9]\d{1,4}\)?[ /]{1,3}\d{5,9}(?![\w:-])",
    # North American: (555) 123-4567.
    r"(?<![\w.+:-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w:-])",
)
# Each of the patterns has this, a plus or `tel:`, and none has a line end in it. Digits on both
# sides are looked for from what separates them, which is rarer.
_SEPARATED = re.compile(r"[ .()/-](?<=\d.)[ .()/-]{0,3}\d")
_PHONE_DIGITS_MIN = 9
_PHONE_MEMBER = re.compile(r"(?:tele)?phone(?:_?number)?|tel|mobile", re.IGNORECASE)
_PHONE_MEMBER_DIGITS_MIN = 7
_NAME = re.compile(r"([A-Z]?[a-z]{1,14}|[A-Z]{2,15})[._:-]([A-Z]?[a-z]{1,14}|[A-Z]{2,15})")
_VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
_PREFIXES = frozenset(
    [
        "id",
        "user",
        "student",
        "learner",
        "person",
        "subject",
        "pseudonym",
        "stu",
        "usr",
        "pupil",
        "member",
        "applicant",
        "test",
    ]
)
_REMEDY = "write a pseudonym, since an append-only log forgets nothing"


def _takes_any_text(annotation: object) -> bool:
    """Whether a member is a string of no closed form, or that and may be absent."""
    kinds = (annotation, *get_args(annotation))
    return any(getattr(kind, "__origin__", kind) is str for kind in kinds)


_ENVELOPE = frozenset({*REQUIRED, "datacontenttype"})
_TEXTS = {
    name: (
        tuple(
            each for each, field in fact.model_fields.items() if _takes_any_text(field.annotation)
        ),
        tuple({"evidence", "retracts"} & fact.model_fields.keys()),
    )
    for name, fact in FACTS.items()
}
"""Members of data that take any text, and those whose own members do, by type of event."""

_Kind = tuple[str, str]  # rule and reason
_EMAIL = ("string_must_not_be_an_email_address", f"looks like an e-mail address; {_REMEDY}")
_PHONE = ("string_must_not_be_a_telephone_number", f"looks like a telephone number; {_REMEDY}")
_SUBJECT = ("subject_must_not_be_a_name", f"two words, like a name; {_REMEDY}")


def personal_data_findings(event: dict[str, Any]) -> list[Finding]:
    """Where an event seems to tell who the person is.

    Args:
        event: The members of one that is admitted.
    """
    if not _is_suspect(event):
        return []
    kinds = [*_kinds(event, "")]
    if is_like_a_name(event["subject"]):
        kinds.insert(0, ("/subject", _SUBJECT))
    return [Finding(rule, pointer, reason) for pointer, (rule, reason) in kinds]


def _is_suspect(event: dict[str, Any]) -> bool:
    """Whether there may be a finding; most events are none, and an append waits for this.

    What admission gives a closed form is not looked at: a date or a status is no telephone number.
    The other strings are searched at once for what each kind needs; a line end joins none of them.
    """
    data, texts = event["data"], [event["id"], event["source"]]
    strings, objects = _TEXTS[event["type"]]
    for name in strings:
        text = data.get(name)
        if text is not None:
            texts.append(text)
    for name in objects:
        texts += filter(None, (data.get(name) or {}).values())
    text = "\n".join(texts)
    return (
        ((_may_have_address(text) or _may_have_number(text)) and any(map(_kind, texts)))
        or _is_telling_subject(event["subject"])
        or (
            len(event) - ("datacontenttype" in event) > len(REQUIRED)
            and _has_telling_extension(event)
        )
    )


@lru_cache(4_096)
def _is_telling_subject(subject: str) -> bool:
    return is_like_a_name(subject) or _kind(subject) is not None


def _has_telling_extension(event: dict[str, Any]) -> bool:
    extensions = (event[name] for name in event.keys() - _ENVELOPE)
    return not all(value is None or isinstance(value, bool) for value in extensions)


def _may_have_address(text: str) -> bool:
    return "@" in text or "%40" in text


def _may_have_number(text: str) -> bool:
    return "+" in text or "tel:" in text or _SEPARATED.search(text) is not None


def _kinds(value: object, pointer: str) -> Iterator[tuple[str, _Kind]]:
    """What strings and member names look like, each with a pointer that does not repeat it."""
    if isinstance(value, str):
        if kind := _kind(value):
            yield pointer, kind
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _kinds(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for name, child in value.items():
            kind = _kind(name)
            if kind:
                yield pointer, kind
            inner = pointer if kind else pointer + escape_pointer(name)
            if _PHONE_MEMBER.fullmatch(name) and _has_digits(child):
                yield inner, _PHONE
            else:
                yield from _kinds(child, inner)


@lru_cache(4_096)
def _kind(text: str) -> _Kind | None:
    # A glance spares most strings the patterns.
    if _may_have_address(text) and _EMAIL_ADDRESS.search(text):
        return _EMAIL
    if _may_have_number(text) and _is_phone_number(text):
        return _PHONE
    return None


@cache
def _phone_patterns() -> list[re.Pattern[str]]:
    """Compiled when one is needed: most appends need none."""
    return list(map(re.compile, _PHONE_NUMBERS))


def _is_phone_number(text: str) -> bool:
    return any(
        len(re.sub(r"\D", "", match[0])) >= _PHONE_DIGITS_MIN or match[0].startswith("tel:")
        for pattern in _phone_patterns()
        for match in pattern.finditer(text)
    )


def _has_digits(value: object) -> bool:
    is_text = isinstance(value, str | int) and not isinstance(value, bool)
    return is_text and len(re.sub(r"\D", "", str(value))) >= _PHONE_MEMBER_DIGITS_MIN


def is_like_a_name(subject: str) -> bool:
    """Whether a subject is two words of letters that can be spoken, and no kind of id."""
    match = _NAME.fullmatch(subject)
    if match is None or match[1].lower() in _PREFIXES:
        return False
    return all(len(word) > 1 and _VOWEL.search(word) for word in match.groups())
