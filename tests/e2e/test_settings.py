from __future__ import annotations

import json

import pytest

from tests.e2e.command import event, fails

REPORT = ("report", "--year", "2022")
MISUSED = {
    "as of and cut": ([*REPORT, "--as-of", "2022-01-01T00:00:00Z", "--cut", "0:1"], "--as-of and"),
    "as of without an offset": ([*REPORT, "--as-of", "2023-03-31T23:59:59"], "--as-of 2023"),
    "as of a date": ([*REPORT, "--as-of", "2023-03-31"], "--as-of 2023-03-31"),
    "as of nothing": ([*REPORT, "--as-of", ""], "--as-of"),
    "cut nothing": ([*REPORT, "--cut", ""], "--cut"),
    "cut of words": ([*REPORT, "--cut", "all"], "--cut all"),
    "cut twice": ([*REPORT, "--cut", "0:1,0:2"], "--cut 0:1,0:2"),
    "cut below nothing": ([*REPORT, "--cut", "0:-1"], "--cut 0:-1"),
    "start of words": (["tail", "--from", "x"], "--from x"),
    "no year": (["report"], "--year"),
    "year of words": (["report", "--year", "last"], "--year"),
    "year 0": (["report", "--year", "0"], "--year"),
    "year -1": (["report", "--year", "-1"], "--year"),
    "year 10000": (["report", "--year", "10000"], "--year"),
    "no students": (["generate", "--students", "0", "--seed", "1"], "--students"),
    "fewer students": (["generate", "--students", "-5", "--seed", "1"], "--students"),
    "years turned round": (
        ["generate", "--students", "1", "--seed", "1", "--from", "2023", "--to", "2021"],
        "years",
    ),
    "years out of range": (
        ["generate", "--students", "1", "--seed", "1", "--from", "1", "--to", "9999"],
        "years",
    ),
    "no batch": (["append", "-", "--batch", "0"], "--batch"),
    "unknown option": (["report", "--colour"], "--colour"),
    "unknown command": (["reprot"], "reprot"),
    "unknown command of a group": (["policy", "burn"], "burn"),
    "option without its value": (["generate", "--students"], "`outcomes generate --help`"),
    "one argument too many": (["doctor", "ledger.db"], "argument"),
    "no file": (["append"], "FILE"),
    "unknown type": (["schema", "ledger.student.flew.v1"], "ledger.student.flew.v1"),
    "unknown log format": (["--log-format", "xml", *REPORT], "--log-format xml"),
    "demo of nobody": (["demo", "--students", "0"], "--students"),
}
OUT_OF_REACH = {
    "cut beyond the end": ([*REPORT, "--cut", "0:999999,1:0,2:0"], "does not hold the cut"),
    "cut without a partition": ([*REPORT, "--cut", "0:1,1:1"], "does not list each partition"),
    "cut with one partition more": ([*REPORT, "--cut", "0:0,1:0,2:0,3:0"], "does not list"),
    "start beyond the end": (["tail", "--from", "0:999999,1:0,2:0"], "does not hold the cut"),
}
POLICY = {
    "unknown id": ("openclassrooms-1999", "neither built in"),
    "folder": (".", "neither built in"),
    "missing file": ("none.json", "none.json"),
    "empty": (b"", "not JSON"),
    "not JSON": (b"{", "not JSON"),
    "not UTF-8": (b"\xff", "not JSON"),
    "list": (b"[]", "policy"),
    "two of one name": (b'{"id":"a","id":"b"}', "duplicate key"),
    "other schema": ({"schema": "ledger/policy/v2"}, "schema"),
    "a member too many": ({"colour": "blue"}, "colour"),
    "a member too few": ({"zone": None}, "zone"),
    "unknown zone": ({"zone": "Europe/Atlantis"}, "zone"),
    "zone that is a path": ({"zone": "../../../etc/passwd"}, "zone"),
    "no months": ({"outcome_window_months": 0}, "outcome_window_months"),
    "months as text": ({"placement_months": "6"}, "placement_months"),
    "29 February": ({"placement_window": ["02-29", "12-31"]}, "placement_window"),
    "kind twice": ({"outcome_kinds": ["raise", "raise"]}, "outcome_kinds"),
    "unknown kind": ({"outcome_kinds": ["luck"]}, "outcome_kinds"),
    "funding in no group": ({"funding_groups": {"a": ["cpf"]}}, "funding_groups"),
    "version beyond exact numbers": ({"version": 2**60}, "version"),
    "version without end": ({"version": 10**30}, "version"),
    "flag as number": ({"outcome_must_be_credited": 1}, "outcome_must_be_credited"),
}
ENVIRONMENT = {
    "log format": ({"OUTCOMES_LOG_FORMAT": "x"}, "OUTCOMES_LOG_FORMAT"),
    "log level": ({"OUTCOMES_LOG_LEVEL": "loud"}, "OUTCOMES_LOG_LEVEL"),
    "policy": ({"OUTCOMES_POLICY": "none"}, "OUTCOMES_POLICY none: neither built in"),
    "log": ({"OUTCOMES_LOG": "none"}, "none"),
    "empty log": ({"OUTCOMES_LOG": ""}, "not a log URL"),
}


