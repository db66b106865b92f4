"""Values of conditions that are traits of the same profile: their names and types.

Owns what can be told only when all traits are known, and fills in the type that a property
beside a trait is read as.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from cdp.audiences.conditions import (
    All,
    Any,
    Condition,
    Counted,
    Not,
    Sequence,
    TraitTest,
    compared_traits,
)
from cdp.audiences.spec import Audience
from cdp.errors import Location, Problems, suggest
from cdp.sql.events import EventQuery, Filter, Property
from cdp.sql.filters import TraitValue, read_trait_value
from cdp.sql.operators import MOMENT, OPERATORS, SAME, Operator
from cdp.sql.types import DECIMAL, INTEGER, NUMBERS, STRING, TIMESTAMP, describe
from cdp.traits.spec import Trait


class Definitions(Protocol):
    """The part of the catalogue that audiences refer to; mappings are by name."""

    @property
    def traits(self) -> Mapping[str, Trait]: ...
    @property
    def audiences(self) -> Mapping[str, Audience]: ...


def resolved_audiences(catalogue: Definitions, problems: Problems) -> dict[str, Audience]:
    """The audiences with the type of every property known; wrong references are noted."""
    return {
        name: replace(one, who=_Resolver(one, catalogue.traits, problems).resolved(one.who))
        for name, one in catalogue.audiences.items()
    }


def find_trait(
    name: str, location: Location, who: str, traits: Mapping[str, Trait], problems: Problems
) -> Trait | None:
    """The trait of profiles that an audience names; None, with a problem noted, without one."""
    trait = traits.get(name)
    if trait is None:
        problems.add(
            "unknown-trait",
            f"{who} uses trait '{name}', which is not defined",
            location,
            _nearest(name, traits),
        )
        return None
    if trait.level != "profile":
        problems.add(
            "wrong-level",
            f"{who} uses trait '{trait.name}', which is of accounts",
            location,
            "use a trait of profiles",
        )
        return None
    return trait


def referred_trait(test: TraitTest) -> TraitValue | None:
    """The trait in the place of a test's value; for a checked test."""
    if not isinstance(test.value.value, dict):
        return None
    return read_trait_value(OPERATORS[test.operator], test.value, "", Problems())


def check_trait_value(
    test: TraitTest, subject: Trait, who: str, traits: Mapping[str, Trait], problems: Problems
) -> None:
    """Notes a trait in the place of a value that cannot be compared with another trait."""
    operator = OPERATORS[test.operator]
    what = f"trait '{subject.name}' in {who}"
    value = read_trait_value(operator, test.value, what, problems)
    if value is None:
        return
    trait = find_trait(value.name, value.location, who, traits, problems)
    if trait is not None and not _fits(operator, trait, subject.type):
        _note(operator, who, trait, _wanted(operator, subject.type), value, problems)


class _Resolver:
    """Fills in types in one audience."""

    def __init__(self, audience: Audience, traits: Mapping[str, Trait], problems: Problems) -> None:
        self.who = f"audience '{audience.name}'"
        self.traits = traits
        self.problems = problems

    def resolved(self, condition: Condition) -> Condition:
        if isinstance(condition, All):
            return All(tuple(self.resolved(part) for part in condition.parts))
        if isinstance(condition, Any):
            return Any(tuple(self.resolved(part) for part in condition.parts))
        if isinstance(condition, Not):
            return Not(self.resolved(condition.part))
        if not isinstance(condition, Counted):
            return condition
        measure = condition.measure
        if isinstance(measure, Sequence):
            steps = [replace(one, query=self._query(one.query)) for one in measure.steps]
            return replace(condition, measure=replace(measure, steps=tuple(steps)))
        return replace(condition, measure=replace(measure, query=self._query(measure.query)))

    def _query(self, query: EventQuery) -> EventQuery:
        if not compared_traits(query):
            return query
        return replace(query, filters=tuple(self._filter(one) for one in query.filters))

    def _filter(self, one: Filter) -> Filter:
        value = one.value
        if not isinstance(value, TraitValue):
            return one
        trait = find_trait(value.name, value.location, self.who, self.traits, self.problems)
        if trait is None:
            return one
        operator = OPERATORS[one.operator]
        if not _fits(operator, trait, trait.type):
            _note(operator, self.who, trait, _wanted(operator, ""), value, self.problems)
            return one
        kind = DECIMAL if trait.type == INTEGER else trait.type
        return replace(one, property=Property(one.property.path, kind))


def _fits(operator: Operator, trait: Trait, kind: str) -> bool:
    """Whether an operator may compare a subject of a type with a trait."""
    if operator.takes != SAME:
        return trait.type == (TIMESTAMP if operator.takes == MOMENT else STRING)
    alike = trait.type == kind or (trait.type in NUMBERS and kind in NUMBERS)
    return alike and trait.type in operator.types


def _wanted(operator: Operator, kind: str) -> str:
    if operator.takes != SAME:
        return describe(TIMESTAMP if operator.takes == MOMENT else STRING)
    kinds = (kind,) if kind else operator.types
    return " or ".join(dict.fromkeys(describe(one) for one in kinds))


def _note(
    operator: Operator, who: str, trait: Trait, wanted: str, value: TraitValue, problems: Problems
) -> None:
    problems.add(
        "wrong-reference-type",
        f"'{operator.name}' in {who} refers to trait '{trait.name}', which is "
        f"{describe(trait.type)}",
        value.location,
        f"refer to a trait that is {wanted}",
    )


def _nearest(name: str, traits: Mapping[str, Trait]) -> str:
    help_text = suggest(name, traits)
    near = traits.get(help_text.removeprefix("did you mean '").removesuffix("'?"))
    return f"{help_text} ({near.location})" if near is not None else help_text
