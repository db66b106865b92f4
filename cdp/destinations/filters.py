"""The filters of templates: a fixed list of pure functions of one value.

Owns how a value is written for a vendor (text, numbers, times, hashes). Null
stays null in every filter. A value that a filter cannot take becomes null.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any


def _of_text(function: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else function(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (dict, list)):
        return _json(value)
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _number(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float)):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else number


def _integer(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _moment(value: Any) -> datetime | None:
    """An ISO 8601 text; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _epoch(scale: int) -> Callable[[Any], int | None]:
    def epoch(value: Any) -> int | None:
        moment = None if value is None else _moment(value)
        if moment is None:
            return None
        since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
        return (since.days * 86_400 + since.seconds) * scale + since.microseconds * scale // 10**6

    return epoch


def _each(value: Any) -> list[Any] | None:
    """A mapping as a list of its values; a single value as a list of one."""
    if value is None or isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, Mapping) else [value]


FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "string": _of_text(str),
    "lower": _of_text(str.lower),
    "upper": _of_text(str.upper),
    "number": _number,
    "integer": _integer,
    "json": lambda value: None if value is None else _json(value),
    "comma": lambda value: None if value is None else ",".join(_text(one) for one in value),
    "quoted_comma": lambda value: (
        None if value is None else ",".join(json.dumps(_text(one)) for one in value)
    ),
    "list": _each,
    "values": _each,
    "quoted": _of_text(_json),
    "soql": _of_text(lambda text: text.replace("\\", "\\\\").replace("'", "\\'")),
    "md5": _of_text(lambda text: hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()),
    "sha256": _of_text(lambda text: hashlib.sha256(text.encode()).hexdigest()),
    "base64": _of_text(lambda text: base64.b64encode(text.encode()).decode()),
    "epoch_s": _epoch(1),
    "epoch_ms": _epoch(1_000),
    "epoch_us": _epoch(1_000_000),
}
"""Filters by name. `epoch_*` read ISO 8601 and give whole seconds, milli- or microseconds."""
