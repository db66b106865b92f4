"""What DuckDB's JSON reader lets through and JSON (or another engine) does not.

Owns the exact check of single texts: RFC 8259 syntax, no key twice in an object,
no NUL character (PostgreSQL cannot store it), no nesting beyond what every engine
reads. It runs in Python, so the warehouse first finds the few texts that need it.
"""

from __future__ import annotations

import json
import re
from typing import Any

# Spark's JSON reader stops at 1,000 levels, Python's functions at half as many.
DEEPEST_NESTING = 200
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

NOT_JSON = "not valid JSON"
DUPLICATE_KEY = "a key is given twice in one JSON object"
NOT_UNICODE = "not valid UTF-8"
NUL = "it contains a NUL character"
TOO_DEEP = f"it is nested deeper than {DEEPEST_NESTING} levels"


class Number(str):
    """A JSON number as it was written, so that no digit is lost."""


class NotStrictError(ValueError):
    """The text is not acceptable JSON; the message says why, without quoting it."""


def parse(text: str) -> Any:
    """The value of a JSON text, its numbers as `Number`; `check_text` is the caller's.

    Raises NotStrictError.
    """
    try:
        return DECODER.decode(text)
    except NotStrictError:
        raise
    except (ValueError, RecursionError):
        raise NotStrictError(NOT_JSON) from None


def check_text(text: str) -> None:
    """Raises NotStrictError for bytes, characters and nesting that not every engine takes."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotStrictError(NOT_UNICODE) from None
    if "\0" in text or ("\\u0000" in text and _NUL.search(text)):
        raise NotStrictError(NUL)
    if text.count("[") + text.count("{") > DEEPEST_NESTING and _depth(text) > DEEPEST_NESTING:
        raise NotStrictError(TOO_DEEP)


def dump(value: Any) -> str:
    """The compact JSON text of a value that `parse` gave."""
    kind = type(value)
    if kind is Number:
        return str(value)
    if kind is dict:
        return "{" + ",".join([f"{_quote(key)}:{dump(one)}" for key, one in value.items()]) + "}"
    if kind is list:
        return "[" + ",".join([dump(one) for one in value]) + "]"
    return _quote(value)


# One encoder for all: the module's own function would make one a call.
_quote = json.JSONEncoder(ensure_ascii=False).encode


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in _STRINGS.sub("", text):
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictError(DUPLICATE_KEY)
    return found


def _no_constant(_: str) -> Any:
    raise NotStrictError(NOT_JSON)


DECODER = json.JSONDecoder(
    object_pairs_hook=_no_key_twice,
    parse_constant=_no_constant,
    parse_float=Number,
    parse_int=Number,
)
