"""`outcomes disclosure`: what a publication may show, and what it would hide of a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.errors import ConfigurationError
from ledger.numbers import pluralise
from outcomes.cli import candidates
from outcomes.cli.options import JsonOption, ReportPoliciesOption, command_group
from outcomes.cli.publish import extra_at_hand
from outcomes.console import terminal

if TYPE_CHECKING:
    from ledger.disclosure.disclose import Disclosure
    from ledger.disclosure.forms import Cell, Forms
    from ledger.disclosure.profile import Profile

__all__ = ["disclosure_app"]

disclosure_app = command_group("The profiles that say what a publication may show.")


@disclosure_app.command("list")
def disclosure_list(json: JsonOption = False) -> None:
    """The built-in profiles."""
    from ledger.disclosure.profile import built_in_profiles

    known = built_in_profiles().values()
    if json:
        terminal.print_json([_named(profile) for profile in known])
        return
    for profile in known:
        terminal.lines([f"{profile.id}  version {profile.version}  {profile.sha256}"])


@disclosure_app.command("show")
def disclosure_show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ID|FILE",
            help="A built-in profile or a file; without it the default of a publication.",
            autocompletion=candidates.profiles,
        ),
    ] = None,
) -> None:
    """A profile as JSON; a file of this shape is a profile too."""
    from ledger.disclosure.profile import DEFAULT_PROFILE, load_profile

    profile = load_profile(name or DEFAULT_PROFILE, source="profile")
    terminal.print_json(profile.model_dump(mode="json"))


@disclosure_app.command("check")
def disclosure_check(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID|FILE",
            help="A built-in profile or a file.",
            autocompletion=candidates.profiles,
        ),
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REPORT.json|-]...", help="Reports to judge under it, as they were printed."
        ),
    ] = None,
    policy: ReportPoliciesOption = None,
    json: JsonOption = False,
) -> None:
    """What is wrong with a profile, and what it would hide of a report; exit 78 for a fault."""
    from ledger.disclosure.profile import (
        built_in_profiles,
        load_profile,
        profile_faults,
        read_profile,
    )

    faults = [] if name in built_in_profiles() else profile_faults(read_profile(name))
    profile = None if faults else load_profile(name, source="profile")
    summaries = [] if profile is None else [*_summaries(files or (), policy or (), profile)]
    if json:
        terminal.print_json(
            {
                "schema": "ledger/disclosure-check/v1",
                "disclosure": None if profile is None else _named(profile),
                "faults": [fault._asdict() for fault in faults],
                "reports": summaries,
            }
        )
    else:
        for pointer, reason in faults:
            terminal.line(f"fault{f' at {pointer}' if pointer else ''}: {reason}")
    if profile is None:
        count = pluralise(len(faults), "fault")
        raise ConfigurationError(f"profile {name}: {count}; compare `outcomes disclosure show`")
    if not json:
        terminal.line(_title(profile))
        for summary in summaries:
            terminal.lines(_lines(summary))


def _summaries(
    files: Sequence[str], policies: Sequence[str], profile: Profile
) -> Iterator[dict[str, Any]]:
    from ledger.policies import find_policies
    from outcomes.ingest.files import name_of, read_file

    if not files:
        return
    with extra_at_hand("outcomes disclosure check PROFILE REPORT"):
        from ledger.disclosure.checking import judge_reports
    known = find_policies(policies)
    for file in files:
        data = read_file(file, "name a file that `outcomes report --json` printed")
        for name, judged in judge_reports(data, name_of(file), known, profile):
            yield _summary(name, judged)


def _named(profile: Profile) -> dict[str, Any]:
    return {"id": profile.id, "version": profile.version, "sha256": profile.sha256}


def _title(profile: Profile) -> str:
    title = f"profile {profile.id} version {profile.version} ({profile.sha256[:12]}): no fault"
    protects = profile.threshold or profile.rounding
    return title if protects else f"{title}; it protects nothing"


def _summary(name: str, judged: Disclosure) -> dict[str, Any]:
    """What becomes of a report: how much is shown, what is hidden, and for which count."""
    first, hidden, year = judged.first, judged.hidden, judged.shown.reference_year
    forms = hidden.forms.counts.values()
    numbers, not_shown = sum(isinstance(form, int) for form in forms), [*forms].count(None)
    return {
        "name": name,
        "reference_year": year,
        "counts": {
            "number": numbers,
            "fewer_than": len(forms) - numbers - not_shown,
            "not_shown": not_shown,
        },
        "rates": {
            "in_first_form": _shown_rates(first),
            "shown": _shown_rates(hidden.forms),
            "not_shown": len(first.rates) - _shown_rates(hidden.forms),
        },
        "protected": len(hidden.protected),
        "in_danger": [_place(cell, year) for cell in hidden.in_danger],
        "hidden": [
            {**_place(step.hidden, year), "protects": _place(step.protected, year)}
            for step in hidden.steps
        ],
        "all_hidden": hidden.is_all,
    }


def _shown_rates(forms: Forms) -> int:
    return sum(tenths is not None for tenths in forms.rates.values())


def _place(figure: Cell | tuple[str, str], year: int) -> dict[str, Any]:
    """Where a figure is; a rate is of the reference year."""
    measure, group, *years_back = figure
    return {"measure": measure, "group": group, "year": year - sum(map(int, years_back))}


def _lines(summary: dict[str, Any]) -> Iterator[str]:
    counts, rates, hidden = summary["counts"], summary["rates"], summary["hidden"]
    yield f"{summary['name']}, reference year {summary['reference_year']}"
    yield (
        f"  counts  {counts['number']} as a number, {counts['fewer_than']} as fewer than the"
        f" threshold, {counts['not_shown']} not shown"
    )
    yield (
        f"  rates   {rates['shown']} shown of {rates['in_first_form']} in first form,"
        f" {rates['not_shown']} not shown"
    )
    yield (
        f"  {pluralise(summary['protected'], 'protected count')}, {len(summary['in_danger'])} in"
        " danger in first form, none in the end"
    )
    if summary["all_hidden"]:
        yield "  no figure was left to hide for a count in danger, so no count is shown"
    rows = [("hidden", "would give away")]
    rows += [(_text(figure), _text(figure["protects"])) for figure in hidden]
    width = max(len(name) for name, _ in rows)
    for name, protected in rows if hidden else ():
        yield f"  {name:{width}}  {protected}"


def _text(figure: dict[str, Any]) -> str:
    return f"{figure['measure']}|{figure['group']} {figure['year']}"
