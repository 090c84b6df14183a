"""Publishing: a report as it may be shown becomes a folder, or a revision of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ledger.disclosure.shown import ShownReport, decode_shown, encode_shown
from ledger.errors import UsageError
from ledger.log.progress import Notify, no_notice
from ledger.numbers import pluralise
from outcomes.presentation.languages import language_of
from outcomes.publish.data_table import NOT_SHOWN, cell_rows
from outcomes.publish.disclosing import Disclosed
from outcomes.publish.edition import NO_EDITION, Edition
from outcomes.publish.folder import (
    INDEX,
    Folder,
    add_revision,
    create_folder,
    read_folder,
    refuse_existing,
    replace_index,
    revision_name,
)
from outcomes.publish.index import make_index
from outcomes.publish.making import SHOWN, Order, edition_in, make_files
from outcomes.publish.material import Material, Source
from outcomes.publish.provenance import PROVENANCE, decode_provenance
from outcomes.publish.revisions import WORDS_ALONE, reason_fault

__all__ = ["Published", "Wishes", "publish"]


class Wishes(NamedTuple):
    """How a report is published.

    Attributes:
        languages: Codes.
        edition: The school's own words.
        reason: Why there is a revision, one of `REASONS`; None for the first publication.
    """

    languages: tuple[str, ...]
    edition: Edition = NO_EDITION
    reason: str | None = None


class Published(NamedTuple):
    """What was published.

    Attributes:
        folder: Of the revision.
        order: What it was made from.
        files: By their paths in the folder.
    """

    folder: Path
    order: Order
    files: dict[str, bytes]

    @property
    def cells(self) -> int:
        """How many cells there are, growth included."""
        return sum(1 for _ in cell_rows(self.order.source.shown))

    @property
    def cells_not_shown(self) -> int:
        """How many of them say that they are not shown."""
        return sum(row.status == NOT_SHOWN for row in cell_rows(self.order.source.shown))


def publish(
    out: Path,
    disclose: Callable[[], Disclosed],
    wishes: Wishes,
    *,
    notify: Notify = no_notice,
) -> Published:
    """Publish a report as a folder, or as a revision of one.

    Args:
        out: The folder.
        disclose: Gives what may be shown; called once the folder is known to fit.
        wishes: How it is published.
        notify: Gets one sentence a step.

    Raises:
        UsageError: If there is such a folder already, or the reason cannot be.
        BadInputError: If what is to be revised is no publication, or the edition does not fit.
        StoreError: If the folder cannot be written.
    """
    if wishes.reason is None:
        refuse_existing(out)
        before = Folder()
    else:
        before = read_folder(out)
        _finish(out, before, notify)
    order = _order(disclose(), _last_shown(out, before), wishes, len(before.revisions) + 1)
    _refuse_wrong_reason(out, order.source)
    _refuse_same_words(before, order)
    for warning in _warnings(order):
        notify(warning)
    notify(f"making the files, in {' and '.join(order.languages)}")
    files = make_files(order)
    index = make_index([*before.revisions, files])
    if before.revisions:
        add_revision(out, order.number, index, files)
    else:
        create_folder(out, index, files)
    return Published(out / revision_name(order.number), order, files)


def _finish(out: Path, before: Folder, notify: Notify) -> None:
    """List what a run had published that was stopped before it came to the index."""
    index = make_index(before.revisions)
    if before.page != index:
        replace_index(out, index)
        listed = pluralise(len(before.revisions), "revision")
        notify(f"{out / INDEX} was behind, and now lists {listed}")


def _last_shown(out: Path, before: Folder) -> ShownReport | None:
    if not before.revisions:
        return None
    place = out / revision_name(len(before.revisions)) / SHOWN
    return decode_shown(before.revisions[-1].get(SHOWN, b""), str(place))


def _order(disclosed: Disclosed, before: ShownReport | None, wishes: Wishes, number: int) -> Order:
    shown, policy, profile, exact, checkpoint = disclosed
    # As a reader will have it: in RFC 8785 the partitions of a cut stand in the order of text.
    shown = decode_shown(encode_shown(shown), SHOWN)
    source = Source(shown, policy, profile, before, wishes.reason, checkpoint)
    return Order(source, number, wishes.languages, wishes.edition, exact)


def _warnings(order: Order) -> Iterator[str]:
    for code in order.languages:
        yield from order.edition.warnings(Material(order.source, language_of(code)))


def _refuse_wrong_reason(out: Path, source: Source) -> None:
    before, shown = source.before, source.shown
    if before is None:
        return
    if before.reference_year != shown.reference_year:
        raise UsageError(
            f"{out} is about {before.reference_year}; publish {shown.reference_year} to a folder"
            " of its own"
        )
    fault = reason_fault(source.reason, before, shown)
    if fault is not None:
        raise UsageError(f"--revise {source.reason}: {fault}; give the reason that there is")


def _refuse_same_words(before: Folder, order: Order) -> None:
    """A page must not say that words changed where none did; a language more is words as well."""
    if order.source.reason != WORDS_ALONE:
        return
    place = revision_name(len(before.revisions))
    files = before.revisions[-1]
    languages = decode_provenance(files.get(PROVENANCE, b""), place).languages
    same = edition_in(files, place).files == order.edition.files
    if same and tuple(languages) == order.languages:
        raise UsageError(
            "--revise edition: the words and the languages are those of "
            f"{place}; change the file of --edition first"
        )
