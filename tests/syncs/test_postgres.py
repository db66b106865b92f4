"""The rows of a sync are the same on PostgreSQL: templates, documents, filter and consent."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from cdp.sql.text import sql_text
from cdp.syncs.compile import compile_sync
from cdp.syncs.spec import Sync

from .harness import Shop
from .test_compile import make_catalogue
from .test_templates import read

SEED = 11
FIELDS = """\
  label: {template: "{column.name|nobody}: {amount}, {flag} at {at}"}
  plan: {template: "{trait.plan|free} {n|}"}
  amount: {column: amount, type: decimal}
  flag: {column: flag, type: boolean}
  at: {column: at_time, type: timestamp}
  n: {column: n, type: integer}
  whole:
    object:
      Name: {column: name}
      amount: {column: amount, type: decimal}
      share: {column: share, type: float}
      flag: {column: flag, type: boolean, when_null: skip}
      at: {column: at_time, type: timestamp}
      tags: {trait: tags}
      inner: {array: [{column: n, type: integer, when_null: skip}, {constant: 1.50}]}
filter:
  any:
    - {column: amount, greater_than: 0}
    - not: {trait: tags, contains: a}
    - {column: name, starts_with: "it's"}
consent: [ads]
"""
TABLES = (
    (
        "customers (canonical_profile_id uuid, name text, amount decimal(38, 6), flag boolean, "
        "at_time timestamp, n bigint, share double precision)"
    ),
    "computed_traits (canonical_profile_id uuid, plan text, tags text[])",
    "consent_status (canonical_profile_id uuid, category text, status text)",
)
TRAITS = {"plan": SimpleNamespace(type="string"), "tags": SimpleNamespace(type="string_list")}


def rows() -> Iterator[tuple[str, list[Any]]]:
    """The rows of every table, from a seed."""
    chosen = random.Random(SEED)

    def one(*values: Any) -> Any:
        return chosen.choice([None, *values])

    for number in range(60):
        who = f"00000000-0000-0000-0000-{number:012}"
        moment = datetime(2026, 1, 1) + timedelta(microseconds=chosen.randrange(10**13))
        name = one("Ada", "", 'it\'s "x" \\ {n}', "zwölf\n\t\x01", "😀")
        amount = one(Decimal("0"), Decimal("100"), Decimal("-12.5"), Decimal("0.000001"))
        share = one(0.1, 1e15, -3.0, float("inf"), float("nan"))
        when = one(moment, moment.replace(microsecond=0), moment.replace(microsecond=500_000))
        yield "customers", [who, name, amount, one(True, False), when, one(-7, 0), share]
        yield "computed_traits", [who, one("pro"), one(["a"], ["b", 'c"d'])]
        yield "consent_status", [who, "ads", chosen.choice(["granted", "granted", "denied"])]


def made(cursor: Any, sync: Sync, dialect: str, mark: str) -> list[tuple[Any, ...]]:
    """The desired rows on an engine, documents as Python reads them."""
    for table in TABLES:
        cursor.execute(f"create temporary table {table}")
    for table, values in rows():
        marks = ", ".join([mark] * len(values))
        cursor.execute(f"insert into {table} values ({marks})", values)  # noqa: S608
    catalogue = make_catalogue(sync)
    catalogue.traits = TRAITS
    cursor.execute(sql_text(compile_sync(sync, catalogue).body(dialect), dialect))
    found = cursor.fetchall()
    read_back = [
        (*row[:-1], json.loads(row[-1]) if isinstance(row[-1], str) else row[-1]) for row in found
    ]
    return sorted(read_back, key=lambda row: str(row[0]))


@pytest.mark.postgres
def test_the_rows_of_a_sync_are_the_same_on_postgres(shop: Shop) -> None:
    address = os.environ.get("CDP_TEST_POSTGRES")
    if not address:
        pytest.skip("CDP_TEST_POSTGRES names no server")
    psycopg2 = pytest.importorskip("psycopg2")
    sync = read(shop, FIELDS)
    with duckdb.connect() as connection:
        here = made(connection, sync, "duckdb", "?")
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        there = made(cursor, sync, "postgres", "%s")
    assert len(here) > 20
    assert there == here
