"""`identity.yml`: which values on an event identify a person, and how they are joined.

Owns reading the file into `IdentityRules`. What the rules become in SQL is
`cdp.identity.compile`'s business. Defaults are Segment's identifier types, in
Segment's order of priority, with Segment's limits (user_id 1, anything else 5);
`group_id` is not among them, because it identifies an account and would join
everybody who works there.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cdp.errors import Location, Problems, suggest
from cdp.identity.fields import FieldPath, Place, read_path, read_places, reads
from cdp.identity.normalize import Step, read_normalize
from cdp.sql.values import check_text
from cdp.yamlfile import Node, Section, read_yaml

WINDOWS = ("ever", "annually", "monthly", "weekly", "daily")
LONGEST_VALUE = 500
"""Longer values are capped out unless a type says otherwise: Segment's cap for a group id."""
MOST_LENGTH = 10_000
TYPE_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")
_COUNTRY = re.compile(r"[1-9][0-9]{0,2}\Z")


@dataclass(frozen=True)
class Requirement:
    """A field that must hold an exact text for the identifier to count."""

    path: FieldPath
    equals: str


@dataclass(frozen=True)
class Limit:
    """At most `count` values of a type may join a profile in any `window` that ends then."""

    count: int
    window: str = "ever"

    def __str__(self) -> str:
        return f"{self.count} {self.window}"


@dataclass(frozen=True)
class Shared:
    """A value seen with more than `more_than` values of the type `with_type` joins nothing."""

    with_type: str
    more_than: int
    location: Location

    @property
    def rule(self) -> tuple[str, int]:
        """What it says, wherever it is written."""
        return self.with_type, self.more_than


@dataclass(frozen=True)
class IdentifierType:
    """One type of identifier. `priority` counts from 1, the highest."""

    name: str
    priority: int
    places: tuple[Place, ...]
    external_ids: bool
    when: tuple[Requirement, ...]
    normalize: tuple[Step, ...]
    default_country: str
    pattern: str
    length: int
    blocked_values: tuple[str, ...]
    blocked_patterns: tuple[str, ...]
    limit: Limit
    shared: Shared | None
    location: Location


@dataclass(frozen=True)
class IdentityRules:
    """The identifier types in order of priority, and what identifies nobody whatever its type.

    `alias` are the types that the previousId of an alias call may be a value of.
    """

    types: tuple[IdentifierType, ...]
    blocked_values: tuple[str, ...] = ()
    blocked_patterns: tuple[str, ...] = ()
    alias: tuple[str, ...] = ()


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
    silent = not any(kind.places or kind.external_ids for kind in types)
    if types and silent and not problems.found:
        problems.add(
            "no-event-identifier",
            "no identifier is read from events",
            section.place("identifiers"),
            "give at least one identifier a path",
        )
    alias = _read_alias(section, types)
    section.finish()
    _check_shared(types, problems)
    return IdentityRules(tuple(types), values, patterns, alias)


def rules_hash(rules: IdentityRules) -> str:
    """Changes when, and only when, the rules would extract something else.

    Limits and shared values are not part of it: they are applied to what was extracted.
    """
    content = [
        (
            one.name,
            one.priority,
            one.places,
            one.external_ids,
            one.when,
            one.normalize,
            one.default_country,
            one.pattern,
            one.length,
            one.blocked_values,
            one.blocked_patterns,
        )
        for one in rules.types
    ]
    return hashlib.sha256(repr((content, rules.alias)).encode()).hexdigest()[:12]


def resolution_hash(rules: IdentityRules) -> str:
    """Changes when, and only when, the rules would extract or join something else."""
    content = [(one.name, one.limit, one.shared and one.shared.rule) for one in rules.types]
    return hashlib.sha256(repr((rules_hash(rules), content)).encode()).hexdigest()[:12]


def _read_type(
    section: Section, priority: int, values: tuple[str, ...], patterns: tuple[str, ...]
) -> IdentifierType:
    name = section.text("type", required=True)
    section.what = f"identifier '{name}'"
    _check_name(section, name)
    places = read_places(section)
    own = section.section("blocked", f"blocked of '{name}'")
    own_values, own_patterns = _read_blocked(own) if own else ((), ())
    normalize = read_normalize(section)
    rules = IdentifierType(
        name=name,
        priority=priority,
        places=places,
        external_ids=section.boolean("external_ids", default="key" in section),
        when=_read_when(section),
        normalize=normalize,
        default_country=_read_country(section, normalize),
        pattern=_read_pattern(section),
        length=_read_length(section),
        blocked_values=values + own_values,
        blocked_patterns=patterns + own_patterns,
        limit=_read_limit(section, Limit(1 if name == "user_id" else 5)),
        shared=_read_shared(section),
        location=section.location,
    )
    section.finish()
    return rules


