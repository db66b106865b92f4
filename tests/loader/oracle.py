"""The validation of a message in plain Python, written from Segment's rules, not from the SQL."""

from __future__ import annotations

import json
from typing import Any

TYPES = {"identify", "track", "page", "screen", "group", "alias"}


def reason_code(line: str) -> str | None:
    """Why a line that holds one message is refused, or None."""
    value = _strict(line)
    if not isinstance(value, dict) or len(line.encode()) > 32_768:
        return "bad_request"
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        return "bad_request"
    if not isinstance(value.get("messageId", ""), (str, type(None))):
        return "bad_request"
    if not isinstance(value.get("context"), (dict, type(None))):
        return "bad_request"
    return _identity(kind, value) or _event(kind, value) or _parts(kind, value)


def _identity(kind: str, value: dict[str, Any]) -> str | None:
    user, device = value.get("userId"), value.get("anonymousId")
    if _bad_text(user) or _bad_text(device):
        return "id_not_string"
    if user is None and device is None:
        return "no_user_anon_id"
    needed = {"group": ["groupId"], "alias": ["previousId", "userId"]}.get(kind, [])
    for field in needed:
        if value.get(field) is None:
            return "id_required"
        if _bad_text(value[field]):
            return "id_not_string"
    return None


def _event(kind: str, value: dict[str, Any]) -> str | None:
    if kind != "track":
        return None
    if value.get("event") in (None, ""):
        return "event_not_defined"
    return None if isinstance(value["event"], str) else "event_not_string"


def _parts(kind: str, value: dict[str, Any]) -> str | None:
    for field in ("properties", "traits"):
        if not isinstance(value.get(field), (dict, type(None))):
            return f"{field}_not_object"
    if kind in ("page", "screen"):
        for field in ("name", "category"):
            if _bad_text(value.get(field)):
                return f"{field}_not_string"
    return None


def _bad_text(value: Any) -> bool:
    return value is not None and (not isinstance(value, str) or value == "")


def _strict(line: str) -> Any:
    """The value of a strict JSON text, else None."""

    def no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)

    def no_constant(_: str) -> None:
        raise ValueError

    try:
        value = json.loads(line, object_pairs_hook=no_key_twice, parse_constant=no_constant)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError:
        return None
    return None if "\\u0000" in json.dumps(value).replace("\\\\", "") else value
