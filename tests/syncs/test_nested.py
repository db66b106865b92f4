"""Objects and lists in a row, and nulls that are not sent: against plain Python, and to the end."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from cdp.destinations.delivery import Batch, OutgoingRow, Target
from cdp.destinations.manifest import load_manifests
from cdp.destinations.rows import Shaper
from cdp.syncs.compile import compile_sync

from .harness import Shop
from .test_compile import make_catalogue
from .test_definitions import problems_of
from .test_templates import SYNC, read

FIELDS = """\
  name: {column: name}
  all_of_it:
    object:
      Full Name: {template: "{name}!"}
      name: {column: name}
      n: {column: n, type: integer}
      d: {column: d, type: decimal}
      f: {column: f, type: float}
      b: {column: b, type: boolean}
      at: {column: t, type: timestamp}
      names: {trait: names}
      list: {constant: 'a "b"'}
  part:
    object:
      name: {column: name, when_null: skip}
      inner: {object: {n: {column: n, type: integer, when_null: skip}}}
  list:
    array:
      - {column: name}
      - {column: n, type: integer, when_null: skip}
      - {array: [{constant: 1}, {column: d, type: decimal}]}
      - {trait: names, when_null: skip}
"""
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)
ROWS = st.tuples(
    st.one_of(st.none(), TEXTS),
    st.one_of(st.none(), st.integers(-(2**40), 2**40)),
    st.one_of(st.none(), st.decimals(-(10**8), 10**8, places=6)),
    st.one_of(st.none(), st.floats()),
    st.one_of(st.none(), st.booleans()),
    st.one_of(st.none(), st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1))),
    st.one_of(st.none(), st.lists(TEXTS, max_size=3)),
)


def skipping(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def expected(row: tuple[Any, ...]) -> tuple[Any, Any, Any]:
    name, n, d, f, b, at, names = row
    whole = {
        "Full Name": None if name is None else f"{name}!",
        "name": name,
        "n": n,
        "d": d,
        "f": f if f is not None and math.isfinite(f) else None,
        "b": b,
        "at": None if at is None else at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "names": names,
        "list": 'a "b"',
    }
    some = {**skipping(name=name), "inner": skipping(n=n)}
    elements = [name, *([] if n is None else [n]), [1, d], *([] if names is None else [names])]
    return whole, some, elements


def test_documents_are_those_that_plain_python_makes(shop: Shop) -> None:
    sync = read(shop, FIELDS)
    catalogue = make_catalogue(sync)
    catalogue.traits = {"names": SimpleNamespace(type="list")}
    sql = compile_sync(sync, catalogue).body("duckdb").sql(dialect="duckdb")
    profile = "00000000-0000-0000-0000-000000000001"
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(
            "create table customers (canonical_profile_id uuid, name varchar, n bigint, "
            "d decimal(38, 6), f double, b boolean, t timestamp);"
            "create table computed_traits (canonical_profile_id uuid, names varchar[])"
        )

        @settings(max_examples=60, deadline=None)
        @given(ROWS)
        def check(row: tuple[Any, ...]) -> None:
            connection.execute("delete from customers; delete from computed_traits")
            connection.execute(
                "insert into customers values (?, ?, ?, ?, ?, ?, ?)", [profile, *row[:6]]
            )
            connection.execute("insert into computed_traits values (?, ?)", [profile, row[6]])
            cursor = connection.execute(sql)
            kinds = [str(column[1]) for column in cursor.description or ()]
            (found,) = cursor.fetchall()
            read_back = tuple(json.loads(one, parse_float=Decimal) for one in found[2:])
            assert _alike(read_back, expected(row))
            assert kinds[2:] == ["JSON"] * 3

        check()


def _alike(found: Any, wanted: Any) -> bool:
    """Whether they are the same, numbers by their values."""
    if isinstance(wanted, dict):
        return list(found) == list(wanted) and all(_alike(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, (list, tuple)):
        return len(found) == len(wanted) and all(map(_alike, found, wanted))
    if isinstance(wanted, float):
        return float(found) == wanted
    return bool(found == wanted)


def test_a_document_arrives_as_one_and_its_change_is_a_change(shop: Shop, server: Any) -> None:
    read(shop, "  email: {column: email}\n  address: {object: {city: {column: city}}}\n")

    def desire(city: str) -> None:
        with shop.connect() as connection:
            connection.execute(
                "create or replace table main.sync__customers as select 'a' as sync_key, "
                "'a@x' as email, cast(json_object('city', ?::varchar) as json) as address",
                [city],
            )

    desire("Linz")
    shop.run()
    assert server.state == {"a": {"email": "a@x", "address": {"city": "Linz"}}}
    assert shop.run().sent == 0
    desire("Graz")
    assert shop.run().diff.changed == 1
    assert server.state["a"]["address"] == {"city": "Graz"}


@pytest.mark.parametrize(
    ("destination", "written"),
    [
        ("lines", {"city": 'Linz, "A"', "n": 1.5}),
        ("table", '{"city":"Linz, \\"A\\"","n":1.5}'),
        ("columns", '{"city":"Linz, \\"A\\"","n":1.5}'),
        ("whole", '{"city":"Linz, \\"A\\"","n":1.5}'),
    ],
)
def test_a_document_is_json_or_its_text_in_a_file(
    shop: Shop, destination: str, written: Any
) -> None:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    text = SYNC + "  address: {object: {city: {column: city}, n: {column: n, type: decimal}}}\n"
    path.write_text(text.replace("destination: hook", f"destination: {destination}"))
    with shop.connect() as connection:
        connection.execute(
            "create or replace table main.sync__customers as select 'a' as sync_key, "
            """cast('{"city":"Linz, \\"A\\"","n":1.5}' as json) as address"""
        )
    assert shop.run().error is None
    (file,) = [one for one in (shop.folder / "out").rglob("*") if one.is_file()]
    with duckdb.connect() as connection:
        read_it = {".csv": "read_csv", ".jsonl": "read_json", ".parquet": "read_parquet"}
        # The function is one of these, the file of the test's own folder.
        (found,) = connection.execute(
            f"select address from {read_it[file.suffix]}('{file}')"  # noqa: S608
        ).fetchall()
    assert found == (written,)


def test_a_skipped_null_leaves_a_tables_column_as_it_is(shop: Shop) -> None:
    (shop.folder / "definitions" / "destinations.yml").write_text(
        "destinations:\n"
        "  - {name: hook, type: sqlite_table, live_on: [dev], settings: {path: out/b.sqlite}}\n"
    )
    read(
        shop,
        "  email: {column: email, when_null: skip}\n  spend: {column: spend, type: decimal}\n",
    )
    for rows in ([("a", "a@x", 1)], [("a", None, None), ("b", None, 2)]):
        shop.desire(rows)
        assert shop.run().error is None
    with closing(sqlite3.connect(shop.folder / "out" / "b.sqlite")) as connection:
        found = connection.execute("select * from customers order by sync_key").fetchall()
    assert found == [("a", "a@x", None), ("b", None, 2)]


def test_a_skipped_null_is_left_out_of_a_request(shop: Shop, server: Any) -> None:
    read(
        shop,
        "  email: {column: email, when_null: skip}\n  spend: {column: spend, when_null: send}\n",
    )
    shop.desire([("a", None, None)])
    shop.run()
    assert server.state == {"a": {"spend": None}}


@pytest.mark.parametrize("skips", [frozenset(), frozenset({"city"})])
def test_a_skipped_null_is_no_empty_text_either(skips: frozenset[str]) -> None:
    shape = load_manifests()["mailchimp"].object("")
    assert shape is not None
    target = Target(key="email", skips=skips, sent_as={"city": "CITY"})
    row = OutgoingRow("upsert", "a@x.example", {"email": "a@x.example", "city": None})
    shaped = Shaper(shape, target).shape(row, 0, Batch("s", "r", 1, [row], "k"))
    assert isinstance(shaped, dict)
    assert shaped["attributes"] == ({} if skips else {"CITY": ""})


def test_skipping_is_part_of_the_mapping(shop: Shop) -> None:
    read(shop, "  email: {column: email}\n  spend: {column: spend}\n")
    shop.desire([("a", None, 1)])
    shop.run()
    read(shop, "  email: {column: email, when_null: skip}\n  spend: {column: spend}\n")
    error = shop.run().error
    assert error is not None
    assert "(another setting: skipped), and 1 rows are at the" in str(error)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            "  address: {object: {city: {colum: city}}}\n",
            (
                "error[ambiguous-field]: member 'city' of field 'address' of sync 'customers' must "
                "have exactly one of 'identifier', 'trait', 'column', 'constant', 'template', "
                "'object', 'array', 'property' and 'context'\n"
                "  --> syncs/customers.yml:6:22\n"
                "   6 |   address: {object: {city: {colum: city}}}\n"
                "help: did you mean 'column'?"
            ),
        ),
        (
            "  address: {object: {}}\n",
            (
                "error[empty-list]: 'object' of field 'address' of sync 'customers' is empty\n"
                "  --> syncs/customers.yml:6:21\n"
                "   6 |   address: {object: {}}\n"
                "help: give it at least one member"
            ),
        ),
        (
            "  address: {object: {'a\"b': {column: city}}}\n",
            (
                "error[invalid-name]: field 'address' of sync 'customers' has a member 'a\"b'\n"
                "  --> syncs/customers.yml:6:22\n"
                "   6 |   address: {object: {'a\"b': {column: city}}}\n"
                "help: use letters, digits, '_', '$', '-', '.' and spaces, at most 100 characters"
            ),
        ),
        (
            "  tags: {array: [{column: tag, as: Tag}]}\n",
            (
                "error[unknown-key]: member '1' of field 'tags' of sync 'customers' has no setting "
                "'as'\n"
                "  --> syncs/customers.yml:6:32\n"
                "   6 |   tags: {array: [{column: tag, as: Tag}]}\n"
                "help: one of 'column', 'type', 'when_null'"
            ),
        ),
        (
            "  tags: " + "{array: [" * 11 + "{constant: 1}" + "]}" * 11 + "\n",
            (
                "error[too-deep]: "
                + "member '1' of " * 10
                + "field 'tags' of sync 'customers' is nested more than 10 deep\n"
                "  --> syncs/customers.yml:6:107\n"
                "   6 |   tags: " + "{array: [" * 11 + "{constant: 1}" + "]}" * 11 + "\n"
                "help: make a column of the inner part in a model of yours"
            ),
        ),
    ],
)
def test_a_mistake_in_a_document_is_explained(shop: Shop, fields: str, message: str) -> None:
    (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(SYNC + fields)
    assert problems_of(shop) == message


@pytest.mark.parametrize(
    ("head", "fields", "message"),
    [
        (
            "destination: hook\nkey: tags",
            "  tags: {array: [{constant: 1}]}\n",
            (
                "error[nested-key]: the key 'tags' of sync 'customers' is an array\n"
                "  --> syncs/customers.yml:5:6\n"
                "   5 | key: tags\n"
                "help: make a field with one value the key"
            ),
        ),
        (
            "destination: table",
            "  email: {column: email, when_null: skip}\n",
            (
                "error[cannot-skip]: sync 'customers' skips 'email' where it is null, and "
                "CSV files take whole rows\n"
                "  --> syncs/customers.yml:6:19\n"
                "   6 |   email: {column: email, when_null: skip}\n"
                "help: leave out 'when_null: skip'"
            ),
        ),
        (
            "destination: table",
            "  email: {column: email, as: E-mail}\n",
            (
                "error[no-other-name]: sync 'customers' sends 'email' as 'E-mail', and "
                "CSV files take it by the field's own name\n"
                "  --> syncs/customers.yml:6:19\n"
                "   6 |   email: {column: email, as: E-mail}\n"
                "help: leave out 'as', and name the field so"
            ),
        ),
        (
            "destination: klaviyo\nobject: profiles\nkey: email\nmode: upsert",
            "  email: {column: email, as: E-mail}\n",
            (
                "error[no-other-name]: sync 'customers' sends 'email' as 'E-mail', and "
                "Profiles take it by the field's own name\n"
                "  --> syncs/customers.yml:9:19\n"
                "   9 |   email: {column: email, as: E-mail}\n"
                "help: leave out 'as'"
            ),
        ),
        (
            "destination: klaviyo\nobject: profiles\nkey: email\nmode: upsert",
            "  email: {column: email}\n  phone_number: {array: [{constant: '1'}]}\n",
            (
                "error[nested-value]: sync 'customers' maps an array to 'phone_number', which "
                "Profiles take as one value\n"
                "  --> syncs/customers.yml:10:25\n"
                "  10 |   phone_number: {array: [{constant: '1'}]}\n"
                "help: map a column, a trait, an identifier or a template"
            ),
        ),
    ],
)
def test_what_a_destination_cannot_take_is_told_before_it_is_sent(
    shop: Shop, head: str, fields: str, message: str
) -> None:
    with (shop.folder / "definitions" / "destinations.yml").open("a") as file:
        file.write(
            "  - {name: klaviyo, type: klaviyo, live_on: [], settings: {api_key: env:HOOK_TOKEN}}\n"
        )
    text = (SYNC + fields).replace("destination: hook", head)
    (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(text)
    assert problems_of(shop) == message