def _check_name(section: Section, name: str) -> None:
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


def _read_when(section: Section) -> tuple[Requirement, ...]:
    found = []
    for text, node, place in section.mapping("when"):
        path = read_path(text, section, place)
        value = node.value
        if isinstance(value, bool):
            value = "true" if value else "false"
        if not isinstance(value, str):
            section.wrong(text, node, "text, true or false")
        elif path and check_text(value, f"'when' of {section.what}", node, section.problems):
            found.append(Requirement(path, value))
    return tuple(found)


def _read_country(section: Section, normalize: tuple[Step, ...]) -> str:
    node = section.node("default_country")
    if node is None:
        return ""
    code = str(node.value).removeprefix("+")
    if not _COUNTRY.match(code) or isinstance(node.value, bool):
        section.wrong("default_country", node, "a calling code such as 49")
        return ""
    if "phone" not in normalize:
        section.problems.add(
            "useless-setting",
            f"{section.what} has a default_country but does not normalize 'phone'",
            node.location,
            "add 'phone' to 'normalize', or remove this line",
        )
    return code


def _read_pattern(section: Section) -> str:
    pattern = section.text("pattern")
    return pattern if _is_pattern(section, "pattern", pattern) else ""


def _read_length(section: Section) -> int:
    length = section.integer("length", default=LONGEST_VALUE, minimum=1)
    if length > MOST_LENGTH:
        section.problems.add(
            "out-of-range",
            f"'length' of {section.what} is {length}",
            section.place("length"),
            f"use {MOST_LENGTH} or less",
        )
    return length


def _read_limit(section: Section, default: Limit) -> Limit:
    inner = section.section("limit", f"limit of {section.what}")
    if inner is None:
        return default
    limit = Limit(
        inner.integer("count", required=True, default=default.count, minimum=1),
        inner.choice("window", WINDOWS, default="ever"),
    )
    inner.finish()
    return limit


def _read_shared(section: Section) -> Shared | None:
    inner = section.section("shared", f"shared of {section.what}")
    if inner is None:
        return None
    shared = Shared(
        inner.text("with", required=True),
        inner.integer("more_than", required=True, default=1, minimum=1),
        inner.place("with"),
    )
    inner.finish()
    return shared


def _check_shared(types: list[IdentifierType], problems: Problems) -> None:
    for one in types:
        others = [other.name for other in types if other is not one]
        if one.shared and one.shared.with_type and one.shared.with_type not in others:
            problems.add(
                "unknown-identifier",
                f"identifier '{one.name}' is shared with '{one.shared.with_type}', "
                "which is not another identifier",
                one.shared.location,
                suggest(one.shared.with_type, others),
            )


def _read_alias(section: Section, types: list[IdentifierType]) -> tuple[str, ...]:
    """What the file says, else the types that are a user id or an anonymous id.

    Where a type reads previousId itself, that is what the file says about alias calls.
    """
    node = section.node("alias")
    if node is None:
        own = any(reads(kind.places, "previousId", "alias") for kind in types)
        return () if own else tuple(kind.name for kind in types if _is_aliased(kind))
    if node.value == "ignore":
        return ()
    inner = Section(node, "alias", section.problems)
    names = inner.texts("as", required=True)
    inner.finish()
    known = [kind.name for kind in types]
    for name in names:
        if name not in known:
            section.problems.add(
                "unknown-identifier",
                f"alias calls name '{name}', which is not a type of identifier",
                inner.place("as"),
                suggest(name, known),
            )
    return tuple(name for name in known if name in names)


def _is_aliased(kind: IdentifierType) -> bool:
    return any(reads(kind.places, field, "alias") for field in ("userId", "anonymousId"))


def _read_blocked(section: Section) -> tuple[tuple[str, ...], tuple[str, ...]]:
    values, patterns = section.texts("values"), section.texts("patterns")
    for value in values:
        check_text(value, section.what, Node(value, section.place("values")), section.problems)
    for pattern in patterns:
        _is_pattern(section, "patterns", pattern)
    section.finish()
    return values, patterns


def _is_pattern(section: Section, key: str, pattern: str) -> bool:
    if not check_text(pattern, section.what, Node(pattern, section.place(key)), section.problems):
        return False
    try:
        re.compile(pattern)
    except re.error as error:
        section.problems.add(
            "invalid-pattern",
            f"'{pattern}' is not a pattern: {error}",
            section.place(key),
            "write a regular expression",
        )
        return False
    return True
