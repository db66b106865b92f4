"""Whether two tables of components are the same partition of the same identifiers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class Verdict:
    """Of a partition: its components, those of the true one, and how many of the true ones it has.

    `rows` are more than `identifiers` where a method gives an identifier several components.
    """

    components: int
    true_components: int
    right: int
    rows: int
    identifiers: int

    @property
    def is_right(self) -> bool:
        return (
            self.components == self.true_components == self.right and self.rows == self.identifiers
        )


# A component is right if it shares all its identifiers with one true component, and that one
# has no others. Sizes meet in differences: of equal ones DuckDB makes a join of all components
# of one size.
_VERDICT = """
    with
    pairs as (
        select found.component_id as found_id, truth.component_id as true_id, count(*) as size
        from true_components as truth
        left join found_components as found on found.identifier_id = truth.identifier_id
        group by found.component_id, truth.component_id
    ),
    found_sizes as (
        select f.component_id, count(*) as size from found_components as f group by f.component_id
    ),
    true_sizes as (
        select t.component_id, count(*) as size from true_components as t group by t.component_id
    )
    select
        (select count(*) from found_sizes),
        (select count(*) from true_sizes),
        (
            select count(*)
            from pairs
            inner join found_sizes on pairs.found_id = found_sizes.component_id
            inner join true_sizes on pairs.true_id = true_sizes.component_id
            where pairs.size - found_sizes.size = 0 and pairs.size - true_sizes.size = 0
        ),
        (select count(*) from found_components),
        (select count(*) from true_components)
"""


def judge(found: tuple[Path, str], truth: tuple[Path, str]) -> Verdict:
    """Compare a side's table (its file, its name) with the true one."""
    with duckdb.connect(config={"memory_limit": "5GB"}) as connection:
        for name, (path, table) in {"found": found, "true": truth}.items():
            connection.execute(f"attach '{path}' as {name}_file (read_only)")
            connection.execute(
                f"create temp view {name}_components as "  # noqa: S608 (constants)
                f"select identifier_id, component_id from {name}_file.{table}"
            )
        row = connection.execute(_VERDICT).fetchone()
    assert row is not None
    return Verdict(*row)
