"""What the warehouse says about audiences: sizes, changes, and a preview without a build.

Reads only. Membership itself is made by dbt models; the preview runs an audience's compiled
query over the features of the last build.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlglot import exp, select

from cdp.audiences.compile import (
    COMPUTED,
    DEFINED,
    audience_query,
    model_name,
    used_audiences,
)
from cdp.audiences.plan import plan_audiences, used_tables
from cdp.audiences.spec import Audience
from cdp.catalogue import Catalogue
from cdp.errors import Location, RunError, suggest
from cdp.project import Project
from cdp.sql.text import sql_text
from cdp.traits.feature_table import NAME as FEATURES
from cdp.warehouse import Warehouse

TRANSITIONS = "audience_transitions"
MEMBERSHIPS = "audience_memberships"


@dataclass(frozen=True)
class Size:
    """An audience's members now, and what its last change brought."""

    members: int = 0
    entered: int = 0
    exited: int = 0
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Preview:
    """How many profiles an audience would have, as of the last build, and some of them."""

    members: int
    as_of: datetime | None
    profiles: tuple[str, ...]


def find_audience(catalogue: Catalogue, name: str) -> Audience:
    """The audience of a name.

    Raises RunError with the nearest name when there is none.
    """
    found = catalogue.audiences.get(name)
    if found is None:
        raise RunError(
            "unknown-audience",
            f"there is no audience '{name}'",
            location=Location(catalogue.definitions / "audiences"),
            help=suggest(name, catalogue.audiences),
        )
    return found


def is_built(warehouse: Warehouse, project: Project) -> bool:
    """Whether a build has made the membership tables."""
    schema = project.schema("public")
    return all(warehouse.exists(schema, table) for table in (TRANSITIONS, MEMBERSHIPS))


def sizes(warehouse: Warehouse, project: Project) -> dict[str, Size]:
    """The size of every audience that was built or ever had a member."""
    schema = project.schema("public")
    members = exp.table_(MEMBERSHIPS, db=schema, quoted=True)
    name = exp.column("audience_name")
    counted = select(name, exp.Count(this=exp.Star())).from_(members).group_by(name)
    count = dict(warehouse.rows(sql_text(counted, "duckdb")))
    found: dict[str, Size] = {}
    # Rows come oldest first, so that the last one of an audience stays.
    for audience, at, transition, _, number in reversed(changes(warehouse, project)):
        earlier = found.get(audience)
        same = earlier is not None and earlier.changed_at == at
        entered, exited = (earlier.entered, earlier.exited) if earlier and same else (0, 0)
        if transition == "entered":
            entered += number
        else:
            exited += number
        found[audience] = Size(count.get(audience, 0), entered, exited, at)
    return {name: Size() for name in _built(warehouse, project)} | found


def changes(warehouse: Warehouse, project: Project) -> list[tuple[str, datetime, str, str, int]]:
    """(audience, time, transition, reason, profiles) of every change, the newest first."""
    names = ("audience_name", "transitioned_at", "transition", "reason")
    columns = [exp.column(name) for name in names]
    query = (
        select(*columns, exp.Count(this=exp.Star()))
        .from_(exp.table_(TRANSITIONS, db=project.schema("public"), quoted=True))
        .group_by(*columns)
    )
    rows = warehouse.rows(sql_text(query, "duckdb"))
    return sorted(rows, key=lambda row: (row[1], row[0], row[2], row[3]), reverse=True)


def preview(
    warehouse: Warehouse, project: Project, catalogue: Catalogue, audience: Audience, sample: int
) -> Preview:
    """The audience as it is defined now, over the features of the last build.

    Raises RunError when the features that it needs have not been built.
    """
    schema = project.schema("internal")
    query = preview_query(audience, catalogue, schema)
    _check_features(warehouse, schema, query)
    profile = exp.column("canonical_profile_id")
    some = query.order_by(profile).limit(sample)
    ids = tuple(str(row[0]) for row in warehouse.rows(sql_text(some, "duckdb")))
    counted = select(exp.Count(this=exp.Star())).from_(query.subquery("members"))
    members = int(warehouse.value(sql_text(counted, "duckdb")))
    clock = select(exp.Max(this=exp.column("as_of"))).from_(_features(schema))
    return Preview(members, warehouse.value(sql_text(clock, "duckdb")), ids)


def preview_query(audience: Audience, catalogue: Catalogue, schema: str) -> exp.Select:
    """One statement that gives the members; named audiences are evaluated, not read."""
    plan = plan_audiences(catalogue)
    names = _in_order(audience, catalogue)
    every = [audience, *(catalogue.audiences[name] for name in names)]
    tables = sorted({table for one in every for table in used_tables(one)})
    query = audience_query(audience, plan, "duckdb")
    for table in (FEATURES, *tables):
        built = exp.table_(table, db=schema, quoted=True)
        query = query.with_(table, as_=select("*").from_(built), copy=False)
    for name in names:
        inner = audience_query(catalogue.audiences[name], plan, "duckdb")
        query = query.with_(model_name(name), as_=inner, copy=False)
    return query


def used_columns(queries: Sequence[exp.Expr], table: str = FEATURES) -> list[str]:
    """The columns of the feature table, or of one beside it, that queries read."""
    return sorted(
        {
            column.name
            for query in queries
            for column in query.find_all(exp.Column)
            if column.table == table
        }
    )


def _built(warehouse: Warehouse, project: Project) -> list[str]:
    """The audiences that the last build knew."""
    schema = project.schema("internal")
    if not warehouse.exists(schema, DEFINED):
        return []
    defined = exp.table_(DEFINED, db=schema, quoted=True)
    query = select(exp.column("audience_name")).from_(defined)
    return [row[0] for row in warehouse.rows(sql_text(query, "duckdb"))]


def _in_order(audience: Audience, catalogue: Catalogue) -> list[str]:
    """Every audience that this one depends on, each after those it depends on itself."""
    ordered: dict[str, None] = {}
    stack = [(name, False) for name in reversed(used_audiences(audience))]
    while stack:
        name, ready = stack.pop()
        if ready:
            ordered[name] = None
        elif name not in ordered:
            stack.append((name, True))
            inner = used_audiences(catalogue.audiences[name])
            stack.extend((one, False) for one in reversed(inner))
    return list(ordered)


def _check_features(warehouse: Warehouse, schema: str, query: exp.Expr) -> None:
    missing = []
    for table in COMPUTED:
        rows = warehouse.rows(
            "select column_name from information_schema.columns "
            "where table_schema = ? and table_name = ?",
            [schema, table],
        )
        built = {row[0] for row in rows}
        missing += [name for name in used_columns([query], table) if name not in built]
    if missing:
        raise RunError(
            "features-not-built",
            f"the warehouse has not computed {missing[0]} yet"
            + (f" and {len(missing) - 1} more features" if len(missing) > 1 else ""),
            help="run 'cdp build', then preview again",
        )


def _features(schema: str) -> exp.Table:
    return exp.table_(FEATURES, db=schema, quoted=True)
