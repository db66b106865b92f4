"""Entities to generated models: the events that name accounts, the values that join profiles,
and one view an entity.

The graph between them (components, names, members) is hand-written dbt over the values
of all entities together. Pure: catalogue in, models out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sqlglot import exp, select

from cdp.entities import accounts
from cdp.entities.check import flat_rules
from cdp.entities.joins import COLUMNS, HISTORY, MODEL, TRAITS, Grouping, joining_values
from cdp.entities.spec import AccountRule, Entity, TraitsRule
from cdp.features import definition_path
from cdp.identity.compile import DEFINITION
from cdp.sql.model import Column, GeneratedModel, Import, event_table_config

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

FOLDER = PurePosixPath("definitions/entities")
MEMBERS, MERGES = "entity_members", "entity_merges"
_ENTITY_COLUMNS = (
    Column("entity_id", "uuid", "The entity; derived from its oldest value."),
    Column("member_count", "integer", "Profiles in it."),
    Column("first_seen_at", "timestamp", "When its oldest value was first seen, of anybody."),
)


def compile_entities(catalogue: Catalogue) -> list[GeneratedModel]:
    """The models of accounts and of all entities of a checked catalogue."""
    ordered = [catalogue.entities[name] for name in sorted(catalogue.entities)]
    groupings = [Grouping(one.name, flat_rules(one, catalogue.entities)) for one in ordered]
    return [
        _account_events(catalogue),
        _values(catalogue, ordered, groupings),
        *(_entity(one) for one in ordered),
    ]


def model_name(entity: str) -> str:
    """The name of an entity's view."""
    return f"entity__{entity}"


def _account_events(catalogue: Catalogue) -> GeneratedModel:
    rules = catalogue.identity
    digest = accounts.accounts_hash(rules)
    arguments = f"ref('stg_events'), '{digest}'"
    return GeneratedModel(
        name=accounts.MODEL,
        folder="entities",
        definitions=(DEFINITION,),
        description="One row an event that names an account: a group call, or any call with a "
        "context.groupId. One with a dropped_reason names none.",
        columns=accounts.COLUMNS,
        imports=(Import("events", "{{ cdp.cdp_new_events(" + arguments + ") }}"),),
        body=lambda dialect: accounts.account_events(rules, digest, dialect),
        config=event_table_config(arguments),
    )


def _values(
    catalogue: Catalogue, entities: Sequence[Entity], groupings: Sequence[Grouping]
) -> GeneratedModel:
    return GeneratedModel(
        name=MODEL,
        folder="entities",
        definitions=tuple(definition_path(one.path) for one in entities) or (FOLDER,),
        description="One row an entity, rule, value and profile that has it. Profiles with the "
        "same value are one entity, but for values with a dropped_reason.",
        columns=COLUMNS,
        imports=_imports(groupings),
        body=lambda dialect: joining_values(groupings, catalogue.identity, dialect),
        config={"materialized": "table", "schema": "internal"},
    )


def _imports(groupings: Sequence[Grouping]) -> tuple[Import, ...]:
    rules = [rule for one in groupings for rule in one.rules]
    imports = []
    if any(isinstance(rule, TraitsRule) for rule in rules):
        imports += [_traits_import(TRAITS), _traits_import(HISTORY)]
    if any(isinstance(rule, AccountRule) for rule in rules):
        imports += [Import.ref("accounts"), Import.ref("account_memberships")]
    return tuple(imports)


def _traits_import(table: str) -> Import:
    value = "{{ cdp.json_object('stored.trait_value') }}"
    table_ref = "{{ ref('" + table + "') }}"
    return Import(
        table,
        f"select stored.*, {value} as trait_object from {table_ref} as stored",  # noqa: S608 (constants)
    )


def _entity(entity: Entity) -> GeneratedModel:
    return GeneratedModel(
        name=model_name(entity.name),
        folder="entities",
        definitions=(definition_path(entity.path),),
        description=f"One row an entity. {entity.description}",
        columns=_ENTITY_COLUMNS,
        imports=(Import.ref(MEMBERS), Import.ref(MERGES)),
        body=lambda dialect: _entity_query(entity.name),
    )


def _entity_query(name: str) -> exp.Select:
    """Every entity has its name's row in the merges and at least one member."""
    id_, first = exp.column("entity_id", MEMBERS), exp.column("first_seen_at", MERGES)
    is_named = exp.and_(
        id_.eq(exp.column("entity_id", MERGES)),
        exp.column("issued_entity_id", MERGES).eq(exp.column("entity_id", MERGES)),
    )
    count = exp.cast(exp.Count(this=exp.Star()), "bigint")
    return (
        select(id_.copy(), count.as_("member_count"), exp.alias_(first, "first_seen_at"))
        .from_(MEMBERS)
        .join(MERGES, on=is_named, join_type="inner")
        .where(exp.column("entity_name", MEMBERS).eq(exp.Literal.string(name)))
        .group_by(id_.copy(), first.copy())
    )
