"""Groupings of profiles: `definitions/entities/<name>.yml` read into frozen values.

Owns the closed language of what makes two profiles one household (or team, or any
other entity). Accounts need no definition: group calls give them. Whether a named
entity exists is checked in `check`, when all definitions are known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cdp.errors import Location, Problems, suggest
from cdp.sql.values import read_description, read_path
from cdp.yamlfile import NAME, Section, read_yaml

NORMALIZERS = ("spaces", "trim", "lower")
"""In the order in which they are applied, whatever order a definition lists them in."""
MEMBERS = ("profiles",)
KINDS = ("traits", "account", "entity")
LONGEST_NAME = 45
MOST_RULES = 20
DEEPEST_PATH = 3


@dataclass(frozen=True)
class TraitsRule:
    """Profiles with the same values of all these traits are joined.

    Each path is a trait's name and keys below it. A value that more than `more_than`
    profiles have joins nothing; None is no limit.
    """

    paths: tuple[tuple[str, ...], ...]
    normalize: tuple[str, ...]
    more_than: int | None
    location: Location = field(compare=False)

    @property
    def name(self) -> str:
        """What tells rules of one entity apart; a part of the ids of entities."""
        steps = (
            "" if self.normalize == NORMALIZERS else f" ({', '.join(self.normalize) or 'as is'})"
        )
        return "traits: " + ", ".join(".".join(path) for path in self.paths) + steps


@dataclass(frozen=True)
class AccountRule:
    """Profiles in one account are joined, where it has at most `more_than` of them."""

    more_than: int | None
    location: Location = field(compare=False)
    name: str = "account"


@dataclass(frozen=True)
class EntityRule:
    """Profiles in one entity of another grouping are joined."""

    entity: str
    location: Location = field(compare=False)

    @property
    def name(self) -> str:
        return f"entity: {self.entity}"


Rule = TraitsRule | AccountRule | EntityRule


@dataclass(frozen=True)
class Entity:
    """One grouping of profiles. `rules` are in the order of the file."""

    name: str
    description: str
    rules: tuple[Rule, ...]
    path: Path = field(compare=False)
    location: Location = field(compare=False)


def read_entity(path: Path, problems: Problems) -> Entity | None:
    """The grouping of one file, or None with every problem noted."""
    root = read_yaml(path, problems)
    if root is None:
        return None
    before = len(problems.found)
    section = Section(root, "an entity", problems)
    name = section.name("name")
    section.what = f"entity '{name}'" if name else "an entity"
    _check_name(name, path, section)
    description = read_description(section, problems)
    section.choice("members", MEMBERS, required=True)
    entries = section.sections("joined_by", f"a rule of {section.what}", required=True)
    section.finish()
    if len(entries) > MOST_RULES:
        problems.add(
            "too-many-rules",
            f"{section.what} has {len(entries)} rules",
            section.place("joined_by"),
            f"use at most {MOST_RULES}",
        )
        return None
    rules = [_read_rule(entry) for entry in entries]
    _check_repeated(rules, problems)
    if len(problems.found) > before:
        return None
    known = tuple(rule for rule in rules if rule is not None)
    return Entity(name, description, known, path, section.location)


def _check_name(name: str, path: Path, section: Section) -> None:
    if name and name != path.stem:
        section.problems.add(
            "wrong-file-name",
            f"{section.what} stands in the file {path.name}",
            section.place("name"),
            f"rename the file to {name}.yml"
            + (f", or the entity to '{path.stem}'" if NAME.match(path.stem) else ""),
        )
    if len(name) > LONGEST_NAME:
        section.problems.add(
            "invalid-name",
            f"{section.what} has a name of {len(name)} characters",
            section.place("name"),
            f"use at most {LONGEST_NAME}: it becomes part of a table's name",
        )


def _read_rule(section: Section) -> Rule | None:
    kinds = [key for key in KINDS if key in section]
    if len(kinds) != 1:
        _wrong_kinds(section, kinds)
        return None
    rule: Rule | None
    if kinds == ["entity"]:
        rule = EntityRule(section.name("entity"), section.place("entity"))
    elif kinds == ["account"]:
        rule = _read_account(section)
    else:
        rule = _read_traits(section)
    section.finish()
    return rule


def _wrong_kinds(section: Section, kinds: list[str]) -> None:
    if kinds:
        section.problems.add(
            "conflicting-keys",
            f"{section.what} has both '{kinds[0]}' and '{kinds[1]}'",
            section.place(kinds[1]),
            "make two rules of it: profiles are joined when any of them says so",
        )
        return
    given = next(iter(section.keys()), "")
    section.problems.add(
        "unknown-rule",
        f"{section.what} says neither 'traits' nor 'account' nor 'entity'",
        section.location,
        suggest(given, KINDS),
    )


def _read_account(section: Section) -> AccountRule:
    node = section.node("account")
    if node is not None and node.value is not True:
        section.wrong("account", node, "true")
    return AccountRule(_read_shared(section), section.place("account"))


def _read_traits(section: Section) -> TraitsRule:
    before = len(section.problems.found)
    node = section.node("traits")
    items = node.value if node is not None and isinstance(node.value, tuple) else (node,)
    paths = []
    for item in items:
        if item is None or not isinstance(item.value, str):
            continue
        path = read_path(item.value, section.what, item, section.problems)
        if path and len(path) > DEEPEST_PATH:
            section.problems.add(
                "invalid-path",
                f"{section.what} reads the trait '{item.value}'",
                item.location,
                f"name a trait and at most {DEEPEST_PATH - 1} keys below it",
            )
        elif path in paths:
            section.problems.add(
                "duplicate-name",
                f"{section.what} names the trait '{item.value}' twice",
                item.location,
                "keep one of the two",
            )
        elif path:
            paths.append(path)
    # Reports what is no text.
    if not section.texts("traits") and len(section.problems.found) == before:
        section.problems.add(
            "empty-list",
            f"'traits' of {section.what} is empty",
            section.place("traits"),
            "list at least one entry",
        )
    normalize = _read_normalize(section)
    return TraitsRule(tuple(paths), normalize, _read_shared(section), section.location)


def _read_normalize(section: Section) -> tuple[str, ...]:
    if "normalize" not in section:
        section.node("normalize")
        return NORMALIZERS
    steps = section.texts("normalize")
    for step in steps:
        if step not in NORMALIZERS:
            section.problems.add(
                "unknown-value",
                f"'{step}' is not a normalizer",
                section.place("normalize"),
                suggest(step, NORMALIZERS),
            )
    return tuple(step for step in NORMALIZERS if step in steps)


def _read_shared(section: Section) -> int | None:
    inner = section.section("shared", f"shared of {section.what}")
    if inner is None:
        return None
    more_than = inner.integer("more_than", required=True, default=1, minimum=1)
    inner.finish()
    return more_than


def _check_repeated(rules: list[Rule | None], problems: Problems) -> None:
    names: set[str] = set()
    for rule in rules:
        if rule is None:
            continue
        if rule.name in names:
            problems.add(
                "duplicate-name",
                f"two rules join by '{rule.name}'",
                rule.location,
                "keep one of the two",
            )
        names.add(rule.name)
