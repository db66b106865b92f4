"""`identity_overrides.yml`: what people decided about identifiers, whatever the events say.

Owns reading the file into `Override`s: `link` joins two identifiers, `never` keeps two apart,
`block` takes a value out. Overrides name identifiers and never profile ids, because a profile's
id is a result. What they become in SQL is `cdp.identity.compile_overrides`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cdp.errors import Location, Problems, suggest
from cdp.sql.types import TIMESTAMP
from cdp.sql.values import check_text, read_value
from cdp.yamlfile import Node, Section, read_yaml

KINDS = ("link", "never", "block")


@dataclass(frozen=True)
class Identifier:
    """An identifier as it is written down: its type, and a value that is not normalised yet."""

    type: str
    value: str
    location: Location


@dataclass(frozen=True)
class Override:
    """One override; `other` is None for a block. `valid_from` is in UTC; None is always."""

    kind: str
    identifier: Identifier
    other: Identifier | None
    author: str
    reason: str
    valid_from: datetime | None
    location: Location


def read_overrides(path: Path, problems: Problems) -> tuple[Override, ...]:
    """The overrides of a file, which need not exist; mistakes are added to `problems`."""
    root = read_yaml(path, problems) if path.exists() else None
    if root is None:
        return ()
    section = Section(root, "identity_overrides.yml", problems)
    found = [_read_override(entry) for entry in section.sections("overrides", "override")]
    section.finish(show_lines=False)
    return tuple(one for one in found if one is not None)


def check_overrides(
    overrides: Iterable[Override], known: Iterable[str], problems: Problems
) -> None:
    """Every type is one of `known`, and no two are both linked and kept apart."""
    names = list(known)
    kinds: dict[frozenset[tuple[str, str]], str] = {}
    for one in overrides:
        pair = [identifier for identifier in (one.identifier, one.other) if identifier]
        for identifier in pair:
            if identifier.type not in names:
                problems.add(
                    "unknown-identifier",
                    f"an override names the identifier type '{identifier.type}', "
                    "which is not defined",
                    identifier.location,
                    suggest(identifier.type, names),
                )
        if one.other is None:
            continue
        both = frozenset((identifier.type, identifier.value) for identifier in pair)
        if kinds.setdefault(both, one.kind) != one.kind:
            problems.add(
                "conflicting-overrides",
                "two identifiers are both linked and never to be joined",
                one.location,
                "keep one of the two overrides",
            )


def _read_override(section: Section) -> Override | None:
    kinds = [kind for kind in KINDS if kind in section]
    if len(kinds) != 1:
        section.problems.add(
            "unclear-override",
            f"an override has {len(kinds)} of link, never and block",
            section.location,
            "write one of the three",
        )
    kind = kinds[0] if kinds else ""
    found = [
        _read_identifier(Section(node, f"identifier of a {kind}", section.problems))
        for node in _nodes(section, kind)
    ]
    identifiers = [one for one in found if one is not None]
    node = section.node("valid_from")
    override = (
        read_value(TIMESTAMP, node, "'valid_from' of an override", section.problems)
        if node
        else None
    )
    author = _read_text(section, "author")
    reason = _read_text(section, "reason")
    section.finish(show_lines=False)
    if len(kinds) != 1 or len(identifiers) != (1 if kind == "block" else 2):
        return None
    valid_from = override if isinstance(override, datetime) else None
    other = identifiers[1] if len(identifiers) > 1 else None
    if other and (other.type, other.value) == (identifiers[0].type, identifiers[0].value):
        section.problems.add(
            "useless-override",
            f"a {kind} names one identifier twice",
            other.location,
            "name two identifiers",
        )
        return None
    return Override(kind, identifiers[0], other, author, reason, valid_from, section.location)


def _nodes(section: Section, kind: str) -> tuple[Node, ...]:
    """The identifiers of an override as they stand: one for a block, two for the others."""
    if not kind:
        return ()
    if kind == "block":
        node = section.node(kind)
        return (node,) if node else ()
    items = section.items(kind)
    if len(items) != 2:
        section.problems.add(
            "wrong-number",
            f"a {kind} names {len(items)} identifiers",
            section.place(kind),
            "name two, as in [{user_id: u_1}, {email: jane@example.org}]",
        )
        return ()
    return items


def _read_identifier(section: Section) -> Identifier | None:
    keys = section.keys()
    if len(keys) != 1:
        section.problems.add(
            "unclear-identifier",
            f"an identifier has {len(keys)} types",
            section.location,
            "write one type and its value, as in {user_id: u_1}",
        )
        return None
    node = section.node(keys[0])
    if node is None:
        return None
    if isinstance(node.value, (dict, tuple, bool)) or node.value is None:
        section.wrong(keys[0], node, "text")
        return None
    value = str(node.value).strip()
    if not value or not check_text(value, "an identifier of an override", node, section.problems):
        return None
    return Identifier(keys[0], value, node.location)


def _read_text(section: Section, key: str) -> str:
    text = section.text(key, required=True)
    node = section.node(key)
    if node is not None:
        check_text(text, f"'{key}' of an override", node, section.problems)
    return text
