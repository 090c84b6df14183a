"""Recompute an outcome ledger's yearly figures from its records, and compare them with a report.

    python3 ledger_verify.py RECORDS.jsonl --year 2022 [--policy ID|FILE] [--cut 0:10,1:20]
    python3 ledger_verify.py RECORDS.jsonl --report REPORT.json [--policy FILE] [--json]

RECORDS.jsonl is what `outcomes tail --jsonl` prints. This file is self-contained: it needs only
Python 3.11 and the zone rules described below, and shares no code with the ledger. It implements
the specification, docs/SPEC.md, a second time, naively, one function for each paragraph, so that a
person can compare the two side by side. Findings are not computed: they change no figure.

The zone rules are those of the package `tzdata` where it is installed, or of --tzdata: an unpacked
package, or a folder of compiled zones. Those of the machine are never used unless they are named.

In here a date is its text, `YYYY-MM-DD`: the order of such texts is the order of the dates. An
instant is a whole number of nanoseconds since 0001-01-01T00:00:00Z.
"""

from __future__ import annotations

import argparse
import base64
import calendar
import functools
import gc
import hashlib
import io
import json
import math
import os
import re
import reprlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

RULES = 1
MOST_BYTES, MOST_LEVELS, MOST_CHARACTERS, MOST_EVENTS = 65_536, 16, 200, 1000
FIRST_YEAR, LAST_YEAR = 1, 9999
FIRST_DATE, LAST_DATE = "0001-01-01", "9999-12-31"
EARLIEST, LATEST = "1900-01-01", "2199-12-31"
ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
ZONES_OF_A_MACHINE = ("localtime", "posixrules", "posix", "right")
MILLISECOND, SECOND = 1_000_000, 1_000_000_000
DAY = 86_400 * SECOND
EPOCH = (date(1970, 1, 1).toordinal() - 1) * DAY

# Whatever a JSON text can say; its shape is checked before it is used.
Json = Any
Check = Callable[[Json], bool]
Words = tuple[str, ...]
Policy = Mapping[str, Any]
Cells = Counter[tuple[str, str]]
Record = Mapping[str, Any]
# One student's facts in force, by type without `ledger.` and version, each list in log order.
Student = dict[str, list["Event"]]

# --- The words of the specification ---------------------------------------------------------------

CATEGORIES: Words = (
    "job_seeker", "low_qualification", "disadvantaged_area", "refugee", "disability",
)  # fmt: skip
KINDS: Words = (
    "new_job", "internship", "apprenticeship", "business", "new_title", "raise",
    "internal_mobility",
)  # fmt: skip
STATUSES: Words = (
    "employed", "self_employed", "studying", "military", "volunteering", "seeking", "not_seeking",
    "unknown",
)  # fmt: skip
FUNDINGS: Words = (
    "self_paid", "cpf", "individual", "employer", "apprenticeship", "job_centre", "public_grant",
    "other",
)  # fmt: skip
WITHDRAWALS: Words = ("left", "transferred", "deceased", "incarcerated", "military")
RESCHEDULINGS: Words = ("student", "school", "employer", "other")
APPLICATION, ENROLMENT = "application_id", "enrollment_id"
RETRACTIONS: Words = ("entered_wrongly", "withdrawn_by_student", "superseded", "other")
EMPLOYMENTS: Words = ("full_time", "part_time", "temporary", "freelance")
STATED_BY: Words = ("student", "employer", "registry", "staff")

NINE: Words = ("all", *CATEGORIES, "any_category", "no_category", "undeclared")
OUTCOME_MEASURES: Words = ("career_outcomes", "outcomes_declared", "outcomes_repeated")
STUDENT_MEASURES: Words = (
    "applicants", "became_students", "expected_to_graduate", "graduated_as_expected", "graduates",
    "respondents", "placed", "placed_in_field",
)  # fmt: skip
RATES: Words = (
    "orientation_rate", "graduation_rate", "response_rate", "placement_rate",
    "placement_in_field_rate", "placement_rate_if_silent_not_placed",
    "placement_rate_if_silent_placed",
)  # fmt: skip

# --- SPEC section 1: JSON, with every fault in the order of the rules -----------------------------

STRING = r'"(?:[^"\\]|\\.)*"'
BRACKETS = re.compile(rf"({STRING}|[\[\]{{}}])", re.DOTALL)
# An integer of a value may have as many digits as the value has bytes.
sys.set_int_max_str_digits(0)


def read_json(raw: bytes) -> tuple[Json, str | None]:
    """Return the value of a JSON text, or the first of the four rules about JSON that it breaks."""
    faults: set[str] = set()
    try:
        text = raw.decode("utf-8")
        refuse_lone_surrogates(text)
        try:
            value = parse_json(text, faults)
            # A text without so many brackets is not nested so deep; most need no second look.
            brackets = text.count("{") + text.count("[")
            is_deep = brackets > MOST_LEVELS and levels_of(value) > MOST_LEVELS
        except RecursionError:
            value, is_deep = None, True
            parse_deep_json(text, faults)
    except ValueError:
        return None, "value_must_be_json"
    for fault in ("members_must_be_unique", "numbers_must_be_finite"):
        if fault in faults:
            return None, fault
    if is_deep:
        return None, "nesting_must_not_exceed_16"
    return value, None


