"""Which rows are sent: filters and consents in SQL against plain Python, and their mistakes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given, settings

from cdp.syncs.compile import compile_sync

from .harness import Shop
from .test_compile import make_catalogue
from .test_definitions import problems_of
from .test_templates import SYNC, read

FIELDS = "  name: {column: name}\n"
TRAITS = {"plan": SimpleNamespace(type="string"), "tags": SimpleNamespace(type="string_list")}
Row = dict[str, Any]


def profile_id(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012}"


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "create table customers (canonical_profile_id uuid, name varchar, spend varchar, "
            "is_vip boolean);"
            "create table computed_traits (canonical_profile_id uuid, plan varchar, "
            "tags varchar[]);"
            "create table user_identifiers (canonical_profile_id uuid, identifier_type varchar, "
            "identifier_value varchar, first_seen_at timestamp, last_seen_at timestamp);"
            "create table consent_status (canonical_profile_id uuid, category varchar, "
            "status varchar)"
        )
        fill(connection)
        yield connection


VALUES: dict[str, list[Any]] = {
    "name": ["Ada", "ada", "Bob", "", None],
    "spend": [-1, 0, 10, 99, None],
    "is_vip": [True, False, None],
    "plan": ["free", "pro", "enterprise", None],
    "tags": [None, ["a"], ["a", "b"]],
    "email": [None, "x@shop.example", "y@other.example"],
}
SAID = ["granted", "denied", None]
SEED = 7


def make_rows() -> list[Row]:
    chosen = random.Random(SEED)
    return [
        {name: chosen.choice(values) for name, values in VALUES.items()}
        | {"said": {one: chosen.choice(SAID) for one in ("ads", "mail", "sms")}}
        for _ in range(80)
    ]


ROWS = make_rows()
TESTS = st.sampled_from(
    [
        {"column": "name", "equals": "Ada"},
        {"column": "name", "not_equals": "Ada"},
        {"column": "name", "starts_with": "A"},
        {"column": "name", "one_of": ["Ada", "Bob"]},
        {"column": "spend", "greater_than": 0},
        {"column": "spend", "less_than_or_equal": 10, "type": "decimal"},
        {"column": "spend", "exists": True},
        {"column": "is_vip", "equals": True},
        {"trait": "plan", "one_of": ["pro", "enterprise"]},
        {"trait": "plan", "exists": False},
        {"trait": "tags", "not_contains": "b"},
        {"identifier": "email", "ends_with": "@shop.example"},
    ]
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.one_of(
        st.builds(lambda part: {"not": part}, inner),
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=5,
)
OPERATORS: dict[str, Any] = {
    "equals": lambda value, wanted: value == wanted,
    "starts_with": lambda value, wanted: value.startswith(wanted),
    "ends_with": lambda value, wanted: value.endswith(wanted),
    "one_of": lambda value, wanted: value in wanted,
    "greater_than": lambda value, wanted: value > wanted,
    "less_than_or_equal": lambda value, wanted: value <= wanted,
    "contains": lambda value, wanted: wanted in value,
}


def passes(row: Row, condition: Any) -> bool:
    """The published meaning: nothing that compares with a missing value is true."""
    if isinstance(condition, list):
        return all(passes(row, part) for part in condition)
    if "all" in condition:
        return all(passes(row, part) for part in condition["all"])
    if "any" in condition:
        return any(passes(row, part) for part in condition["any"])
    if "not" in condition:
        return not passes(row, condition["not"])
    name = next(condition[kind] for kind in ("column", "trait", "identifier") if kind in condition)
    operator = next(key for key in condition if key in OPERATORS or key.startswith(("not_", "ex")))
    value, wanted = row[name], condition[operator]
    if operator == "exists":
        return (value is not None) == wanted
    if operator.startswith("not_"):
        positive = {"not_equals": "equals", "not_contains": "contains"}[operator]
        return value is None or not OPERATORS[positive](value, wanted)
    return value is not None and bool(OPERATORS[operator](value, wanted))


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    for number, row in enumerate(ROWS):
        who = profile_id(number)
        customer = [who, row["name"], row["spend"], row["is_vip"]]
        connection.execute("insert into customers values (?, ?, ?, ?)", customer)
        traits = [who, row["plan"], row["tags"]]
        connection.execute("insert into computed_traits values (?, ?, ?)", traits)
        connection.execute(
            "insert into user_identifiers select ?, 'email', e, null, null from (select ? as e) "
            "where e is not null",
            [who, row["email"]],
        )
        for said in row["said"].items():
            connection.execute(
                "insert into consent_status select ?, c, s from (select ? as c, ? as s) "
                "where s is not null",
                [who, *said],
            )


def sent(shop: Shop, connection: duckdb.DuckDBPyConnection, more: str) -> list[str]:
    sync = read(shop, FIELDS + more)
    catalogue = make_catalogue(sync)
    catalogue.traits = TRAITS
    sql = compile_sync(sync, catalogue).body("duckdb").sql(dialect="duckdb")
    return sorted(str(row[0]) for row in connection.execute(sql).fetchall())


def test_the_rows_that_pass_are_those_of_plain_python(
    shop: Shop, connection: duckdb.DuckDBPyConnection
) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.one_of(CONDITIONS, st.lists(CONDITIONS, min_size=1, max_size=2)))
    def check(condition: Any) -> None:
        more = "filter: " + yaml.safe_dump(condition, default_flow_style=True, width=10_000)
        expected = [profile_id(n) for n, row in enumerate(ROWS) if passes(row, condition)]
        assert sent(shop, connection, more) == expected

    check()


@pytest.mark.parametrize("wanted", [["ads"], ["ads", "mail"], ["mail", "mail", "sms"]])
def test_only_who_granted_every_category_is_sent(
    shop: Shop, connection: duckdb.DuckDBPyConnection, wanted: list[str]
) -> None:
    granted = [all(row["said"][one] == "granted" for one in wanted) for row in ROWS]
    expected = [profile_id(n) for n, is_sent in enumerate(granted) if is_sent]
    assert 0 < len(expected) < len(ROWS)
    assert sent(shop, connection, f"consent: [{', '.join(wanted)}]\n") == expected


def test_a_row_that_no_longer_passes_leaves(
    shop: Shop, connection: duckdb.DuckDBPyConnection, server: Any
) -> None:
    sync = read(shop, "  spend: {column: spend}\nfilter: {column: spend, greater_than: 5}\n")
    sql = compile_sync(sync, make_catalogue(sync)).body("duckdb").sql(dialect="duckdb")
    for spends in ([10, 20, 30], [10, 20, 3]):
        with shop.connect() as warehouse:
            warehouse.execute(
                f"create or replace table customers as select cast('{profile_id(0)[:-1]}' || n "
                "as uuid) as canonical_profile_id, s as spend from "
                "unnest(?) with ordinality as t(s, n)",
                [spends],
            )
            warehouse.execute(f"create or replace table sync__customers as {sql}")
        assert shop.run().error is None
    assert sorted(server.state) == [profile_id(1), profile_id(2)]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "filter: {colum: name, equals: x}\n",
            (
                "error[ambiguous-filter]: a condition in the filter of sync 'customers' must have "
                "exactly one of 'identifier', 'trait', 'column', 'property', 'context', 'all', "
                "'any' and 'not'\n"
                "  --> syncs/customers.yml:7:9\n"
                "   7 | filter: {colum: name, equals: x}\n"
                "help: 'colum' is none of them"
            ),
        ),
        (
            "filter: [{column: name, trait: plan, equals: x}]\n",
            (
                "error[ambiguous-filter]: a condition in the filter of sync 'customers' must have "
                "exactly one of 'identifier', 'trait', 'column', 'property', 'context', 'all', "
                "'any' and 'not'\n"
                "  --> syncs/customers.yml:7:10\n"
                "   7 | filter: [{column: name, trait: plan, equals: x}]\n"
                "help: keep one of trait, column"
            ),
        ),
        (
            "filter: {column: spend, type: string, greater_than: 5}\n",
            (
                "error[wrong-operator-type]: 'greater_than' on column 'spend' in the filter of "
                "sync 'customers', which is of type 'string'\n"
                "  --> syncs/customers.yml:7:53\n"
                "   7 | filter: {column: spend, type: string, greater_than: 5}\n"
                "help: use equals, not_equals, one_of, contains, not_contains, contains_one_of, "
                "starts_with, ends_with, exists"
            ),
        ),
        (
            "filter: {column: spend, greater_than: {trait: plan}}\n",
            (
                "error[wrong-type]: 'greater_than' of column 'spend' in the filter of sync "
                "'customers' must be a number, not a mapping\n"
                "  --> syncs/customers.yml:7:39\n"
                "   7 | filter: {column: spend, greater_than: {trait: plan}}\n"
                "help: write a number"
            ),
        ),
        (
            "filter: {trait: plam, equals: pro}\n",
            (
                "error[unknown-trait]: sync 'customers' uses trait 'plam', which is not defined\n"
                "  --> syncs/customers.yml:7:17\n"
                "   7 | filter: {trait: plam, equals: pro}\n"
                "help: none is defined yet"
            ),
        ),
        (
            "filter: " + "{not: " * 10 + "{column: a, exists: true}" + "}" * 10 + "\n",
            (
                "error[too-deep]: the filter of sync 'customers' is nested more than 10 deep\n"
                "  --> syncs/customers.yml:7:69\n"
                "   7 | filter: " + "{not: " * 10 + "{column: a, exists: true}" + "}" * 10 + "\n"
                "help: test a column of a model of yours"
            ),
        ),
        (
            "consent: []\n",
            (
                "error[empty-list]: 'consent' of sync 'customers' is empty\n"
                "  --> syncs/customers.yml:7:10\n"
                "   7 | consent: []\n"
                "help: list at least one entry"
            ),
        ),
    ],
)
def test_a_mistake_in_a_filter_is_explained(shop: Shop, more: str, expected: str) -> None:
    (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(SYNC + FIELDS + more)
    assert problems_of(shop) == expected


def test_accounts_cannot_consent(shop: Shop) -> None:
    text = SYNC.replace("{model: customers}", "{entities: account}")
    (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(
        text + "  name: {column: group_id}\nconsent: ads\n"
    )
    assert problems_of(shop) == (
        "error[consent-without-profile]: sync 'customers' asks for consent to 'ads', and entity "
        "'account' has no profile that could give it\n"
        "  --> syncs/customers.yml:7:10\n"
        "   7 | consent: ads\n"
        "help: sync an audience, profiles, or a model with the column 'canonical_profile_id'"
    )
