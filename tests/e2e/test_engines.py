"""`report --engine`, several years and policies in one reading, and `verify` with both engines."""

from __future__ import annotations

import json

import pytest

from tests.e2e.command import fails

ENGINES = ("fold", "columnar")
POLICIES = ("openclassrooms-2022", "openclassrooms-2023")
MISUSED = {
    "unknown engine": (["--year", "2022", "--engine", "pandas"], "--engine pandas"),
    "years turned round": (["--year", "2023..2021"], "--year 2023..2021"),
    "years without an end": (["--year", "2021.."], "--year 2021.."),
    "years out of range": (["--year", "2021..2200"], "--year 2021..2200"),
    "three years in a row": (["--year", "2021..2022..2023"], "--year 2021..2022..2023"),
    "years of other digits": (["--year", "٢٠٢٢"], "--year"),
}


class TestReport:
    def test_both_engines_print_the_same_bytes(self, warm, world):
        words = ["report", "--year", "2022", "--json", "--log", world.url]
        done = warm.run_all(
            {name: [*words, "--engine", name] for name in ENGINES}, folder=world.folder
        )

        assert world.report.read_bytes() == done["fold"].out == done["columnar"].out

    def test_several_years_and_policies_give_an_array_of_their_reports(self, warm, world):
        words = ["report", "--json", "--log", world.url]
        chosen = [word for policy in POLICIES for word in ("--policy", policy)]
        cases = {
            name: [*words, "--year", "2021..2023", *chosen, "--engine", name] for name in ENGINES
        }
        for policy in POLICIES:
            for year in ("2021", "2022", "2023"):
                cases[policy + year] = [*words, "--year", year, "--policy", policy]

        done = warm.run_all(cases, folder=world.folder)

        alone = [
            done[policy + year].json for policy in POLICIES for year in ("2021", "2022", "2023")
        ]
        assert alone == done["fold"].json == done["columnar"].json

    def test_a_policy_that_is_given_twice_gives_two_equal_reports(self, warm, world):
        words = ["report", "--year", "2022", "--json", "--log", world.url]
        twice = ["--policy", POLICIES[0], "--policy", POLICIES[0]]

        done = warm.run_all({"it": [*words, *twice]}, folder=world.folder)["it"]

        assert [json.loads(world.report.read_bytes())] * 2 == done.json

    def test_several_moments_or_cuts_give_an_array_in_the_order_given(self, warm, world):
        words = ["report", "--year", "2022", "--json", "--log", world.url]
        cuts = ["0:90,1:5,2:60", "0:5,1:90,2:60", "0:0,1:0,2:0", "0:90,1:5,2:60"]
        moments = ["2023-03-31T23:59:59+02:00", "1970-01-01T00:00:00Z"]
        results = {
            "--cut": [word for cut in cuts for word in ("--cut", cut)],
            "--as-of": [word for moment in moments for word in ("--as-of", moment)],
        }
        cases = {
            engine + option: [*words, *given, "--engine", engine]
            for engine in ENGINES
            for option, given in results.items()
        }
        cases |= {cut: [*words, "--cut", cut] for cut in cuts}
        cases |= {moment: [*words, "--as-of", moment] for moment in moments}

        done = warm.run_all(cases, folder=world.folder)

        for engine in ENGINES:
            assert [done[cut].json for cut in cuts] == done[f"{engine}--cut"].json
            assert [done[moment].json for moment in moments] == done[f"{engine}--as-of"].json

    def test_one_of_several_cuts_that_the_log_does_not_hold_is_named(self, warm, world):
        cuts = ["--cut", "0:5,1:5,2:5", "--cut", "0:5,7:5"]

        done = warm.run_all(
            {"it": ["report", "--year", "2022", *cuts, "--log", world.url]}, folder=world.folder
        )["it"]

        fails(done, 69, "cut 0:5,7:5 does not list each partition")

    def test_the_pages_of_several_years_follow_one_another_an_empty_line_apart(self, warm, world):
        words = ["report", "--log", world.url, "--year"]

        done = warm.run_all(
            {years: [*words, years] for years in ("2021", "2022", "2021..2022")},
            folder=world.folder,
        )

        assert done["2021"].out + b"\n" + done["2022"].out == done["2021..2022"].out

    @pytest.fixture(scope="class")
    @classmethod
    def misused(cls, warm, world):
        cases = {
            name: ["report", *words, "--log", world.url] for name, (words, _) in MISUSED.items()
        }
        return warm.run_all(cases, folder=world.folder)

    @pytest.mark.parametrize("name", MISUSED)
    def test_misuse_is_one_line_and_2(self, name, misused):
        fails(misused[name], 2, MISUSED[name][1])


class TestVerify:
    def test_both_engines_give_the_digest_of_a_report(self, ask, world):
        digest = json.loads(world.report.read_bytes())["digest"]

        done = ask("verify", world.report, "--json")

        assert {"fold": digest, "columnar": digest} == done.json["engines"]
        assert ([], []) == (done.json["differences"], done.json["disagreements"])

    def test_a_difference_shows_by_how_much_the_cell_differs(self, ask, world, tmp_path):
        report = json.loads(world.report.read_bytes())
        report["counts"][0]["count"] += 1_002
        (tmp_path / "doctored.json").write_text(json.dumps(report))

        done = ask("verify", tmp_path / "doctored.json")

        assert (1, True) == (done.code, "(-1,002)" in done.text)
        assert "1 difference; 478 cells replayed by each of two engines" in done.text
