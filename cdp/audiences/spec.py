"""Audiences: `definitions/audiences/<name>.yml` read into a frozen tree of conditions.

Owns the closed language of conditions. Whether the names in them exist, and whether an
operator fits a trait's type, is checked in `check`, when all definitions are known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cdp.audiences.alerts import Alert, read_alert
from cdp.audiences.behaviour import KINDS as BEHAVIOURS
from cdp.audiences.behaviour import read_behaviour
from cdp.audiences.conditions import All, Any, Condition, InAudience, Not, TraitTest
from cdp.audiences.selections import KINDS as SELECTIONS
from cdp.audiences.selections import read_selection
from cdp.audiences.sequences import KIND as SEQUENCE
from cdp.audiences.sequences import read_sequence
from cdp.errors import Location, Problems, suggest
from cdp.sql.events import read_operator
from cdp.sql.operators import OPERATORS
from cdp.sql.values import read_description
from cdp.yamlfile import NAME, Node, Section, read_yaml

LONGEST_NAME = 50
DEEPEST = 20
MOST_CONDITIONS = 10_000
KINDS = ("all", "any", "not", "trait", *BEHAVIOURS, SEQUENCE, "audience", *SELECTIONS)


@dataclass(frozen=True)
class Audience:
    """One audience. Without `include_anonymous`, profiles that are anonymous are never in it."""

    name: str
    description: str
    include_anonymous: bool
    who: Condition
    path: Path = field(compare=False)
    location: Location = field(compare=False)
    alert: Alert | None = None


def read_audience(path: Path, problems: Problems) -> Audience | None:
    """The audience of one file, or None with every problem noted."""
    root = read_yaml(path, problems)
    if root is None:
        return None
    before = len(problems.found)
    section = Section(root, "an audience", problems)
    name = section.name("name")
    section.what = f"audience '{name}'" if name else "an audience"
    _check_name(name, path, section, problems)
    description = read_description(section, problems)
    include_anonymous = section.boolean("include_anonymous")
    node = section.node("who", required=True)
    alert = read_alert(section, problems)
    above = _read_below(section)
    section.finish()
    reader = _Reader(section.what, problems, known_only=not include_anonymous)
    who = reader.read(node, 1) if node is not None else None
    if who is None or len(problems.found) > before:
        return None
    who = All((who, *above)) if above else who
    return Audience(name, description, include_anonymous, who, path, section.location, alert)


def _read_below(section: Section) -> list[Not]:
    """The audiences that go before this one: who is in one of them is not in it."""
    names = section.texts("below")
    node = section.node("below")
    if node is None:
        return []
    items = node.value if isinstance(node.value, tuple) else (node,)
    places = [one.location for one in items]
    return [Not(InAudience(name, place)) for name, place in zip(names, places, strict=False)]


def _check_name(name: str, path: Path, section: Section, problems: Problems) -> None:
    if name and name != path.stem:
        problems.add(
            "wrong-file-name",
            f"{section.what} stands in the file {path.name}",
            section.place("name"),
            f"rename the file to {name}.yml, or the audience to '{path.stem}'"
            if NAME.match(path.stem)
            else f"rename the file to {name}.yml",
        )
    if len(name) > LONGEST_NAME:
        problems.add(
            "invalid-name",
            f"{section.what} has a name of {len(name)} characters",
            section.place("name"),
            f"use at most {LONGEST_NAME}: it becomes part of a table's name",
        )


class _Reader:
    """Reads conditions of one audience, counting them."""

    def __init__(self, what: str, problems: Problems, *, known_only: bool) -> None:
        self.what = what
        self.problems = problems
        self.known_only = known_only
        self.count = 0

    def read(self, node: Node, depth: int) -> Condition | None:
        """The condition at a node; None when a problem was noted."""
        if self._too_much(node, depth):
            return None
        section = Section(node, f"a condition of {self.what}", self.problems)
        if not isinstance(node.value, dict):
            return None
        kinds = [kind for kind in KINDS if kind in section]
        if len(kinds) != 1:
            self._wrong_kind(section, kinds)
            return None
        kind = kinds[0]
        if kind in ("all", "any"):
            return self._read_group(section, kind, depth)
        if kind == "not":
            inner = section.node("not")
            section.finish()
            part = self.read(inner, depth + 1) if inner is not None else None
            return None if part is None else Not(part)
        if kind == "trait":
            return self._read_trait(section)
        if kind == "audience":
            name = section.text("audience")
            section.finish()
            return InAudience(name, section.place("audience")) if name else None
        if kind == SEQUENCE:
            return read_sequence(section, self.problems)
        if kind in SELECTIONS:
            return read_selection(section, kind, self.problems, known_only=self.known_only)
        return read_behaviour(section, kind, self.problems)

    def _too_much(self, node: Node, depth: int) -> bool:
        self.count += 1
        if depth > DEEPEST:
            self.problems.add(
                "too-deep",
                f"{self.what} nests conditions more than {DEEPEST} deep",
                node.location,
                "make the inner conditions an audience of their own and name it with 'audience:'",
            )
        elif self.count == MOST_CONDITIONS + 1:
            self.problems.add(
                "too-many-conditions",
                f"{self.what} has more than {MOST_CONDITIONS} conditions",
                node.location,
                "use 'one_of' with a list, or keep the list in a table",
            )
        return depth > DEEPEST or self.count > MOST_CONDITIONS

    def _wrong_kind(self, section: Section, kinds: list[str]) -> None:
        if kinds:
            self.problems.add(
                "two-conditions",
                f"{section.what} is both '{kinds[0]}' and '{kinds[1]}'",
                section.place(kinds[1]),
                "write them as two entries under 'all' or 'any'",
            )
            return
        first = next(iter(section.keys()), "")
        self.problems.add(
            "unknown-condition",
            f"{section.what} starts with '{first}'" if first else f"{section.what} is empty",
            section.location,
            suggest(first, KINDS),
        )

    def _read_group(self, section: Section, kind: str, depth: int) -> Condition | None:
        items = section.items(kind, required=True)
        section.finish()
        parts = [self.read(item, depth + 1) for item in items]
        whole = tuple(part for part in parts if part is not None)
        if not whole or len(whole) < len(parts):
            return None
        return All(whole) if kind == "all" else Any(whole)

    def _read_trait(self, section: Section) -> Condition | None:
        trait = section.text("trait")
        found = read_operator(section, OPERATORS, self.problems)
        section.finish()
        if not trait or found is None:
            return None
        operator, node = found
        return TraitTest(trait, operator.name, node, section.place("trait"))
