"""A naive oracle of explanations: every candidate of a cell with its one reason.

Written from the specification and the table of candidates in docs/audit.md, over plain JSON; it
shares nothing with `projections`. Of the ledger it uses admission alone, which has an oracle of its
own.
"""

from __future__ import annotations

import json
import re

from schemas.admission import Quarantined, admit
from tests.support.histories import oracle

TYPES = {
    "ledger.student.applied.v1": ("applied_on",),
    "ledger.student.enrolled.v1": ("enrolled_on", "expected_graduation_on"),
    "ledger.enrollment.rescheduled.v1": ("expected_graduation_on", "decided_on"),
    "ledger.student.withdrew.v1": ("withdrew_on",),
    "ledger.student.graduated.v1": ("graduated_on",),
    "ledger.survey.answered.v1": ("answered_on", "job_found_on"),
    "ledger.outcome.declared.v1": ("outcome_on",),
    "ledger.categories.declared.v1": ("declared_on",),
    "ledger.event.retracted.v1": (),
}
PSEUDONYM = re.compile(r"[A-Za-z0-9._:-]{1,64}")
OUTCOME_MEASURES = ("career_outcomes", "outcomes_declared", "outcomes_repeated")
ANSWER_MEASURES = ("respondents", "placed", "placed_in_field")


def judged(records, partitions):
    """Each record as a dict: place, key, event, verdict, rule and cause."""
    result = []
    for record in records:
        admitted = admit(record, partitions)
        item = {"place": (record.partition, record.offset), "key": record.key, "cause": None}
        item["event"] = loose(record.value)
        quarantined = isinstance(admitted, Quarantined)
        item["rule"] = admitted.rule if quarantined else None
        item["verdict"] = "quarantined" if quarantined else "event"
        item["content"] = None if quarantined else admitted.content
        result.append(item)
    for key in {item["key"] for item in result}:
        judge_key([item for item in result if item["key"] == key and not item["rule"]])
    return result


def judge_key(items):
    firsts = {}
    for item in items:
        name = (item["event"]["source"], item["event"]["id"])
        first = firsts.get(name)
        if first is not None:
            item["verdict"] = "duplicate" if first["content"] == item["content"] else "conflict"
            item["cause"] = first["place"]
        elif len(firsts) == 1000:
            item["verdict"], item["rule"] = "quarantined", "subject_must_not_exceed_1000_events"
        else:
            firsts[name] = item
    for item in firsts.values():
        if item["event"]["type"] == "ledger.event.retracted.v1":
            target = item["event"]["data"]["retracts"]
            named = firsts.get((target["source"], target["id"]))
            if named is None:
                item["verdict"] = "pending"
            elif named["event"]["type"] == "ledger.event.retracted.v1":
                item["verdict"] = "void"
            elif named["verdict"] != "retracted":
                named["verdict"], named["cause"] = "retracted", item["place"]
    stated = {}
    for item in standing(firsts.values()):
        for kind, member in (("applied", "application_id"), ("enrolled", "enrollment_id")):
            if item["event"]["type"] == f"ledger.student.{kind}.v1":
                name = (kind, item["event"]["data"][member])
                if name in stated:
                    item["verdict"], item["cause"] = "repeat", stated[name]
                stated.setdefault(name, item["place"])
    for item in standing(firsts.values()):
        if (
            item["event"]["type"]
            in (
                "ledger.enrollment.rescheduled.v1",
                "ledger.student.withdrew.v1",
                "ledger.student.graduated.v1",
            )
            and ("enrolled", item["event"]["data"]["enrollment_id"]) not in stated
        ):
            item["verdict"] = "orphan"


def standing(items):
    return [item for item in items if item["verdict"] == "event"]


