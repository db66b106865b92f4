"""The desired state: the compiled query against plain Python, and its shape on every engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
import sqlglot
from hypothesis import given, settings
from sqlglot import exp

from cdp.errors import Location
from cdp.project import DIALECTS
from cdp.sql.model import print_model
from cdp.syncs.compile import compile_sync, compile_syncs
from cdp.syncs.fields import Field
from cdp.syncs.limits import Guards
from cdp.syncs.origin import Origin
from cdp.syncs.spec import Sync

PLACE = Location(Path("customers.yml"))
TRAITS = {
    "lifetime_value": SimpleNamespace(type="decimal"),
    "categories": SimpleNamespace(type="list"),
}


def field(name: str, kind: str, value: Any, **more: str) -> Field:
    return Field(name, kind, value, PLACE, **more)


FIELDS = (
    field("email", "identifier", "email"),
    field("first_email", "identifier", "email", strategy="first"),
    field("device", "identifier", "ios.idfa"),
    field("spend", "trait", "lifetime_value"),
    field("categories", "trait", "categories"),
    field("is_anonymous", "column", "is_anonymous", type="boolean"),
    field("events", "column", "event_count", type="decimal"),
    field("label", "constant", 'it\'s {x} "y" \\ ; --'),
    field("number", "constant", 7),
    field("factor", "constant", Decimal("1.50")),
    field("flag", "constant", True),
)


def make_sync(
    fields: tuple[Field, ...] = FIELDS, key: str = "canonical_profile_id", origin: str = "profiles"
) -> Sync:
    kind = {"profiles": "profiles", "account": "entities"}.get(origin, "audience")
    return Sync(
        "customers",
        "Customers.",
        Origin(kind, "" if kind == "profiles" else origin, PLACE),
        "hook",
        key,
        fields,
        "remove",
        Guards(),
        PLACE,
        PLACE,
    )


def make_catalogue(sync: Sync) -> Any:
    return SimpleNamespace(
        syncs={sync.name: sync},
        traits=TRAITS,
        audiences={},
        destinations={"hook": SimpleNamespace(type="webhook")},
        identity=None,
    )


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "create table profiles (canonical_profile_id uuid, is_anonymous boolean, "
            "event_count bigint);"
            "create table user_identifiers (canonical_profile_id uuid, identifier_type varchar, "
            "identifier_value varchar, first_seen_at timestamp, last_seen_at timestamp);"
            "create table computed_traits (canonical_profile_id uuid, "
            "lifetime_value decimal(38, 6), categories varchar[])"
        )
        yield connection


MOMENTS = st.one_of(st.none(), st.sampled_from([datetime(2026, 1, day) for day in range(1, 4)]))
IDENTIFIERS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["email", "ios.idfa", "user_id"]),
        st.sampled_from(["a", "B", "b", "é", "it's"]),
        MOMENTS,
        MOMENTS,
    ),
    max_size=10,
    unique_by=lambda row: row[:3],
)
LONG_AGO, FAR_AHEAD = datetime(1900, 1, 1), datetime(2900, 1, 1)


def profile_id(number: int) -> str:
    return f"00000000-0000-0000-0000-00000000000{number}"


def chosen(rows: list[Any], profile: int, kind: str, strategy: str) -> str | None:
    """The value seen last (first), ties to the greatest (least); those never seen come last."""
    found = [row for row in rows if row[0] == profile and row[1] == kind]
    if not found:
        return None
    if strategy == "last":
        return str(max(found, key=lambda row: (row[4] or LONG_AGO, row[2]))[2])
    return str(min(found, key=lambda row: (row[3] or FAR_AHEAD, row[2]))[2])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3), unique=True, max_size=4), IDENTIFIERS, st.sets(st.integers(0, 3))
)
def test_each_profile_gives_one_row_with_its_mapped_fields(
    connection: duckdb.DuckDBPyConnection,
    profiles: list[int],
    identifiers: list[Any],
    with_traits: set[int],
) -> None:
    for table in ("profiles", "user_identifiers", "computed_traits"):
        connection.execute(f"delete from {table}")  # noqa: S608
    for number in profiles:
        connection.execute(
            "insert into profiles values (?, ?, ?)", [profile_id(number), number == 1, number]
        )
    for number, *rest in identifiers:
        connection.execute(
            "insert into user_identifiers values (?, ?, ?, ?, ?)", [profile_id(number), *rest]
        )
    for number in with_traits:
        connection.execute(
            "insert into computed_traits values (?, ?, ?)",
            [profile_id(number), Decimal(number) / 4, ["x", "y"]],
        )
    sync = make_sync()
    model = compile_sync(sync, make_catalogue(sync))
    cursor = connection.execute(model.body("duckdb").sql(dialect="duckdb"))
    names = [column[0] for column in cursor.description or ()]
    assert names == [column.name for column in model.columns]
    expected = [
        (
            profile_id(number),
            chosen(identifiers, number, "email", "last"),
            chosen(identifiers, number, "email", "first"),
            chosen(identifiers, number, "ios.idfa", "last"),
            Decimal(number) / 4 if number in with_traits else None,
            ["x", "y"] if number in with_traits else None,
            number == 1,
            Decimal(number),
            'it\'s {x} "y" \\ ; --',
            7,
            Decimal("1.5"),
            True,
        )
        for number in sorted(profiles)
    ]
    assert sorted(cursor.fetchall()) == expected


def test_a_mapped_field_can_be_the_key() -> None:
    sync = make_sync((field("email", "identifier", "email"),), key="email")
    body = compile_sync(sync, make_catalogue(sync)).body("duckdb").sql(dialect="duckdb")
    assert "CAST(last_seen_email.identifier_value AS TEXT) AS sync_key" in body


def test_each_identifier_of_a_profile_can_be_a_row(connection: duckdb.DuckDBPyConnection) -> None:
    for table in ("profiles", "user_identifiers"):
        connection.execute(f"delete from {table}")  # noqa: S608
    for number in (0, 1, 2):
        connection.execute("insert into profiles values (?, false, 1)", [profile_id(number)])
    for number, kind, value in (
        (0, "email", "a@x"), (0, "email", "b@x"), (0, "user_id", "u"), (1, "email", "c@x"),
    ):  # fmt: skip
        connection.execute(
            "insert into user_identifiers values (?, ?, ?, null, null)",
            [profile_id(number), kind, value],
        )
    fields = (
        field("email", "identifier", "email", strategy="all"),
        field("user", "identifier", "user_id"),
    )
    sync = make_sync(fields, key="email")
    model = compile_sync(sync, make_catalogue(sync))
    found = connection.execute(model.body("duckdb").sql(dialect="duckdb")).fetchall()
    assert sorted(found) == [("a@x", "a@x", "u"), ("b@x", "b@x", "u"), ("c@x", "c@x", None)]
    assert model.columns[1].description == "Each email of the profile, in a row of its own."


def test_an_account_is_a_row_with_the_traits_of_accounts(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute(
        "create table accounts (account_id uuid, group_id varchar, member_count bigint);"
        "create table account_computed_traits (account_id uuid, seats bigint);"
        f"insert into accounts values ('{profile_id(1)}', 'acme', 2), ('{profile_id(2)}', 'b', 0);"
        f"insert into account_computed_traits values ('{profile_id(1)}', 7)"
    )
    fields = (
        field("name", "column", "group_id"),
        field("members", "column", "member_count", type="integer"),
        field("seats", "trait", "seats"),
    )
    sync = make_sync(fields, key="account_id", origin="account")
    catalogue = make_catalogue(sync)
    catalogue.traits = {"seats": SimpleNamespace(type="integer", level="account")}
    body = compile_sync(sync, catalogue).body("duckdb").sql(dialect="duckdb")
    assert sorted(connection.execute(body).fetchall()) == [
        (profile_id(1), "acme", 2, 7),
        (profile_id(2), "b", 0, None),
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_model_is_portable(dialect: str) -> None:
    sync = make_sync(origin="vips")
    text = print_model(
        compile_sync(sync, make_catalogue(sync)), dialect, "0" * 64, only_dialect=True
    )
    jinja = [line for line in text.splitlines() if "{{" in line or "{%" in line]
    assert jinja == [
        "{{ config(materialized='view') }}",
        "    select * from {{ ref('audience__vips') }}",
        "    select * from {{ ref('user_identifiers') }}",
        "    select * from {{ ref('computed_traits') }}",
        "{% raw %}",
        "{% endraw %}",
    ]
    body = compile_sync(sync, make_catalogue(sync)).body(dialect).sql(dialect=dialect)
    tree = sqlglot.parse_one(body, dialect=dialect)
    assert [one for one in tree.find_all(exp.Column) if not one.table] == []
    assert list(tree.find_all(exp.ArgMax, exp.Qualify, exp.Star)) == []


def test_every_sync_is_an_exposure() -> None:
    models, (exposure,) = compile_syncs(make_catalogue(make_sync()))
    assert (exposure.name, exposure.models) == ("customers", (models[0].name,))
    assert "destination hook (webhook)" in exposure.description