def parse_json(text: str, faults: set[str]) -> Json:
    """Parse RFC 8259, and note which of the next two rules it breaks anywhere.

    Raises:
        ValueError: the text is no JSON.
    """

    def number(word: str) -> int | float:
        value = float(word)
        if math.isinf(value):
            faults.add("numbers_must_be_finite")
            return value
        return value if re.search("[.eE]", word) else int(word)

    def members(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        value = dict(pairs)
        if len(value) < len(pairs):
            faults.add("members_must_be_unique")
        return value

    def constant(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    return json.loads(
        text,
        object_pairs_hook=members,
        parse_int=number,
        parse_float=number,
        parse_constant=constant,
    )


def parse_deep_json(text: str, faults: set[str]) -> None:
    """Parse a text that is nested deeper than Python recurses: inside out, each part once."""
    parts: list[list[str]] = [[]]
    for piece in BRACKETS.split(text):
        if piece in ("{", "["):
            parts.append([piece])
        elif piece in ("}", "]"):
            require(len(parts) > 1)
            parse_json("".join([*parts.pop(), piece]), faults)
            parts[-1].append(" 0 ")
        else:
            parts[-1].append(piece)
    require(len(parts) == 1)
    parse_json("".join(parts[0]), faults)


def refuse_lone_surrogates(text: str) -> None:
    """Raise ValueError where an escape stands for half a character."""
    if "\\u" in text:
        for word in re.findall(STRING, text, re.DOTALL):
            if "\\u" in word:
                str(json.loads(word)).encode("utf-8")


def levels_of(value: Json) -> int:
    """Return how deep arrays and objects are nested."""
    levels, layer = 0, [value]
    while layer := [item for item in layer if isinstance(item, dict | list)]:
        levels += 1
        layer = [
            below for item in layer for below in (item.values() if isinstance(item, dict) else item)
        ]
    return levels


def require(condition: object, message: str = "not JSON") -> None:
    """Raise ValueError where a condition does not hold."""
    if not condition:
        raise ValueError(message)


# --- RFC 8785 -------------------------------------------------------------------------------------

# ECMAScript writes no exponent while the decimal point is this near.
MOST_PLACES, FEWEST_PLACES = 21, -6


def canonical(obj: Json) -> bytes:
    """Return the RFC 8785 canonical form of a JSON value.

    Raises:
        ValueError: a number is not finite, or a text holds a lone surrogate.
        TypeError: something in it is not JSON.
    """
    return canonical_text(obj).encode("utf-8")


def canonical_text(item: Json) -> str:
    """Return the canonical form as a text."""
    if isinstance(item, dict):
        ordered = sorted(item, key=utf_16_order)
        members = (
            f"{json.dumps(name, ensure_ascii=False)}:{canonical_text(item[name])}"
            for name in ordered
        )
        return "{" + ",".join(members) + "}"
    if isinstance(item, list):
        return "[" + ",".join(map(canonical_text, item)) + "]"
    if isinstance(item, int | float) and not isinstance(item, bool):
        return ecmascript_number(item)
    if item is None or isinstance(item, bool | str):
        return json.dumps(item, ensure_ascii=False)
    raise TypeError(f"{type(item).__name__} is not JSON")


def utf_16_order(name: Json) -> bytes:
    """Return what a member name is sorted by."""
    if not isinstance(name, str):
        raise TypeError("a member name is a text")
    return name.encode("utf-16-be")


def ecmascript_number(number: float) -> str:
    """Print a number as ECMAScript's Number::toString prints the binary64 nearest to it."""
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    require(math.isfinite(value), "a number is not finite")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    # Python and ECMAScript choose the same digits; the value is 0.<digits> * 10 ** point.
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or "0")
    digits = digits.rstrip("0")
    if len(digits) <= point <= MOST_PLACES:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= MOST_PLACES:
        return sign + digits[:point] + "." + digits[point:]
    if FEWEST_PLACES < point <= 0:
        return sign + "0." + "0" * -point + digits
    rest = "." + digits[1:] if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"


def sha256(obj: object) -> str:
    """Return the SHA-256 of the canonical form, in lower-case hex."""
    return hashlib.sha256(canonical(obj)).hexdigest()


# --- SPEC section 1 and SPEC section 2: dates and instants ----------------------------------------

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
    r"(?:\.([0-9]{1,9}))?(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


@functools.lru_cache(maxsize=100_000)
def day_number(text: str) -> int | None:
    """Return how many days a date is after 0001-01-01; None if there is no such date."""
    if not DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text).toordinal() - 1
    except ValueError:
        return None


def is_date(value: Json) -> bool:
    """Say whether it is a date of the calendar, from 0001-01-01 to 9999-12-31."""
    return isinstance(value, str) and day_number(value) is not None


@functools.lru_cache(maxsize=16)  # An event's is asked for more than once.
def instant_of(time: str) -> int | None:
    """Return the instant of an RFC 3339 text, with all its digits; None if it is no such text."""
    match = TIME.fullmatch(time)
    days = day_number(match[1]) if match else None
    if match is None or days is None:
        return None
    _, hour, minute, second, fraction, sign, offset_hour, offset_minute = match.groups("0")
    seconds = int(hour) * 3600 + int(minute) * 60 + int(second)
    offset = int(offset_hour) * 3600 + int(offset_minute) * 60
    seconds += offset if sign == "-" else -offset
    return days * DAY + seconds * SECOND + int(fraction.ljust(9, "0"))


class Zones:
    """SPEC section 3, zone: the rules of one release, never silently those of the machine."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.release = "unknown"
        self.known: dict[str, ZoneInfo | None] = {}

    def use(self, folder: Path) -> bool:
        """Take the rules of an unpacked package, or a folder of compiled zones; False if none."""
        for place in (folder / "zoneinfo", folder):
            if (place / "UTC").is_file():
                self.folder, self.release, self.known = place, release_of(place), {}
                return True
        return False

    def rules(self, name: str) -> ZoneInfo | None:
        """Return the rules of a zone, whose name is exact on any file system; None if unknown."""
        if name not in self.known:
            self.known[name] = self.read(name)
        return self.known[name]

    def read(self, name: str) -> ZoneInfo | None:
        """Read the compiled rules of a zone."""
        if self.folder is None or not ZONE_NAME.fullmatch(name):
            return None
        path = self.folder
        for part in name.split("/"):
            if not path.is_dir() or part not in (entry.name for entry in path.iterdir()):
                return None
            path /= part
        data = path.read_bytes() if path.is_file() else b""
        return ZoneInfo.from_file(io.BytesIO(data), key=name) if data[:4] == b"TZif" else None


def release_of(folder: Path) -> str:
    """Return the release of a folder of compiled zones, where a file in or above it says so."""
    signs = (
        (folder.parent / "__init__.py", r'^__version__ = "([^"]+)"'),
        (folder / "+VERSION", r"^(\S+)"),
        (folder / "tzdata.zi", r"^# version (\S+)"),
    )
    for path, pattern in signs:
        text = path.read_text("utf-8", errors="replace")[:1000] if path.is_file() else ""
        match = re.search(pattern, text, re.MULTILINE)
        if match:
            return match[1]
    return "unknown"


ZONES = Zones()
# Where packages are installed; nothing of the package is imported.
INSTALLED = any(ZONES.use(Path(folder) / "tzdata") for folder in sys.path)


def date_in_zone(instant: int, zone: str) -> str:
    """Return the calendar date of an instant in a time zone."""
    rules = ZONES.rules(zone)
    # Without rules astimezone would take those of the machine.
    require(rules is not None, f"no rules of zone {zone}")
    try:
        moment = datetime(1, 1, 1, tzinfo=UTC) + timedelta(seconds=instant // SECOND)
        return moment.astimezone(rules).date().isoformat()
    except OverflowError:
        return FIRST_DATE if instant < EPOCH else LAST_DATE


def months_after(day: str, months: int) -> str:
    """SPEC section 2, months after: the same day of the month, or the month's last day."""
    months_since_year_0 = int(day[:4]) * 12 + int(day[5:7]) - 1 + months
    year, month = months_since_year_0 // 12, months_since_year_0 % 12 + 1
    if year > LAST_YEAR:
        return LAST_DATE
    last = calendar.monthrange(year, month)[1]
    return f"{year:04d}-{month:02d}-{min(int(day[8:]), last):02d}"


def in_year(day: str, year: int) -> bool:
    """Say whether a date lies in a calendar year."""
    return day[:4] == f"{year:04d}"


# --- SPEC section 1, types ------------------------------------------------------------------------


