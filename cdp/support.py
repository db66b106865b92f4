"""What a dialect cannot do, told before any SQL is written.

Owns the walk over all operators that definitions use. What each dialect lacks is declared
beside the operator (`sql.operators`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from cdp.audiences.conditions import TraitTest, leaves, queries
from cdp.audiences.spec import Audience
from cdp.errors import Location, Problems
from cdp.project import Project
from cdp.sql.events import EventQuery
from cdp.sql.filters import Elements, Filter
from cdp.sql.operators import ELEMENTS, OPERATORS, lacking
from cdp.traits.spec import EventTrait, Trait

_Use = tuple[str, Location | None]


class Definitions(Protocol):
    """The part of the catalogue that uses operators; mappings are by name."""

    @property
    def traits(self) -> Mapping[str, Trait]: ...
    @property
    def audiences(self) -> Mapping[str, Audience]: ...


def check_dialects(catalogue: Definitions, project: Project, problems: Problems) -> None:
    """Notes every operator that one of the project's dialects cannot do."""
    # A project's settings are not read for nothing: they may be wrong themselves.
    if not any(lacking(name) for name in (*OPERATORS, ELEMENTS)):
        return
    dialects = project.dialects
    for trait in catalogue.traits.values():
        if isinstance(trait.origin, EventTrait):
            uses = _of_query(trait.origin.query)
            _note(f"trait '{trait.name}'", uses, dialects, problems)
    for audience in catalogue.audiences.values():
        _note(f"audience '{audience.name}'", _of_audience(audience), dialects, problems)


def _of_audience(audience: Audience) -> Iterator[_Use]:
    for leaf in leaves(audience.who):
        if isinstance(leaf, TraitTest):
            yield leaf.operator, leaf.value.location
        for query, _ in queries(leaf):
            yield from _of_query(query)


def _of_query(query: EventQuery) -> Iterator[_Use]:
    for one in query.filters:
        for name in _of_filter(one):
            yield name, query.location


def _of_filter(one: Filter) -> Iterator[str]:
    if not isinstance(one.property, Elements):
        yield one.operator
        return
    yield ELEMENTS
    for inner in one.property.filters:
        yield inner.operator


def _note(who: str, uses: Iterator[_Use], dialects: Sequence[str], problems: Problems) -> None:
    for name, place in dict.fromkeys(uses):
        for dialect in dialects:
            if dialect in lacking(name):
                problems.add(
                    "unsupported-operator",
                    f"{who} uses '{name}', which cannot be done on {dialect}",
                    place,
                    f"use another operator, or leave {dialect} out of 'dialects' in cdp.yml",
                )
