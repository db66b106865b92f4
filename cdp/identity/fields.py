"""Where an identifier's value is on an event: paths, for all calls or for some of them.

Owns `FieldPath` and reading `paths` and `key` of an identifier type. `key` is
Segment's configured key: the traits of identify and group calls, the properties
of the others and the context's traits, in camelCase and in snake_case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from cdp.errors import Location, suggest
from cdp.yamlfile import Section

COLUMNS = {"userId": "user_id", "anonymousId": "anonymous_id", "previousId": "previous_id"}
"""Envelope fields that staging already has as columns."""
ROOTS = ("traits", "properties", "context")
CALLS = ("identify", "track", "page", "screen", "group", "alias")
ALL_CALLS = "all"
_KEY = re.compile(r"[A-Za-z0-9_ -]+\Z")
_CONFIGURED = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class FieldPath:
    """Where a value is on an event: an envelope column, or keys below a JSON column."""

    column: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """A path, and the calls that it is read on; no calls means all."""

    path: FieldPath
    calls: tuple[str, ...] = ()


def read_places(section: Section) -> tuple[Place, ...]:
    """The places of an identifier type: from `paths` or from `key`, one of which it needs."""
    if "key" in section:
        if "paths" in section:
            section.problems.add(
                "conflicting-keys",
                f"{section.what} has both 'key' and 'paths'",
                section.place("paths"),
                "keep 'key' for a trait or property, 'paths' for anything else",
            )
            section.node("paths")
        return _read_key(section)
    node = section.node("paths", required=True)
    if node is not None and isinstance(node.value, dict):
        return _read_mapping(section)
    return tuple(
        Place(path)
        for text in section.texts("paths")
        if (path := read_path(text, section, section.place("paths")))
    )


def read_path(text: str, section: Section, place: Location) -> FieldPath | None:
    """`userId` or `traits.email`; None, with a problem, when it is neither."""
    if text in COLUMNS:
        return FieldPath(COLUMNS[text])
    root, *keys = text.split(".")
    if root in ROOTS and keys and all(_KEY.match(one) for one in keys):
        return FieldPath(root, tuple(keys))
    section.problems.add(
        "invalid-path",
        f"'{text}' is not a path on an event",
        place,
        "start with userId, anonymousId, previousId, traits., properties. or context.",
    )
    return None


def reads(places: Iterable[Place], field: str, call: str) -> bool:
    """Whether one of the places is that envelope field, on calls of that type."""
    path = FieldPath(COLUMNS[field])
    return any(one.path == path and (not one.calls or call in one.calls) for one in places)


def _read_mapping(section: Section) -> tuple[Place, ...]:
    calls_of: dict[FieldPath, list[str]] = {}
    for call, node, place in section.mapping("paths"):
        if call not in (*CALLS, ALL_CALLS):
            section.problems.add(
                "unknown-call",
                f"'{call}' is not a type of call",
                place,
                suggest(call, (*CALLS, ALL_CALLS)),
            )
            continue
        for item in node.value if isinstance(node.value, tuple) else (node,):
            if not isinstance(item.value, str):
                section.wrong("paths", item, "text")
            elif path := read_path(item.value, section, item.location):
                calls_of.setdefault(path, []).append(call)
    return tuple(
        Place(path, () if ALL_CALLS in calls else tuple(calls)) for path, calls in calls_of.items()
    )


def _read_key(section: Section) -> tuple[Place, ...]:
    key = section.text("key")
    if not _CONFIGURED.match(key):
        if key:
            section.problems.add(
                "invalid-key",
                f"'{key}' is not a name of a trait or property",
                section.place("key"),
                "use letters, digits and '_', starting with a letter",
            )
        return ()
    found = []
    for spelling in dict.fromkeys((snake_case(key), camel_case(key))):
        found += [
            Place(FieldPath("traits", (spelling,)), ("identify", "group")),
            Place(FieldPath("properties", (spelling,)), ("track", "page", "screen")),
            Place(FieldPath("context", ("traits", spelling))),
        ]
    return tuple(found)


def snake_case(name: str) -> str:
    """appId, AppID and app_id as app_id."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", words).lower()


def camel_case(name: str) -> str:
    """app_id and appId as appId."""
    first, *rest = snake_case(name).split("_")
    return first + "".join(word.capitalize() for word in rest)
