"""Secrets at the last moment, and texts from outside without secrets or personal data.

Owns resolving `env:NAME` and redacting. Nothing resolved here may be printed,
logged or stored.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cdp.destinations.delivery import OutgoingRow
from cdp.destinations.spec import ENV, Destination
from cdp.errors import RunError

LONGEST_REASON = 200
_SHORTEST_HIDDEN = 3
_HIDDEN = "[redacted]"
_EMAIL = re.compile(r"[^\s\"'<>@,;:]+@[^\s\"'<>@,;:]+")
_DIGITS = re.compile(r"\+?\d[\d .\-()]{5,}\d")
_LONG_TOKEN = re.compile(r"[A-Za-z0-9_\-+/=.]{24,}")


class Hidden:
    """What no text may show: secrets, and the values of rows.

    It is gathered anew for each text, because most replies have none to redact.
    """

    def __init__(self, rows: Sequence[OutgoingRow], secrets: Callable[[], Iterable[Any]]) -> None:
        self._rows = rows
        self._secrets = secrets

    def __iter__(self) -> Iterator[Any]:
        yield from self._secrets()
        for row in self._rows:
            yield row.key
            yield from row.fields.values()


def resolve_settings(destination: Destination) -> dict[str, Any]:
    """The settings with every `env:NAME` replaced by the variable's value.

    Raises RunError with the name of a variable that is not set.
    """
    resolved: dict[str, Any] = {}
    for name, value in destination.settings.items():
        found = ENV.match(value) if isinstance(value, str) else None
        if found is None:
            resolved[name] = value
            continue
        secret = os.environ.get(found[1], "").strip()
        if not secret:
            raise RunError(
                "missing-secret",
                f"destination '{destination.name}' needs the environment variable {found[1]}, "
                "which is not set",
                location=destination.location,
                help=f"set it: export {found[1]}=...",
            )
        setting = destination.manifest.settings.get(name)
        if setting is not None and not setting.fits(secret):
            raise RunError(
                "invalid-setting",
                f"the environment variable {found[1]}, which destination '{destination.name}' "
                f"uses as '{name}', has not the form that it must have",
                location=destination.location,
                help=setting.description or f"it must match {setting.pattern}",
            )
        resolved[name] = secret
    return resolved


def redact(text: str, hidden: Iterable[Any] = ()) -> str:
    """A text from outside, short, on one line, without addresses, numbers, tokens or `hidden`.

    What a terminal obeys instead of showing it becomes a space.
    """
    for value in sorted({str(one) for one in _leaves(hidden)}, key=len, reverse=True):
        if len(value) >= _SHORTEST_HIDDEN:
            text = re.sub(re.escape(value), _HIDDEN, text, flags=re.IGNORECASE)
    for pattern in (_EMAIL, _LONG_TOKEN, _DIGITS):
        text = pattern.sub(_HIDDEN, text)
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _leaves(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, Mapping):
            yield from _leaves(value.values())
        elif isinstance(value, (list, tuple)):
            yield from _leaves(value)
        elif value is not None and not isinstance(value, bool):
            yield value
