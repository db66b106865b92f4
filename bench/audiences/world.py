"""The warehouse that audiences are computed from, made straight into DuckDB's tables.

Owns the shape of the data: event tables, profiles, identifiers and traits with the columns
that the compiled models read. Every value is a hash of its row's number, so that the same
sizes give the same world. Activity is skewed (the busiest hundredth of the identifiers has a
tenth of the events), two in three identifiers are of known people, half of a profile's devices
share it, and rows lie in the order of time, as loads leave them.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from bench.audiences.conditions import AS_OF
from cdp.features import FeaturePlan
from cdp.sql.model import COLUMN_TYPES

DAYS = 730
SHARES = {
    "Page Viewed": 0.40,
    "Product Viewed": 0.32,
    "Product Added": 0.10,
    "Order Completed": 0.06,
    "Email Opened": 0.12,
}
"""How many of the events each is."""

_PROPERTIES = {
    "price": "cast(5 + {draw} % 200 as decimal(38, 6))",
    "revenue": "cast(10 + {draw} % 30000 / 100 as decimal(38, 6))",
    "currency": "case when {draw} % 10 < 8 then 'EUR' else 'USD' end",
    "category": "['books', 'garden', 'kitchen', 'music', 'sport', 'toys'][1 + {draw} % 6]",
    "product_id": "'p-' || {draw} % 5000",
}

_TABLES = """
create schema main_internal;
create table profiles as
select
    cast(md5('p' || n.number) as uuid) as canonical_profile_id,
    n.number >= $people * 2 // 3 as is_anonymous
from range($people) as n (number);
create table identity_graph as
select
    cast(md5('i' || n.number) as uuid) as identifier_id,
    cast(md5('p' || n.number % $people) as uuid) as canonical_profile_id
from range($people * 3 // 2) as n (number);
create table user_traits as
select
    cast(md5('p' || n.number) as uuid) as canonical_profile_id,
    'plan' as trait_name,
    ['free', 'free', 'plus', 'pro'][1 + cast(hash(n.number, 7) % 4 as bigint)] as trait_value
from range($people * 2 // 3) as n (number)
where hash(n.number, 8) % 2 = 0
"""

_EVENTS = """
create table main_internal.{table} as
select
    cast(md5('i' || cast(floor({identifiers} * power(draw.who, 2)) as bigint) * 7919
        % {identifiers}) as uuid) as identifier_id,
    timestamp '{as_of}' - to_microseconds(
        cast((1 - (draw.number + draw.moment) / {count}) * {days} * 86400000000 as bigint)
    ) as occurred_at,
    '{table}-' || draw.number as message_id{properties}
from (
    select
        n.number,
        hash(n.number, {seed}) / 18446744073709551616.0 as who,
        hash(n.number, {seed}, 1) / 18446744073709551616.0 as moment
    from range({count}) as n (number)
) as draw
"""


def make_world(path: Path, plan: FeaturePlan, people: int, events: int) -> dict[str, int]:
    """Write the warehouse to a new file; the rows of each event table."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("set preserve_insertion_order = true")
        for statement in _TABLES.split(";"):
            connection.execute(statement.replace("$people", str(people)))
        return {
            plan.event_model(event): _make_event(connection, plan, event, people, events)
            for event in plan.events_of("profile")
        }


def _make_event(
    connection: duckdb.DuckDBPyConnection, plan: FeaturePlan, event: str, people: int, events: int
) -> int:
    columns = ""
    for number, (one, name) in enumerate(plan.columns[event].items()):
        value = _PROPERTIES[one.dotted].format(
            draw=f"cast(hash(draw.number, {number + 100}) % 1000000007 as bigint)"
        )
        columns += f",\n    cast({value} as {COLUMN_TYPES[one.type]['duckdb']}) as {name}"
    count = round(events * SHARES[event])
    connection.execute(
        _EVENTS.format(
            table=plan.event_model(event),
            count=count,
            seed=list(SHARES).index(event),
            identifiers=people * 3 // 2,
            as_of=AS_OF,
            days=DAYS,
            properties=columns,
        )
    )
    return count
