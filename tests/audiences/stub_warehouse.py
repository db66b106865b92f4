"""Compiled models run without dbt, over small tables that stand in for the models below them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from cdp.audiences.compile import compile_audiences
from cdp.sql.model import GeneratedModel
from cdp.sql.text import sql_text
from cdp.traits.compile import compile_traits
from tests.audiences.names import identifier
from tests.audiences.oracle import Event, World

Run = Callable[[str], Any]
TABLES = {
    "profiles": "canonical_profile_id uuid, is_anonymous boolean",
    "identity_graph": "identifier_id uuid, canonical_profile_id uuid",
    "user_traits": "canonical_profile_id uuid, trait_name text, trait_value text",
    "int_identity__resolved": "canonical_profile_id uuid, resolution bigint",
    "clock": "as_of timestamp, previous_as_of timestamp, followed bigint, resolution bigint",
    "int_identity__event_owners": "event_id uuid, identifier_id uuid",
    "int_profiles__consents": "event_id uuid, category text, is_granted boolean, "
    "occurred_at timestamp",
    "new_events": "event_id uuid, event_name text, page_name text, page_category text, "
    "occurred_at timestamp, message_id text, source text, load_id bigint, properties text",
}


def build(run: Run, world: World, catalogue: Any, dialect: str, more: Sequence[str] = ()) -> None:
    """Make every table that the world's definitions compile to, in the order of the models.

    `more` are statements that make further tables to read.
    """
    run("; ".join([*stub_statements(world), *more]))
    for statement in model_statements(catalogue, dialect):
        run(statement)


def model_statements(catalogue: Any, dialect: str) -> list[str]:
    """One statement a model, each reading the ones before by their names."""
    return [create_statement(one, dialect) for one in models(catalogue)]


def models(catalogue: Any) -> list[GeneratedModel]:
    """The models of traits and audiences, each after those that it reads."""
    traits = [one for one in compile_traits(catalogue) if not one.enabled]
    return [*traits, *_in_order(compile_audiences(catalogue))]


def create_statement(model: GeneratedModel, dialect: str) -> str:
    return f"create table {model.name} as {sql_text(model.body(dialect), dialect)}"


def _in_order(models: Sequence[GeneratedModel]) -> list[GeneratedModel]:
    """Audiences after those that they name."""
    known = {one.name for one in models}
    done: list[GeneratedModel] = []
    while len(done) < len(models):
        names = {one.name for one in done}
        done += [
            one
            for one in models
            if one.name not in names
            and all(part.name in names for part in one.imports if part.name in known)
        ]
    return done


def rows(world: World) -> dict[str, list[tuple[Any, ...]]]:
    """What is in each of TABLES."""
    people = list(world.profiles.values())
    said = [
        (identifier(f"consent {one.id} {number}"), one.id, consent)
        for one in people
        for number, consent in enumerate(one.consents)
    ]
    owned = [(identifier(one.message_id), one.profile) for one in world.events]
    owned += [(event, profile) for event, profile, _ in said]
    return {
        "profiles": [(identifier(one.id), one.is_anonymous) for one in people],
        "identity_graph": [(_node(one.id), identifier(one.id)) for one in people],
        "user_traits": [
            (identifier(one.id), name, value)
            for one in people
            for name, value in one.traits.items()
        ],
        "int_identity__resolved": [],
        "clock": [(world.as_of, None, None, 1)],
        "int_identity__event_owners": [(event, _node(profile)) for event, profile in owned],
        "int_profiles__consents": [
            (event, one.category, one.is_granted, one.occurred_at) for event, _, one in said
        ],
        "new_events": [_event_row(one) for one in world.events],
    }


def _node(profile: str) -> UUID:
    """The identifier that a profile is known by."""
    return identifier("node " + profile)


def stub_statements(world: World) -> list[str]:
    """Makes and fills TABLES."""
    statements = [f"create table {name} ({columns})" for name, columns in TABLES.items()]
    for name, found in rows(world).items():
        statements += _insert(name, found)
    return statements


def _event_row(event: Event) -> tuple[Any, ...]:
    properties = json.dumps(event.properties, ensure_ascii=False)
    return (
        identifier(event.message_id),
        event.name,
        event.page_name,
        None,
        event.occurred_at,
        event.message_id,
        "web",
        1,
        properties,
    )


def _insert(table: str, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    if not rows:
        return []
    values = ", ".join("(" + ", ".join(map(_literal, row)) + ")" for row in rows)
    return [f"insert into {table} values {values}"]  # noqa: S608 (literals of a test)


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        value = value.isoformat(sep=" ")
    text = str(value).replace("'", "''")
    return f"'{text}'"
