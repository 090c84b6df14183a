"""Recompute an outcome ledger's report from its records by docs/SPEC.md, without its code.

    python3 ledger_verify.py RECORDS.jsonl --report REPORT.json [--policy FILE] [--tzdata FOLDER]

RECORDS.jsonl is what `outcomes tail --jsonl` prints; `ledger_evidence.py` reads archives, hashes
and signatures. Needs Python 3.11 and the zone rules of the package `tzdata` or of --tzdata, never
those of the machine unless it is named. Findings are not computed: they change no figure.

In here a date is its text, `YYYY-MM-DD`: the order of such texts is the order of the dates. An
instant is a whole number of nanoseconds since 0001-01-01T00:00:00Z.

Exit codes: 0 equal, 1 different, 2 usage, 65 bad input, 78 a policy that cannot be.
"""

from __future__ import annotations

import argparse
import base64
import calendar
import contextlib
import functools
import gc
import hashlib
import io
import json
import math
import re
import reprlib
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

MILLISECOND, SECOND = 1_000_000, 1_000_000_000
FIRST = datetime(1, 1, 1, tzinfo=UTC)
EPOCH = (datetime(1970, 1, 1, tzinfo=UTC) - FIRST).days * 86_400 * SECOND
FIRST_DATE, LAST_DATE, YEARS = "0001-01-01", "9999-12-31", range(1, 10_000)

# Whatever a JSON text can say; its shape is checked before it is used.
Json = Any
Check = Callable[[Json], bool]
Words = tuple[str, ...]
Policy = Mapping[str, Any]
Record = Mapping[str, Any]


class WrongError(Exception):
    """What ends a program: an exit code and a sentence that names what is wrong."""


def require(condition: object, message: str = "not JSON") -> None:
    """Raise ValueError where a condition does not hold."""
    if not condition:
        raise ValueError(message)


def table(text: str) -> dict[str, Words]:
    """Return the first word of every line with the words after it."""
    rows = (line.split() for line in text.strip().splitlines())
    return {name: tuple(words) for name, *words in rows}


def matching(pattern: str, flags: int = re.DOTALL) -> Check:
    """Return the check for a string that a pattern matches whole."""
    whole = re.compile(pattern, flags).fullmatch
    return lambda value: isinstance(value, str) and whole(value) is not None


def one_of(*words: str) -> Check:
    """Return the check for one of these words."""
    return words.__contains__


is_sha256 = matching("[0-9a-f]{64}")

# --- SPEC section 1, rules: JSON ------------------------------------------------------------------

MOST_BYTES, MOST_LEVELS = 65_536, 16
STRING = r'"(?:[^"\\]|\\.)*"'
BRACKETS = re.compile(rf"({STRING}|[\[\]{{}}])", re.DOTALL)
# Those of two rules that the text which is being parsed breaks.
BROKEN: set[str] = set()


def read_json(raw: bytes) -> tuple[Json, str | None]:
    """Return the value of a JSON text, or the first of the four rules about JSON that it breaks."""
    BROKEN.clear()
    try:
        text = raw.decode("utf-8")
        for word in re.findall(STRING, text, re.DOTALL) if "\\u" in text else ():
            str(json.loads(word)).encode("utf-8")  # Which a lone surrogate cannot be.
        is_shallow = text.count("{") + text.count("[") <= MOST_LEVELS
        is_deep = not is_shallow and levels_of(text) > MOST_LEVELS
        value = None if is_deep else PARSER.decode(text)
    except ValueError:
        return None, "value_must_be_json"
    for rule in ("members_must_be_unique", "numbers_must_be_finite"):
        if rule in BROKEN:
            return None, rule
    return value, "nesting_must_not_exceed_16" if is_deep else None


def number_of(word: str) -> float:
    """Return a number of a JSON text; NaN and the infinities are none."""
    require(word[-1].isdigit())
    value = float(word)
    if math.isinf(value):
        BROKEN.add("numbers_must_be_finite")
    return value if math.isinf(value) or re.search("[.eE]", word) else int(word)


