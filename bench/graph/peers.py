"""The neighbours' ways to find components, on the edges of a file of DuckDB.

Each is a function of a connection that leaves the table `result` (identifier_id,
component_id). `scipy_round_trip` is the yardstick: the graph leaves the warehouse, is
solved in memory and comes back. `min_label` and `three_hops` are the published
methods of label propagation, written anew; they stop at a number of rounds. Splink is run
as it is.
"""

from __future__ import annotations

import sys
from typing import Any

import duckdb

from bench.graph.shapes import EDGES

MOST_ROUNDS = 20
RECOMMENDED_PASSES = 6
"""Of rudderlabs/dbt-id-stitching: "five or six passes is usually sufficient"."""

_NODES = f"""
    create table nodes as
    select node.id, cast(row_number() over () - 1 as integer) as code
    from (
        select e.source_id as id from {EDGES} as e
        union all
        select e.target_id as id from {EDGES} as e
    ) as node
    group by node.id
"""  # noqa: S608 (constants)

_CODED = f"""
    select s.code as a, t.code as b
    from {EDGES} as e
    inner join nodes as s on e.source_id = s.id
    inner join nodes as t on e.target_id = t.id
"""  # noqa: S608 (constants)


def scipy_round_trip(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Number the identifiers in DuckDB, solve in scipy, bring the labels back."""
    import numpy
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    connection.execute(_NODES)
    codes = connection.execute(_CODED).fetchnumpy()
    row = connection.execute("select count(*) from nodes").fetchone()
    assert row is not None
    size = row[0]
    weights = numpy.ones(len(codes["a"]), dtype=numpy.int8)
    graph = coo_matrix((weights, (codes["a"], codes["b"])), shape=(size, size))
    _, labels = connected_components(graph, directed=False)
    numbers = numpy.arange(size, dtype=numpy.int32)
    connection.register("labels", {"code": numbers, "label": labels})
    connection.execute(
        "create table result as "
        "select n.id as identifier_id, cast(l.label as bigint) as component_id "
        "from nodes as n inner join labels as l on n.code = l.code"
    )
    connection.execute("drop table nodes")
    return {}


def min_label(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Each node takes the least label around it, until nothing changes or for MOST_ROUNDS."""
    connection.execute(_NODES)
    connection.execute(
        f"create table ways as with coded as ({_CODED}) "  # noqa: S608 (constants)
        "select c.a, c.b from coded as c union all select c.b, c.a from coded as c"
    )
    connection.execute("create table labels as select n.code, n.code as label from nodes as n")
    rounds, changed = 0, 1
    while changed and rounds < MOST_ROUNDS:
        connection.execute(
            "create table next as select w.a as code, least(min(o.label), min(l.label)) as label "
            "from ways as w inner join labels as o on w.b = o.code "
            "inner join labels as l on w.a = l.code group by w.a"
        )
        row = connection.execute(
            "select count(*) from next as n inner join labels as l on n.code = l.code "
            "where n.label - l.label <> 0"
        ).fetchone()
        assert row is not None
        changed = row[0]
        connection.execute("drop table labels")
        connection.execute("alter table next rename to labels")
        rounds += 1
    connection.execute(
        "create table result as "
        "select n.id as identifier_id, cast(l.label as bigint) as component_id "
        "from nodes as n inner join labels as l on n.code = l.code"
    )
    return {"rounds": rounds, "converged": not changed}


_HOP = """
    select way.node, min(way.label) as label
    from (
        select e.source_id as node, least(s.label, t.label) as label
        from numbered as e
        inner join {0} as s on e.source_id = s.node
        inner join {0} as t on e.target_id = t.node
        union all
        select e.target_id as node, least(s.label, t.label) as label
        from numbered as e
        inner join {0} as s on e.source_id = s.node
        inner join {0} as t on e.target_id = t.node
    ) as way
    group by way.node
"""


def three_hops(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The method of rudderlabs/dbt-id-stitching: edges are numbered, and in each pass a number
    travels three nodes far; as many passes as its documentation recommends."""
    connection.execute(
        "create table numbered as select e.source_id, e.target_id, "  # noqa: S608 (constants)
        f"row_number() over () as label from {EDGES} as e"
    )
    for _ in range(RECOMMENDED_PASSES):
        first, second = _HOP.format("first_hop"), _HOP.format("second_hop")
        connection.execute(
            "create table next as with first_hop as materialized ("  # noqa: S608 (constants)
            "select way.node, min(way.label) as label from ("
            "select e.source_id as node, e.label from numbered as e union all "
            "select e.target_id as node, e.label from numbered as e) as way group by way.node), "
            f"second_hop as materialized ({first}), third_hop as materialized ({second}) "
            "select e.source_id, e.target_id, least(s.label, t.label) as label "
            "from numbered as e inner join third_hop as s on e.source_id = s.node "
            "inner join third_hop as t on e.target_id = t.node"
        )
        connection.execute("drop table numbered")
        connection.execute("alter table next rename to numbered")
    connection.execute(
        "create table result as "
        "select e.source_id as identifier_id, e.label as component_id from numbered as e union "
        "select e.target_id as identifier_id, e.label as component_id from numbered as e"
    )
    return {"rounds": RECOMMENDED_PASSES}


def splink(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Splink's own clustering, with every edge a match. It wants the nodes as a table too."""
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    connection.execute(_NODES)
    connection.execute(f"create view edges as select * from {EDGES}")  # noqa: S608 (constant)
    clusters = cluster_pairwise_predictions_at_threshold(
        nodes="nodes",
        edges="edges",
        db_api=DuckDBAPI(connection),
        node_id_column_name="id",
        edge_id_column_name_left="source_id",
        edge_id_column_name_right="target_id",
    )
    connection.execute(
        "create table result as select c.id as identifier_id, c.cluster_id as component_id "  # noqa: S608
        f"from {clusters.physical_name} as c"
    )
    return {"python": sys.version.split()[0]}


PEERS = {
    "scipy": scipy_round_trip,
    "splink": splink,
    "three_hops": three_hops,
    "min_label": min_label,
}
