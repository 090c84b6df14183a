from __future__ import annotations

import json

import pytest

from tests.e2e.command import count, event, events, fails, failure, rows

DEEP = b"[" * 20_000 + b"]" * 20_000
LONG = b'{"specversion":"' + b"x" * 10_000_000 + b'"}'
INJECTED = event(
    1,
    data={
        "application_id": "a",
        "programme": "p",
        "applied_on": "2022-01-01",
        "x\ny\u001b[31m": 1,
    },
)
AT_FAULT = {
    "broken in the middle": (events(2) + b"{\n" + event(4), "line 3: value_must_be_json"),
    "not UTF-8": (event(1) + b"\n\xff\xfe\n", "line 2: value_must_be_json"),
    "a byte order mark": (b"\xef\xbb\xbf" + event(1), "line 1: value_must_be_json"),
    "10 MB": (event(1) + b"\n" + LONG + b"\n", "line 2: value_must_not_exceed_64_kib"),
    "deep": (event(1) + b"\n" + DEEP, "line 2: nesting_must_not_exceed_16"),
    "two of one name": (b'{"id":1,"id":2}', "line 1: members_must_be_unique"),
    "endless": (b'{"id":1e999}', "line 1: numbers_must_be_finite"),
    "no object": (b"null", "line 1: envelope_must_be_a_cloud_event"),
    "injected": (INJECTED, "line 1: data_must_match_its_type"),
    "unknown": (event(1, kind="student.flew"), "line 1: type_must_be_known"),
    "a NUL byte": (b"\x00", "line 1: value_must_be_json"),
}
FINE = {
    "empty": (b"", []),
    "blank lines": (b"\n \n\r\n\t\n", []),
    "CRLF": (event(1) + b"\r\n\r\n" + event(2) + b"\r\n", [event(1), event(2)]),
    "no line end": (event(1) + b"\n" + event(2), [event(1), event(2)]),
    "CR at the very end": (event(1) + b"\r", [event(1)]),
}


class TestLines:
    @pytest.fixture(scope="class")
    @classmethod
    def appended(cls, warm, tmp_path_factory):
        folder = tmp_path_factory.mktemp("lines")
        cases = {}
        for name, (text, _) in {**AT_FAULT, **FINE}.items():
            (folder / f"{name}.jsonl").write_bytes(text)
            words = ["append", f"{name}.jsonl", "--log", f"sqlite:{name}.db"]
            cases[name] = words
        done = warm.run_all(cases, folder=folder)
        done["folder"] = folder
        return done

    @pytest.mark.parametrize("name", AT_FAULT)
    def test_a_fault_names_line_and_rule_and_nothing_is_appended(self, name, appended):
        done = appended[name]
        fails(done, 65, "nothing appended", "--skip-invalid")
        assert AT_FAULT[name][1] in done.err.decode()
        assert 0 == count(appended["folder"] / f"{name}.db")
        assert b"" == done.out

    @pytest.mark.parametrize("name", AT_FAULT)
    def test_a_fault_never_reaches_the_terminal_as_control_bytes(self, name, appended):
        assert appended[name].err.replace(b"\n", b"").decode().isprintable()

    def test_a_fault_leaves_no_new_log_behind(self, appended):
        left = [name for name in AT_FAULT if (appended["folder"] / f"{name}.db").exists()]
        assert [] == left

    @pytest.mark.parametrize("name", FINE)
    def test_line_ends_and_blank_lines_are_no_part_of_an_event(self, name, appended):
        assert (0, b"") == (appended[name].code, appended[name].err)
        stored = [row[4] for row in rows(appended["folder"] / f"{name}.db")]
        assert FINE[name][1] == stored

    def test_validate_prints_one_line_a_fault(self, outcomes):
        done = outcomes("validate", "-", stdin=INJECTED)
        assert 65 == done.code
        assert 1 == len(done.text.splitlines())
        assert done.text.rstrip("\n").isprintable()


