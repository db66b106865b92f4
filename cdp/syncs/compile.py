"""The desired state of each sync as a dbt model, and an exposure for each. Pure.

Columns are `sync_key` (text, what identifies the row at the destination) and the
mapped fields, in the order of the definition. Rows with a null or repeated key
stay in: the diff reports them as invalid. Only constructs that DuckDB, Postgres
and Spark agree on are used. Does not send anything and never sees the warehouse.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from sqlglot import exp

from cdp.sql.engines import cast
from cdp.sql.model import Column, Exposure, GeneratedModel, Import
from cdp.sql.types import STRING
from cdp.syncs.check import Definitions
from cdp.syncs.event_rows import EVENT_ROWS, columns_of, event_imports, event_rows
from cdp.syncs.field_values import ROWS, Values, identifier_cte
from cdp.syncs.fields import NESTED, Field, column_type, sources
from cdp.syncs.origin import PROFILE_KEY
from cdp.syncs.row_filter import CONSENTS, consented, passes
from cdp.syncs.spec import Sync

FOLDER = "syncs"
KEY_COLUMN, LOAD_COLUMN = "sync_key", "sync_load_id"
IDENTIFIERS = "user_identifiers"
CONSENTED = "consented"
TRAITS = {
    "profile": ("computed_traits", PROFILE_KEY),
    "account": ("account_computed_traits", "account_id"),
}
"""The table with the traits of each level, and its key."""
_LOAD = Column(LOAD_COLUMN, "integer", "The load that brought the event; it is not sent.")


def compile_syncs(catalogue: Definitions) -> tuple[list[GeneratedModel], list[Exposure]]:
    """One model and one exposure for each sync of a checked catalogue."""
    syncs = list(catalogue.syncs.values())
    return (
        [compile_sync(sync, catalogue) for sync in syncs],
        [_exposure(sync, catalogue) for sync in syncs],
    )


def compile_sync(sync: Sync, catalogue: Definitions) -> GeneratedModel:
    """The model with the desired state of one sync."""
    origin = sync.origin.model
    imports = [Import.ref(origin)]
    if sync.origin.is_events:
        used = columns_of(_body(sync, catalogue.traits, "duckdb"), ROWS)
        imports = event_imports(used)
    kinds = {one.kind for one in sync.sources}
    if "identifier" in kinds and origin != IDENTIFIERS:
        imports.append(Import.ref(IDENTIFIERS))
    if "trait" in kinds and origin != _traits(sync)[0]:
        imports.append(Import.ref(_traits(sync)[0]))
    if sync.consent and origin != CONSENTS:
        imports.append(Import.ref(CONSENTS))
    return GeneratedModel(
        name=sync.model_name,
        folder=FOLDER,
        definitions=(definition_path(sync),),
        description=f"Desired state of sync {sync.name}: {sync.description}",
        columns=(
            Column(KEY_COLUMN, "string", f"Identifies the row at the destination: {sync.key}."),
            *([_LOAD] if sync.origin.is_events else []),
            *(
                Column(field.name, column_type(field, catalogue.traits), _describe(field))
                for field in sync.fields
            ),
        ),
        imports=tuple(imports),
        body=lambda dialect: _body(sync, catalogue.traits, dialect),
    )


def definition_path(sync: Sync) -> PurePosixPath:
    """The definition's path inside the project."""
    return PurePosixPath("definitions") / "syncs" / f"{sync.name}.yml"


def _exposure(sync: Sync, catalogue: Definitions) -> Exposure:
    kind = catalogue.destinations[sync.destination].type
    return Exposure(
        name=sync.name,
        folder=FOLDER,
        definitions=(definition_path(sync),),
        description=f"{sync.description} Sent to destination {sync.destination} ({kind}).",
        label=sync.name.replace("_", " ").capitalize(),
        models=(sync.model_name,),
        owner="cdp",
    )


def _describe(field: Field) -> str:
    if field.kind == "identifier" and field.strategy == "all":
        return f"Each {field.value} of the profile, in a row of its own."
    if field.kind == "identifier":
        return f"The profile's {field.strategy} seen {field.value}."
    if field.kind in NESTED:
        return f"An {field.kind} of " + ", ".join(one.name for one in field.members) + "."
    if field.kind == "template":
        return "A text of " + ", ".join(dict.fromkeys(_named(one) for one in sources(field))) + "."
    return f"The {field.kind} {field.value}."


def _named(one: Field) -> str:
    return f"the {one.kind} {one.value}"


