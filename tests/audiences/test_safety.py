"""Texts of definitions stay texts: through YAML, SQL and dbt's Jinja."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml
from jinja2 import Environment

from cdp.audiences.compile import compile_audiences
from cdp.catalogue import Catalogue
from cdp.sql.model import print_model
from cdp.traits.compile import compile_traits
from tests.audiences import stub_warehouse
from tests.audiences.oracle import Event, Profile, World
from tests.audiences.strategies import AS_OF
from tests.definitions import catalogue_of, problems_of

LAST_YEAR = AS_OF.replace(year=2025)
HOSTILE = (
    "7 days free",
    "'; drop table profiles; --",
    "it's",
    "back\\slash \\' \\\\",
    "{{ env_var('HOME') }}",
    "{% set x = 1 %}",
    "{# note #}",
    "%s %% 100%",
    "$1 :name ?",
    '"quoted"',
    "/* comment */ -- end",
    "日本語 🎉",
)


def hostile_catalogue(folder: Path, text: str) -> Catalogue:
    """A catalogue that uses one text as an event's name, a filter's and a condition's value."""
    trait = {"name": "plan", "description": "Plan.", "profile_trait": "plan"}
    note = {"property": "note", "equals": text}
    did = {"did": text, "where": [note, {"elements": "items", "where": [note], "exactly": 1}]}
    twice = {"sequence": [{"did": text}, {"then": text, "where": [note]}], "exactly": 0}
    silent = {"not": {"consent": text}}
    who = {"all": [{"trait": "plan", "equals": text}, did, twice, silent]}
    return catalogue_of(
        folder,
        {
            "traits/some.yml": yaml.safe_dump({"traits": [trait]}, allow_unicode=True),
            "audiences/a.yml": yaml.safe_dump(
                {"name": "a", "description": "A.", "who": who}, allow_unicode=True
            ),
        },
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_compared_as_it_is(tmp_path: Path, text: str) -> None:
    catalogue = hostile_catalogue(tmp_path, text)
    world = World(
        [Profile("p0", False, {"plan": text}), Profile("p1", False, {"plan": "other"})],
        [
            Event(one, text, LAST_YEAR, f"m{one}", {"note": text, "items": [{"note": text}]})
            for one in ("p0", "p1")
        ],
        AS_OF,
        catalogue.traits,
        catalogue.audiences,
    )
    with duckdb.connect(":memory:") as connection:
        stub_warehouse.build(connection.execute, world, catalogue, "duckdb")
        members = connection.execute("from audience__a").fetchall()
        assert members == [(stub_warehouse.identifier("p0"),)]
        assert connection.execute("select count(*) from profiles").fetchall() == [(2,)]


@pytest.mark.parametrize("text", HOSTILE)
def test_jinja_leaves_a_hostile_text_alone(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        catalogue = hostile_catalogue(Path(folder), text)
    names = {
        "config": lambda **settings: "",
        "ref": lambda name: name,
        "var": lambda name, default: default,
    }
    macros = type("Macros", (), {"__getattr__": lambda self, name: lambda *values: "select 1"})()
    for model in [*compile_traits(catalogue), *compile_audiences(catalogue)]:
        printed = print_model(model, "duckdb", "0" * 64, only_dialect=True)
        head, body = printed.split("{% raw %}")
        rendered = Environment(autoescape=False).from_string(printed).render(**names, cdp=macros)
        assert text not in head
        assert body.split("{% endraw %}")[0].strip() in rendered


@pytest.mark.parametrize("text", ["x{% endraw %}", "two\nlines", "nul\0", "line\u2028end"])
def test_a_text_that_no_model_could_hold_is_refused(tmp_path: Path, text: str) -> None:
    trait = {"name": "t", "description": "T.", "event": text, "aggregate": "count"}
    found = problems_of(tmp_path, {"traits/some.yml": yaml.safe_dump({"traits": [trait]})})
    assert found.startswith("error[unsafe-text]: trait 't' has a text that cannot stand in ")


@pytest.mark.parametrize("path", ["a'b", 'a"b', "a[0]", "a.0.b", "$.a", "a..b", "a\\b", "a{b}"])
def test_a_path_that_some_engine_reads_otherwise_is_refused(tmp_path: Path, path: str) -> None:
    trait = {
        "name": "t",
        "description": "T.",
        "event": "E",
        "aggregate": "sum",
        "property": path,
    }
    found = problems_of(tmp_path, {"traits/some.yml": yaml.safe_dump({"traits": [trait]})})
    assert found.startswith(f"error[invalid-path]: trait 't' has the property path {path!r}")


def test_absurd_numbers_stop_no_build(tmp_path: Path) -> None:
    """Anybody may send events: what no sum could hold counts as missing."""
    kinds = ("decimal", "integer", "float")
    traits = [
        {"name": f"{aggregate}_{kind}", "description": "A.", "event": "Bought", "property": "price"}
        | {"aggregate": aggregate, "type": kind}
        for aggregate, kind in [*(("sum", one) for one in kinds), ("average", "decimal")]
    ]
    catalogue = catalogue_of(tmp_path, {"traits/some.yml": yaml.safe_dump({"traits": traits})})
    # 9e31 fits a decimal, and three of them fit no sum; 1,100 of the last exceed 64 bits.
    prices = [9e31, -9e31, 1e19, "1e99", 2.5] * 3 + [2**53 - 1] * 1_100
    world = World(
        [Profile("p", False, {})],
        [
            Event("p", "Bought", LAST_YEAR, f"m{number}", {"price": price})
            for number, price in enumerate(prices)
        ],
        AS_OF,
        catalogue.traits,
        catalogue.audiences,
    )
    with duckdb.connect(":memory:") as connection:
        stub_warehouse.build(connection.execute, world, catalogue, "duckdb")
        found = connection.execute(
            "select sum_decimal, sum_integer, sum_float > 1e99 from computed_traits"
        ).fetchall()
    assert found == [(3 * 10**19 + Decimal("7.5") + 1_100 * (2**53 - 1), None, True)]