def is_text(value: Json) -> bool:
    """Say whether it is a string of 1 to 200 characters."""
    return isinstance(value, str) and 1 <= len(value) <= MOST_CHARACTERS


def is_boolean(value: Json) -> bool:
    """Say whether it is true or false."""
    return isinstance(value, bool)


def one_of(words: Words) -> Check:
    """Return the check for one of these words."""
    return lambda value: isinstance(value, str) and value in words


def some_of(words: Words) -> Check:
    """Return the check for a list without duplicates out of these words; it may be empty."""
    return lambda value: (
        isinstance(value, list)
        and all(isinstance(word, str) and word in words for word in value)
        and len(set(value)) == len(value)
    )


def is_sha256(value: Json) -> bool:
    """Say whether it is 64 lower-case hex digits."""
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def an_object(members: dict[str, Check]) -> Check:
    """Return the check for an object with these members only; `?`: may be absent or null."""
    checks = [
        (name.removesuffix("?"), name.endswith("?"), check) for name, check in members.items()
    ]
    known = {name for name, _, _ in checks}

    def is_such(value: Json) -> bool:
        return (
            isinstance(value, dict)
            and known.issuperset(value)
            and all(
                (optional and value.get(name) is None) or check(value.get(name))
                for name, optional, check in checks
            )
        )

    return is_such


is_evidence = an_object({"sha256": is_sha256, "uri?": is_text})
is_identity = an_object({"source": is_text, "id": is_text})
DATA: dict[str, dict[str, Check]] = {
    "student.applied": {
        "application_id": is_text, "programme": is_text, "applied_on": is_date,
        "categories?": some_of(CATEGORIES),
    },
    "student.enrolled": {
        "enrollment_id": is_text, "application_id?": is_text, "programme": is_text,
        "enrolled_on": is_date, "expected_graduation_on": is_date, "funding": one_of(FUNDINGS),
        "categories?": some_of(CATEGORIES),
    },
    "enrollment.rescheduled": {
        "enrollment_id": is_text, "expected_graduation_on": is_date, "decided_on": is_date,
        "reason?": one_of(RESCHEDULINGS),
    },
    "student.withdrew": {
        "enrollment_id": is_text, "withdrew_on": is_date, "reason": one_of(WITHDRAWALS),
    },
    "student.graduated": {
        "enrollment_id": is_text, "graduated_on": is_date, "credential?": is_text,
    },
    "survey.answered": {
        "survey": is_text, "enrollment_id?": is_text, "answered_on": is_date,
        "status": one_of(STATUSES), "job_found_on?": is_date, "in_field?": is_boolean,
        "employment?": one_of(EMPLOYMENTS), "by_school?": is_boolean,
        "stated_by?": one_of(STATED_BY), "evidence?": is_evidence,
    },
    "outcome.declared": {
        "outcome_on": is_date, "kind": one_of(KINDS), "credited": is_boolean,
        "stated_by": one_of(STATED_BY), "evidence?": is_evidence,
    },
    "categories.declared": {"declared_on": is_date, "categories": some_of(CATEGORIES)},
    "event.retracted": {"retracts": is_identity, "reason": one_of(RETRACTIONS)},
}  # fmt: skip
MATCHES = {name: an_object(members) for name, members in DATA.items()}

# --- SPEC section 1, Which records count ----------------------------------------------------------

NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MEDIA_TYPE = re.compile(rf"{NAME}/({NAME})(?:[ \t]*;.*)?", re.DOTALL)


def admission_rule(
    key: bytes | None, value: bytes | None, partition: int, partitions: int
) -> str | None:
    """Name the first rule that a record fails, but for the last (1,000 events); None if none."""
    return judge(key, value, partition, partitions)[0]


def judge(
    key: bytes | None, value: bytes | None, partition: int, partitions: int
) -> tuple[str | None, dict[str, Json]]:
    """SPEC section 1, rules: the first that a record fails, or None and its CloudEvent."""
    if value is None:
        return "tombstone_is_not_an_event", {}
    if len(value) > MOST_BYTES:
        return "value_must_not_exceed_64_kib", {}
    event, fault = read_json(value)
    if fault is not None:
        return fault, {}
    # A null key is judged as an empty one: no pseudonym is empty, so it equals no subject.
    for rule, holds in EVENT_RULES:
        if not holds(event, key or b"", partition, partitions):
            return rule, {}
    return None, event


def is_pseudonym(subject: str) -> bool:
    """SPEC section 1, subject: 1 to 64 characters out of A-Z a-z 0-9 and four marks."""
    return re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", subject) is not None


@functools.lru_cache(maxsize=1000)
def pair_and_version(event_type: str) -> tuple[str, str]:
    """SPEC section 1, type: its entity.fact and its version; two empty texts without the form."""
    match = re.fullmatch(r"ledger\.([a-z]+\.[a-z]+)\.v([1-9][0-9]*)", event_type)
    return ("", "") if match is None else (match[1], match[2])


def matches_its_type(event: dict[str, Json]) -> bool:
    """SPEC section 1, data_must_match_its_type."""
    return MATCHES[pair_and_version(event["type"])[0]](event["data"])


def is_cloud_event(event: Json) -> bool:
    """SPEC section 1, attributes; of type, subject and data only the JSON type."""
    return (
        isinstance(event, dict)
        and event.get("specversion") == "1.0"
        and is_text(event.get("id"))
        and is_text(event.get("source"))
        and isinstance(event.get("type"), str)
        and isinstance(event.get("subject"), str)
        and isinstance(event.get("time"), str)
        and instant_of(event["time"]) is not None
        and isinstance(event.get("data"), dict)
        and "data_base64" not in event
        and ("datacontenttype" not in event or is_json_media_type(event["datacontenttype"]))
    )


def is_json_media_type(value: Json) -> bool:
    """SPEC section 1, datacontenttype: its subtype is json or ends in +json."""
    match = MEDIA_TYPE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return False
    subtype = match[1].lower()
    return subtype == "json" or subtype.endswith("+json")


def is_plausible(event: dict[str, Json]) -> bool:
    """SPEC section 1, date_must_be_plausible: the dates of the data, and the UTC date of `time`."""
    for name, value in event["data"].items():
        if name.endswith("_on") and value is not None and not EARLIEST <= value <= LATEST:
            return False
    day = (instant_of(event["time"]) or 0) // DAY + 1
    return date.fromisoformat(EARLIEST).toordinal() <= day <= date.fromisoformat(LATEST).toordinal()


