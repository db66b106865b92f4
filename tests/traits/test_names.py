"""Names of event tables, columns and features: readable, stable, and never shared by two."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from cdp.features import FeaturePlan, plan_features
from cdp.sql.names import LONGEST, slug
from tests.audiences.test_oracle import PROFILE
from tests.definitions import catalogue_of

PLAIN = re.compile(r"[a-z][a-z0-9_]*\Z")


def plan_of(folder: Path, *traits: dict[str, object]) -> FeaturePlan:
    described = [{"name": f"t{i}", "description": "T.", **one} for i, one in enumerate(traits)]
    text = yaml.safe_dump({"traits": described})
    catalogue = catalogue_of(folder, {"traits/some.yml": text})
    return plan_features(catalogue.traits, catalogue.audiences)


def count(event: str, **more: object) -> dict[str, object]:
    return {"event": event, "aggregate": "count", **more}


def test_a_feature_is_named_for_what_it_is(tmp_path: Path) -> None:
    total = {"event": "Order Completed", "aggregate": "sum", "property": "revenue"}
    lately = {"window": {"last": "90 days"}}
    euros = {"where": [{"property": "currency", "equals": "EUR"}]}
    plan = plan_of(tmp_path, total, total | lately, total | euros, total | euros | lately)
    assert list(plan.features.values()) == [
        "order_completed__sum_revenue",
        "order_completed__sum_revenue__90d",
        "order_completed__sum_revenue__where_currency_eur",
        "order_completed__sum_revenue__where_currency_eur__90d",
    ]


def test_one_meaning_written_in_two_ways_is_computed_once(tmp_path: Path) -> None:
    red = {"property": "color", "equals": "red"}
    cheap = {"property": "price", "less_than": 5}
    plan = plan_of(
        tmp_path,
        count("Seen", where=[red, cheap], window={"last": "24 hours"}),
        count("Seen", where=[cheap, red, red], window={"last": "1 day"}),
    )
    assert len(plan.features) == 1


def test_a_property_read_as_two_types_is_two_columns(tmp_path: Path) -> None:
    where = [{"property": "size", "equals": "12"}, {"property": "size", "equals": 12}]
    plan = plan_of(tmp_path, count("Seen", where=where))
    assert sorted(plan.columns["Seen"].values()) == ["property_size", "property_size__decimal"]


def test_a_misspelt_event_does_not_rename_the_table_of_the_right_one(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, count("product_added"), count("Product Added"), count("ProductAdded"))
    assert plan.event_model("Product Added") == "event__product_added"
    assert len(set(plan.event_slugs.values())) == 3


def test_values_that_look_alike_in_names_stay_apart(tmp_path: Path) -> None:
    looks = [[{"property": "color", "equals": text}] for text in ("re d", "re-d", "re_d")]
    plan = plan_of(tmp_path, *(count("Seen", where=where) for where in looks))
    assert len(set(plan.features.values())) == 3


@PROFILE
@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=6, unique=True))
def test_any_text_gives_names_that_every_engine_takes(texts: list[str]) -> None:
    from cdp.audiences.conditions import Did
    from cdp.audiences.spec import Audience
    from cdp.errors import Location
    from cdp.sql.events import EventQuery

    path = Path("definitions/audiences/a.yml")
    audiences = {
        f"a{number}": Audience(
            f"a{number}", "A.", True, Did(EventQuery(text), "at_least", 1), path, Location(path)
        )
        for number, text in enumerate(texts)
    }
    plan = plan_features({}, audiences)
    names = [*plan.event_slugs.values(), *plan.features.values()]
    assert all(PLAIN.match(name) and len(name) <= LONGEST for name in names), names
    assert len(set(plan.event_slugs.values())) == len(texts) == len(set(plan.features.values()))


def test_snake_case_is_of_words() -> None:
    assert [slug(text) for text in ("Order Completed", "orderCompleted", " a--b ", "日本")] == [
        "order_completed",
        "order_completed",
        "a_b",
        "",
    ]
