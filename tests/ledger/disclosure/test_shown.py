"""`ledger.disclosure.shown`: the shown report to the byte, and back."""

from __future__ import annotations

import json

import pytest

from ledger.disclosure.shown import FewerThan, ShownReport, decode_shown, encode_shown
from ledger.errors import BadInputError
from schemas.canonical import canonical

NAME = {"id": "some", "version": 1, "sha256": "0" * 64}
TOTALS = ("events", "duplicates", "conflicts", "repeats", "retracted", "pending", "void", "orphans")
SHOWN = {
    "schema": "ledger/shown/v1",
    "rules": 1,
    "reference_year": 2022,
    "policy": NAME,
    "disclosure": NAME,
    "log": {"name": "some", "cut": {"0": 9}, "records": "<5", "roots": {"0": "00"}},
    "records": dict.fromkeys(TOTALS, 10) | {"quarantined": {"value_must_be_json": "<5"}},
    "counts": [
        {"measure": "applicants", "group": "all", "count": 310, "previous": None, "growth": None},
        {"measure": "applicants", "group": "refugee", "count": "<5", "previous": 0, "growth": -10},
    ],
    "rates": [{"measure": "orientation_rate", "group": "all", "tenths": 290}],
    "provisional": {"orientation_rate": "2023-12-31"},
    "zone_data": "2026.3",
}


def decode(members):
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return decode_shown(f"{text}\n".encode(), "shown.json")


class TestBytes:
    def test_a_document_is_rfc_8785_with_a_line_end_and_comes_back(self):
        shown = decode(SHOWN)
        assert canonical(SHOWN) + b"\n" == encode_shown(shown)
        assert shown == decode_shown(encode_shown(shown), "shown.json")
        without_roots = SHOWN | {"log": {k: v for k, v in SHOWN["log"].items() if k != "roots"}}
        assert without_roots == json.loads(encode_shown(decode(without_roots)))

    def test_a_cell_is_a_number_fewer_than_or_not_shown(self):
        first, second = decode(SHOWN).counts
        assert (310, None) == (first.count, first.previous)
        assert (FewerThan(5), 0) == (second.count, second.previous)
        assert "<5" == str(second.count)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            ({"digest": "sha256:00"}, "/digest"),
            ({"schema": "ledger/report/v1"}, "/schema"),
            ({"log": SHOWN["log"] | {"records": "<1"}}, "/log/records"),
            ({"log": SHOWN["log"] | {"records": "< 5"}}, "/log/records"),
            ({"rates": [SHOWN["rates"][0] | {"tenths": -1}]}, "/rates/0/tenths"),
            ({"rates": [SHOWN["rates"][0] | {"numerator": 1}]}, "/rates/0/numerator"),
            ({"counts": [SHOWN["counts"][0] | {"count": 1.5}]}, "/counts/0/count"),
            ({"rules": 2**53}, "/rules"),
            ({"policy": NAME | {"version": 2**53}}, "/policy/version"),
            ({"log": SHOWN["log"] | {"cut": {"0": 2**53}}}, "/log/cut/0"),
            ({"rates": [SHOWN["rates"][0] | {"tenths": 2**53}]}, "/rates/0/tenths"),
            ({"counts": [SHOWN["counts"][0] | {"growth": -(2**53)}]}, "/counts/0/growth"),
            ({"counts": SHOWN["counts"][::-1]}, "/counts"),
            ({"counts": SHOWN["counts"][:1] * 2}, "/counts"),
        ],
    )
    def test_what_is_no_shown_report_is_said_with_its_pointer(self, change, pointer):
        with pytest.raises(BadInputError, match=f"not a shown report .* at {pointer}"):
            decode(SHOWN | change)

    @pytest.mark.parametrize(
        "text", [canonical(SHOWN), canonical(SHOWN) + b" \n", json.dumps(SHOWN).encode() + b"\n"]
    )
    def test_the_same_values_in_other_bytes_are_refused(self, text):
        with pytest.raises(BadInputError, match="take the file that was published"):
            decode_shown(text, "shown.json")

    def test_a_member_twice_is_refused(self):
        text = canonical(SHOWN).replace(b'"rules":1', b'"rules":1,"rules":1') + b"\n"
        with pytest.raises(BadInputError, match="take the file that was published"):
            decode_shown(text, "shown.json")

    def test_what_is_no_json_or_no_object_is_refused(self):
        for text in (b"{", b"[]\n", b"null\n", b""):
            with pytest.raises(BadInputError, match=r"^shown\.json: not "):
                decode_shown(text, "shown.json")
        assert ShownReport.model_validate(SHOWN) == decode(SHOWN)
