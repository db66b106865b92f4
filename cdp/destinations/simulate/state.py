"""What a simulated destination holds.

Owns the entities of each place (an object with its options, such as one list)
and the events that were appended. An entity has an id of its own, a key and
identifiers; whatever shares one of them is the same entity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cdp.destinations.filters import FILTERS


@dataclass
class Entity:
    """One record or member."""

    remote_id: str
    key: str
    identifiers: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)

    def names(self) -> set[str]:
        """Everything that it can be found by, in lower case."""
        values = {str(one).casefold() for one in self.identifiers.values() if one not in (None, "")}
        return values | {self.key.casefold()} | {self.remote_id.casefold()}


@dataclass
class Place:
    """The entities and events of one object with its options."""

    entities: dict[str, Entity] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    repeats: int = 0
    _by_name: dict[str, str] = field(default_factory=dict)
    prefix: str = ""
    _event_ids: set[str] = field(default_factory=set)
    _issued: int = 0

    def find(self, row: dict[str, Any]) -> Entity | None:
        """The entity that a row is about."""
        for name in row_names(row):
            known = self._by_name.get(name)
            if known is not None:
                return self.entities[known]
        for name, digest in (row.get("digests") or {}).items():
            for entity in self.entities.values():
                if FILTERS[name](entity.key) == digest:
                    return entity
        return None

    def upsert(self, row: dict[str, Any]) -> Entity:
        """Make or change an entity; fields that are not sent stay."""
        entity = self.find(row)
        if entity is None:
            names = row_names(row)
            self._issued += 1
            issued = str(row.get("remote_id") or f"{self.prefix}{self._issued}")
            entity = Entity(issued, str(row.get("key") or (names or ["?"])[0]))
            self.entities[entity.remote_id] = entity
        for name in entity.names():
            self._by_name.pop(name, None)
        entity.identifiers.update(row.get("identifiers") or {})
        entity.fields.update(row.get("fields") or row.get("attributes") or {})
        for name in entity.names():
            self._by_name[name] = entity.remote_id
        return entity

    def remove(self, row: dict[str, Any]) -> None:
        """Forget the entity, if there is one."""
        entity = self.find(row)
        if entity is not None:
            del self.entities[entity.remote_id]
            for name in entity.names():
                self._by_name.pop(name, None)

    def append(self, row: dict[str, Any], event_id: str | None) -> None:
        """Add an event, unless one with its id is there."""
        if event_id is not None and event_id in self._event_ids:
            self.repeats += 1
            return
        if event_id is not None:
            self._event_ids.add(event_id)
        self.events.append(row)


def row_names(row: dict[str, Any]) -> list[str]:
    """What a row can be recognised by: its remote id, its key, its identifiers."""
    values = [row.get("remote_id"), row.get("key"), *(row.get("identifiers") or {}).values()]
    return [str(one).casefold() for one in values if one not in (None, "")]
