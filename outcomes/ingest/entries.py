"""The entries of an input: lines, or the items of an array, packed by gzip or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from ledger.errors import BadInputError
from outcomes.ingest.array_items import ArraySplitter
from outcomes.ingest.files import STDIN, name_of
from outcomes.ingest.formats import GZIP, recognise
from outcomes.ingest.judging import LineForm
from outcomes.ingest.lines import Line, LineSplitter
from outcomes.ingest.sources import Peekable, Stream, Unpacked

__all__ = ["Entries"]

_IDLE_SECONDS = 1.0
_BATCH_BYTES = 16_777_216
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Entries:
    """The entries of an input in batches.

    Attributes:
        path: The input, as a person typed it.
        noun: What its entries are called, `line` or `item`; known once the first batch is there.
    """

    def __init__(self, stream: BinaryIO, path: str, form: LineForm) -> None:
        self.path = path
        self.noun = "line"
        self._stream = stream
        self._form = form

    def batches(self, size: int) -> Iterator[list[Line]]:
        """The entries; read once.

        Args:
            size: Entries a batch at most. A batch closes early when it holds 16 MiB, and when
                nothing comes for a second, so that a live source is never kept waiting.

        Raises:
            BadInputError: If the input cannot be read, or has a format that has to be converted.
        """
        source = self._open()
        splitter = self._splitter(source)
        batch, room = list[Line](), _BATCH_BYTES
        chunk = b"?"
        while chunk:
            if batch and not source.wait(_IDLE_SECONDS):
                yield batch
                batch, room = [], _BATCH_BYTES
            chunk = source.read()
            for line in splitter.split(chunk):
                batch.append(line)
                room -= len(line.text)
                if len(batch) >= size or room <= 0:
                    yield batch
                    batch, room = [], _BATCH_BYTES
        if batch:
            yield batch

    def _open(self) -> Peekable:
        source = Peekable(Stream(self._stream))
        if self._form.is_any_json and source.peek().startswith(GZIP):
            source = Peekable(Unpacked(source, name_of(self.path)))
        refused = recognise(source.peek())
        if refused is not None:
            command = refused.command("FILE" if self.path == STDIN else self.path)
            raise BadInputError(
                f"{name_of(self.path)}: {refused.name}, not JSON lines in UTF-8; convert it:"
                f" {command}{refused.remark}"
            )
        return source

    def _splitter(self, source: Peekable) -> LineSplitter | ArraySplitter:
        head = source.peek().removeprefix(_BYTE_ORDER_MARK).lstrip()
        if self._form.is_any_json and head.startswith(b"["):
            self.noun = "item"
            return ArraySplitter(name_of(self.path), self._form.bytes_max)
        return LineSplitter(self._form.bytes_max)
