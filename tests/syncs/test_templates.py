"""Fields that are texts with values in them: in SQL against plain Python, and their mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
import sqlglot
from hypothesis import given, settings

from cdp.errors import Problems
from cdp.project import DIALECTS
from cdp.sql.text import sql_text
from cdp.syncs.compile import compile_sync
from cdp.syncs.spec import Sync, read_sync

from .harness import Shop
from .test_compile import make_catalogue
from .test_definitions import problems_of

FIELDS = """\
  first_name: {column: first_name}
  spend: {column: spend, type: decimal}
  orders: {column: orders, type: integer}
  is_vip: {column: is_vip, type: boolean}
  seen_at: {column: seen_at, type: timestamp}
  greeting: {template: "Dear {first_name|friend}, it's"}
  name: {template: "{first_name} {column.last_name|}"}
  all_of_it: {template: '{spend}/{orders}|{is_vip}@{seen_at}'}
  known: {template: '{trait.plan} since {trait.member_since}'}
"""
SYNC = """\
name: customers
description: Customers.
from: {model: customers}
destination: hook
fields:
"""


def read(shop: Shop, fields: str) -> Sync:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(SYNC + fields)
    problems = Problems()
    sync = read_sync(path, problems)
    problems.raise_if_any()
    assert sync is not None
    return sync


def catalogue_of(sync: Sync) -> Any:
    from types import SimpleNamespace as Trait

    catalogue = make_catalogue(sync)
    catalogue.traits = {"plan": Trait(type="string"), "member_since": Trait(type="integer")}
    return catalogue


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "create table customers (canonical_profile_id uuid, first_name varchar, "
            "last_name varchar, spend decimal(38, 6), orders bigint, is_vip boolean, "
            "seen_at timestamp);"
            "create table computed_traits (canonical_profile_id uuid, plan varchar, "
            "member_since bigint)"
        )
        yield connection


NAMES = st.one_of(st.none(), st.sampled_from(["", "Ada", "{x}", "{0|1}", "O'Neil", "%s"]))
ROWS = st.tuples(
    NAMES,
    NAMES,
    st.one_of(st.none(), st.decimals(-(10**9), 10**9, places=6)),
    st.one_of(st.none(), st.integers(-100, 100)),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1))),
    NAMES,
    st.one_of(st.none(), st.integers(1990, 2030)),
)


def shown(value: Any) -> str | None:
    """How a value looks inside a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        whole = f"{value:f}"
        return whole.rstrip("0").rstrip(".") if "." in whole else whole
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return None if value is None else str(value)


def joined(*parts: Any) -> str | None:
    texts = [shown(part) for part in parts]
    return None if None in texts else "".join(str(text) for text in texts)


def test_templates_are_filled_as_plain_python_fills_them(
    shop: Shop, connection: duckdb.DuckDBPyConnection
) -> None:
    sync = read(shop, FIELDS)
    sql = compile_sync(sync, catalogue_of(sync)).body("duckdb").sql(dialect="duckdb")

    @settings(max_examples=60, deadline=None)
    @given(ROWS)
    def check(row: tuple[Any, ...]) -> None:
        first, last, spend, orders, is_vip, seen_at, plan, since = row
        profile = "00000000-0000-0000-0000-000000000001"
        connection.execute("delete from customers; delete from computed_traits")
        connection.execute(
            "insert into customers values (?, ?, ?, ?, ?, ?, ?)", [profile, *row[:6]]
        )
        connection.execute("insert into computed_traits values (?, ?, ?)", [profile, plan, since])
        (found,) = connection.execute(sql).fetchall()
        assert found[6:] == (
            joined("Dear ", "friend" if first is None else first, ", it's"),
            joined(first, " ", "" if last is None else last),
            joined(spend, "/", orders, "|", is_vip, "@", seen_at),
            joined(plan, " since ", since),
        )

    check()


def test_a_template_can_be_the_key(shop: Shop, connection: duckdb.DuckDBPyConnection) -> None:
    sync = replace(read(shop, '  place: {template: "{column.last_name}-{column.orders}"}\n'))
    sync = replace(sync, key="place")
    connection.execute("delete from customers")
    connection.execute("insert into customers values (null, null, 'L', null, 3, null, null)")
    sql = compile_sync(sync, catalogue_of(sync)).body("duckdb").sql(dialect="duckdb")
    assert connection.execute(sql).fetchall() == [("L-3", "L-3")]


