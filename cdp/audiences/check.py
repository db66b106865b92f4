"""Checks of audiences that need all definitions: names, types of operators, cycles.

Owns what only the whole catalogue can tell. Reading a file belongs to `spec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from cdp.audiences.spec import Audience, InAudience, TraitTest, leaves
from cdp.errors import Problems, suggest
from cdp.sql.events import read_operand
from cdp.sql.operators import OPERATORS
from cdp.traits.spec import Trait


class Definitions(Protocol):
    """The part of the catalogue that audiences refer to; mappings are by name."""

    @property
    def traits(self) -> Mapping[str, Trait]: ...
    @property
    def audiences(self) -> Mapping[str, Audience]: ...


def check_audiences(catalogue: Definitions, problems: Problems) -> None:
    """Notes every unknown trait or audience, every misused operator and every cycle."""
    for audience in catalogue.audiences.values():
        for leaf in leaves(audience.who):
            if isinstance(leaf, TraitTest):
                _check_trait(leaf, audience, catalogue.traits, problems)
            elif isinstance(leaf, InAudience) and leaf.audience not in catalogue.audiences:
                problems.add(
                    "unknown-audience",
                    f"audience '{audience.name}' uses audience '{leaf.audience}', "
                    "which is not defined",
                    leaf.location,
                    suggest(leaf.audience, catalogue.audiences),
                )
    _check_cycles(catalogue.audiences, problems)


def _check_trait(
    test: TraitTest, audience: Audience, traits: Mapping[str, Trait], problems: Problems
) -> None:
    trait = traits.get(test.trait)
    if trait is None:
        problems.add(
            "unknown-trait",
            f"audience '{audience.name}' uses trait '{test.trait}', which is not defined",
            test.location,
            _nearest(test.trait, traits),
        )
        return
    if trait.level != "profile":
        problems.add(
            "wrong-level",
            f"audience '{audience.name}' uses trait '{trait.name}', which is of accounts",
            test.location,
            "use a trait of profiles",
        )
        return
    operator = OPERATORS[test.operator]
    if trait.type not in operator.types:
        fitting = [name for name, one in OPERATORS.items() if trait.type in one.types]
        problems.add(
            "wrong-operator-type",
            f"audience '{audience.name}' uses '{operator.name}' on trait '{trait.name}', "
            f"which is of type '{trait.type}'",
            test.value.location,
            "use " + ", ".join(fitting),
        )
        return
    what = f"trait '{trait.name}' in audience '{audience.name}'"
    read_operand(operator, trait.type, test.value, what, problems)


def _nearest(name: str, traits: Mapping[str, Trait]) -> str:
    help_text = suggest(name, traits)
    near = traits.get(help_text.removeprefix("did you mean '").removesuffix("'?"))
    return f"{help_text} ({near.location})" if near is not None else help_text


def _check_cycles(audiences: Mapping[str, Audience], problems: Problems) -> None:
    """Follows the names from every audience, without recursion: chains may be long."""
    uses = {name: _used(audience) for name, audience in audiences.items()}
    done: set[str] = set()
    for start in sorted(audiences):
        trail: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                trail.pop()
                done.add(name)
            elif name in trail:
                _note_cycle(trail[trail.index(name) :], audiences, problems)
            elif name in uses and name not in done:
                trail.append(name)
                stack.append((name, True))
                stack.extend((used, False) for used in reversed(uses[name]))


def _used(audience: Audience) -> list[str]:
    names = [leaf.audience for leaf in leaves(audience.who) if isinstance(leaf, InAudience)]
    return list(dict.fromkeys(names))


def _note_cycle(cycle: list[str], audiences: Mapping[str, Audience], problems: Problems) -> None:
    # A cycle is noted once, from its first name, whichever audience it was entered by.
    first = cycle.index(min(cycle))
    ordered = cycle[first:] + cycle[:first]
    arrows = " -> ".join(f"'{name}'" for name in [*ordered, ordered[0]])
    audience = audiences[ordered[0]]
    following = ordered[1 % len(ordered)]
    place = next(
        leaf.location
        for leaf in leaves(audience.who)
        if isinstance(leaf, InAudience) and leaf.audience == following
    )
    problems.add(
        "audience-cycle",
        f"audiences depend on each other in a circle: {arrows}",
        place,
        "take one of these conditions out, or repeat its conditions instead of naming it",
    )
