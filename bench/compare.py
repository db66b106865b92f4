"""Whether both sides made the same rows. A benchmark of different results says nothing.

Rows are compared in both directions with their multiplicity, columns by name. What
only one side has is not compared: history, state of the syncs, ids of loads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from bench.handwritten import CSV, DATABASE
from bench.ours import PROJECT, SYNCS

COLUMNS = {
    "identity_graph": "identifier_id, identifier_type, identifier_value, canonical_profile_id, "
    "first_seen_at, last_seen_at",
    "profile_merges": "profile_id, canonical_profile_id, identifier_id",
    "profiles": "canonical_profile_id, user_id, email, is_anonymous, first_seen_at, last_seen_at, "
    "event_count, identifier_count",
    "user_traits": "canonical_profile_id, trait_name, trait_value, occurred_at, source, message_id",
    "computed_traits": "canonical_profile_id, order_count, orders_90d, lifetime_value, "
    "average_order_value, first_order_at, last_order_at, last_category, favourite_category, "
    "viewed_categories, plan, first_name, signed_up_at",
    "audience_memberships": "audience_name, canonical_profile_id, entered_at",
    "events": "source, message_id, type, event_name, page_name, user_id, anonymous_id, group_id, "
    "occurred_at, received_at, sent_at, properties, traits, context",
}


class DifferentRowsError(AssertionError):
    """The two sides disagree; the message names each table and how many rows differ."""


def compare(folder: Path, held: dict[str, dict[str, Any]], held_by_hand: dict[str, Any]) -> None:
    """Compare the tables, the CSV files and what the endpoint holds of each side.

    Raises DifferentRowsError with everything that differs.
    """
    with duckdb.connect() as connection:
        # Under the file's own name: our views name their tables in full.
        connection.execute(f"attach '{folder / PROJECT / 'warehouse.duckdb'}' (read_only)")
        connection.execute(f"attach '{folder / DATABASE}' as hand (read_only)")
        found = {name: _differences(connection, *_tables(name)) for name in COLUMNS}
        found["csv file"] = _differences(connection, *_files(folder))
    found["endpoint"] = (
        sum(held.get(key) != row for key, row in held_by_hand.items()),
        len(held.keys() - held_by_hand.keys()),
        len(held),
    )
    wrong = [
        f"{name}: {missing:,} rows only by hand or different, {extra:,} only ours, {total:,} in all"
        for name, (missing, extra, total) in found.items()
        if missing or extra or not total
    ]
    if wrong:
        raise DifferentRowsError("the two sides differ\n  " + "\n  ".join(wrong))


def _tables(name: str) -> tuple[str, str]:
    """The rows of a table on our side and by hand."""
    schema = "main_internal" if name == "events" else "main"
    table = "stg_events" if name == "events" else name
    columns = COLUMNS[name]
    return f"select {columns} from warehouse.{schema}.{table}", f"select {columns} from hand.{name}"  # noqa: S608 (constants)


def _files(folder: Path) -> tuple[str, str]:
    """The rows of our change files and of the hand-written file."""
    reader = "from read_csv('{}', header = true, all_varchar = true)"
    changes = folder / PROJECT / "exports" / SYNCS[0] / "*.csv"
    return reader.format(changes), reader.format(folder / CSV)


def _differences(
    connection: duckdb.DuckDBPyConnection, ours: str, by_hand: str
) -> tuple[int, int, int]:
    """Rows that only the hand-written side has, rows that only ours has, and ours in all."""
    found = connection.execute(
        f"select (select count(*) from ({by_hand} except all {ours})), "  # noqa: S608 (constants)
        f"(select count(*) from ({ours} except all {by_hand})), (select count(*) from ({ours}))"
    ).fetchone()
    assert found is not None
    return found[0], found[1], found[2]
