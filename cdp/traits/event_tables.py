"""The typed table of each event that a definition uses: `event__<slug>`.

JSON is parsed here, once: one column a property and type (`property_price__decimal`;
text has no suffix). Rows carry the identifier that owns the event and are never
re-keyed. Growth by load, and the rebuild when the definitions use something else,
are the macros of `cdp_new_events.sql`; this only gives them the definition's hash.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp, select

from cdp.features import FeaturePlan
from cdp.sql.elements import element_value
from cdp.sql.engines import cast, typed
from cdp.sql.events import Elements, Property
from cdp.sql.json import json_text
from cdp.sql.model import Column, GeneratedModel, Import, event_table_config
from cdp.sql.names import digest
from cdp.sql.text import sql_text
from cdp.sql.types import STRING

OWNERS = "int_identity__event_owners"
COLUMNS = (
    Column("event_id", "uuid", "The event."),
    Column("identifier_id", "uuid", "The identifier that owns it."),
    Column("occurred_at", "timestamp", "When it occurred."),
    Column("message_id", "string", "Of its source."),
    Column("source", "string", "Where it came from."),
    Column("load_id", "integer", "The load that the event came from."),
)
HASH = Column("definition_hash", "string", "The definitions that made the row.")
# A page's and a screen's name and category are not properties; Segment shows them as such.
_ENVELOPE = {
    ("Page Viewed", "page_name"): "page_name",
    ("Page Viewed", "page_category"): "page_category",
    ("Screen Viewed", "screen_name"): "page_name",
    ("Screen Viewed", "screen_category"): "page_category",
}


def compile_event_tables(plan: FeaturePlan, identity_hash: str) -> list[GeneratedModel]:
    """One model an event of the plan. `identity_hash` changes when owners may change."""
    return [
        _model(event, plan, identity_hash)
        for event in sorted(plan.users)
        if event not in plan.tables
    ]


def _model(event: str, plan: FeaturePlan, identity_hash: str) -> GeneratedModel:
    properties = plan.columns[event]
    version = event_version(event, plan, identity_hash)
    arguments = f"ref('stg_events'), '{version}'"
    return GeneratedModel(
        name=plan.event_model(event),
        folder="events",
        definitions=plan.users[event],
        description=f"One row an event '{_plain(event)}' that belongs to a profile, "
        "with the properties that definitions use.",
        columns=(
            *COLUMNS,
            *(
                Column(name, one.type, f"Property '{one.dotted}' as {one.type}.")
                for one, name in properties.items()
            ),
            HASH,
        ),
        imports=(
            Import("new_events", "{{ cdp.cdp_new_owned_events(" + arguments + ") }}"),
            Import(OWNERS, "{{ cdp.cdp_new_owners(" + arguments + ") }}"),
        ),
        body=lambda dialect: _body(event, properties, version, dialect),
        config=event_table_config(arguments, "cdp_forget_owned_events"),
    )


def event_version(event: str, plan: FeaturePlan, identity_hash: str) -> str:
    """Changes when the rows of an event's table would.

    It is of the text of the query: also a new way of reading a property must reach all history.
    """
    query = sql_text(_body(event, plan.columns[event], "", "duckdb"), "duckdb")
    return digest(f"{identity_hash} {query}")


def _body(event: str, properties: Mapping[Property, str], version: str, dialect: str) -> exp.Query:
    """Two steps, so that each property is taken out of the JSON once."""
    texts = [_leaf(event, one, dialect).as_(name) for one, name in properties.items()]
    same = exp.column("event_id", "new_events").eq(exp.column("event_id", OWNERS))
    read = (
        select(
            exp.column("event_id", "new_events"),
            exp.column("identifier_id", OWNERS),
            *(exp.column(one.name, "new_events") for one in COLUMNS[2:]),
            *texts,
        )
        .from_("new_events")
        .join(OWNERS, on=same, join_type="inner", copy=False)
        .where(exp.column("event_name", "new_events").eq(exp.Literal.string(event)))
    )
    columns: list[exp.Expr] = [exp.column(one.name, "texts") for one in COLUMNS]
    for one, name in properties.items():
        text = exp.column(name, "texts")
        is_read = one.type == STRING or isinstance(one, Elements)
        columns.append(text if is_read else typed(text, one.type, dialect).as_(name))
    columns.append(cast(exp.Literal.string(version), STRING, dialect).as_(HASH.name))
    return select(*columns).from_("texts").with_("texts", as_=read, copy=False)


def _leaf(event: str, one: Property, dialect: str) -> exp.Expr:
    if isinstance(one, Elements):
        value = element_value(exp.column("properties", "new_events"), one, dialect)
        return cast(value, one.type, dialect)
    envelope = _ENVELOPE.get((event, one.dotted))
    if envelope is not None:
        return exp.column(envelope, "new_events")
    return json_text(exp.column("properties", "new_events"), one.path, dialect)


def _plain(event: str) -> str:
    """An event's name for a description, which dbt reads as a template."""
    return event.replace("{", "(").replace("}", ")")
