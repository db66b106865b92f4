"""The typed view of each table that traits are computed from: `table__<slug>`.

Stands in the place of an event table: whose each row is, when it was, and one typed column
for each column and type that definitions read. Columns are read as texts first, so that a
number in a text column is a number and a value of another type is missing, as in events.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp, select

from cdp.features import FeaturePlan
from cdp.identity.spec import IdentifierType, IdentityRules
from cdp.identity.values import dialled, normalized
from cdp.sql.engines import cast, moment_text, typed
from cdp.sql.events import Property
from cdp.sql.keys import key
from cdp.sql.model import Column, GeneratedModel, Import
from cdp.sql.predicates import is_present
from cdp.sql.tables import PROFILE_ID, Table
from cdp.sql.types import STRING, TIMESTAMP

_IDS = "profile_merges"
_WHOSE = "owner_value"


def compile_table_views(plan: FeaturePlan, identity: IdentityRules) -> list[GeneratedModel]:
    """One view a table of the plan."""
    return [_model(key_, plan, identity) for key_ in sorted(plan.tables)]


def _model(name: str, plan: FeaturePlan, identity: IdentityRules) -> GeneratedModel:
    table, properties = plan.tables[name], plan.columns[name]
    rows = f"rows_of_{plan.event_slugs[name]}"
    kind = next((one for one in identity.types if one.name == table.identifier), None)
    imports = [Import(rows, f"select * from {table.jinja}")]  # noqa: S608 (checked names)
    if kind is None:
        imports.append(Import.ref(_IDS))
    columns = [Column("identifier_id", "uuid", "Whose the row is.")]
    if table.occurred_at:
        columns.append(
            Column("occurred_at", "timestamp", f"When it was: {table.occurred_at}.", (_WARNING,))
        )
    return GeneratedModel(
        name=plan.event_model(name),
        folder="events",
        definitions=plan.users[name],
        description=f"One row a row of {table} that belongs to an identifier, with the columns "
        "that definitions use.",
        columns=(
            *columns,
            *(
                Column(column, one.type, f"Column '{one.dotted}' as {one.type}.")
                for one, column in properties.items()
            ),
        ),
        imports=tuple(imports),
        body=lambda dialect: _body(table, rows, kind, properties, dialect),
        config={"materialized": "view", "schema": "internal"},
    )


# A row whose time is missing counts nowhere: the test says how many there are.
_WARNING = {"not_null": {"config": {"severity": "warn"}}}


def _body(
    table: Table,
    rows: str,
    kind: IdentifierType | None,
    properties: Mapping[Property, str],
    dialect: str,
) -> exp.Query:
    """Two steps: the texts of the columns, then their types."""
    texts = [_text(table.column, rows, dialect).as_(_WHOSE)]
    if table.occurred_at:
        moment = moment_text(exp.column(table.occurred_at, rows), dialect)
        texts.append(moment.as_("occurred_at"))
    for one, name in properties.items():
        column = exp.column(one.dotted, rows)
        is_moment = one.type == TIMESTAMP
        text = moment_text(column, dialect) if is_moment else cast(column, STRING, dialect)
        texts.append(text.as_(name))
    columns: list[exp.Expr] = [_owner(kind, dialect)]
    if table.occurred_at:
        columns.append(_typed("occurred_at", TIMESTAMP, dialect))
    columns += [_typed(name, one.type, dialect) for one, name in properties.items()]
    query = select(*columns).from_("texts")
    query = (
        query.where(is_present(_owner_value(kind, dialect))) if kind else _with_ids(query, dialect)
    )
    return query.with_("texts", as_=select(*texts).from_(rows), copy=False)


def _owner(kind: IdentifierType | None, dialect: str) -> exp.Expr:
    if kind is None:
        return exp.column("identifier_id", "named")
    owner = key([exp.Literal.string(kind.name), _owner_value(kind, dialect)], dialect)
    return owner.as_("identifier_id")


def _owner_value(kind: IdentifierType, dialect: str) -> exp.Expr:
    value = normalized(exp.column(_WHOSE, "texts"), kind, dialect)
    return dialled(value, kind) if "phone" in kind.normalize else value


def _with_ids(query: exp.Select, dialect: str) -> exp.Select:
    """Any id that was ever issued leads to its present profile, and to the identifier that
    names it."""
    issued = cast(exp.column("profile_id", _IDS), STRING, dialect)
    same = issued.eq(exp.func("lower", exp.column(_WHOSE, "texts")))
    names = exp.column("profile_id", "named").eq(exp.column(PROFILE_ID, _IDS))
    return query.join(_IDS, on=same, join_type="inner").join(
        exp.alias_(exp.table_(_IDS), "named", table=True), on=names, join_type="inner"
    )


def _text(column: str, rows: str, dialect: str) -> exp.Expr:
    return cast(exp.column(column, rows), STRING, dialect)


def _typed(name: str, kind: str, dialect: str) -> exp.Expr:
    text = exp.column(name, "texts")
    if kind == STRING:
        return text
    return typed(text, kind, dialect).as_(name)