@functools.lru_cache(maxsize=100_000)
def partition_of(key: bytes, partitions: int) -> int:
    """SPEC section 1, partition: that of a key, by the murmur2 of Kafka's Java client."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    result = 0x9747B28C ^ len(key)
    whole = len(key) - len(key) % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(key[start : start + 4], "little") * factor & mask
        word = (word ^ word >> 24) * factor & mask
        result = result * factor & mask ^ word
    if whole < len(key):
        result = (result ^ int.from_bytes(key[whole:], "little")) * factor & mask
    result = (result ^ result >> 13) * factor & mask
    result ^= result >> 15
    return (result & 0x7FFFFFFF) % partitions


# Each looks at (event, key, partition, partitions) and may rely on those above it.
EVENT_RULES: tuple[tuple[str, Callable[[Json, bytes, int, int], bool]], ...] = (
    ("envelope_must_be_a_cloud_event", lambda event, *_: is_cloud_event(event)),
    ("subject_must_be_a_pseudonym", lambda event, *_: is_pseudonym(event["subject"])),
    ("key_must_equal_subject", lambda event, key, *_: key == event["subject"].encode("utf-8")),
    ("partition_must_follow_key", lambda _, key, number, count: number == partition_of(key, count)),
    ("type_must_be_known", lambda event, *_: pair_and_version(event["type"])[0] in DATA),
    ("schema_version_must_be_known", lambda event, *_: pair_and_version(event["type"])[1] == "1"),
    ("data_must_match_its_type", lambda event, *_: matches_its_type(event)),
    ("date_must_be_plausible", lambda event, *_: is_plausible(event)),
)


class Event(NamedTuple):
    """An admitted event: its place in log order, `type` without `ledger.` and version."""

    place: int
    type: str
    source: str
    id: str
    time: str
    data: dict[str, Any]

    def has_content_of(self, event: dict[str, Json]) -> bool:
        """SPEC section 1, content: an admitted event has no number in it, so equal is the same."""
        return bool(event["type"] == f"ledger.{self.type}.v1") and (self.time, self.data) == (
            event["time"],
            event["data"],
        )


def sort_out(
    records: Iterable[Record], partitions: int
) -> tuple[dict[str, list[Event]], dict[str, Any]]:
    """SPEC section 1, identity: each student's events in log order, and the counters.

    The records are in log order.
    """
    students: dict[str, list[Event]] = {}
    firsts: dict[tuple[str, str, str], Event] = {}
    quarantined: Counter[str] = Counter()
    duplicates = conflicts = 0
    for place, record in enumerate(records):
        rule, event = judge(record["key"], record["value"], record["partition"], partitions)
        if rule is not None:
            quarantined[rule] += 1
            continue
        identity = (event["subject"], event["source"], event["id"])
        events = students.setdefault(event["subject"], [])
        if identity in firsts:
            if firsts[identity].has_content_of(event):
                duplicates += 1
            else:
                conflicts += 1
        elif len(events) >= MOST_EVENTS:
            quarantined["subject_must_not_exceed_1000_events"] += 1
        else:
            pair, _ = pair_and_version(event["type"])
            firsts[identity] = Event(
                place, pair, event["source"], event["id"], event["time"], event["data"]
            )
            events.append(firsts[identity])
    return students, {
        "events": len(firsts),
        "duplicates": duplicates,
        "conflicts": conflicts,
        "quarantined": dict(quarantined),
    }


def facts_of(events: list[Event]) -> tuple[Student, dict[str, int]]:
    """SPEC section 1, retraction: what is in force by type, and how many of each are not."""
    by_identity = {(event.source, event.id): event for event in events}
    removed = set()
    counters = {"pending": 0, "void": 0, "repeats": 0, "orphans": 0}
    for event in events:
        if event.type == "event.retracted":
            identity = (event.data["retracts"]["source"], event.data["retracts"]["id"])
            if identity not in by_identity:
                counters["pending"] += 1
            elif by_identity[identity].type == "event.retracted":
                counters["void"] += 1
            else:
                removed.add(identity)
    counters["retracted"] = len(removed)
    student: Student = defaultdict(list)
    for event in events:
        if (event.source, event.id) not in removed:
            student[event.type].append(event)
    # SPEC section 1, repeats: of the events that state one id, the first in log order is the fact.
    for kind, member in (("student.applied", APPLICATION), ("student.enrolled", ENROLMENT)):
        firsts = {event.data[member]: event for event in reversed(student[kind])}
        counters["repeats"] += len(student[kind]) - len(firsts)
        student[kind] = sorted(firsts.values(), key=lambda event: event.place)
    # SPEC section 1, orphan: what names no enrolment in force has no effect.
    in_force = {event.data[ENROLMENT] for event in student["student.enrolled"]}
    for kind in ("enrollment.rescheduled", "student.withdrew", "student.graduated"):
        attached = [event for event in student[kind] if event.data[ENROLMENT] in in_force]
        counters["orphans"] += len(student[kind]) - len(attached)
        student[kind] = attached
    return student, counters


# --- SPEC section 2: facts about one student ------------------------------------------------------


DECLARED_ON = {
    "student.applied": "applied_on",
    "student.enrolled": "enrolled_on",
    "categories.declared": "declared_on",
}


def membership(student: Student, day: str) -> list[str]:
    """SPEC section 2, groups: which of the nine groups a student is in at a date."""
    declarations = [
        (event.data[member], event.place, event.data["categories"])
        for kind, member in DECLARED_ON.items()
        for event in student[kind]
        if event.data.get("categories") is not None and event.data[member] <= day
    ]
    if not declarations:
        return ["all", "undeclared"]
    _, _, categories = max(declarations)
    return ["all", "any_category", *categories] if categories else ["all", "no_category"]


def population(student: Student, day: str) -> str:
    """SPEC section 2, population: that at a date."""
    enrolled = any(event.data["enrolled_on"] <= day for event in student["student.enrolled"])
    return "student" if enrolled else "learner"


# --- SPEC section 3: policies ---------------------------------------------------------------------


def is_integer(value: Json) -> bool:
    """Say whether it is an integer that every JSON reader keeps exactly."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def is_months(value: Json) -> bool:
    """SPEC section 3: months are integers of 1 or more."""
    return is_integer(value) and bool(value >= 1)


def is_zone(value: Json) -> bool:
    """Say whether the time zone database has this zone, and not this machine alone."""
    if not isinstance(value, str) or value.partition("/")[0] in ZONES_OF_A_MACHINE:
        return False
    return ZONES.rules(value) is not None


def is_window(value: Json) -> bool:
    """SPEC section 3: two days of a common year, `MM-DD`."""
    is_pair = isinstance(value, list) and [type(day) for day in value] == [str, str]
    return is_pair and all(is_date(f"2023-{day}") for day in value)


def is_funding_groups(value: Json) -> bool:
    """SPEC section 3: non-empty groups that part the eight funding values."""
    if not isinstance(value, dict) or not all(value.values()):
        return False
    if not all(isinstance(group, list) for group in value.values()):
        return False
    members = [member for group in value.values() for member in group]
    return len(members) == len(FUNDINGS) and all(funding in members for funding in FUNDINGS)


