"""The words for the keys of measures and groups, marked for translation.

A key of a policy of one's own has no words: it is shown as it is.
"""

from __future__ import annotations

from outcomes.presentation.languages import Language

__all__ = [
    "DEFINITION",
    "DISCLAIMER",
    "FUNDING",
    "GROUPS",
    "KINDS",
    "MEASURES",
    "POPULATIONS",
    "group_words",
    "key_words",
    "measure_words",
    "type_words",
]


def _(message: str) -> str:
    """Mark a message for the catalogue; it is translated where it is shown."""
    return message


GROUPS = {
    "all": _("All"),
    "job_seeker": _("Job seekers"),
    "low_qualification": _("Low qualification"),
    "disadvantaged_area": _("Disadvantaged areas"),
    "refugee": _("Refugees"),
    "disability": _("With disabilities"),
    "any_category": _("Any of the five"),
    "no_category": _("None of the five"),
    "undeclared": _("Undeclared"),
}

KINDS = {
    "new_job": _("New job"),
    "internship": _("Internship"),
    "apprenticeship": _("Apprenticeship"),
    "business": _("Business"),
    "raise": _("Raise"),
    "new_title": _("New title"),
    "internal_mobility": _("Internal mobility"),
}

FUNDING = {
    "individual": _("Individual"),
    "employer": _("Employer"),
    "apprenticeship": _("Apprenticeship"),
    "public": _("Public"),
    "other": _("Other"),
}

POPULATIONS = {
    "student": _("Students"),
    "learner": _("Learners"),
}

MEASURES = {
    "career_outcomes": _("Career outcomes"),
    "outcomes_declared": _("Outcomes declared"),
    "outcomes_repeated": _("Outcomes repeated"),
    "students_enrolled": _("Students enrolled"),
    "applicants": _("Applicants"),
    "became_students": _("Applicants who became students"),
    "expected_to_graduate": _("Students expected to graduate"),
    "graduated_as_expected": _("Graduated as expected"),
    "graduates": _("Graduates"),
    "respondents": _("Graduates who answered"),
    "placed": _("Graduates who found work"),
    "placed_in_field": _("Found work in their field"),
    "orientation_rate": _("Orientation"),
    "graduation_rate": _("Graduation"),
    "response_rate": _("Response"),
    "placement_rate": _("Placement"),
    "placement_in_field_rate": _("Placement in the field"),
    "placement_rate_if_silent_not_placed": _("Placement if the silent have no work"),
    "placement_rate_if_silent_placed": _("Placement if the silent have work"),
}

DEFINITION = _("people who credit the school with a job, a business or a raise; once in 12 months")
DISCLAIMER = _("Differences between groups say nothing about their cause.")


def key_words(key: str) -> str:
    """A key without words of its own."""
    return key.replace("_", " ")


def measure_words(measure: str, language: Language) -> str:
    """A measure in a language."""
    return language.gettext(MEASURES.get(measure, key_words(measure)))


def group_words(group: str, language: Language) -> str:
    """A group in a language, such as `refugee`, `kind:raise` or `month:03`."""
    key, _, value = group.partition(":")
    if key == "month":
        return language.month(int(value))
    name = value or key
    words = GROUPS | KINDS | FUNDING | POPULATIONS
    return language.gettext(words.get(name, key_words(name)))


def type_words(name: str | None) -> str:
    """An event type without what all have, such as `student.applied`; empty where there is none."""
    return (name or "").removeprefix("ledger.").rpartition(".v")[0]
