"""`identity.yml`: which values on an event identify a person, and how they are cleaned.

Owns reading the file into `IdentityRules`. What the rules become in SQL is
`cdp.identity.compile`'s business. Defaults are Segment's identifier types, in
Segment's order of priority; `group_id` is not among them, because it identifies
an account and would join everybody who works there.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cdp.errors import Location, Problems
from cdp.yamlfile import Section, read_yaml

COLUMNS = {"userId": "user_id", "anonymousId": "anonymous_id"}
"""Envelope fields that staging already has as columns."""
ROOTS = ("traits", "properties", "context")
NORMALIZERS = ("trim", "lower")
TYPE_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")
_KEY = re.compile(r"[A-Za-z0-9_ -]+\Z")


@dataclass(frozen=True)
class FieldPath:
    """Where a value is on an event: an envelope column, or keys below a JSON column."""

    column: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requirement:
    """A field that must hold an exact text for the identifier to count."""

    path: FieldPath
    equals: str


@dataclass(frozen=True)
class IdentifierType:
    """One type of identifier. `priority` counts from 1, the highest."""

    name: str
    priority: int
    paths: tuple[FieldPath, ...]
    when: tuple[Requirement, ...]
    normalize: tuple[str, ...]
    blocked_values: tuple[str, ...]
    blocked_patterns: tuple[str, ...]
    location: Location


@dataclass(frozen=True)
class IdentityRules:
    """The identifier types in order of priority."""

    types: tuple[IdentifierType, ...]


def read_identity(path: Path, problems: Problems) -> IdentityRules:
    """The rules in `identity.yml`; mistakes are added to `problems`."""
    root = read_yaml(path, problems)
    if root is None:
        return IdentityRules(())
    section = Section(root, "identity.yml", problems)
    everywhere = section.section("blocked", "blocked")
    values, patterns = _read_blocked(everywhere) if everywhere else ((), ())
    types: list[IdentifierType] = []
    for entry in section.sections("identifiers", "identifier", required=True):
        one = _read_type(entry, len(types) + 1, values, patterns)
        if any(one.name == other.name for other in types):
            problems.add(
                "duplicate-name",
                f"identifier '{one.name}' is defined twice",
                one.location,
                "keep one of the two",
            )
        types.append(one)
    section.finish()
    return IdentityRules(tuple(types))


def rules_hash(rules: IdentityRules) -> str:
    """Changes when, and only when, the rules would extract something else."""
    content = [
        (
            one.name,
            one.priority,
            one.paths,
            one.when,
            one.normalize,
            one.blocked_values,
            one.blocked_patterns,
        )
        for one in rules.types
    ]
    return hashlib.sha256(repr(content).encode()).hexdigest()[:12]


def _read_type(
    section: Section, priority: int, values: tuple[str, ...], patterns: tuple[str, ...]
) -> IdentifierType:
    name = section.text("type", required=True)
    section.what = f"identifier '{name}'"
    if name and not TYPE_NAME.match(name):
        section.problems.add(
            "invalid-name",
            f"'{name}' is not a name of an identifier type",
            section.place("type"),
            "use lower-case letters, digits and '_'",
        )
    if name in ("group_id", "groupId"):
        section.problems.add(
            "group-identifier",
            f"'{name}' identifies an account, not a person",
            section.place("type"),
            "remove it: group calls give accounts, not profiles",
        )
    paths = tuple(
        found
        for text in section.texts("paths", required=True)
        if (found := _read_path(text, section, "paths"))
    )
    own = section.section("blocked", f"blocked of '{name}'")
    own_values, own_patterns = _read_blocked(own) if own else ((), ())
    rules = IdentifierType(
        name,
        priority,
        paths,
        _read_when(section),
        _read_normalize(section),
        values + own_values,
        patterns + own_patterns,
        section.location,
    )
    section.finish()
    return rules


def _read_when(section: Section) -> tuple[Requirement, ...]:
    found = []
    for text, node, place in section.mapping("when"):
        path = _read_path(text, section, "when", place)
        value = node.value
        if isinstance(value, bool):
            value = "true" if value else "false"
        if not isinstance(value, str):
            section.wrong(text, node, "text, true or false")
        elif path:
            found.append(Requirement(path, value))
    return tuple(found)


def _read_normalize(section: Section) -> tuple[str, ...]:
    steps = section.texts("normalize") if "normalize" in section else ("trim",)
    if "normalize" not in section:
        section.node("normalize")
    for step in steps:
        if step not in NORMALIZERS:
            section.problems.add(
                "unknown-value",
                f"'{step}' is not a normalizer",
                section.place("normalize"),
                "use 'trim' or 'lower'",
            )
    return tuple(step for step in NORMALIZERS if step in steps)


def _read_blocked(section: Section) -> tuple[tuple[str, ...], tuple[str, ...]]:
    values, patterns = section.texts("values"), section.texts("patterns")
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            section.problems.add(
                "invalid-pattern",
                f"'{pattern}' is not a pattern: {error}",
                section.place("patterns"),
                "write a regular expression",
            )
    section.finish()
    return values, patterns


def _read_path(
    text: str, section: Section, key: str, place: Location | None = None
) -> FieldPath | None:
    """`userId` or `traits.email`; None, with a problem, when it is neither."""
    if text in COLUMNS:
        return FieldPath(COLUMNS[text])
    root, *keys = text.split(".")
    if root in ROOTS and keys and all(_KEY.match(one) for one in keys):
        return FieldPath(root, tuple(keys))
    section.problems.add(
        "invalid-path",
        f"'{text}' is not a path on an event",
        place or section.place(key),
        "start with userId, anonymousId, traits., properties. or context.",
    )
    return None