POLICY: dict[str, Check] = {
    "schema": one_of(("ledger/policy/v1",)),
    "id": lambda value: isinstance(value, str) and value != "",
    "version": is_integer,
    "zone": is_zone,
    "outcome_window_months": is_months,
    "outcome_window_anchor": one_of(("last_counted", "last_declared", "calendar_year")),
    "outcome_window_scope": one_of(("student", "student_and_kind")),
    "outcome_date": one_of(("outcome_on", "time")),
    "outcome_kinds": some_of(KINDS),
    "outcome_must_be_credited": is_boolean,
    "orientation_months": is_months,
    "expected_date": one_of(("first", "latest")),
    "graduation_deadline": one_of(("year_end", "expected_date")),
    "excluded_withdrawals": some_of(WITHDRAWALS),
    "placement_window": is_window,
    "placement_months": is_months,
    "placement_base": one_of(("respondents", "graduates")),
    "placement_answer": one_of(("any", "latest")),
    "placement_statuses": some_of(STATUSES),
    "funding_groups": is_funding_groups,
}


def check_policy(obj: Json) -> list[str]:
    """SPEC section 3: say what is wrong with a policy; nothing if it is fine."""
    if not isinstance(obj, dict):
        return ["a policy must be a JSON object"]
    faults = [f"{name} is no member of a policy" for name in obj if name not in POLICY]
    for name, check in POLICY.items():
        if name not in obj:
            faults.append(f"{name} is missing")
        elif not check(obj[name]):
            faults.append(f"{name} must not be {reprlib.repr(obj[name])}")
    if not faults:
        try:
            canonical(obj)
        except (ValueError, TypeError) as error:
            faults.append(f"it has no RFC 8785 form: {error}")
    return faults


def refuse_impostor(policy: Policy) -> None:
    """SPEC section 3: an id and version belong to one content.

    Raises:
        ValueError: it has the id and version of a built-in policy, and other parameters.
    """
    known = BUILT_IN_POLICIES.get(policy["id"], policy)
    differing = [name for name in POLICY if policy[name] != known[name]]
    if policy["version"] == known["version"] and differing:
        name = differing[0]
        raise ValueError(
            f"{policy['id']} version {policy['version']} is a built-in policy, and this one has"
            f" other contents: {', '.join(differing)} ({name} is {reprlib.repr(policy[name])},"
            f" built in {reprlib.repr(known[name])})"
        )


def built_in_policies() -> dict[str, dict[str, Any]]:
    """SPEC section 3, parameters: the first two policies."""
    policy_2022: dict[str, Any] = {
        "schema": "ledger/policy/v1",
        "id": "openclassrooms-2022",
        "version": 1,
        "zone": "Europe/Paris",
        "outcome_window_months": 12,
        "outcome_window_anchor": "last_counted",
        "outcome_window_scope": "student",
        "outcome_date": "outcome_on",
        "outcome_kinds": list(KINDS),
        "outcome_must_be_credited": True,
        "orientation_months": 12,
        "expected_date": "latest",
        "graduation_deadline": "year_end",
        "excluded_withdrawals": ["deceased"],
        "placement_window": ["01-01", "12-31"],
        "placement_months": 6,
        "placement_base": "respondents",
        "placement_answer": "any",
        "placement_statuses": ["employed", "self_employed"],
        "funding_groups": {
            "individual": ["self_paid", "cpf", "individual"],
            "employer": ["employer"],
            "apprenticeship": ["apprenticeship"],
            "public": ["job_centre", "public_grant"],
            "other": ["other"],
        },
    }
    policy_2023 = {
        **policy_2022,
        "id": "openclassrooms-2023",
        "graduation_deadline": "expected_date",
        "placement_window": ["07-01", "06-30"],
        "placement_base": "graduates",
    }
    return {policy["id"]: policy for policy in (policy_2022, policy_2023)}


BUILT_IN_POLICIES: dict[str, dict[str, Any]] = built_in_policies()

# --- SPEC section 4: figures of a reference year --------------------------------------------------


def rows_of(policy: Policy) -> list[tuple[str, str]]:
    """SPEC section 4, measures: every (measure, group), in the report's order."""
    kinds = [f"kind:{kind}" for kind in KINDS]
    months = [f"month:{month:02d}" for month in range(1, 13)]
    by_outcome = [*NINE, *kinds, "population:student", "population:learner", *months]
    by_enrolment = [*NINE, *(f"funding:{group}" for group in policy["funding_groups"])]
    rows = [(measure, group) for measure in OUTCOME_MEASURES for group in by_outcome]
    rows += [("students_enrolled", group) for group in by_enrolment]
    rows += [(measure, group) for measure in STUDENT_MEASURES for group in NINE]
    return sorted(rows)


def figures(students: list[Student], policy: Policy, year: int) -> Cells:
    """SPEC section 4: every count of one reference year."""
    cells: Cells = Counter()
    for student in students:
        count_outcomes(cells, student, policy, year)
        count_orientation(cells, student, policy, year)
        count_enrolment(cells, student, policy, year)
        count_graduation(cells, student, policy, year)
        count_placement(cells, student, policy, year)
    return cells


def add(cells: Cells, measure: str, groups: list[str]) -> None:
    """Count one more in each of the groups."""
    for group in groups:
        cells[measure, group] += 1


def count_outcomes(cells: Cells, student: Student, policy: Policy, year: int) -> None:
    """SPEC section 4, Career outcomes."""
    candidates = []
    for event in student["outcome.declared"]:
        if event.data["kind"] not in policy["outcome_kinds"]:
            continue
        if policy["outcome_must_be_credited"] and not event.data["credited"]:
            continue
        instant = instant_of(event.time) or 0
        day = event.data["outcome_on"]
        if policy["outcome_date"] == "time":
            day = date_in_zone(instant, policy["zone"])
        order = (day, instant, event.source.encode("utf-8"), event.id.encode("utf-8"))
        candidates.append((order, day, event.data["kind"]))
    candidates.sort()
    if policy["outcome_window_scope"] == "student":
        walks = [candidates]
    else:
        walks = [[each for each in candidates if each[2] == kind] for kind in KINDS]
    for walk in walks:
        counted = walk_outcomes([day for _, day, _ in walk], policy)
        for (_, day, kind), is_counted in zip(walk, counted, strict=True):
            if in_year(day, year):
                groups = [*membership(student, day), f"kind:{kind}", f"month:{day[5:7]}"]
                groups.append(f"population:{population(student, day)}")
                add(cells, "outcomes_declared", groups)
                add(cells, "career_outcomes" if is_counted else "outcomes_repeated", groups)


def walk_outcomes(days: list[str], policy: Policy) -> list[bool]:
    """SPEC section 4, Career outcomes: the walk; for each candidate whether it is counted."""
    counted: list[bool] = []
    anchor: str | None = None
    for day in days:
        if anchor is None:
            counts = True
        elif policy["outcome_window_anchor"] == "calendar_year":
            counts = day[:4] != anchor[:4]
        else:
            counts = day >= months_after(anchor, policy["outcome_window_months"])
        counted.append(counts)
        if counts or policy["outcome_window_anchor"] == "last_declared":
            anchor = day
    return counted


