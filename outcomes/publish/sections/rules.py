"""The rules of admission as the public reads them (SPEC section 1, Rules)."""

from __future__ import annotations

from outcomes.presentation.words import _

__all__ = ["RULES"]


RULES = {
    "tombstone_is_not_an_event": _("The record is empty."),
    "value_must_not_exceed_64_kib": _("The record is too large."),
    "value_must_be_json": _("The record is not readable text of the agreed form (JSON)."),
    "members_must_be_unique": _("The record says something twice."),
    "numbers_must_be_finite": _("A number is too large."),
    "nesting_must_not_exceed_16": _("The record is nested too deeply."),
    "envelope_must_be_a_cloud_event": _("The frame of the event is incomplete (CloudEvents)."),
    "subject_must_be_a_pseudonym": _("The student is not named by a pseudonym."),
    "key_must_equal_subject": _("Key and student differ."),
    "partition_must_follow_key": _("The record is in the wrong part of the log."),
    "type_must_be_known": _("The type of the event is not known."),
    "schema_version_must_be_known": _("The version of the type is not known."),
    "data_must_match_its_type": _("The content does not fit the type."),
    "date_must_be_plausible": _("A date is before 1900 or after 2199."),
    "subject_must_not_exceed_1000_events": _("More than 1,000 events of one student."),
}
