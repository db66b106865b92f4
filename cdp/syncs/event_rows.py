"""The rows of a sync of events: each event once, with the profile that it belongs to today.

Owns the CTE that a desired state reads in the place of a table, and its imports. It has the
columns that the query above it uses, and no others: whose an event is costs two joins. Pure.
"""

from __future__ import annotations

from sqlglot import exp, select

from cdp.sql.model import Import
from cdp.sql.predicates import all_of, literal
from cdp.syncs.origin import ALL, NOW, PROFILE_KEY, Origin

EVENT_ROWS = "event_rows"
EVENTS, OWNERS, GRAPH = "stg_events", "int_identity__event_owners", "identity_graph"


def event_imports(used: set[str]) -> list[Import]:
    """What the rows are read from, where a query uses these columns of theirs."""
    return [Import.ref(EVENTS), *([Import.ref(OWNERS), Import.ref(GRAPH)] * _has_profile(used))]


def event_rows(origin: Origin, used: set[str], dialect: str) -> exp.Select:
    """The events of an origin with the columns `used`.

    An event without an identifier that is kept belongs to nobody and is a row all the same.
    """
    columns = [exp.column(name, GRAPH if name == PROFILE_KEY else EVENTS) for name in sorted(used)]
    query = select(*columns).from_(EVENTS)
    if _has_profile(used):
        for name, key, other in ((OWNERS, "event_id", EVENTS), (GRAPH, "identifier_id", OWNERS)):
            same = exp.column(key, other).eq(exp.column(key, name))
            query = query.join(name, on=same, join_type="left")
    tests: list[exp.Expr] = []
    if origin.events:
        named = [exp.Literal.string(name) for name in origin.events]
        tests.append(exp.In(this=exp.column("event_name", EVENTS), expressions=named))
    if origin.since not in (ALL, NOW):
        since = literal(origin.since, dialect)
        tests.append(exp.GTE(this=exp.column("occurred_at", EVENTS), expression=since))
    return query.where(all_of(tests)) if tests else query


def columns_of(query: exp.Select, table: str) -> set[str]:
    """The columns of a table that a query names."""
    return {one.name for one in query.find_all(exp.Column) if one.table == table}


def _has_profile(used: set[str]) -> bool:
    return PROFILE_KEY in used