class TestCommandLine:
    @pytest.fixture(scope="class")
    @classmethod
    def done(cls, warm, world):
        cases = {
            name: (words, {"env": {"OUTCOMES_LOG": world.url}})
            for name, (words, _) in {**MISUSED, **OUT_OF_REACH}.items()
        }
        return warm.run_all(cases, folder=world.folder)

    @pytest.mark.parametrize("name", MISUSED)
    def test_misuse_is_one_line_and_2(self, name, done):
        fails(done[name], 2, MISUSED[name][1])
        assert b"" == done[name].out

    @pytest.mark.parametrize("name", OUT_OF_REACH)
    def test_a_cut_that_the_log_does_not_hold_is_one_line_and_69(self, name, done):
        fails(done[name], 69, OUT_OF_REACH[name][1])
        assert b"" == done[name].out


class TestGroups:
    @pytest.mark.parametrize("group", ["policy", "topic"])
    def test_a_group_without_a_command_prints_its_help(self, warm, group, tmp_path):
        cases = {"bare": [group], "help": [group, "--help"]}
        done = warm.run_all(cases, folder=tmp_path)

        assert (0, b"") == (done["bare"].code, done["bare"].err)
        assert done["help"].out == done["bare"].out


class TestPolicies:
    @pytest.fixture(scope="class")
    @classmethod
    def done(cls, warm, world, tmp_path_factory):
        from projections.policy import built_in_policies

        known = built_in_policies()["openclassrooms-2022"].model_dump(mode="json")
        folder = tmp_path_factory.mktemp("policies")
        cases = {}
        for number, (name, (given, _)) in enumerate(POLICY.items()):
            file = f"policy-{number}.json"
            if isinstance(given, str):
                file = given
            elif isinstance(given, bytes):
                (folder / file).write_bytes(given)
            else:
                made = {member: v for member, v in {**known, **given}.items() if v is not None}
                (folder / file).write_text(json.dumps(made))
            cases[name] = [*REPORT, "--log", world.url, "--policy", file]
        return warm.run_all(cases, folder=folder)

    @pytest.mark.parametrize("name", POLICY)
    def test_a_policy_that_is_none_is_one_line_and_78(self, name, done):
        fails(done[name], 78, POLICY[name][1])
        assert b"" == done[name].out


class TestEnvironment:
    @pytest.fixture(scope="class")
    @classmethod
    def done(cls, warm, world):
        cases = {
            name: (REPORT, {"env": {"OUTCOMES_LOG": world.url, **env}})
            for name, (env, _) in ENVIRONMENT.items()
        }
        return warm.run_all(cases, folder=world.folder)

    @pytest.mark.parametrize("name", ENVIRONMENT)
    def test_a_wrong_value_is_one_line_and_78(self, name, done):
        fails(done[name], 78, ENVIRONMENT[name][1])

    @pytest.mark.parametrize("name", ["OUTCOMES_STAT", "OUTCOMES_KAFKA_SASL_USER", "Outcomes_Log"])
    def test_a_variable_that_is_no_setting_is_warned_of(self, warm, name, tmp_path):
        environment = {name: "secret", "OUTCOMES_TEST_KAFKA": "x"}
        cases = {"list": (["policy", "list"], {"env": environment})}
        done = warm.run_all(cases, folder=tmp_path)["list"]

        assert 0 == done.code
        if name == "Outcomes_Log":
            # Settings are read in either case.
            assert b"" == done.err
        else:
            assert 1 == done.err.count(b"\n")
            assert name.encode() in done.err
            assert b"secret" not in done.err

    def test_the_policy_may_come_from_the_environment(self, ask, world):
        variables = {"OUTCOMES_LOG": world.url, "OUTCOMES_POLICY": "openclassrooms-2023"}
        report = ask(*REPORT, "--json", env=variables).json
        assert "openclassrooms-2023" == report["policy"]["id"]


DIAGNOSTICS = {
    "fault of a line": ["append", "-"],
    "missing log": [*REPORT, "--log", "sqlite:none.db"],
    "unknown option": ["report", "--colour"],
    "unknown command": ["reprot"],
    "warnings": ["validate", "-"],
    "demo": ["demo", "--students", "3"],
}


class TestJsonNarration:
    @pytest.fixture(scope="class")
    @classmethod
    def done(cls, warm, tmp_path_factory):
        lines = event(1) + b"\n{\n"
        cases = {
            name: (["--log-format", "json", *words], {"stdin": lines})
            for name, words in DIAGNOSTICS.items()
        }
        return warm.run_all(cases, folder=tmp_path_factory.mktemp("diagnostics"))

    @pytest.mark.parametrize("name", DIAGNOSTICS)
    def test_every_line_on_standard_error_is_an_object(self, name, done):
        lines = done[name].err.decode().splitlines()
        assert [] == [line for line in lines if not line.startswith("{")]
        for line in lines:
            assert {"event", "level", "timestamp"} <= json.loads(line).keys()

    def test_a_failure_carries_its_message_and_exit_code(self, done):
        failed = json.loads(done["missing log"].err)
        assert ("command.failed", 69) == (failed["event"], failed["exit_code"])
        assert "none.db" in failed["message"]
