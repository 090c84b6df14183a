"""What mutants are made of: events, and texts, dates, times and JSON that somebody may write."""

from __future__ import annotations

from ledger.columns.members import DATA as MEMBERS
from schemas.events import CATEGORIES, CHOICES

SHA = "0123456789abcdef" * 4
ENVELOPE = {
    "specversion": "1.0",
    "id": "1",
    "source": "/crm",
    "type": "",
    "subject": "s-1",
    "time": "2022-03-10T09:00:00Z",
}
EVENTS = {
    "student.applied": {
        "application_id": "a1", "programme": "dev", "applied_on": "2022-03-10",
        "categories": ["refugee", "job_seeker"],
    },
    "student.enrolled": {
        "enrollment_id": "e1", "application_id": "a1", "programme": "dev",
        "enrolled_on": "2022-04-01", "expected_graduation_on": "2022-12-01", "funding": "cpf",
        "categories": [],
    },
    "enrollment.rescheduled": {
        "enrollment_id": "e1", "expected_graduation_on": "2023-02-28",
        "decided_on": "2022-11-01", "reason": "school",
    },
    "student.withdrew": {"enrollment_id": "e1", "withdrew_on": "2022-06-01", "reason": "left"},
    "student.graduated": {
        "enrollment_id": "e1", "graduated_on": "2022-12-01", "credential": "RNCP 1"
    },
    "survey.answered": {
        "survey": "job", "enrollment_id": "e1", "answered_on": "2023-01-05",
        "status": "employed", "job_found_on": "2023-01-01", "in_field": True,
        "employment": "full_time", "by_school": False, "stated_by": "student",
        "evidence": {"sha256": SHA, "uri": "s3://x"},
    },
    "outcome.declared": {
        "outcome_on": "2023-01-01", "kind": "raise", "credited": True, "stated_by": "staff",
        "evidence": {"sha256": SHA},
    },
    "categories.declared": {"declared_on": "2022-03-01", "categories": ["disability"]},
    "event.retracted": {"retracts": {"source": "/crm", "id": "7"}, "reason": "other"},
}  # fmt: skip
TEXTS = (
    "", " ", "x", "true", "null", "1", "1.0", "\x00", "\n", "\x1f", "\x7f", "\x85", "\u2028", "é",
    "e\u0301", "\u00df", "\u0130", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0001f600",
    "\U0010ffff", "😀" * 200, "é" * 200, "é" * 100, "x" * 200, "x" * 201, "x" * 199 + "é",
    'quote " and \\ and /', '":', '{"a":1}', "a\x1db", "\x1c", "\x1b1f", "','", "it's", "$1",
    "2022-01-01", "ledger.a.b.v1", "application/json", *CATEGORIES,
    *(choice for choices in CHOICES.values() for choice in choices),
)  # fmt: skip
JSON = (
    "null", "true", "false", "0", "-0", "1", "-1", "1e5", "1E400", "1e999", "0.1", "01", "+1", ".5",
    "1.", "NaN", "nan", "Infinity", "-Infinity", "[]", "{}", "[[]]", "[null]", '["x",]',
    '["x" "y"]', '["job_seeker"]', '["job_seeker","job_seeker"]', '["job_seeker",null]',
    '["x",1]', "[true]", '{"a":1}', '{"a":"x"}', '{"a":"x","a":"x"}',
    f'{{"sha256":"{SHA}","sha256":"{SHA}"}}', f'{{"sha256":"{SHA}","uri":null}}',
    f'{{"uri":"x","sha256":"{SHA}"}}', f'{{"sha256":"{SHA}","uri":""}}',
    f'{{"sha256":"{SHA}","x":"y"}}', f'{{"sha256":"{SHA.upper()}"}}', f'{{"sha256":"{SHA}\\n"}}',
    '{"sha256":null}',
    '{"source":"/a","id":"1"}', '{"id":"1","source":"/a"}', '{"source":"/a","id":null}',
    '{"source":"/a"}', "'x'", '"x', '"\\x"', '"\\u12"', '"\\ud800"', '"\\ud83d\\ude00"',
    '"\\ude00\\ud83d"', '"\\uD83D\\uDE00"', '"\\u0000"', '"\\u001f"', '"\\b\\f\\n\\r\\t"', '"\\/"',
    '"\\u002B"', '"\\"', '"\t"', "tru", "True", "None", "undefined", "/*x*/1", "// x", "",
    '"x"//y', "0x10", "1_000", "\ufeff1", '"\\u00e9"', '"\\U000000e9"', '"\\\'"',
)  # fmt: skip
DATES = (
    "2022-01-05", "2022-1-5", " 2022-01-05", "2022-01-05 ", "2022-01-05T00:00:00", "infinity",
    "-infinity", "epoch", "today", "2022-02-29", "2024-02-29", "2100-02-29", "2000-02-29",
    "1900-02-29", "2022-00-01", "2022-13-01", "2022-01-00", "2022-01-32", "2022-04-31",
    "1899-12-31", "1900-01-01", "2199-12-31", "2200-01-01", "0000-01-01", "0001-01-01",
    "9999-12-31", "10000-01-01", "+2022-01-05", "-2022-01-05", "2022-01-05 (BC)", "20220105",
    "2022/01/05", "2022-W01-5", "2022-005", "05-01-2022", "٢٠٢٢-01-05", "\uff12022-01-05",
    "2022-01-05\n", "2022-01-05\x00", "2022-01-05+00:00", "2022-01-05Z", "",
    "2022-01", "290309-12-22",
)  # fmt: skip
TIMES = (
    "2022-03-10T09:00:00Z", "2022-03-10t09:00:00Z", "2022-03-10T09:00:00z", "2022-03-10 09:00:00Z",
    "2022-03-10T09:00:00", "2022-03-10T09:00Z", "2022-03-10T24:00:00Z", "2022-03-10T23:59:60Z",
    "2022-03-10T23:59:59Z", "2022-03-10T09:00:00.Z", "2022-03-10T09:00:00.1Z",
    "2022-03-10T09:00:00.123456Z", "2022-03-10T09:00:00.1234567Z", "2022-03-10T09:00:00.0000000Z",
    "2022-03-10T09:00:00.12345678Z", "2022-03-10T09:00:00.123456789Z",
    "2022-03-10T09:00:00.999999999Z", "2022-03-10T09:00:00.1234567890Z",
    "2022-03-10T09:00:00.9999995+00:00", "2022-03-10T09:00:00+01:00", "2022-03-10T09:00:00-00:00",
    "2022-03-10T09:00:00+23:59", "2022-03-10T09:00:00-23:59", "2022-03-10T09:00:00+24:00",
    "2022-03-10T09:00:00+1:00", "2022-03-10T09:00:00+0100", "2022-03-10T09:00:00+01",
    "2022-03-10T09:00:00+01:00:00", "2022-03-10T09:00:00 +01:00", "2022-03-10T09:00:00Z ",
    "2022-03-10T09:00:00 UTC", "2022-03-10T09:00:00 Europe/Paris", "2022-02-30T09:00:00Z",
    "2024-02-29T09:00:00Z", "2023-02-29T09:00:00Z", "1899-12-31T23:59:59-23:59",
    "1900-01-01T00:00:00Z", "1900-01-01T00:00:00+01:00", "1901-01-01T00:00:00+23:59",
    "2198-12-31T23:59:59-23:59", "2199-12-31T23:59:59Z", "2199-12-31T23:59:59-00:01",
    "2200-01-01T00:00:00+01:00", "2200-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z", "infinity", "2022-3-10T09:00:00Z", "+2022-03-10T09:00:00Z",
    "2022-03-10T9:00:00Z", "2022-03-10T09:0:00Z", "1969-12-31T23:59:59.999999999Z",
    "1950-06-01T00:00:00.5Z", "2022-03-10T09:00:00.5−01:00", "2022-03-10T09:00:00,5Z",
)  # fmt: skip
SUBJECTS = (
    "s-1", "s-2", "S-1", "a", "A.b_c:d-e", "x" * 64, "x" * 65, "", "s 1", "é", "s-1\n", "s/1",
    "12345678", "1234567", "123456", "12345", "s-\u0661", "s-1\x00", "\u017f-1",
)  # fmt: skip
NAMES = (
    "id", "ID", "Id", "data", "Data", "data_base64", "dataBase64", "datacontenttype", "dataschema",
    "type", "subject", "time", "traceparent", "x", "", "specversion", "é", "a b", "$", "$.data",
    "_",     *MEMBERS, "Kind", "CREDITED", "sha256", "uri", "partition", "key", "value", "rule",
)  # fmt: skip
MEDIA = (
    "application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "text/json",
    "application/cloudevents+json", "text/plain", "application/json ", "",
)  # fmt: skip
BYTES = (
    b'"\\{}[]:,.-+ \t\r\n\x00\x01\x0b\x0c\x1b\x1c\x1d\x1e\x1f\x7f\x80\xbf\xc0\xc3\xed\xf4\xff'
    b"09azAZtfn/*u"
)
WHOLE = (
    b"", b" ", b"null", b"[]", b"{}", b"1", b'"x"', b"\xff", b"\xef\xbb\xbf{}", b"{", b"}",
    b"\x1e", b"\x00", b"[" * 17 + b"]" * 17, b'{"a":' * 9, b'{"a":"\xed\xa0\x80"}',
    b'{"a":"\xc0\x80"}',
)  # fmt: skip