def count_orientation(cells: Cells, student: Student, policy: Policy, year: int) -> None:
    """SPEC section 4, Orientation."""
    applied = [event.data["applied_on"] for event in student["student.applied"]]
    applied = [day for day in applied if in_year(day, year)]
    if not applied:
        return
    first = min(applied)
    groups = membership(student, first)
    add(cells, "applicants", groups)
    last = months_after(first, policy["orientation_months"])
    if any(first <= event.data["enrolled_on"] <= last for event in student["student.enrolled"]):
        add(cells, "became_students", groups)


def count_enrolment(cells: Cells, student: Student, policy: Policy, year: int) -> None:
    """SPEC section 4, Enrolment."""
    enrolled = [
        event for event in student["student.enrolled"] if in_year(event.data["enrolled_on"], year)
    ]
    if not enrolled:
        return
    earliest = min(enrolled, key=lambda event: (event.data["enrolled_on"], event.place))
    groups = membership(student, earliest.data["enrolled_on"])
    for group, fundings in policy["funding_groups"].items():
        if earliest.data["funding"] in fundings:
            groups.append(f"funding:{group}")
    add(cells, "students_enrolled", groups)


def of_enrolment(events: list[Event], enrolment: Event) -> list[Event]:
    """Return the events that name an enrolment."""
    named = enrolment.data["enrollment_id"]
    return [event for event in events if event.data["enrollment_id"] == named]


def expected_on(student: Student, enrolment: Event, policy: Policy) -> str:
    """SPEC section 4, Graduation: an enrolment's expected date."""
    moves = of_enrolment(student["enrollment.rescheduled"], enrolment)
    decisive = enrolment
    if policy["expected_date"] == "latest" and moves:
        decisive = max(moves, key=lambda event: (event.data["decided_on"], event.place))
    return str(decisive.data["expected_graduation_on"])


def graduated_on(student: Student, enrolment: Event) -> str | None:
    """SPEC section 4, Graduation: the earliest of an enrolment's graduations."""
    graduations = of_enrolment(student["student.graduated"], enrolment)
    return min((event.data["graduated_on"] for event in graduations), default=None)


def is_excluded(student: Student, enrolment: Event, policy: Policy, deadline: str) -> bool:
    """SPEC section 4, Graduation: whether a withdrawal takes an enrolment out of the cohort."""
    graduated = graduated_on(student, enrolment) or LAST_DATE
    return any(
        event.data["reason"] in policy["excluded_withdrawals"]
        and event.data["withdrew_on"] <= deadline
        and event.data["withdrew_on"] < graduated
        for event in of_enrolment(student["student.withdrew"], enrolment)
    )


def count_graduation(cells: Cells, student: Student, policy: Policy, year: int) -> None:
    """SPEC section 4, Graduation."""
    enrolled = []
    as_expected = False
    for enrolment in student["student.enrolled"]:
        expected = expected_on(student, enrolment, policy)
        if not in_year(expected, year):
            continue
        year_end = policy["graduation_deadline"] == "year_end"
        deadline = f"{year:04d}-12-31" if year_end else expected
        if is_excluded(student, enrolment, policy, deadline):
            continue
        enrolled.append(enrolment.data["enrolled_on"])
        graduated = graduated_on(student, enrolment)
        as_expected = as_expected or (graduated is not None and graduated <= deadline)
    if enrolled:
        groups = membership(student, min(enrolled))
        add(cells, "expected_to_graduate", groups)
        if as_expected:
            add(cells, "graduated_as_expected", groups)


def placement_window(policy: Policy, year: int) -> tuple[str, str]:
    """SPEC section 3, placement_window: its first and its last day for a reference year."""
    start, end = policy["placement_window"]
    return f"{year - 1 if start > end else year:04d}-{start}", f"{year:04d}-{end}"


def count_placement(cells: Cells, student: Student, policy: Policy, year: int) -> None:
    """SPEC section 4, Placement."""
    first_day, last_day = placement_window(policy, year)
    graduated = [graduated_on(student, enrolment) for enrolment in student["student.enrolled"]]
    inside = [day for day in graduated if day is not None and first_day <= day <= last_day]
    if not inside:
        return
    reference = min(inside)
    groups = membership(student, reference)
    add(cells, "graduates", groups)
    answers = [
        event
        for event in student["survey.answered"]
        if event.data["survey"] == "job"
        and event.data["answered_on"] >= reference
        and event.data["status"] != "unknown"
    ]
    if not answers:
        return
    add(cells, "respondents", groups)
    if policy["placement_answer"] == "latest":
        answers = [max(answers, key=lambda event: (event.data["answered_on"], event.place))]
    limit = months_after(reference, policy["placement_months"])
    placing = [
        event
        for event in answers
        if event.data["status"] in policy["placement_statuses"]
        and event.data.get("job_found_on") is not None
        and event.data["job_found_on"] <= limit
    ]
    if placing:
        add(cells, "placed", groups)
    if any(event.data.get("in_field") is True for event in placing):
        add(cells, "placed_in_field", groups)


def pair_of(cells: Cells, rate: str, group: str, policy: Policy) -> tuple[int, int]:
    """SPEC section 4: numerator and denominator of a rate."""

    def count(name: str) -> int:
        return cells[name, group]

    base = count(policy["placement_base"])
    graduates, placed = count("graduates"), count("placed")
    silent = graduates - count("respondents")
    return {
        "orientation_rate": (count("became_students"), count("applicants")),
        "graduation_rate": (count("graduated_as_expected"), count("expected_to_graduate")),
        "response_rate": (count("respondents"), graduates),
        "placement_rate": (placed, base),
        "placement_in_field_rate": (count("placed_in_field"), base),
        "placement_rate_if_silent_not_placed": (placed, graduates),
        "placement_rate_if_silent_placed": (placed + silent, graduates),
    }[rate]


def provisional(latest: int | None, policy: Policy, year: int) -> dict[str, str]:
    """SPEC section 4, Maturity: the measures that may still move, each with its date.

    `latest` is the latest `recorded_at` below the cut, in milliseconds since 1970.
    """
    year_end = f"{year:04d}-12-31"
    placement = months_after(placement_window(policy, year)[1], policy["placement_months"])
    until = dict.fromkeys(RATES, placement)
    until["orientation_rate"] = months_after(year_end, policy["orientation_months"])
    until["graduation_rate"] = until["career_outcomes"] = year_end
    if latest is None:
        return until
    known = date_in_zone(EPOCH + latest * MILLISECOND, policy["zone"])
    return {name: day for name, day in until.items() if known <= day}


# --- SPEC section 5: cut, report, digest ----------------------------------------------------------