def object_of(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """Return an object of a JSON text."""
    value = dict(pairs)
    if len(value) < len(pairs):
        BROKEN.add("members_must_be_unique")
    return value


PARSER = json.JSONDecoder(
    object_pairs_hook=object_of,
    parse_int=number_of,
    parse_float=number_of,
    parse_constant=number_of,
)


def levels_of(text: str) -> int:
    """Parse a JSON text inside out, since Python recurses less deep; return how deep it is."""
    parts: list[list[str]] = [[]]
    levels = 0
    for piece in BRACKETS.split(text):
        if piece in ("{", "["):
            parts.append([])
            levels = max(levels, len(parts) - 1)
        parts[-1].append(piece)
        if piece in ("}", "]"):
            require(len(parts) > 1)
            PARSER.decode("".join(parts.pop()))
            parts[-1].append(" 0 ")
    require(len(parts) == 1)
    PARSER.decode("".join(parts[0]))
    return levels


# --- RFC 8785 -------------------------------------------------------------------------------------


def canonical(item: Json) -> bytes:
    """Return the canonical form; ValueError for what has none."""
    if isinstance(item, dict):
        names = sorted(item, key=lambda name: str(name).encode("utf-16-be"))
        return b"{" + b",".join(canonical(n) + b":" + canonical(item[n]) for n in names) + b"}"
    if isinstance(item, list):
        return b"[" + b",".join(map(canonical, item)) + b"]"
    if isinstance(item, int | float) and not isinstance(item, bool):
        # Python chooses the digits that ECMAScript does, and prints them in another form.
        require(abs(item) < 2**1024 and math.isfinite(item), "a number is not finite")
        number = Decimal(repr(float(item))).normalize()
        form = "f" if number.adjusted() in range(-6, 21) else "e"
        return (f"{number:{form}}" if number else "0").encode()
    require(item is None or isinstance(item, bool | str), "what is no JSON has no form")
    return json.dumps(item, ensure_ascii=False).encode()


def sha256(obj: Json) -> str:
    """Return the SHA-256 of the canonical form, in lower-case hex."""
    return hashlib.sha256(canonical(obj)).hexdigest()


# --- SPEC section 1, time, and SPEC section 2, months after ---------------------------------------

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIME = re.compile(
    rf"({DATE.pattern}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r"(?:\.([0-9]{1,9}))?(Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def is_date(value: Json) -> bool:
    """Say whether it is a date of the calendar, from 0001-01-01 to 9999-12-31."""
    try:
        return bool(isinstance(value, str) and DATE.fullmatch(value) and date.fromisoformat(value))
    except ValueError:
        return False


@functools.lru_cache(maxsize=16)  # An event's is asked for more than once.
def instant_of(time: str) -> int | None:
    """Return the instant of an RFC 3339 text, with all its digits; None if it is no such text."""
    match = TIME.fullmatch(time)
    moment, fraction, offset = match.groups("") if match else ("no time", "", "")
    try:
        since = datetime.fromisoformat(moment + offset) - FIRST
    except ValueError:
        return None
    return (since.days * 86_400 + since.seconds) * SECOND + int(fraction.ljust(9, "0"))


def months_after(day: str, months: int) -> str:
    """SPEC section 2, months after: the same day of the month, or the month's last day."""
    year, month = divmod(int(day[:4]) * 12 + int(day[5:7]) - 1 + months, 12)
    if year not in YEARS:
        return LAST_DATE
    last = calendar.monthrange(year, month + 1)[1]
    return f"{year:04d}-{month + 1:02d}-{min(int(day[8:]), last):02d}"


# --- SPEC section 3, zone -------------------------------------------------------------------------


RELEASE = re.compile(r'^(?:__version__ = "|# version )?(2\d{3}[.\da-z]+)"?$', re.MULTILINE)
# The files of the zones that are used, by name, and with them what says their release.
ZONES: dict[str, Path] = {}
# What names begin with that are of a machine and not of the database.
OF_A_MACHINE = ("localtime", "posix", "right")
NO_ZONES = "no zone rules: install the package tzdata, or give --tzdata FOLDER"


def use_zones(named: str | None = None) -> None:
    """SPEC section 3, zone: take rules that are named or installed, never those of the machine."""
    installed = [Path(folder) / "tzdata" for folder in sys.path]
    folders = [Path(named)] if named else installed
    for place in (each for folder in folders for each in (folder / "zoneinfo", folder)):
        if (place / "UTC").is_file():
            ZONES.clear()
            files = ((path.relative_to(place).as_posix(), path) for path in place.rglob("*"))
            ZONES.update((name, path) for name, path in files if not name.startswith(OF_A_MACHINE))
            zone_rules.cache_clear()
            return
    what = f"--tzdata {named}: no unpacked tzdata, and no compiled zones" if named else NO_ZONES
    raise WrongError(2, what)


@functools.cache
def zone_rules(name: str) -> ZoneInfo | None:
    """Return the rules of a zone, whose name is exact on any file system; None if unknown."""
    data = ZONES[name].read_bytes() if name in ZONES and ZONES[name].is_file() else b""
    return ZoneInfo.from_file(io.BytesIO(data), key=name) if data[:4] == b"TZif" else None


def zone_release() -> str:
    """Return the release of the zone rules, where a file in or above their folder says so."""
    place = ZONES["UTC"].parent
    for path in (place.parent / "__init__.py", place / "+VERSION", place / "tzdata.zi"):
        text = path.read_text("utf-8", errors="replace")[:1000] if path.is_file() else ""
        if match := RELEASE.search(text):
            return match[1]
    return "unknown"


# For who imports this file; nothing of the package is imported.
with contextlib.suppress(WrongError):
    use_zones()


def date_in_zone(instant: int, zone: str) -> str:
    """Return the calendar date of an instant in a time zone."""
    rules = zone_rules(zone)
    # Without rules astimezone would take those of the machine.
    require(rules is not None, f"no rules of zone {zone}")
    try:
        moment = FIRST + timedelta(seconds=instant // SECOND)
        return moment.astimezone(rules).date().isoformat()
    except OverflowError:
        return FIRST_DATE if instant < EPOCH else LAST_DATE


# --- SPEC section 1, types ------------------------------------------------------------------------

DATA = table("""
    student.applied         application_id programme applied_on categories?
    student.enrolled        enrollment_id application_id? programme enrolled_on \
                            expected_graduation_on funding categories?
    enrollment.rescheduled  enrollment_id expected_graduation_on decided_on reason?
    student.withdrew        enrollment_id withdrew_on reason
    student.graduated       enrollment_id graduated_on credential?
    survey.answered         survey enrollment_id? answered_on status job_found_on? in_field? \
                            employment? by_school? stated_by? evidence?
    outcome.declared        outcome_on kind credited stated_by evidence?
    categories.declared     declared_on categories
    event.retracted         retracts reason
""")
APPLIED, ENROLLED, RESCHEDULED, WITHDREW, GRADUATED, ANSWERED, OUTCOME, DECLARED, RETRACTED = DATA
OBJECTS = DATA | table("""
    evidence  sha256 uri?
    retracts  source id
""")
WORDS = table("""
    categories   job_seeker low_qualification disadvantaged_area refugee disability
    kind         new_job internship apprenticeship business new_title raise internal_mobility
    status       employed self_employed studying military volunteering seeking not_seeking unknown
    funding      self_paid cpf individual employer apprenticeship job_centre public_grant other
    employment   full_time part_time temporary freelance
    stated_by    student employer registry staff
    rescheduled  student school employer other
    withdrew     left transferred deceased incarcerated military
    retracted    entered_wrongly withdrawn_by_student superseded other
""")
MOST_CHARACTERS = 200
CATEGORIES, KINDS, FUNDINGS = WORDS["categories"], WORDS["kind"], WORDS["funding"]


def is_text(value: Json) -> bool:
    """SPEC section 1, data: a string of 1 to 200 characters."""
    return isinstance(value, str) and 1 <= len(value) <= MOST_CHARACTERS


def is_boolean(value: Json) -> bool:
    """Say whether it is true or false."""
    return isinstance(value, bool)


def some_of(words: Words) -> Check:
    """Return the check for a list out of these words, none twice; it may be empty."""
    return lambda value: (
        isinstance(value, list)
        and all(word in words for word in value)
        and len(set(value)) == len(value)
    )


def form_of(kind: str, name: str) -> Check:
    """SPEC section 1, types: the form of a member, which its name tells."""
    if name in OBJECTS:
        return an_object(name)
    if name == "categories":
        return some_of(CATEGORIES)
    if words := WORDS.get(kind.rpartition(".")[2] if name == "reason" else name):
        return one_of(*words)
    booleans = dict.fromkeys(("credited", "in_field", "by_school"), is_boolean)
    return is_date if name.endswith("_on") else {"sha256": is_sha256, **booleans}.get(name, is_text)


def an_object(kind: str) -> Check:
    """Return the check for an object with the members of its row only; `?`: may be null."""
    needed = {name for name in OBJECTS[kind] if not name.endswith("?")}
    forms = {name: form_of(kind, name) for name in (each.rstrip("?") for each in OBJECTS[kind])}

    def is_one(value: Json) -> bool:
        if not isinstance(value, dict) or not needed <= value.keys() <= forms.keys():
            return False
        for name, each in value.items():
            if not forms[name](each) and (each is not None or name in needed):
                return False
        return True

    return is_one


MATCHES = {kind: an_object(kind) for kind in DATA}

# --- SPEC section 1, rules: events ----------------------------------------------------------------

EARLIEST, LATEST = "1900-01-01", "2199-12-31"
PLAUSIBLE = [instant_of(f"{year}-01-01T00:00:00Z") or 0 for year in (1900, 2200)]
DAYS = {kind: [name.rstrip("?") for name in DATA[kind] if "_on" in name] for kind in DATA}
TCHAR = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"
is_json_media_type = matching(
    rf"{TCHAR}+/(?:{TCHAR}*\+)?json(?:[ \t]*;.*)?", re.DOTALL | re.IGNORECASE | re.ASCII
)
is_pseudonym = matching("[A-Za-z0-9._:-]{1,64}")
TYPE = re.compile(r"ledger\.([a-z]+\.[a-z]+)\.v([1-9][0-9]*)")


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


@functools.lru_cache(maxsize=1000)
def type_of(name: str) -> tuple[str, str]:
    """SPEC section 1, type: its entity.fact and its version; two empty texts without the form."""
    match = TYPE.fullmatch(name)
    return (match[1], match[2]) if match else ("", "")


def is_plausible(event: dict[str, Json]) -> bool:
    """SPEC section 1, date_must_be_plausible: the dates of the data, and the UTC date of `time`."""
    named = (event["data"].get(name) for name in DAYS[type_of(event["type"])[0]])
    return PLAUSIBLE[0] <= (instant_of(event["time"]) or 0) < PLAUSIBLE[1] and all(
        day is None or EARLIEST <= day <= LATEST for day in named
    )


# Each takes event, key, partition and the number of partitions, and relies on those above it.
EVENT_RULES: dict[str, Callable[[Json, bytes, int, int], bool]] = {
    "envelope_must_be_a_cloud_event": lambda event, _k, _p, _n: is_cloud_event(event),
    "subject_must_be_a_pseudonym": lambda event, _k, _p, _n: is_pseudonym(event["subject"]),
    "key_must_equal_subject": lambda event, key, _p, _n: key == event["subject"].encode("utf-8"),
    "partition_must_follow_key": lambda _, key, number, count: number == partition_of(key, count),
    "type_must_be_known": lambda event, _k, _p, _n: type_of(event["type"])[0] in DATA,
    "schema_version_must_be_known": lambda event, _k, _p, _n: type_of(event["type"])[1] == "1",
    "data_must_match_its_type": lambda event, _k, _p, _n: MATCHES[type_of(event["type"])[0]](
        event["data"]
    ),
    "date_must_be_plausible": lambda event, _k, _p, _n: is_plausible(event),
}


def judge(
    key: bytes | None, value: bytes | None, partition: int, partitions: int
) -> tuple[str | None, dict[str, Json]]:
    """SPEC section 1, rules: the first that a record fails, but for the last, or its CloudEvent."""
    if value is None:
        return "tombstone_is_not_an_event", {}
    if len(value) > MOST_BYTES:
        return "value_must_not_exceed_64_kib", {}
    event, fault = read_json(value)
    if fault is not None:
        return fault, {}
    # A null key is judged as an empty one: no pseudonym is empty, so it equals no subject.
    for rule, holds in EVENT_RULES.items():
        if not holds(event, key or b"", partition, partitions):
            return rule, {}
    return None, event


# --- SPEC section 1, which records count ----------------------------------------------------------

MOST_EVENTS = 1000


class Event(NamedTuple):
    """An admitted event: its place in log order, `type` without `ledger.` and version."""

    place: int
    type: str
    source: str
    id: str
    time: str
    data: dict[str, Any]


# One student's facts in force, by type, each list in log order.
Student = dict[str, list[Event]]


def sort_out(
    records: Iterable[Record], partitions: int
) -> tuple[dict[str, list[Event]], Counter[str]]:
    """SPEC section 1, identity: each student's events in log order, and the counters and rules."""
    students: dict[str, dict[tuple[str, str], Event]] = defaultdict(dict)
    counters = Counter[str]()
    for place, record in enumerate(records):
        result, event = judge(record["key"], record["value"], record["partition"], partitions)
        if result is None:
            kind, _ = type_of(event["type"])
            events, identity = students[event["subject"]], (event["source"], event["id"])
            if first := events.get(identity):
                # SPEC section 1, content: there is no number in an event, so equal is the same.
                same = (kind, event["time"], event["data"]) == (first.type, first.time, first.data)
                result = "duplicates" if same else "conflicts"
            elif len(events) >= MOST_EVENTS:
                result = "subject_must_not_exceed_1000_events"
            else:
                events[identity] = Event(place, kind, *identity, event["time"], event["data"])
        counters[result or "events"] += 1
    return {subject: list(events.values()) for subject, events in students.items()}, counters


def facts_of(events: list[Event]) -> tuple[Student, Counter[str]]:
    """SPEC section 1, retraction, repeats, orphan: what is in force, and how many are not so."""
    retractions = [event for event in events if event.type == RETRACTED]
    named = {(event.source, event.id): event for event in events} if retractions else {}
    counters, removed = Counter[str](), set()
    for retraction in retractions:
        retracts = retraction.data["retracts"]
        target = named.get((retracts["source"], retracts["id"]))
        if target is None or target.type == RETRACTED:
            counters["void" if target else "pending"] += 1
        else:
            removed.add(target.place)
    counters["retracted"] = len(removed)
    student: Student = defaultdict(list)
    for event in events:
        if event.place not in removed:
            student[event.type].append(event)
    for kind, member in ((APPLIED, "application_id"), (ENROLLED, "enrollment_id")):
        firsts: dict[str, Event] = {}
        for event in student[kind]:
            firsts.setdefault(event.data[member], event)
        counters["repeats"] += len(student[kind]) - len(firsts)
        student[kind] = list(firsts.values())
    in_force = {event.data["enrollment_id"] for event in student[ENROLLED]}
    for kind in (RESCHEDULED, WITHDREW, GRADUATED):
        attached = [event for event in student[kind] if event.data["enrollment_id"] in in_force]
        counters["orphans"] += len(student[kind]) - len(attached)
        student[kind] = attached
    return student, counters


# --- SPEC section 2: facts about one student ------------------------------------------------------

DECLARED_ON = {APPLIED: "applied_on", ENROLLED: "enrolled_on", DECLARED: "declared_on"}


def membership(student: Student, day: str) -> Words:
    """SPEC section 2, groups: which of the nine groups a student is in at a date."""
    declarations = [
        (event.data[member], event.place, event.data["categories"])
        for kind, member in DECLARED_ON.items()
        for event in student[kind]
        if event.data.get("categories") is not None and event.data[member] <= day
    ]
    if not declarations:
        return ("all", "undeclared")
    _, _, categories = max(declarations)
    return ("all", "any_category", *categories) if categories else ("all", "no_category")


# --- SPEC section 3: policies ---------------------------------------------------------------------


def is_integer(value: Json) -> bool:
    """Say whether it is an integer that every JSON reader keeps exactly."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def is_months(value: Json) -> bool:
    """SPEC section 3: months are integers of 1 or more."""
    return is_integer(value) and bool(value >= 1)


def is_window(value: Json) -> bool:
    """SPEC section 3, placement_window: two days of a common year, `MM-DD`."""
    is_pair = isinstance(value, list) and [type(day) for day in value] == [str, str]
    return is_pair and all(is_date(f"2023-{day}") for day in value)


def is_funding_groups(value: Json) -> bool:
    """SPEC section 3, funding_groups: non-empty, and they part the eight funding values."""
    if not isinstance(value, dict) or not all(isinstance(v, list) and v for v in value.values()):
        return False
    members = [member for group in value.values() for member in group]
    return len(members) == len(FUNDINGS) and all(funding in members for funding in FUNDINGS)


# SPEC section 3, parameters: the form of each, and its value in openclassrooms-2022.
POLICY: dict[str, tuple[Check, Json]] = {
    "schema": (one_of("ledger/policy/v1"), "ledger/policy/v1"),
    "id": (matching(".+"), "openclassrooms-2022"),
    "version": (is_integer, 1),
    "zone": (lambda zone: isinstance(zone, str) and zone_rules(zone) is not None, "Europe/Paris"),
    "outcome_window_months": (is_months, 12),
    "outcome_window_anchor": (
        one_of("last_counted", "last_declared", "calendar_year"), "last_counted",
    ),
    "outcome_window_scope": (one_of("student", "student_and_kind"), "student"),
    "outcome_date": (one_of("outcome_on", "time"), "outcome_on"),
    "outcome_kinds": (some_of(KINDS), list(KINDS)),
    "outcome_must_be_credited": (is_boolean, True),
    "orientation_months": (is_months, 12),
    "expected_date": (one_of("first", "latest"), "latest"),
    "graduation_deadline": (one_of("year_end", "expected_date"), "year_end"),
    "excluded_withdrawals": (some_of(WORDS["withdrew"]), ["deceased"]),
    "placement_window": (is_window, ["01-01", "12-31"]),
    "placement_months": (is_months, 6),
    "placement_base": (one_of("respondents", "graduates"), "respondents"),
    "placement_answer": (one_of("any", "latest"), "any"),
    "placement_statuses": (some_of(WORDS["status"]), ["employed", "self_employed"]),
    "funding_groups": (is_funding_groups, {
        "individual": ["self_paid", "cpf", "individual"],
        "employer": ["employer"],
        "apprenticeship": ["apprenticeship"],
        "public": ["job_centre", "public_grant"],
        "other": ["other"],
    }),
}  # fmt: skip
POLICY_2022 = {name: value for name, (_, value) in POLICY.items()}
POLICY_2023 = POLICY_2022 | {
    "id": "openclassrooms-2023",
    "graduation_deadline": "expected_date",
    "placement_window": ["07-01", "06-30"],
    "placement_base": "graduates",
}
BUILT_IN_POLICIES = {policy["id"]: policy for policy in (POLICY_2022, POLICY_2023)}


def check_policy(obj: Json) -> list[str]:
    """SPEC section 3: say what is wrong with a policy; nothing if it is fine."""
    if not isinstance(obj, dict):
        return ["a policy must be a JSON object"]
    faults = [f"{name} is no member of a policy" for name in obj if name not in POLICY]
    for name, (check, _) in POLICY.items():
        if name not in obj:
            faults.append(f"{name} is missing")
        elif not check(obj[name]):
            faults.append(f"{name} must not be {reprlib.repr(obj[name])}")
    return faults


def find_policy(name: str) -> Policy:
    """SPEC section 3: a built-in policy or that in a file; id and version belong to one content."""
    if name in BUILT_IN_POLICIES:
        return BUILT_IN_POLICIES[name]
    if not Path(name).is_file():
        raise WrongError(2, f"policy {name} is not built in: give --policy FILE")
    policy = read_object(name)
    if faults := check_policy(policy):
        raise WrongError(65, f"{name}: {'; '.join(faults)}")
    known = BUILT_IN_POLICIES.get(policy["id"], policy)
    other = [member for member in POLICY if policy[member] != known[member]]
    if policy["version"] == known["version"] and other:
        mine = "; ".join(f"{m} is {policy[m]!r}, built in {known[m]!r}" for m in other)[:200]
        own = f"{policy['id']} version {policy['version']}"
        what = f"{own} is a built-in policy, and this one has other contents"
        raise WrongError(78, f"{name}: {what}: {mine}")
    return policy


# --- SPEC section 4: figures of a reference year --------------------------------------------------

NINE: Words = ("all", *CATEGORIES, "any_category", "no_category", "undeclared")
OF_OUTCOMES: Words = (
    *NINE,
    *(f"kind:{kind}" for kind in KINDS),
    "population:student",
    "population:learner",
    *(f"month:{month:02d}" for month in range(1, 13)),
)
# Numerator and denominator; `base` is the policy's, and who is placed or silent are as many as
# placed + graduates - respondents.
RATES = table("""
    orientation_rate                     became_students        applicants
    graduation_rate                      graduated_as_expected  expected_to_graduate
    response_rate                        respondents            graduates
    placement_rate                       placed                 base
    placement_in_field_rate              placed_in_field        base
    placement_rate_if_silent_not_placed  placed                 graduates
    placement_rate_if_silent_placed      placed_or_silent       graduates
""")
NEVER = "never"  # As a date, it is later than every other.
Cells = Counter[tuple[str, str]]
# The measures in which something is counted, the date of its membership, and its other groups.
Counted = Iterator[tuple[Words, str, Words]]


def rows_of(policy: Policy) -> list[tuple[str, str]]:
    """SPEC section 4, measures: every (measure, group), in the report's order."""
    of_rates = {measure for pair in RATES.values() for measure in pair}
    groups = dict.fromkeys(of_rates - {"base", "placed_or_silent"}, NINE) | {
        "students_enrolled": (*NINE, *(f"funding:{name}" for name in policy["funding_groups"])),
        **dict.fromkeys(("career_outcomes", "outcomes_declared", "outcomes_repeated"), OF_OUTCOMES),
    }
    return sorted((measure, group) for measure in groups for group in groups[measure])


def count(cells: Cells, student: Student, policy: Policy, year: int) -> None:
    """SPEC section 4, measures: add what one student counts for in a year."""
    for kind, rule in FIGURES:
        for measures, day, groups in rule(student, policy, year) if student[kind] else ():
            for group in membership(student, day) + groups:
                for measure in measures:
                    cells[measure, group] += 1


def holding(**measures: object) -> Words:
    """Return the names of the measures that hold."""
    return tuple(name for name, holds in measures.items() if holds)


def outcomes(student: Student, policy: Policy, year: int) -> Counted:
    """SPEC section 4, Career outcomes."""
    candidates = []
    for event in student[OUTCOME]:
        is_credited = event.data["credited"] or not policy["outcome_must_be_credited"]
        if is_credited and event.data["kind"] in policy["outcome_kinds"]:
            instant, day = instant_of(event.time) or 0, event.data["outcome_on"]
            if policy["outcome_date"] == "time":
                day = date_in_zone(instant, policy["zone"])
            source, identity = event.source.encode("utf-8"), event.id.encode("utf-8")
            candidates.append((day, instant, source, identity, event.data["kind"]))
    anchors: dict[str, str] = {}
    for day, _, _, _, kind in sorted(candidates):
        walk = kind if policy["outcome_window_scope"] == "student_and_kind" else "all"
        anchor = anchors.get(walk)
        if anchor is None or policy["outcome_window_anchor"] == "calendar_year":
            counts = anchor is None or day[:4] != anchor[:4]
        else:
            counts = day >= months_after(anchor, policy["outcome_window_months"])
        if counts or policy["outcome_window_anchor"] == "last_declared":
            anchors[walk] = day
        if int(day[:4]) == year:
            measures = ("outcomes_declared", "career_outcomes" if counts else "outcomes_repeated")
            enrolled = any(each.data["enrolled_on"] <= day for each in student[ENROLLED])
            people = f"population:{'student' if enrolled else 'learner'}"
            yield measures, day, (f"kind:{kind}", f"month:{day[5:7]}", people)


def orientation(student: Student, policy: Policy, year: int) -> Counted:
    """SPEC section 4, Orientation."""
    days = [event.data["applied_on"] for event in student[APPLIED]]
    if first := min((day for day in days if int(day[:4]) == year), default=None):
        last = months_after(first, policy["orientation_months"])
        became = any(first <= event.data["enrolled_on"] <= last for event in student[ENROLLED])
        yield holding(applicants=True, became_students=became), first, ()


def enrolment(student: Student, policy: Policy, year: int) -> Counted:
    """SPEC section 4, Enrolment: of those of one date, the one earlier in the log."""
    days = [(event.data["enrolled_on"], event) for event in student[ENROLLED]]
    if first := min((each for each in days if int(each[0][:4]) == year), default=None):
        day, event = first
        groups = policy["funding_groups"].items()
        named = tuple(f"funding:{name}" for name, group in groups if event.data["funding"] in group)
        yield ("students_enrolled",), day, named


def enrolments(student: Student, policy: Policy) -> Iterator[tuple[Event, str, str, list[Event]]]:
    """SPEC section 4, Graduation: each, when expected, when graduated or "never", withdrawals."""
    for enrolled in student[ENROLLED]:
        moves, graduations, withdrawals = (
            [e for e in student[kind] if e.data["enrollment_id"] == enrolled.data["enrollment_id"]]
            for kind in (RESCHEDULED, GRADUATED, WITHDREW)
        )
        latest = max(moves, key=lambda event: (event.data["decided_on"], event.place), default=None)
        decisive = latest if latest and policy["expected_date"] == "latest" else enrolled
        graduated = min((event.data["graduated_on"] for event in graduations), default=NEVER)
        yield enrolled, decisive.data["expected_graduation_on"], graduated, withdrawals


def graduation(student: Student, policy: Policy, year: int) -> Counted:
    """SPEC section 4, Graduation."""
    began, as_expected = [], False
    for enrolled, expected, graduated, withdrawals in enrolments(student, policy):
        by_year_end = policy["graduation_deadline"] == "year_end"
        deadline = f"{year:04d}-12-31" if by_year_end else expected
        is_excluded = any(
            event.data["reason"] in policy["excluded_withdrawals"]
            and event.data["withdrew_on"] <= deadline
            and event.data["withdrew_on"] < graduated
            for event in withdrawals
        )
        if int(expected[:4]) == year and not is_excluded:
            began.append(enrolled.data["enrolled_on"])
            as_expected |= graduated <= deadline
    if began:
        yield holding(expected_to_graduate=True, graduated_as_expected=as_expected), min(began), ()


def placement_window(policy: Policy, year: int) -> tuple[str, str]:
    """SPEC section 3, placement_window: its first and its last day for a reference year."""
    start, end = policy["placement_window"]
    return f"{year - 1 if start > end else year:04d}-{start}", f"{year:04d}-{end}"


def placement(student: Student, policy: Policy, year: int) -> Counted:
    """SPEC section 4, Placement."""
    first, last = placement_window(policy, year)
    days = [graduated for _, _, graduated, _ in enrolments(student, policy)]
    reference = min((day for day in days if first <= day <= last), default=NEVER)
    if reference == NEVER:
        return
    answers = sorted(
        (event.data["answered_on"], event.place, event.data)
        for event in student[ANSWERED]
        if event.data["survey"] == "job"
        and event.data["answered_on"] >= reference
        and event.data["status"] != "unknown"
    )
    limit = months_after(reference, policy["placement_months"])
    placing = [
        answer
        for _, _, answer in (answers if policy["placement_answer"] == "any" else answers[-1:])
        if answer["status"] in policy["placement_statuses"]
        and answer.get("job_found_on") is not None
        and answer["job_found_on"] <= limit
    ]
    measures = holding(
        graduates=True,
        respondents=answers,
        placed=placing,
        placed_in_field=any(answer.get("in_field") for answer in placing),
        placed_or_silent=placing or not answers,
        base=answers or policy["placement_base"] == "graduates",
    )
    yield measures, reference, ()


# Each rule with the type of event that it begins with.
FIGURES: tuple[tuple[str, Callable[[Student, Policy, int], Counted]], ...] = (
    (OUTCOME, outcomes),
    (APPLIED, orientation),
    (ENROLLED, enrolment),
    (ENROLLED, graduation),
    (GRADUATED, placement),
)


def provisional(latest: int | None, policy: Policy, year: int) -> dict[str, str]:
    """SPEC section 4, Maturity: what may still move, and until when; `latest` in ms since 1970."""
    year_end, (_, last) = f"{year:04d}-12-31", placement_window(policy, year)
    until = dict.fromkeys(RATES, months_after(last, policy["placement_months"]))
    until["orientation_rate"] = months_after(year_end, policy["orientation_months"])
    until["graduation_rate"] = until["career_outcomes"] = year_end
    if latest is None:
        return until
    known = date_in_zone(EPOCH + latest * MILLISECOND, policy["zone"])
    return {name: day for name, day in until.items() if known <= day}


# --- SPEC section 5: cut, report, digest ----------------------------------------------------------

RULES = 1
COUNTERS: Words = (
    "events", "duplicates", "conflicts", "repeats", "retracted", "pending", "void", "orphans",
)  # fmt: skip


def below(
    records: Iterable[Record], cut: Mapping[int, float], heads: dict[int, tuple[int, int]]
) -> Iterator[Record]:
    """SPEC section 5, cut: yield what lies below it; `heads` gets ends and latest moments."""
    last = (0, -1)
    for record in records:
        number, offset = record["partition"], record["offset"]
        if number not in cut:
            raise ValueError(f"partition {number} is none of the {len(cut)}")
        if (number, offset) <= last:
            raise ValueError(f"record {number}:{offset} is not in log order")
        last = (number, offset)
        if offset < cut[number]:
            _, latest = heads.get(number, (0, record["recorded_at"]))
            heads[number] = (offset + 1, max(latest, record["recorded_at"]))
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
    """SPEC section 5: the report of a year over records in log order, some partitions at once."""
    everything = dict.fromkeys(range(partitions), math.inf)
    ends = everything if cut is None else {int(number): end for number, end in cut.items()}
    heads: dict[int, tuple[int, int]] = {}
    counters, now, before = Counter[str](), Cells(), Cells()
    # A student lies in one partition.
    for _, part in groupby(below(records, ends, heads), lambda record: record["partition"]):
        histories, numbers = sort_out(part, partitions)
        counters.update(numbers)
        for events in histories.values():
            student, numbers = facts_of(events)
            counters.update(numbers)
            count(now, student, policy, year)
            count(before, student, policy, year - 1)
    quarantined = {rule: number for rule, number in counters.items() if rule not in COUNTERS}
    total = sum(counters[name] for name in COUNTERS[:3]) + sum(quarantined.values())
    form = {str(number): heads.get(number, (0, 0))[0] for number in range(partitions)}
    latest = max((moment for _, moment in heads.values()), default=None)
    computed: dict[str, Any] = {
        "schema": "ledger/report/v1",
        "rules": RULES,
        "reference_year": year,
        "policy": {"id": policy["id"], "version": policy["version"], "sha256": sha256(policy)},
        "log": {"name": log_name, "cut": form, "records": total},
        "records": {name: counters[name] for name in COUNTERS} | {"quarantined": quarantined},
        "counts": [
            {"measure": row[0], "group": row[1], "count": now[row], "previous": before[row]}
            for row in rows_of(policy)
        ],
        "rates": [
            {"measure": rate, "group": group}
            | {"numerator": now[over, group], "denominator": now[under, group]}
            for rate, (over, under) in sorted(RATES.items())
            for group in sorted(NINE)
        ],
        "provisional": provisional(latest, policy, year),
        "zone_data": zone_release(),
    }
    return {**computed, "digest": digest_of(computed)}


def digest_of(stated: Mapping[str, Json]) -> str:
    """SPEC section 5, digest: that of a report's own members, and of its cut alone of its log."""
    names = ("rules", "reference_year", "policy", "records", "counts", "rates")
    digested = {name: stated[name] for name in names}
    return f"sha256:{sha256({**digested, 'log': {'cut': stated['log']['cut']}})}"


# --- Files ----------------------------------------------------------------------------------------


def bytes_of(line: dict[str, Json], name: str) -> bytes | None:
    """Return the key or the value of a record, given as text, as base64 or as null."""
    encoded = f"{name}_base64" in line
    text = line[f"{name}_base64"] if encoded else line.get(name, 0)
    require(text is None or isinstance(text, str), f"it has no {name}")
    require(not encoded or name not in line, f"it has two of {name}")
    if text is None:
        return None
    return base64.b64decode(text, validate=True) if encoded else text.encode()


def read_record(line: Json) -> dict[str, Any]:
    """docs/archive.md, A segment: the record that a line's JSON object holds."""
    require(isinstance(line, dict), "it is no JSON object")
    number, offset, time = line.get("partition"), line.get("offset"), line.get("recorded_at")
    require(is_integer(number) and is_integer(offset), "it has no partition, offset")
    require(number >= 0 and offset >= 0, "it has no partition, offset")
    instant = instant_of(time) if isinstance(time, str) else None
    require(instant is not None, "recorded_at is no RFC 3339 time")
    moment = ((instant or 0) - EPOCH) // MILLISECOND
    texts = {name: bytes_of(line, name) for name in ("key", "value")}
    return {"partition": number, "offset": offset, "recorded_at": moment, **texts}


def read_records(path: str) -> list[dict[str, Any]]:
    """Read what `outcomes tail --jsonl` prints, in log order; no two records at one offset."""
    records: dict[tuple[int, int], dict[str, Any]] = {}
    for number, text in enumerate(Path(path).read_bytes().splitlines(), 1):
        try:
            record = read_record(json.loads(text.decode("utf-8")))
            place = (record["partition"], record["offset"])
            require(place not in records, "an earlier line has its partition and offset")
        except (ValueError, RecursionError) as error:
            raise WrongError(65, f"{path}, line {number} is no record: {error}") from None
        records[place] = record
    return [records[place] for place in sorted(records)]


def read_object(path: str) -> dict[str, Json]:
    """Read a file that holds one JSON object."""
    value, fault = read_json(Path(path).read_bytes())
    if fault is not None or not isinstance(value, dict):
        raise WrongError(65, f"{path}: {fault or 'it must be a JSON object'}")
    return value


# --- A report beside what is recomputed -----------------------------------------------------------


def is_log(log: Json) -> bool:
    """SPEC section 5, cut: whether a name is there, and all partitions, each with a number."""
    cut = log.get("cut") if isinstance(log, dict) and isinstance(log.get("name"), str) else None
    listed = isinstance(cut, dict) and cut.keys() == {str(number) for number in range(len(cut))}
    return bool(cut and listed and all(map(is_integer, cut.values())))


NEEDED: dict[str, Check] = {
    "schema": one_of("ledger/report/v1"),
    "rules": lambda rules: is_integer(rules) and rules == RULES,
    "reference_year": lambda year: is_integer(year) and year in YEARS,
    "policy": lambda policy: isinstance(policy, dict) and isinstance(policy.get("id"), str),
    "log": is_log,
}


def read_report(stated: dict[str, Json], path: str) -> dict[str, Json]:
    """Return a report if it says what to recompute."""
    for name, check in NEEDED.items():
        if not check(stated.get(name)):
            raise WrongError(65, f"{path}: {name} must not be {reprlib.repr(stated.get(name))}")
    return stated


def recompute(stated: dict[str, Json], records: Iterable[Record], policy: str | None) -> Json:
    """Return the report of the year, the policy and the cut that a report names."""
    log, rules = stated["log"], find_policy(policy or stated["policy"]["id"])
    of_log = {"partitions": len(log["cut"]), "log_name": log["name"], "cut": log["cut"]}
    return report(records, rules, stated["reference_year"], **of_log)


def comparable(stated: dict[str, Json], computed: dict[str, Json]) -> dict[str, Json]:
    """SPEC section 5, members outside the digest: a report without those that a reader ignores."""
    log = {name: stated["log"].get(name) for name in computed["log"]}
    names = computed.keys() - {"zone_data"}
    return {name: stated[name] for name in names if name in stated} | {"log": log}


def cells_of(item: Json, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every cell of a report with its name, in which a row has its measure and group."""
    if isinstance(item, dict):
        for member, value in item.items():
            yield from cells_of(value, f"{name} {member}".strip())
    elif isinstance(item, list):
        for number, row in enumerate(item):
            is_row = isinstance(row, dict) and {"measure", "group"} <= row.keys()
            rest = {m: row[m] for m in row if m not in ("measure", "group")} if is_row else row
            own = f"{row['measure']} {row['group']}" if is_row else number
            yield from cells_of(rest, f"{name} {own}")
    else:
        yield name, canonical(item).decode()


def differences(stated: dict[str, Json], computed: dict[str, Json]) -> list[str]:
    """Return one line for each cell in which two reports differ."""
    stated, computed = (comparable(each, computed) for each in (stated, computed))
    left, right = Counter(cells_of(stated)), Counter(cells_of(computed))

    def texts_of(cells: Cells, name: str) -> str:
        return " and ".join(text for cell, text in cells.elements() if cell == name) or "nothing"

    lines = [
        f"{name}: the report says {texts_of(left, name)}, recomputed {texts_of(right, name)}"
        for name in sorted({name for name, _ in (left - right) | (right - left)})
    ]
    rows = computed["counts"] + computed["rates"]
    if not lines and canonical(stated) != canonical(computed):
        pairs = zip([*stated["counts"], *stated["rates"]], rows, strict=False)
        moved = next((f" from {r['measure']} {r['group']} on" for s, r in pairs if s != r), "")
        lines.append(f"every cell is equal, but the rows have another order or form{moved}")
    return lines


# --- The command line -----------------------------------------------------------------------------


def run(options: argparse.Namespace) -> int:
    """Compare a report with its records, and return the exit code."""
    use_zones(options.tzdata)
    stated = read_report(read_object(options.report), options.report)
    computed = recompute(stated, read_records(options.records), options.policy)
    lines, used = differences(stated, computed), computed["zone_data"]
    release = stated.get("zone_data", used)
    note = f"; the report was made with {reprlib.repr(release)}" if release != used else ""
    print(f"zone data {used}{note}")
    rows = len(computed["counts"]) + len(computed["rates"])
    print("\n".join(lines) or f"equal: {rows} rows, the counters and {computed['digest']}")
    return 1 if lines else 0


def exit_code(run: Callable[[argparse.Namespace], int], parser: argparse.ArgumentParser) -> int:
    """Run a command line; a failure is one line."""
    # Nothing here refers to itself; to look for what does takes an eighth of the time.
    gc.disable()
    try:
        return run(parser.parse_args())
    except WrongError as error:
        code, line = error.args
    except (OSError, ValueError, KeyError, TypeError) as error:
        code, line = 65, str(error)
    except KeyboardInterrupt:
        code, line = 130, "interrupted"
    print(" ".join(line.split()), file=sys.stderr)
    return int(code)


def main() -> int:
    """Read the options, and run."""
    parser = argparse.ArgumentParser(description="Recompute an outcome ledger's report.")
    parser.add_argument("records", metavar="RECORDS", help="what outcomes tail --jsonl prints")
    parser.add_argument("--report", metavar="FILE", required=True, help="what to compare with")
    parser.add_argument("--policy", metavar="FILE", help="of the report, where it is not built in")
    parser.add_argument("--tzdata", metavar="FOLDER", help="of zone rules (default: installed)")
    return exit_code(run, parser)


if __name__ == "__main__":
    sys.exit(main())
