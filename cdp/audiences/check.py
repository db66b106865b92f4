"""Checks of audiences that need all definitions: names, types of operators, cycles.

Owns what only the whole catalogue can tell. Reading a file belongs to `spec`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cdp.audiences.conditions import InAudience, Split, Top, TraitTest, leaves
from cdp.audiences.references import Definitions, check_trait_value, find_trait
from cdp.audiences.spec import Audience
from cdp.errors import Problems, suggest
from cdp.sql.events import read_operand
from cdp.sql.operators import OPERATORS
from cdp.sql.types import NUMBERS, SCALARS, TIMESTAMP, describe
from cdp.traits.spec import Trait


def check_audiences(catalogue: Definitions, problems: Problems) -> None:
    """Notes every unknown trait or audience, every misused operator and every cycle."""
    for audience in catalogue.audiences.values():
        for leaf in leaves(audience.who):
            if isinstance(leaf, TraitTest):
                _check_trait(leaf, audience, catalogue.traits, problems)
            elif isinstance(leaf, (Top, Split)):
                _check_ranking(leaf, audience, catalogue.traits, problems)
            elif isinstance(leaf, InAudience) and leaf.audience not in catalogue.audiences:
                problems.add(
                    "unknown-audience",
                    f"audience '{audience.name}' uses audience '{leaf.audience}', "
                    "which is not defined",
                    leaf.location,
                    suggest(leaf.audience, catalogue.audiences),
                )
    _check_splits(catalogue.audiences.values(), problems)
    _check_cycles(catalogue.audiences, problems)


def _check_trait(
    test: TraitTest, audience: Audience, traits: Mapping[str, Trait], problems: Problems
) -> None:
    who = f"audience '{audience.name}'"
    trait = find_trait(test.trait, test.location, who, traits, problems)
    if trait is None:
        return
    operator = OPERATORS[test.operator]
    if trait.type not in operator.types:
        fitting = [name for name, one in OPERATORS.items() if trait.type in one.types]
        problems.add(
            "wrong-operator-type",
            f"{who} uses '{operator.name}' on trait '{trait.name}', "
            f"which is of type '{trait.type}'",
            test.value.location,
            "use " + ", ".join(fitting),
        )
        return
    if isinstance(test.value.value, dict):
        check_trait_value(test, trait, who, traits, problems)
        return
    what = f"trait '{trait.name}' in {who}"
    read_operand(operator, trait.type, test.value, what, problems)


def _check_ranking(
    leaf: Top | Split, audience: Audience, traits: Mapping[str, Trait], problems: Problems
) -> None:
    name = leaf.trait if isinstance(leaf, Top) else leaf.by
    who = f"audience '{audience.name}'"
    trait = find_trait(name, leaf.location, who, traits, problems) if name else None
    if trait is None:
        return
    kinds = (*NUMBERS, TIMESTAMP) if isinstance(leaf, Top) else SCALARS
    if trait.type not in kinds:
        problems.add(
            "wrong-trait-type",
            f"{who} {'orders' if isinstance(leaf, Top) else 'splits'} profiles by trait "
            f"'{trait.name}', which is {describe(trait.type)}",
            leaf.location,
            "use a trait that is " + " or ".join(dict.fromkeys(map(describe, kinds))),
        )


def _check_splits(audiences: Iterable[Audience], problems: Problems) -> None:
    """One split is one thing: whoever names it must mean the same groups and the same trait."""
    known: dict[str, Split] = {}
    for audience in audiences:
        for leaf in leaves(audience.who):
            if not isinstance(leaf, Split):
                continue
            name = leaf.share.name
            first = known.setdefault(name, leaf)
            if (first.groups, first.by) != (leaf.groups, leaf.by):
                problems.add(
                    "split-differs",
                    f"audience '{audience.name}' divides split '{name}' in another way than "
                    "before, and profiles would be in two groups",
                    leaf.location,
                    f"repeat the groups and 'by' of {first.location}, or choose another name",
                )


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