def loose(value):
    """An object, however damaged; empty where there is none."""
    try:
        members = json.loads(value)
    except (TypeError, ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def claim(item):
    """(subject, type, dates, time) of a record as far as it can be read; None where it cannot."""
    event = item["event"]
    subject, kind, data = event.get("subject"), event.get("type"), event.get("data")
    if not isinstance(subject, str) or not PSEUDONYM.fullmatch(subject):
        subject = keyed(item)
    pair = re.fullmatch(
        r"(ledger\.[a-z]+\.[a-z]+\.v)[1-9][0-9]*", kind if isinstance(kind, str) else ""
    )
    kind = None if pair is None else f"{pair[1]}1"
    dates = {}
    for member in TYPES.get(kind, ()):
        text = data.get(member) if isinstance(data, dict) else None
        if isinstance(text, str) and oracle().is_date(text[:10]) and "1900" <= text < "22":
            dates[member] = text[:10]
    if subject is None or kind not in TYPES or not dates:
        return None
    time = event.get("time")
    return subject, kind, dates, time if isinstance(time, str) else None


def keyed(item):
    text = (item["key"] or b"").decode("ascii", "replace")
    return text if PSEUDONYM.fullmatch(text) else None


def explained(records, partitions, policy, cell):
    """{place: (subject, reason, cause, rule)} of every candidate; reason None where it counts."""
    year, measure, group = cell
    items = judged(records, partitions)
    result = {}
    for subject in {keyed(item) for item in items if not item["rule"]}:
        own = [item for item in standing(items) if keyed(item) == subject]
        life = Life(own, policy)
        for place, fault in life.candidates(year, measure).items():
            counts = fault[0] is None
            shown = life.membership_fault(year, measure, place, group) if counts else fault
            result[place] = (subject, *shown, None)
    words = {
        "duplicate": "duplicate_of", "conflict": "conflict_with", "retracted": "retracted_by",
        "repeat": "repeat_of", "orphan": "orphan", "quarantined": "quarantined_by_rule",
    }  # fmt: skip
    for item in items:
        claimed = claim(item) if item["verdict"] in words else None
        if claimed is None:
            continue
        subject, kind, dates, time = claimed
        own = [each for each in standing(items) if subject == keyed(item) == keyed(each)]
        if Life(own, policy).is_near(year, measure, kind, dates, time):
            reason = words[item["verdict"]]
            result[item["place"]] = (subject, reason, item["cause"], item["rule"])
    return result


class Life:
    """The events in force of one student, in log order."""

    def __init__(self, items, policy):
        self.items = items
        self.policy = policy

    def events_of(self, kind):
        return [item for item in self.items if item["event"]["type"] == f"ledger.{kind}.v1"]

    # What comes near.

    def is_near(self, year, measure, kind, dates, time):
        def falls(member):
            return dates.get(member, "")[:4] == f"{year:04}"

        short = kind.removeprefix("ledger.").removesuffix(".v1")
        if measure in OUTCOME_MEASURES:
            if short != "outcome.declared":
                return False
            stated = None if time is None else oracle().instant_of(time)
            if (
                self.policy["outcome_date"] == "time"
                and stated is not None
                and "1899" < time[:4] < "2200"
            ):
                on = oracle().date_in_zone(stated, self.policy["zone"])
                return falls("outcome_on") or on[:4] == f"{year:04}"
            return falls("outcome_on")
        if measure in ("applicants", "became_students"):
            return short == "student.applied" and falls("applied_on")
        if measure == "students_enrolled":
            return short == "student.enrolled" and falls("enrolled_on")
        if measure in ("expected_to_graduate", "graduated_as_expected"):
            planned = short in ("student.enrolled", "enrollment.rescheduled")
            if planned and falls("expected_graduation_on"):
                return True
            done = short == "student.graduated" and falls("graduated_on")
            return done and measure == "graduated_as_expected"
        if short == "student.graduated":
            return "graduated_on" in dates and self.in_window(dates["graduated_on"], year)
        if short == "survey.answered" and measure in ANSWER_MEASURES:
            return "answered_on" in dates and self.reference(year) is not None
        return False

    # What counts, and why the rest does not.

    def candidates(self, year, measure):
        if measure in OUTCOME_MEASURES:
            return self.outcomes(year, measure)
        if measure in ("applicants", "became_students"):
            return self.applications(year, measure)
        if measure == "students_enrolled":
            return self.enrolments(year)
        if measure in ("expected_to_graduate", "graduated_as_expected"):
            return self.graduations_expected(year, measure)
        if measure == "graduates":
            return self.graduates(year)
        return self.answers(year, measure)

    def day_of_outcome(self, item):
        if self.policy["outcome_date"] == "outcome_on":
            return item["event"]["data"]["outcome_on"]
        return oracle().date_in_zone(
            oracle().instant_of(item["event"]["time"]), self.policy["zone"]
        )

    def outcomes(self, year, measure):
        result, walked = {}, []
        for item in self.events_of("outcome.declared"):
            data, day = item["event"]["data"], self.day_of_outcome(item)
            if day[:4] != f"{year:04}":
                if data["outcome_on"][:4] == f"{year:04}":
                    result[item["place"]] = ("outside_year", None)
            elif data["kind"] not in self.policy["outcome_kinds"]:
                result[item["place"]] = ("kind_not_in_policy", None)
            elif self.policy["outcome_must_be_credited"] and not data["credited"]:
                result[item["place"]] = ("not_credited", None)
            if data["kind"] in self.policy["outcome_kinds"] and (
                data["credited"] or not self.policy["outcome_must_be_credited"]
            ):
                event = item["event"]
                order = (
                    day,
                    oracle().instant_of(event["time"]),
                    event["source"].encode(),
                    event["id"].encode(),
                )
                walked.append((order, item))
        walked.sort(key=lambda pair: pair[0])
        scopes = [None]
        if self.policy["outcome_window_scope"] == "student_and_kind":
            scopes = self.policy["outcome_kinds"]
        for kind in scopes:
            anchor = None
            for (day, *_), item in walked:
                if kind not in (None, item["event"]["data"]["kind"]):
                    continue
                if anchor is None:
                    counts = True
                elif self.policy["outcome_window_anchor"] == "calendar_year":
                    counts = day[:4] != anchor[0][:4]
                else:
                    counts = day >= oracle().months_after(
                        anchor[0], self.policy["outcome_window_months"]
                    )
                if day[:4] == f"{year:04}":
                    place = item["place"]
                    if measure == "career_outcomes":
                        result[place] = (
                            (None, None) if counts else ("repeated_within_window_of", anchor[1])
                        )
                    elif measure == "outcomes_repeated":
                        result[place] = ("career_outcome", None) if counts else (None, None)
                    else:
                        result[place] = (None, None)
                if counts or self.policy["outcome_window_anchor"] == "last_declared":
                    anchor = (day, item["place"])
        return result

    def firsts(self, items, member, year):
        own = [item for item in items if item["event"]["data"][member][:4] == f"{year:04}"]
        return sorted(own, key=lambda item: (item["event"]["data"][member], item["place"]))

    def applications(self, year, measure):
        own = self.firsts(self.events_of("student.applied"), "applied_on", year)
        result = {item["place"]: ("later_than_first", own[0]["place"]) for item in own[1:]}
        if own:
            result[own[0]["place"]] = (None, None)
            if measure == "became_students":
                result[own[0]["place"]] = self.became(own[0]["event"]["data"]["applied_on"])
        return result

    def became(self, applied_on):
        last = oracle().months_after(applied_on, self.policy["orientation_months"])
        begun = sorted(
            (item["event"]["data"]["enrolled_on"], item["place"])
            for item in self.events_of("student.enrolled")
        )
        if any(applied_on <= day <= last for day, _ in begun):
            return (None, None)
        late = [place for day, place in begun if day > last]
        if late:
            return ("enrolled_too_late", late[0])
        if not begun:
            return ("not_enrolled", None)
        latest = [place for day, place in begun if day == begun[-1][0]]
        return ("enrolled_before_applying", latest[-1])

    def enrolments(self, year):
        own = self.firsts(self.events_of("student.enrolled"), "enrolled_on", year)
        result = {item["place"]: ("later_than_first", own[0]["place"]) for item in own[1:]}
        return result | {item["place"]: (None, None) for item in own[:1]}

    def dependents(self, kind, enrolment):
        name = enrolment["event"]["data"]["enrollment_id"]
        return [
            item for item in self.events_of(kind) if item["event"]["data"]["enrollment_id"] == name
        ]

    def expected(self, enrolment):
        """The date, and the place of the rescheduling that sets it."""
        own = enrolment["event"]["data"]["expected_graduation_on"]
        moved = self.dependents("enrollment.rescheduled", enrolment)
        if self.policy["expected_date"] == "first" or not moved:
            return own, None
        last = max(moved, key=lambda item: (item["event"]["data"]["decided_on"], item["place"]))
        return last["event"]["data"]["expected_graduation_on"], last["place"]

    def graduation(self, enrolment):
        done = self.dependents("student.graduated", enrolment)
        return min(
            ((item["event"]["data"]["graduated_on"], item["place"]) for item in done),
            default=(None, None),
        )

    def deadline(self, enrolment):
        day, _ = self.expected(enrolment)
        return day if self.policy["graduation_deadline"] == "expected_date" else f"{day[:4]}-12-31"

    def excluded_by(self, enrolment):
        graduated, _ = self.graduation(enrolment)
        for item in self.dependents("student.withdrew", enrolment):
            left = item["event"]["data"]["withdrew_on"]
            if item["event"]["data"]["reason"] not in self.policy["excluded_withdrawals"]:
                continue
            if left <= self.deadline(enrolment) and (graduated is None or graduated > left):
                return item["place"]
        return None

    def cohort(self, year):
        """The enrolments expected in a year and not excluded, by beginning."""
        own = [
            item
            for item in self.events_of("student.enrolled")
            if self.expected(item)[0][:4] == f"{year:04}" and self.excluded_by(item) is None
        ]
        return sorted(own, key=lambda item: (item["event"]["data"]["enrolled_on"], item["place"]))

    def is_in_time(self, enrolment):
        graduated, _ = self.graduation(enrolment)
        return graduated is not None and graduated <= self.deadline(enrolment)

    def graduations_expected(self, year, measure):
        result = {}
        cohort = self.cohort(year)
        if measure == "graduated_as_expected":
            cohort = [item for item in cohort if self.is_in_time(item)]
        for item in self.events_of("student.enrolled"):
            days = [item["event"]["data"]["expected_graduation_on"]] + [
                moved["event"]["data"]["expected_graduation_on"]
                for moved in self.dependents("enrollment.rescheduled", item)
            ]
            graduated, graduated_by = self.graduation(item)
            was_expected = any(day[:4] == f"{year:04}" for day in days)
            was_graduated = graduated is not None and graduated[:4] == f"{year:04}"
            if not was_expected and not (was_graduated and measure == "graduated_as_expected"):
                continue
            day, moved_by = self.expected(item)
            if day[:4] != f"{year:04}":
                moved = was_expected and moved_by is not None
                reason = ("rescheduled_out_of_year", moved_by) if moved else ("outside_year", None)
            elif self.excluded_by(item) is not None:
                reason = ("excluded_by_withdrawal", self.excluded_by(item))
            elif measure == "graduated_as_expected" and graduated is None:
                reason = ("not_graduated", None)
            elif measure == "graduated_as_expected" and not self.is_in_time(item):
                reason = ("graduated_after_deadline", graduated_by)
            elif item is cohort[0]:
                reason = (None, None)
            else:
                reason = ("later_than_first", cohort[0]["place"])
            result[item["place"]] = reason
        return result

    def in_window(self, day, year):
        first, last = self.policy["placement_window"]
        begins = year - 1 if first > last else year
        return f"{begins:04}-{first}" <= day <= f"{year:04}-{last}"

    def reference(self, year):
        """(date, place) of the first graduation of a year's window."""
        done = [self.graduation(item) for item in self.events_of("student.enrolled")]
        own = [pair for pair in done if pair[0] is not None and self.in_window(pair[0], year)]
        order = [item["place"] for item in self.events_of("student.enrolled")]
        places = {
            self.graduation(item)[1]: item["place"] for item in self.events_of("student.enrolled")
        }
        return min(own, key=lambda pair: (pair[0], order.index(places[pair[1]])), default=None)

    def graduates(self, year):
        result = {}
        reference = self.reference(year)
        for enrolment in self.events_of("student.enrolled"):
            _, earliest = self.graduation(enrolment)
            for item in self.dependents("student.graduated", enrolment):
                if not self.in_window(item["event"]["data"]["graduated_on"], year):
                    continue
                place = item["place"]
                if place != earliest:
                    result[place] = ("later_than_first", earliest)
                elif place != reference[1]:
                    result[place] = ("later_than_first", reference[1])
                else:
                    result[place] = (None, None)
        return result

    def answers(self, year, measure):
        reference = self.reference(year)
        if reference is None:
            return {}
        day, place = reference
        last = oracle().months_after(day, self.policy["placement_months"])
        own = sorted(
            self.events_of("survey.answered"),
            key=lambda item: (item["event"]["data"]["answered_on"], item["place"]),
        )
        result, considered = {}, []
        for item in own:
            data = item["event"]["data"]
            if data["survey"] != "job":
                result[item["place"]] = ("other_survey", None)
            elif data["status"] == "unknown":
                result[item["place"]] = ("status_unknown", None)
            elif data["answered_on"] < day:
                result[item["place"]] = ("answered_before_graduation", None)
            else:
                considered.append(item)
        if not considered:
            result[place] = ("silent", None)
        first = None
        for item in considered:
            reason, cause = None, None
            if measure != "respondents":
                reason = self.placing_fault(item["event"]["data"], last, measure)
                if self.policy["placement_answer"] == "latest" and item is not considered[-1]:
                    reason, cause = "not_latest_answer", considered[-1]["place"]
            if reason is None:
                if first is not None:
                    reason, cause = "later_than_first", first
                first = first or item["place"]
            result[item["place"]] = (reason, cause)
        return result

    def placing_fault(self, data, last, measure):
        if data["status"] not in self.policy["placement_statuses"]:
            return "status_not_in_policy"
        if data.get("job_found_on") is None:
            return "no_date"
        if data["job_found_on"] > last:
            return "found_after_limit"
        if measure == "placed_in_field" and data.get("in_field") is not True:
            return "not_in_field"
        return None

    # Groups.

    def membership_fault(self, year, measure, place, group):
        (item,) = (item for item in self.items if item["place"] == place)
        data = item["event"]["data"]
        others = []
        if measure in OUTCOME_MEASURES:
            day = self.day_of_outcome(item)
            began = [
                each["event"]["data"]["enrolled_on"] for each in self.events_of("student.enrolled")
            ]
            population = "student" if any(on <= day for on in began) else "learner"
            others = [f"kind:{data['kind']}", f"population:{population}", f"month:{day[5:7]}"]
        elif measure in ("applicants", "became_students"):
            day = data["applied_on"]
        elif measure == "students_enrolled":
            day = data["enrolled_on"]
            groups = self.policy["funding_groups"].items()
            others = [f"funding:{name}" for name, kinds in groups if data["funding"] in kinds]
        elif measure in ("expected_to_graduate", "graduated_as_expected"):
            day = self.cohort(year)[0]["event"]["data"]["enrolled_on"]
        else:
            day, _ = self.reference(year)
        declared = self.declaration(day)
        groups = self.groups(declared) + others
        if group in groups:
            return None, None
        if declared is None and ":" not in group:
            return "undeclared_then", None
        return "not_of_this_group_then", None if declared is None else declared[1]

    def declaration(self, day):
        """(categories, place) of the latest declaration on or before a day."""
        latest = None
        for item in self.items:
            data = item["event"]["data"]
            on = data.get("applied_on") or data.get("enrolled_on") or data.get("declared_on")
            if data.get("categories") is None or on is None or on > day:
                continue
            if latest is None or on >= latest[0]:
                latest = (on, data["categories"], item["place"])
        return None if latest is None else latest[1:]

    def groups(self, declared):
        if declared is None:
            return ["all", "undeclared"]
        categories = declared[0]
        return ["all", *categories, "any_category" if categories else "no_category"]