class Below:
    """SPEC section 5, cut: the records below it in log order, and the cut in its one form.

    Records that come one by one are in log order; a list of them is sorted.
    """

    def __init__(
        self, records: Iterable[Record], partitions: int, cut: Mapping[Any, int] | None
    ) -> None:
        given = None if cut is None else {int(number): offset for number, offset in cut.items()}
        listed = given is None or sorted(given) == list(range(partitions))
        require(listed, f"a cut must list the partitions 0 to {partitions - 1}, all and no other")
        self.given, self.partitions = given, partitions
        self.records = (
            records
            if isinstance(records, Iterator)
            else sorted(records, key=lambda record: (record["partition"], record["offset"]))
        )
        self.form = {str(number): 0 for number in range(partitions)}
        self.count = 0
        self.latest: int | None = None

    def __iter__(self) -> Iterator[Record]:
        """Yield the records below the cut; the attributes are final when all were."""
        for record in self.records:
            number, offset = record["partition"], record["offset"]
            require(
                0 <= number < self.partitions,
                f"partition {number} is none of the {self.partitions}",
            )
            if self.given is None or offset < self.given[number]:
                self.form[str(number)] = offset + 1
                self.count += 1
                self.latest = max(record["recorded_at"], self.latest or record["recorded_at"])
                yield record


def report(  # noqa: PLR0913  # What a report is a function of.
    records: Iterable[Record],
    policy: Policy,
    year: int,
    *,
    partitions: int,
    log_name: str = "student-lifecycle",
    cut: Mapping[Any, int] | None = None,
) -> dict[str, Any]:
    """SPEC section 5: the report of a year over the records below a cut (None: all of them).

    Raises:
        ValueError: the policy, the year, the cut or a record's partition cannot be.
    """
    faults = check_policy(policy)
    require(not faults, "the policy is none: " + "; ".join(faults))
    require(FIRST_YEAR <= year <= LAST_YEAR, "the year must be one of 1 to 9999")
    below = Below(records, partitions, cut)
    histories, counters = sort_out(below, partitions)
    students = []
    counters.update({"repeats": 0, "retracted": 0, "pending": 0, "void": 0, "orphans": 0})
    for events in histories.values():
        student, numbers = facts_of(events)
        students.append(student)
        for name, number in numbers.items():
            counters[name] += number
    now, before = figures(students, policy, year), figures(students, policy, year - 1)
    judged: dict[str, Any] = {
        "rules": RULES,
        "reference_year": year,
        "policy": {"id": policy["id"], "version": policy["version"], "sha256": sha256(policy)},
        "records": counters,
        "counts": [
            {"measure": row[0], "group": row[1], "count": now[row], "previous": before[row]}
            for row in rows_of(policy)
        ],
        "rates": [
            {"measure": rate, "group": group, "numerator": over, "denominator": under}
            for rate, group in sorted((rate, group) for rate in RATES for group in NINE)
            for over, under in [pair_of(now, rate, group, policy)]
        ],
    }
    computed = {
        "schema": "ledger/report/v1",
        **judged,
        "log": {"name": log_name, "cut": below.form, "records": below.count},
        "provisional": provisional(below.latest, policy, year),
        "zone_data": ZONES.release,
    }
    return {**computed, "digest": digest_of(computed)}


def digest_of(stated: Mapping[str, Json]) -> str:
    """SPEC section 5, digest: that of a report's own members, and of its cut alone of its log."""
    names = ("rules", "reference_year", "policy", "records", "counts", "rates")
    digested = {name: stated[name] for name in names}
    return f"sha256:{sha256({**digested, 'log': {'cut': stated['log']['cut']}})}"


# --- The command line -----------------------------------------------------------------------------


class UnusableError(Exception):
    """What ends the command: an exit code and one line."""


def bytes_of(line: dict[str, Json], name: str) -> bytes | None:
    """Return the key or the value of a record, given as text, as base64 or as null."""
    text, encoded = line.get(name), line.get(f"{name}_base64")
    require(name in line or f"{name}_base64" in line, f"it has no {name}")
    require(text is None or encoded is None, f"it has two of {name}")
    require(isinstance(text, str | None) and isinstance(encoded, str | None), f"{name} is no text")
    if encoded is not None:
        return base64.b64decode(encoded, validate=True)
    return None if text is None else str(text).encode("utf-8")


def read_record(line: Json) -> dict[str, Any]:
    """docs/archive.md, A segment: the record that a line's JSON object holds."""
    require(isinstance(line, dict), "it is no JSON object")
    numbers = [line.get("partition"), line.get("offset")]
    require(all(is_integer(n) and n >= 0 for n in numbers), "it has no partition, offset")
    time = line.get("recorded_at")
    instant = instant_of(time) if isinstance(time, str) else None
    require(instant is not None, "recorded_at is no RFC 3339 time")
    return {
        "partition": numbers[0],
        "offset": numbers[1],
        "recorded_at": ((instant or 0) - EPOCH) // MILLISECOND,
        "key": bytes_of(line, "key"),
        "value": bytes_of(line, "value"),
    }


def read_records(path: str) -> list[Record]:
    """Read what `outcomes tail --jsonl` prints; no two records at one offset."""
    records: dict[tuple[int, int], Record] = {}
    with Path(path).open("rb") as file:
        for number, text in enumerate(file, 1):
            try:
                record = read_record(json.loads(text.decode("utf-8")))
                place = (record["partition"], record["offset"])
                require(place not in records, "an earlier line has its partition and offset")
                records[place] = record
            except (ValueError, RecursionError) as error:
                reason = " ".join(str(error).split())
                raise UnusableError(65, f"{path}, line {number} is no record: {reason}") from None
    return list(records.values())


def read_object(path: str) -> dict[str, Json]:
    """Read a file that holds one JSON object."""
    value, fault = read_json(Path(path).read_bytes())
    if fault is not None or not isinstance(value, dict):
        raise UnusableError(65, f"{path}: {fault or 'it must be a JSON object'}")
    return value


def find_policy(name: str) -> Policy:
    """Return a built-in policy or the one in a file."""
    if name in BUILT_IN_POLICIES:
        return BUILT_IN_POLICIES[name]
    if not Path(name).is_file():
        built_in = " or ".join(BUILT_IN_POLICIES)
        raise UnusableError(2, f"policy {name} is not built in: give --policy FILE, or {built_in}")
    policy = read_object(name)
    faults = check_policy(policy)
    if faults:
        raise UnusableError(65, f"{name}: {'; '.join(faults)}")
    try:
        refuse_impostor(policy)
    except ValueError as error:
        raise UnusableError(78, f"{name}: {error}") from None
    return policy


def read_cut(text: str) -> dict[str, int]:
    """Read a cut as it is written on the command line."""
    parts = re.findall(r"(?:^|,)([0-9]{1,9}):([0-9]{1,15})(?=,|$)", text)
    cut = {str(int(number)): int(offset) for number, offset in parts}
    if len(cut) != text.count(",") + 1 or set(cut) != {str(number) for number in range(len(cut))}:
        raise UnusableError(2, f"--cut {text}: list every partition once, like 0:1041,1:998")
    return cut


