"""Templates backwards: from a request that arrived to the rows that it was made from.

Owns the matching of a received value against a manifest's template. What a
placeholder stood for is found under its path; filters that can be undone
(`comma`, `json`, `base64`, `list`) are; a digest is found under `path|md5`. Knows nothing of HTTP.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from cdp.destinations.template import (
    AS,
    DO,
    EACH,
    ELSE,
    IF,
    JSON,
    MERGE,
    OMIT_NULL,
    PLACEHOLDER,
    THEN,
    Template,
    split_filters,
)

Bindings = dict[str, Any]
DIGESTS = ("md5", "sha256")
_UNDO: Mapping[str, Callable[[Any], Any]] = {
    "comma": lambda value: str(value).split(",") if value else [],
    "quoted_comma": lambda value: json.loads(f"[{value}]"),
    "quoted": lambda value: json.loads(value),
    "json": lambda value: json.loads(value) if isinstance(value, str) else value,
    "soql": lambda value: re.sub(r"\\(.)", r"\1", str(value)),
    "base64": lambda value: base64.b64decode(value).decode(),
}


class Mismatch(Exception):  # noqa: N818
    """The value was not made from the template."""


Names = Mapping[str, frozenset[str]]
"""The vendor's names of what a row has: its `identifiers` and its `known` fields."""


def unrender(template: Template, value: Any, names: Names) -> Bindings:
    """What each placeholder stood for, by path; `rows` for the rows of an `$each`.

    Raises Mismatch.
    """
    found: Bindings = {}
    _match(template, value, found, names)
    return found


def text_pattern(template: str) -> tuple[str, list[tuple[str, tuple[str, ...]]]]:
    """A regular expression for a text with placeholders, and what its groups stand for."""
    pattern, groups, last = "", [], 0
    for one in PLACEHOLDER.finditer(template):
        pattern += re.escape(template[last : one.start()]) + "(.*?)"
        groups.append((one[1], split_filters(one[2])))
        last = one.end()
    return pattern + re.escape(template[last:]), groups


def _match(template: Template, value: Any, found: Bindings, names: Names) -> None:
    if isinstance(template, str):
        _match_text(template, value, found)
    elif isinstance(template, dict):
        _match_mapping(template, value, found, names)
    elif isinstance(template, list):
        if not isinstance(value, list) or len(value) != len(template):
            raise Mismatch
        for part, one in zip(template, value, strict=True):
            _match(part, one, found, names)
    elif template is not None and str(template) != str(value):
        raise Mismatch


def _match_text(template: str, value: Any, found: Bindings) -> None:
    alone = PLACEHOLDER.fullmatch(template.strip())
    if alone:
        bind(found, alone[1], split_filters(alone[2]), value)
        return
    pattern, groups = text_pattern(template)
    match = re.fullmatch(pattern, str(value), re.DOTALL)
    if match is None:
        raise Mismatch
    for (path, filters), text in zip(groups, match.groups(), strict=True):
        bind(found, path, filters, text)


def bind(found: Bindings, path: str, filters: tuple[str, ...], value: Any) -> None:
    """Note what a placeholder stood for."""
    for name in reversed(filters):
        if name in DIGESTS:
            path = f"{path}|{name}"
        undo = _UNDO.get(name)
        if undo is not None and value is not None:
            value = undo(value)
    if filters[-1:] == ("list",) and isinstance(value, list) and len(value) == 1:
        value = value[0]
    found[path] = value


def _match_mapping(template: Mapping[str, Any], value: Any, found: Bindings, names: Names) -> None:
    if EACH in template:
        _match_each(template, value, found, names)
    elif IF in template:
        _match_either(template, value, found, names)
    elif JSON in template:
        _match(template[JSON], json.loads(value), found, names)
    elif MERGE in template:
        _match_merged(template[MERGE], value, found, names)
    elif OMIT_NULL in template:
        inner = template[OMIT_NULL]
        given = {key: part for key, part in inner.items() if PLACEHOLDER.search(key)}
        given |= {key: part for key, part in inner.items() if key in _mapping(value)}
        _match_keys(given, value, found, names)
    else:
        rest = _match_keys(template, value, found, names)
        if rest:
            raise Mismatch


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Mismatch
    return value


def _match_keys(
    template: Mapping[str, Any], value: Any, found: Bindings, names: Names
) -> dict[str, Any]:
    """Match each key; what is left of the value."""
    rest = dict(_mapping(value))
    dynamic = [key for key in template if PLACEHOLDER.search(key)]
    for key in template:
        if key not in dynamic:
            if key not in rest:
                raise Mismatch
            _match(template[key], rest.pop(key), found, names)
    for key in dynamic:
        taken, bound = _first_fitting(key, template[key], rest, names)
        found.update(bound)
        del rest[taken]
    return rest


def _first_fitting(
    key: str, template: Template, rest: Mapping[str, Any], names: Names
) -> tuple[str, Bindings]:
    """The entry that a key with a placeholder stands for; identifiers come first for `key.as`."""
    wants_identifier = "key.as" in key
    for one in sorted(rest, key=lambda name: (name in names["identifiers"]) != wants_identifier):
        trial: Bindings = {}
        try:
            _match_text(key, one, trial)
            _match(template, rest[one], trial, names)
        except Mismatch:
            continue
        return one, trial
    raise Mismatch


def _match_each(template: Mapping[str, Any], value: Any, found: Bindings, names: Names) -> None:
    source = PLACEHOLDER.fullmatch(str(template[EACH]).strip())
    if source is None or not isinstance(value, list):
        raise Mismatch
    elements = []
    for one in value:
        element: Bindings = {}
        _match(template[DO], one, element, names)
        elements.append(element)
    if AS not in template:
        found["rows"] = elements
        return
    name = template[AS]
    if all(f"{name}.name" in one for one in elements):
        found[source[1]] = {str(one[f"{name}.name"]): one.get(f"{name}.value") for one in elements}
    else:
        found[source[1]] = [one.get(name) for one in elements]


def _match_either(template: Mapping[str, Any], value: Any, found: Bindings, names: Names) -> None:
    trial: Bindings = {}
    try:
        _match(template.get(THEN), value, trial, names)
    except Mismatch:
        trial = {}
        _match(template.get(ELSE), value, trial, names)
    found.update(trial)


def _match_merged(parts: list[Template], value: Any, found: Bindings, names: Names) -> None:
    rest = dict(_mapping(value))
    for part in parts:
        if isinstance(part, dict) and OMIT_NULL in part:
            part = {key: one for key, one in part[OMIT_NULL].items() if key in rest}
        if isinstance(part, dict):
            rest = _match_keys(part, rest, found, names)
    for part in parts:
        if isinstance(part, str):
            own = names["identifiers" if "identifiers" in part else "known"]
            is_rest = "identifiers" not in part and "known" not in part
            taken = {key: one for key, one in rest.items() if is_rest or key in own}
            _match_text(part, taken, found)
            rest = {key: one for key, one in rest.items() if key not in taken}
    if rest:
        raise Mismatch