def test_templates_documents_and_filters_read_properties_of_events(shop: Shop) -> None:
    text = SYNC.replace("{model: customers}", "{events: Order Completed, since: all}")
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(
        text + '  label: {template: "{property.cart.Id} at {column.occurred_at}, {property.b|-}"}\n'
        "  details: {object: {total: {property: revenue, type: decimal}}}\n"
        "filter: {property: revenue, greater_than: 5}\n"
    )
    sync = shop.catalogue.syncs["customers"]
    sql = compile_sync(sync, catalogue_of(sync)).body("duckdb").sql(dialect="duckdb")
    with duckdb.connect() as connection:
        connection.execute(
            "create table stg_events as select * from (values "
            "('a', 1, 'Order Completed', timestamp '2026-01-31 08:00:00.5', "
            """'{"revenue": 7.5, "cart": {"Id": "x1"}}'), """
            "('b', 1, 'Order Completed', null, '{\"revenue\": 5}')) "
            "as t(event_id, load_id, event_name, occurred_at, properties)"
        )
        found = connection.execute(sql).fetchall()
    assert found == [("a", 1, "x1 at 2026-01-31 08:00:00, -", '{"total":7.5}')]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_templates_are_texts_and_functions_of_every_engine(shop: Shop, dialect: str) -> None:
    sync = read(
        shop, '  name: {template: "it\'s {trait.plan|} \\\\ {column.a}"}\n  x: {column: b}\n'
    )
    text = sql_text(compile_sync(sync, catalogue_of(sync)).body(dialect), dialect)
    (tree,) = sqlglot.parse(text, dialect=dialect)
    assert tree is not None
    texts = {one.this for one in tree.find_all(sqlglot.exp.Literal) if one.is_string}
    assert texts == {"it's ", "", " \\ "}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (
            "{frist_name}",
            (
                "error[unknown-part]: the template of field 'name' of sync 'customers' has "
                "'{frist_name}' in it, and no field of that name with a value of its own is "
                "mapped\n"
                "  --> syncs/customers.yml:8:21\n"
                "   8 |   name: {template: '{frist_name}'}\n"
                "help: did you mean 'first_name'?"
            ),
        ),
        (
            "in {city}",
            (
                "error[unknown-part]: the template of field 'name' of sync 'customers' has "
                "'{city}' in it, and no field of that name with a value of its own is mapped\n"
                "  --> syncs/customers.yml:8:24\n"
                "   8 |   name: {template: 'in {city}'}\n"
                "help: write {column.city}, {trait.city} or {identifier.city}, or map a field "
                "'city'"
            ),
        ),
        (
            "{{ first_name }}",
            (
                "error[invalid-template]: field 'name' of sync 'customers' has the template "
                "'{{ first_name }}', which cannot be read\n"
                "  --> syncs/customers.yml:8:20\n"
                "   8 |   name: {template: '{{ first_name }}'}\n"
                "help: write names of fields, {column.name}, {trait.name} or {identifier.name}, "
                "each "
                "in one pair of braces, such as '{first_name} {last_name|}'; a text without any "
                "is a "
                "constant"
            ),
        ),
        (
            "{share}",
            (
                "error[no-text]: the template of field 'name' of sync 'customers' has a number of "
                "type 'float' in it ('share'), which engines write in different ways\n"
                "  --> syncs/customers.yml:8:21\n"
                "   8 |   name: {template: '{share}'}\n"
                "help: use a value of another type, such as decimal"
            ),
        ),
        (
            "{trait.plam}",
            (
                "error[unknown-trait]: sync 'customers' uses trait 'plam', which is not defined\n"
                "  --> syncs/customers.yml:8:21\n"
                "   8 |   name: {template: '{trait.plam}'}\n"
                "help: none is defined yet"
            ),
        ),
        (
            "{first_name} %} endraw",
            (
                "error[unsafe-text]: field 'name' of sync 'customers' has a text that cannot "
                "stand in "
                "a generated model\n"
                "  --> syncs/customers.yml:8:20\n"
                "   8 |   name: {template: '{first_name} %} endraw'}\n"
                "help: leave out line breaks, control characters and the word 'endraw'"
            ),
        ),
    ],
)
def test_a_mistake_in_a_template_is_explained(shop: Shop, template: str, expected: str) -> None:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(
        SYNC + "  first_name: {column: first_name}\n  share: {column: share, type: float}\n"
        f"  name: {{template: '{template}'}}\n"
    )
    assert problems_of(shop) == expected


@pytest.mark.parametrize("template", ["no part", "{", "{a", "a}", "{}", "{a b}", "{1}", "{%x%}"])
def test_whatever_is_no_template_is_refused(shop: Shop, template: str) -> None:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(SYNC + f"  name: {{template: '{template}'}}\n")
    assert problems_of(shop).startswith("error[invalid-template]")