def check_report(stated: dict[str, Json], path: str) -> None:
    """Refuse a report that does not say what to recompute."""

    def is_cut(cut: Json) -> bool:
        numbers = {str(number) for number in range(len(cut))} if isinstance(cut, dict) else None
        return bool(cut) and set(cut) == numbers and all(map(is_integer, cut.values()))

    checks: dict[str, Check] = {
        "schema": one_of(("ledger/report/v1",)),
        "rules": lambda rules: is_integer(rules) and rules == RULES,
        "reference_year": lambda year: is_integer(year) and FIRST_YEAR <= year <= LAST_YEAR,
        "policy": lambda policy: isinstance(policy, dict) and isinstance(policy.get("id"), str),
        "log": lambda log: (
            isinstance(log, dict) and isinstance(log.get("name"), str) and is_cut(log.get("cut"))
        ),
    }
    for name, check in checks.items():
        if not check(stated.get(name)):
            raise UnusableError(65, f"{path}: {name} must not be {reprlib.repr(stated.get(name))}")


ROW = ("measure", "group")
MEMBERS: Words = (
    "schema", "rules", "reference_year", "policy", "log", "records", "counts", "rates",
    "provisional", "digest",
)  # fmt: skip
LOG_MEMBERS: Words = ("name", "cut", "records")


def cells_of(stated: dict[str, Json]) -> dict[str, Json]:
    """Return every cell of a report by its name."""
    cells: dict[str, Json] = {}
    todo: list[tuple[str, Json]] = [("", stated)]
    while todo:
        name, item = todo.pop()
        if isinstance(item, dict):
            todo += [(f"{name} {member}".strip(), value) for member, value in item.items()]
        elif isinstance(item, list):
            for number, row in enumerate(item):
                if isinstance(row, dict) and "measure" in row and "group" in row:
                    rest = {member: row[member] for member in row if member not in ROW}
                    todo.append((f"{name} {row['measure']} {row['group']}", rest))
                else:
                    todo.append((f"{name} {number}", row))
        else:
            cells[name + " (again)" * (name in cells)] = item
    return cells


def comparable(stated: dict[str, Json]) -> dict[str, Json]:
    """SPEC section 5: a report without the members outside the digest that a reader ignores."""
    left = {name: stated[name] for name in MEMBERS if name in stated}
    if isinstance(stated.get("log"), dict):
        left["log"] = {name: stated["log"][name] for name in LOG_MEMBERS if name in stated["log"]}
    return left


def differences(stated: dict[str, Json], computed: dict[str, Json]) -> list[str]:
    """Return one line for each cell in which two reports differ."""
    stated, computed = comparable(stated), comparable(computed)
    left, right = cells_of(stated), cells_of(computed)
    lines = []
    for name in sorted({*left, *right}):
        says = canonical(left[name]).decode() if name in left else "nothing"
        recomputed = canonical(right[name]).decode() if name in right else "nothing"
        if says != recomputed:
            lines.append(f"{name}: the report says {says}, recomputed {recomputed}")
    if not lines and canonical(stated) != canonical(computed):
        lines.append("every cell is equal, but the rows have another order or form")
    return lines


def use_zones(folder: str | None) -> None:
    """Take the zone rules of a folder, or see that those of a package were found."""
    if folder is None and not INSTALLED:
        line = "no zone rules: install the package tzdata, or give --tzdata FOLDER"
        raise UnusableError(2, line)
    if folder is not None and not ZONES.use(Path(folder)):
        raise UnusableError(2, f"--tzdata {folder}: no unpacked tzdata, and no compiled zones")


def run(options: argparse.Namespace) -> int:
    """Do what the command line asks, and return the exit code."""
    use_zones(options.tzdata)
    others = (options.year, options.cut, options.partitions)
    stated = None if options.report is None else read_object(options.report)
    if stated is not None:
        if others != (None, None, None):
            raise UnusableError(2, "--report says year, cut and partitions: leave them out")
        check_report(stated, options.report)
        year, cut, name = stated["reference_year"], stated["log"]["cut"], stated["log"]["name"]
        policy = find_policy(options.policy or stated["policy"]["id"])
    else:
        if options.year is None or not FIRST_YEAR <= options.year <= LAST_YEAR:
            raise UnusableError(2, "give --report, or --year from 1 to 9999")
        cut = None if options.cut is None else read_cut(options.cut)
        year, name = options.year, "student-lifecycle"
        policy = find_policy(options.policy or "openclassrooms-2022")
    records = read_records(options.records)
    seen = 1 + max((record["partition"] for record in records), default=0)
    listed = seen if cut is None else len(cut)
    partitions = listed if options.partitions is None else options.partitions
    if partitions < 1 or (cut is not None and partitions != listed):
        raise UnusableError(2, f"--partitions {partitions}: 1 or more, and as many as --cut lists")
    if seen > partitions:
        line = f"{options.records}: a record in partition {seen - 1} of a log of {partitions}"
        raise UnusableError(65, line)
    computed = report(records, policy, year, partitions=partitions, log_name=name, cut=cut)
    if stated is None:
        print(json.dumps(computed, indent=1))
        return 0
    lines = differences(stated, computed)
    releases = {"report": stated.get("zone_data"), "used": ZONES.release}
    if options.json:
        answer = {"equal": not lines, "zone_data": releases, "differences": lines}
        print(json.dumps(answer, indent=1))
    else:
        rows = len(computed["counts"]) + len(computed["rates"])
        other = releases["report"] not in (None, ZONES.release)
        note = f"; the report was made with {reprlib.repr(releases['report'])}" if other else ""
        print(f"zone data {ZONES.release}{note}")
        print("\n".join(lines) or f"equal: {rows} rows, the counters and {computed['digest']}")
    return 1 if lines else 0


def main() -> int:
    """Run the command line; a failure is one line and an exit code."""
    # Nothing here refers to itself; to look for what does takes an eighth of the time.
    gc.disable()
    parser = argparse.ArgumentParser(
        description="Recompute the figures of an outcome ledger, or compare them with a report.",
        epilog="Exit codes: 0 fine or equal, 1 different, 2 usage, 65 bad input.",
    )
    parser.add_argument("records", metavar="RECORDS", help="what outcomes tail --jsonl prints")
    parser.add_argument("--report", help="the report to verify, at its cut, policy and year")
    parser.add_argument("--year", type=int, help="the reference year")
    parser.add_argument("--policy", help="the id of a built-in policy, or a JSON file")
    parser.add_argument("--cut", help="like 0:1041,1:998 (default: the end)")
    parser.add_argument("--partitions", type=int, help="how many the log has")
    parser.add_argument("--tzdata", metavar="FOLDER", help="of zone rules (default: installed)")
    parser.add_argument("--json", action="store_true", help="print differences as JSON")
    line = ""
    try:
        code = run(parser.parse_args())
        sys.stdout.flush()
    except UnusableError as error:
        code, line = error.args
    except BrokenPipeError:
        # Whoever read the output has gone; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (OSError, ValueError) as error:
        code, line = 65, str(error)
    except KeyboardInterrupt:
        code, line = 130, "interrupted"
    if line:
        print(line, file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
