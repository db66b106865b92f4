"""Rows as the lines of a run's spool: a JSON object each, with `operation`, `key` and `fields`.

Owns the line: how it is read, and that a batch of lines is the JSON of its rows. A row that
nobody looks at is never read, so that what needs no shaping costs nothing. Where the
destination ever gave an id, a line has `remote_id` too, as its last member.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from cdp.destinations.delivery import REMOVE, UPSERT, OutgoingRow
from cdp.json_bytes import read_json

_REMOVAL = b'{"operation":"remove"'


def operation_of(line: bytes) -> str:
    """The operation of a line's row."""
    return REMOVE if line.startswith(_REMOVAL) else UPSERT


def read_row(line: bytes) -> OutgoingRow:
    """The row of a line."""
    one = read_json(line)
    return OutgoingRow(one["operation"], one["key"], one["fields"], one.get("remote_id") or "")


class SpooledRows(Sequence[OutgoingRow]):
    """The rows of some lines, read when somebody looks at one."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines
        self._rows: list[OutgoingRow] | None = None

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, index: int) -> OutgoingRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[OutgoingRow]: ...

    def __getitem__(self, index: int | slice) -> OutgoingRow | Sequence[OutgoingRow]:
        if isinstance(index, int) and self._rows is None:
            return read_row(self._lines[index])
        return self._read()[index]

    def __iter__(self) -> Iterator[OutgoingRow]:
        return iter(self._read())

    def text(self) -> bytes | None:
        """The rows as a JSON array; None when one has an id of the destination's or no key."""
        text = b",".join(self._lines)
        # Texts in a row may look like these: then its batch is shaped, and the same is sent.
        if b'"remote_id":' in text or b'"key":""' in text:
            return None
        return b"[" + text.replace(b"\n", b"") + b"]"

    def _read(self) -> list[OutgoingRow]:
        if self._rows is None:
            self._rows = [read_row(line) for line in self._lines]
        return self._rows