class TestFiles:
    @pytest.fixture(scope="class")
    @classmethod
    def refused(cls, warm, tmp_path_factory):
        folder = tmp_path_factory.mktemp("files")
        (folder / "folder").mkdir()
        odd = b"\xff.jsonl"
        cases = {
            "append a folder": ["append", "folder"],
            "validate a folder": ["validate", "folder"],
            "append a missing file": ["append", "none.jsonl"],
            "validate a missing file": ["validate", "none.jsonl"],
            "append an odd name": ["append", odd],
            "append what cannot be read": ["append", "/proc/self/mem"],
            "validate what cannot be read": ["validate", "/proc/self/mem"],
        }
        done = warm.run_all(cases, folder=folder)
        done["left"] = [path.name for path in folder.iterdir()]
        return done

    @pytest.mark.parametrize(
        ("name", "word"),
        [
            ("append a folder", "folder: "),
            ("validate a folder", "folder: "),
            ("append a missing file", "none.jsonl: No such file"),
            ("validate a missing file", "none.jsonl: No such file"),
            ("append an odd name", ".jsonl: No such file"),
            ("append what cannot be read", "/proc/self/mem"),
            ("validate what cannot be read", "/proc/self/mem"),
        ],
    )
    def test_what_cannot_be_read_is_named(self, name, word, refused):
        assert word in failure(refused[name])
        assert refused[name].code in ((65, 69) if "proc" in word else (65,))

    def test_no_log_is_made(self, refused):
        assert ["folder"] == refused["left"]

    @pytest.mark.parametrize(
        "words", [["validate", "events.jsonl"], ["append", "events.jsonl"]], ids=" ".join
    )
    def test_a_file_needs_no_standard_input(self, words, outcomes, tmp_path):
        (tmp_path / "events.jsonl").write_bytes(event(1))
        done = outcomes(*words, prefix=["sh", "-c", 'exec "$@" <&-', "sh"])
        assert 0 == done.code, done

    @pytest.mark.parametrize("command", ["append", "validate"])
    def test_a_closed_standard_input_is_one_line(self, command, outcomes):
        done = outcomes(command, "-", prefix=["sh", "-c", 'exec "$@" <&-', "sh"])
        assert "standard input" in failure(done)
        assert done.code in (65, 69)


class TestRecordLines:
    FAULTS = (
        b"{",
        b"[]",
        b'{"key":"s-1"}',
        b'{"key":"s-1","value":"{}","value_base64":""}',
        b'{"key":"s-1","value":1}',
        b'{"key":"s-1","value_base64":"?"}',
        b'{"key":"s-1","value":"{}","recorded_at":"yesterday"}',
        b'{"key":"s-1","value":"{}","offset_in_file":1}',
    )

    def test_each_unreadable_line_is_named_and_nothing_appended(self, outcomes, tmp_path):
        fine = b'{"key":"s-1","value":"{}"}'
        done = outcomes("append", "--records", "-", stdin=b"\n".join([fine, *self.FAULTS]))
        fails(done, 65, "8 of a batch of 9 lines")
        lines = done.err.decode().splitlines()[:-1]
        assert [f"line {number}" for number in range(2, 10)] == [
            line.partition(":")[0] for line in lines
        ]
        assert 0 == count(tmp_path / "ledger.db")

    @pytest.mark.parametrize(
        "moment", ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "2199-12-31T23:59:59Z"]
    )
    def test_what_is_taken_can_be_read_again(self, moment, outcomes):
        line = json.dumps({"key": "s-1", "value": "{}", "recorded_at": moment}).encode()
        appended = outcomes("append", "--records", "-", stdin=line)
        if appended.code:
            fails(appended, 65)
            return
        for words in (["tail"], ["report", "--year", "2022"]):
            done = outcomes(*words)
            assert (0, b"") == (done.code, done.err)
