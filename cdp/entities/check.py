"""Checks of entities that need all definitions: names and circles.

Owns what only the whole catalogue can tell, and the flat list of rules that an entity
comes to when the entities that it names are replaced by theirs. Reading a file
belongs to `spec`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from cdp.entities.spec import AccountRule, Entity, EntityRule, TraitsRule
from cdp.errors import Problems, suggest


class Definitions(Protocol):
    """The part of the catalogue that entities refer to, by name."""

    @property
    def entities(self) -> Mapping[str, Entity]: ...


def check_entities(catalogue: Definitions, problems: Problems) -> None:
    """Notes every unknown entity and every circle."""
    for entity in catalogue.entities.values():
        for rule in entity.rules:
            if not isinstance(rule, EntityRule):
                continue
            if rule.entity not in catalogue.entities:
                problems.add(
                    "unknown-entity",
                    f"entity '{entity.name}' is joined by entity '{rule.entity}', "
                    "which is not defined",
                    rule.location,
                    suggest(rule.entity, set(catalogue.entities) - {entity.name}),
                )
            elif entity.name in _reached(rule.entity, catalogue.entities):
                problems.add(
                    "circular-entity",
                    f"entity '{entity.name}' is joined by entity '{rule.entity}', "
                    f"which is joined by '{entity.name}'",
                    rule.location,
                    "remove one of these rules",
                )


def flat_rules(entity: Entity, entities: Mapping[str, Entity]) -> list[TraitsRule | AccountRule]:
    """The rules that join an entity's profiles, each once; of checked definitions.

    What joins a household joins whatever is joined by households: so an entity that names
    another has the other's rules beside its own. Of two rules that differ only in the limit of
    a shared value, the greater limit joins all that both would.
    """
    found: dict[str, TraitsRule | AccountRule] = {}
    for name in [entity.name, *sorted(_reached(entity.name, entities) - {entity.name})]:
        for rule in entities[name].rules:
            if isinstance(rule, EntityRule):
                continue
            known = found.setdefault(rule.name, rule)
            found[rule.name] = replace(known, more_than=_greater(known.more_than, rule.more_than))
    return list(found.values())


def _greater(one: int | None, other: int | None) -> int | None:
    """The greater of two limits; None is no limit."""
    return None if one is None or other is None else max(one, other)


def _reached(name: str, entities: Mapping[str, Entity]) -> set[str]:
    """The entity and all that it names, at any depth."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in entities and one not in found:
            found.add(one)
            waiting += _named(entities[one])
    return found


def _named(entity: Entity) -> Iterator[str]:
    for rule in entity.rules:
        if isinstance(rule, EntityRule):
            yield rule.entity
