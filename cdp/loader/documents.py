"""Texts that hold several messages: batch bodies, JSON arrays, documents over many lines.

Owns taking them apart into `Entry` rows, each one message's exact JSON text with
its line and its place in the body. Does not validate messages (`validate` does).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cdp.loader.strict import (
    DECODER,
    NOT_JSON,
    TOO_DEEP,
    NotStrictError,
    check_text,
    dump,
    parse,
)

BAD = "bad_request"
EMPTY = ("empty_batch", "the batch holds no messages")
NO_BATCH = (BAD, "'batch' is not a list")
NOT_CLOSED = (BAD, "the array is not closed: the end of the file is missing")
# Keys of a batch body that its items inherit; objects merge key by key and the item wins.
INHERITED_OBJECTS = ("context", "integrations")
INHERITED = ("sentAt", "receivedAt")
LONGEST_VALUE = 64 * 1024 * 1024
_SPACE = " \t\r\n"


@dataclass(frozen=True)
class Entry:
    """One message, or one refusal (`code` and `reason` set), on a line of a file.

    `item` counts from 1 inside a body of several messages and is 0 for a line of its own.
    """

    line_number: int
    item: int
    text: str
    code: str | None = None
    reason: str | None = None


def unfold(text: str, line_number: int) -> list[Entry] | None:
    """What a line that needs an exact look holds; None when it is one acceptable text."""
    try:
        value = parse(text)
        if isinstance(value, list) or _is_batch(value):
            return list(messages(value, line_number))
        check_text(text)
    except NotStrictError as error:
        return [Entry(line_number, 0, text, BAD, str(error))]
    return None


def messages(value: Any, line_number: int, first_item: int = 1) -> Iterator[Entry]:
    """The messages in a parsed array, batch body or single message."""
    item = first_item
    for one in _flat(value):
        refused = one if isinstance(one, tuple) else None
        yield _entry(line_number, item, one[0] if refused else one, refused and refused[1])
        item += 1


def _entry(line_number: int, item: int, value: Any, refusal: tuple[str, str] | None) -> Entry:
    try:
        text = dump(value)
    except RecursionError:
        return Entry(line_number, item, "", BAD, TOO_DEEP)
    try:
        check_text(text)
    except NotStrictError as error:
        return Entry(line_number, item, text, BAD, str(error))
    return Entry(line_number, item, text, *(refusal or ()))


def _flat(value: Any) -> Iterator[Any]:
    """Each message, or a pair of a refused value with its code and reason."""
    if isinstance(value, list):
        if not value:
            yield (value, EMPTY)
        for one in value:
            yield from _flat(one) if _is_batch(one) else iter([one])
    elif _is_batch(value):
        items = value["batch"]
        if not isinstance(items, list):
            yield (value, NO_BATCH)
        elif not items:
            yield (value, EMPTY)
        else:
            yield from (_inherit(value, one) for one in items)
    else:
        yield value


def _is_batch(value: Any) -> bool:
    return isinstance(value, dict) and "batch" in value and "type" not in value


def _inherit(body: dict[str, Any], item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    merged = dict(item)
    for key in INHERITED_OBJECTS:
        shared, own = body.get(key), item.get(key)
        if isinstance(shared, dict) and (own is None or isinstance(own, dict)):
            merged[key] = {**shared, **(own or {})}
    for key in INHERITED:
        if body.get(key) is not None and merged.get(key) is None:
            merged[key] = body[key]
    return merged


def starts_document(head: str) -> bool:
    """Whether a file holds JSON documents rather than one JSON text a line.

    `head` is the beginning of the file. An array always is one; an object is one
    when its first value goes on after the end of its line.
    """
    text = head.lstrip(_SPACE)
    if text.startswith("["):
        return True
    first_line = text.split("\n", 1)[0]
    if not text.startswith("{") or len(first_line) == len(text):
        return False
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return "\n" in text[:end]


def read_documents(blocks: Iterator[str]) -> Iterator[Entry]:
    """The messages of arrays and batch bodies that may span lines, as they arrive.

    What follows a syntax error cannot be told apart and becomes one refusal, at the
    line where the broken value starts. So does the end of an array that is not closed:
    the file was cut off there.
    """
    reader = _Reader(blocks)
    item, depth = 1, 0
    while (start := reader.next_character()) is not None:
        if start in "[,]":
            depth += {"[": 1, ",": 0, "]": -1}[start]
            reader.skip()
            continue
        line_number = reader.line_number
        try:
            value = reader.value()
        except NotStrictError as error:
            yield Entry(line_number, item, reader.rest(), BAD, str(error))
            return
        for entry in messages(value, line_number, item):
            yield entry
            item = entry.item + 1
    if depth > 0:
        yield Entry(reader.line_number, item, "", *NOT_CLOSED)


class _Reader:
    """A text that arrives in blocks, read value by value, with the line it is on."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks = blocks
        self._text = ""
        self._at = 0
        self.line_number = 1

    def next_character(self) -> str | None:
        while True:
            while self._at < len(self._text):
                character = self._text[self._at]
                if character not in _SPACE:
                    return character
                self.skip()
            if not self._more():
                return None

    def skip(self, count: int = 1) -> None:
        self.line_number += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def value(self) -> Any:
        """The next JSON value. Raises NotStrictError."""
        while True:
            try:
                value, end = DECODER.raw_decode(self._text, self._at)
            except NotStrictError:
                raise
            except (ValueError, RecursionError):
                # A value that goes on and on is broken; the rest of the file is not read for it.
                if len(self._text) - self._at > LONGEST_VALUE or not self._more():
                    raise NotStrictError(NOT_JSON) from None
                continue
            if end == len(self._text) and self._more():
                continue
            self.skip(end - self._at)
            return value

    def rest(self) -> str:
        return self._text[self._at : self._at + 1_000]

    def _more(self) -> bool:
        block = next(self._blocks, None)
        if block is None:
            return False
        self._text, self._at = self._text[self._at :] + block, 0
        return True