def _body(sync: Sync, traits: Mapping[str, Any], dialect: str) -> exp.Select:
    values = Values(traits, _traits(sync)[0], sync.origin.columns or {}, dialect)
    loads = [exp.alias_(exp.column("load_id", ROWS), LOAD_COLUMN)]
    source = EVENT_ROWS if sync.origin.is_events else sync.origin.model
    query = exp.select(
        exp.alias_(_key(sync, values), KEY_COLUMN),
        *(loads if sync.origin.is_events else []),
        *(exp.alias_(values.of(field), field.name) for field in sync.fields),
    ).from_(exp.to_table(source).as_(ROWS))
    for name, identifier, strategy in _identifier_joins(sync):
        if strategy == "all":
            query = query.with_(name, as_=_identifiers(identifier))
            query = _joined(query, name, join_type="inner")
        else:
            query = query.with_(name, as_=_one_identifier(identifier, strategy))
            query = _joined(query, name)
    if any(one.kind == "trait" for one in sync.sources):
        query = _joined(query, *_traits(sync))
    if sync.consent:
        query = query.with_(CONSENTED, as_=consented(sync, dialect))
        query = _joined(query, CONSENTED, join_type="inner")
    if sync.filter:
        query = query.where(passes(sync, sync.filter, values))
    if sync.origin.is_events:
        used = columns_of(query, ROWS)
        query = query.with_(source, as_=event_rows(sync.origin, used, dialect))
    return query


def _key(sync: Sync, values: Values) -> exp.Expr:
    """The key as text."""
    if sync.key == sync.origin.key:
        return cast(exp.column(sync.key, table=ROWS), STRING, values.dialect)
    field = next(field for field in sync.fields if field.name == sync.key)
    value = values.of(field)
    is_text = field.kind in ("identifier", "template") or (
        field.kind == "column" and field.type == STRING
    )
    return value if is_text else cast(value, STRING, values.dialect)


def _traits(sync: Sync) -> tuple[str, str]:
    return TRAITS.get(sync.origin.level, ("", ""))


def _joined(
    query: exp.Select, name: str, key: str = PROFILE_KEY, join_type: str = "left"
) -> exp.Select:
    on = exp.EQ(this=exp.column(key, table=ROWS), expression=exp.column(key, table=name))
    return query.join(exp.to_table(name), on=on, join_type=join_type)


def _identifier_joins(sync: Sync) -> list[tuple[str, str, str]]:
    joins = {
        (identifier_cte(one), str(one.value), one.strategy)
        for one in sync.sources
        if one.kind == "identifier"
    }
    return sorted(joins)


def _identifiers(identifier: str) -> exp.Select:
    """Every value of a profile: a value belongs to one profile, so each is one row."""
    return (
        exp.select(
            exp.column(PROFILE_KEY, table=IDENTIFIERS),
            exp.column("identifier_value", table=IDENTIFIERS),
        )
        .from_(IDENTIFIERS)
        .where(_is_of_type(identifier))
    )


def _is_of_type(identifier: str) -> exp.EQ:
    return exp.EQ(
        this=exp.column("identifier_type", table=IDENTIFIERS),
        expression=exp.Literal.string(identifier),
    )


def _one_identifier(identifier: str, strategy: str) -> exp.Select:
    """One value a profile: the one seen last (or first); ties go to the greatest (or least)."""
    is_last = strategy == "last"

    def column(name: str) -> exp.Column:
        return exp.column(name, table=IDENTIFIERS)

    seen_at = column("last_seen_at" if is_last else "first_seen_at")
    never_seen = exp.Case().when(exp.Is(this=seen_at.copy(), expression=exp.Null()), "1").else_("0")
    order = exp.Order(
        expressions=[
            exp.Ordered(this=never_seen, desc=False),
            exp.Ordered(this=seen_at, desc=is_last),
            exp.Ordered(this=column("identifier_value"), desc=is_last),
        ]
    )
    position = exp.Window(
        this=exp.RowNumber(), partition_by=[column(PROFILE_KEY)], order=order, over="OVER"
    )
    ranked = (
        exp.select(
            column(PROFILE_KEY), column("identifier_value"), exp.alias_(position, "rank_number")
        )
        .from_(IDENTIFIERS)
        .where(_is_of_type(identifier))
    )
    return (
        exp.select(
            exp.column(PROFILE_KEY, table="ranked"), exp.column("identifier_value", table="ranked")
        )
        .from_(ranked.subquery("ranked"))
        .where(
            exp.EQ(this=exp.column("rank_number", table="ranked"), expression=exp.Literal.number(1))
        )
    )
