"""`outcomes publish`: a report as a folder for a board to sign and for the public to read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ledger.diagnostics import inform
from ledger.errors import UsageError
from ledger.numbers import pluralise
from outcomes.cli.options import (
    AsOfOption,
    CutOption,
    JsonOption,
    LogOption,
    PolicyOption,
    log_address,
    moment,
)
from outcomes.console import terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.disclosure.profile import Profile
    from ledger.log import Log
    from outcomes.publish.disclosing import Disclosed
    from outcomes.publish.publishing import Published, Wishes

__all__ = ["extra_at_hand", "publish"]

_EXTRA = (
    "babel",
    "fontpkg_source_sans_3",
    "highspy",
    "jinja2",
    "numpy",
    "typst",
    "xlsxwriter",
    "yaml",
)
_REPLAYING = partial(terminal.progress, "replaying")

_Out = Annotated[
    Path, typer.Option("--out", metavar="FOLDER", help="Where the publication is to be.")
]
_Report = Annotated[
    str | None,
    typer.Argument(
        metavar="REPORT.json", help="A report of `outcomes report --json`; - is standard input."
    ),
]
_Year = Annotated[
    int | None,
    typer.Option(
        min=1900, max=2199, metavar="Y", help="Instead of a report: a replay for this year."
    ),
]
_Disclosure = Annotated[
    str,
    typer.Option(
        metavar="ID|FILE", help="What may be shown: a built-in profile, or the file of one."
    ),
]
_Languages = Annotated[
    str, typer.Option(metavar="CODE,CODE", help="The languages, comma-separated.")
]
_Edition = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The school's own words, a YAML file; it is published."),
]
_Evidence = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Carry the checkpoint along that `outcomes checkpoint` signed of the log.",
    ),
]
_Revise = Annotated[
    str | None,
    typer.Option(
        metavar="REASON",
        help="Add a revision to a publication: late-facts, policy, disclosure or edition for a"
        " planned one, correction where there was an error.",
    ),
]


def publish(
    out: _Out,
    report: _Report = None,
    year: _Year = None,
    log: LogOption = None,
    policy: PolicyOption = None,
    as_of: AsOfOption = None,
    cut: CutOption = None,
    disclosure: _Disclosure = "round-5",
    lang: _Languages = "fr,en",
    edition: _Edition = None,
    evidence: _Evidence = None,
    revise: _Revise = None,
    json: JsonOption = False,
) -> None:
    """Publish a report: pages, PDF, tables and data, without counts that are too small."""
    if (report is None) == (year is None):
        raise UsageError("name a report, or --year Y for a replay; one of them")
    with extra_at_hand("outcomes publish"):
        from ledger.disclosure.profile import load_profile
        from outcomes.publish.publishing import publish as publish_report

        profile = load_profile(disclosure)
        if report is not None:
            if log or as_of or cut:
                raise UsageError("--log, --as-of and --cut say what is replayed; drop the report")
            disclosed = _from_report(report, policy, profile, evidence)
        else:
            assert year is not None
            disclosed = _from_log((log, policy, as_of, cut), year, profile, evidence)
        published = publish_report(out, disclosed, _wishes(lang, edition, revise), notify=inform)
    if json:
        terminal.print_json(_as_json(published))
    else:
        _print(published)


@contextmanager
def extra_at_hand(command: str) -> Iterator[None]:
    """Name the extra where a package of it is missing.

    Raises:
        UsageError: If one is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        raise UsageError(
            f"{command} needs its extra: pip install 'outcome-ledger[report]'"
        ) from error


def _from_report(
    file: str, policy: str | None, profile: Profile, evidence: Path | None
) -> Callable[[], Disclosed]:
    from ledger.policies import find_policies
    from outcomes.ingest.files import name_of, read_file
    from outcomes.publish.disclosing import disclosed_from_report

    data = read_file(file, "name a file that `outcomes report --json` printed")
    policies = find_policies([policy] if policy else [])
    return lambda: _covered(disclosed_from_report(data, name_of(file), policies, profile), evidence)


def _from_log(
    options: tuple[str | None, str | None, str | None, str | None],
    year: int,
    profile: Profile,
    evidence: Path | None,
) -> Callable[[], Disclosed]:
    from ledger.log import ArchiveAddress, open_log, parse_cut
    from ledger.policies import chosen_policy
    from ledger.report import ReportQuery
    from outcomes.publish.disclosing import disclosed_from_log

    log, policy, as_of, cut = options
    if as_of is not None and cut is not None:
        raise UsageError("--as-of and --cut both say how far to read; give one of them")
    address = log_address(log)
    query = ReportQuery(
        years=[year],
        policies=[chosen_policy(policy)],
        cuts=[] if cut is None else [parse_cut(cut)],
        moments=[] if as_of is None else [moment(as_of)],
        roots=evidence is not None or isinstance(address, ArchiveAddress),
    )

    def disclosed() -> Disclosed:
        opened = open_log(address)
        shown = disclosed_from_log(opened, query, profile, progress=_REPLAYING, notify=inform)
        return _covered(shown, evidence, opened)

    return disclosed


def _covered(disclosed: Disclosed, evidence: Path | None, log: Log | None = None) -> Disclosed:
    """With the checkpoint that covers its cut, if evidence is named."""
    if evidence is None:
        return disclosed
    from ledger.evidence.anchor import read_anchor
    from outcomes.publish.evidence import cover

    proof = cover(disclosed.shown.log, read_anchor(evidence), log, inform)
    return disclosed._replace(checkpoint=proof)


def _wishes(lang: str, edition: Path | None, revise: str | None) -> Wishes:
    from outcomes.publish.edition import NO_EDITION, load_edition
    from outcomes.publish.publishing import Wishes

    words = NO_EDITION if edition is None else load_edition(edition)
    return Wishes(_languages(lang), words, _reason(revise))


def _languages(text: str) -> tuple[str, ...]:
    from outcomes.presentation.languages import languages

    codes = tuple(code.strip() for code in text.split(","))
    if not set(codes) <= set(languages()) or len(set(codes)) != len(codes):
        raise UsageError(f"--lang {text}: write some of {', '.join(languages())}, each once")
    return codes


def _reason(text: str | None) -> str | None:
    from outcomes.publish.revisions import REASONS

    if text is not None and text not in REASONS:
        raise UsageError(f"--revise {text}: write one of {', '.join(REASONS)}")
    return text


def _as_json(published: Published) -> dict[str, Any]:
    from schemas.canonical import sha256_hex

    shown, order = published.order.source.shown, published.order
    return {
        "publication": str(published.folder.parent),
        "revision": order.number,
        "reference_year": shown.reference_year,
        "policy": shown.policy.as_json(),
        "disclosure": shown.disclosure.as_json(),
        "languages": list(order.languages),
        "cells": published.cells,
        "cells_not_shown": published.cells_not_shown,
        "files": {name: sha256_hex(data) for name, data in sorted(published.files.items())},
    }


def _print(published: Published) -> None:
    from schemas.canonical import sha256_hex

    shown = published.order.source.shown
    terminal.line(
        f"{published.folder}: {shown.reference_year} under {shown.policy.id}, shown by"
        f" {shown.disclosure.id}; {pluralise(len(published.files), 'file')}"
    )
    terminal.line(f"{published.cells:,} cells, {published.cells_not_shown:,} of them not shown")
    terminal.line(f"shown.json sha256:{sha256_hex(published.files['shown.json'])}")
