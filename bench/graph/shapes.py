"""The graphs: a file of DuckDB for each shape, with the edges where our model looks for them.

Owns what the shapes are. Every one has exactly the edges that are asked for; how many
identifiers that makes depends on the shape. Identifiers are keys as the warehouse has them,
md5 of a number as UUID (or its 36 characters), and edges lie in no order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

EDGES = "main_internal.int_identity__edges"
HUB = 100_000

# A person's identifiers, in ten thousand people of the demo store without limits: 2,144 have
# two, and so on; the last 34 are kiosks' with 8 to 55. One in ten of those with three or more
# has an edge between two lesser identifiers too.
PEOPLE = """
    select
        person.size,
        person.extra,
        sum(person.size) over before - person.size + $first as start,
        sum(person.size - 1 + person.extra) over before - (person.size - 1 + person.extra) as edge
    from (
        select
            one.number,
            case
                when one.draw < 2144 then 2
                when one.draw < 7963 then 3
                when one.draw < 9633 then 4
                when one.draw < 9936 then 5
                when one.draw < 9966 then 6
                else 8 + one.draw % 48
            end as size,
            case when one.draw >= 2144 and one.draw % 10 = 0 then 1 else 0 end as extra
        from (
            select n.number, cast(hash(n.number) % 10000 as bigint) as draw
            from range($edges) as n (number)
        ) as one
    ) as person
    window before as (order by person.number)
"""

STARS = (
    """
    select
        cast(star.start + case when star.turn < star.size - 1 then 0 else 1 end as bigint) as a,
        cast(star.start + case when star.turn < star.size - 1 then star.turn + 1 else 2 end
            as bigint) as b
    from (
        select
            people.start, people.size, people.edge,
            unnest(range(people.size - 1 + people.extra)) as turn
        from ("""
    + PEOPLE
    + """) as people
        where people.edge < $edges
    ) as star
    where star.edge + star.turn < $edges
"""
)

CHAINS = """
    select n.number + n.number // $links as a, n.number + n.number // $links + 1 as b
    from range($edges) as n (number)
"""

ONE_HUB = "select 0 as a, n.number + 1 as b from range($spokes) as n (number)"


@dataclass(frozen=True)
class Shape:
    """A name, and for a number of edges the SQL of them (numbers a, b) with its parameters."""

    name: str
    sql: Callable[[int], tuple[str, dict[str, int]]]


def _chains(length: int) -> Callable[[int], tuple[str, dict[str, int]]]:
    return lambda edges: (CHAINS, {"edges": edges, "links": length - 1})


def _hub(edges: int) -> tuple[str, dict[str, int]]:
    """One hub, at most a tenth of the edges, and stars."""
    spokes = min(HUB, edges // 10)
    return f"{ONE_HUB} union all {STARS}", {
        "spokes": spokes,
        "edges": edges - spokes,
        "first": spokes + 1,
    }


STORE = Shape("store", lambda edges: (STARS, {"edges": edges, "first": 0}))
SHAPES = (
    STORE,
    Shape("chains_of_10", _chains(10)),
    Shape("chains_of_1000", _chains(1_000)),
    Shape("hub", _hub),
)


def make_graph(path: Path, shape: Shape, edges: int, *, text: bool) -> int:
    """Write the graph to a new file; the number of its identifiers."""
    sql, parameters = shape.sql(edges)
    key = "cast(md5('n' || {0}) as uuid)"
    key = f"cast({key} as varchar)" if text else key
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema main_internal")
        connection.execute(
            f"create table {EDGES} as "  # noqa: S608 (constants)
            f"select {key.format('pair.a')} as source_id, {key.format('pair.b')} as target_id "
            f"from ({sql}) as pair order by hash(pair.a, pair.b)",
            parameters,
        )
        found = connection.execute(
            "select count(distinct node.id) from (select e.source_id as id "  # noqa: S608
            f"from {EDGES} as e union all select e.target_id from {EDGES} as e) as node"
        ).fetchone()
    assert found is not None
    return int(found[0])
