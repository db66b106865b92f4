"""Features and conditions follow the change: a run computes few profiles, all as a full build's.

Random events come in random loads while the clock goes on in small and in large steps: people
turn out to be one, deliveries are replaced by earlier ones, moments cross the bounds of windows,
rows of a declared table change that a condition's trait is of.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cdp.errors import RunError
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import build, compile_here, load, run

SEED = 14_142
PEOPLE = 120
EVENTS = 1_500
START = datetime(2026, 1, 20, 10)
_SHORT_AND_LONG = (timedelta(minutes=20), timedelta(days=1, hours=9), timedelta(days=12))
STEPS = (
    *_SHORT_AND_LONG,
    *(timedelta(minutes=1), timedelta(days=8, hours=5), timedelta(hours=9)),
    *_SHORT_AND_LONG,
)
TRAITS = """\
traits:
  - {name: orders, description: D., event: Order, aggregate: count}
  - {name: orders_week, description: D., event: Order, aggregate: count, window: {last: 7 days}}
  - {name: spent_month, description: D., event: Order, aggregate: sum, property: value,
     window: {last: 1 month}}
  - {name: before, description: D., event: Order, aggregate: count,
     window: {between: [20 days, 3 days]}}
  - {name: this_month, description: D., event: Order, aggregate: count,
     window: {calendar: this month}}
  - {name: last_week, description: D., event: Order, aggregate: count,
     window: {calendar: previous week}}
  - {name: since_february, description: D., event: Order, aggregate: count,
     window: {since: 2026-02-01}}
  - {name: last_color, description: D., event: Order, aggregate: last, property: color}
  - {name: colors, description: D., event: Order, aggregate: unique_list, property: color,
     window: {last: 10 days}}
  - {name: favourite, description: D., event: Order, aggregate: most_frequent, property: color}
  - {name: visits, description: D., event: Visit, aggregate: session_count, gap: 30 minutes}
  - {name: streak, description: D., event: Visit, aggregate: current_streak, every: day}
  - {name: weeks, description: D., event: Visit, aggregate: current_streak, every: week}
  - {name: longest, description: D., event: Visit, aggregate: longest_streak, every: day}
  - {name: plan, description: D., profile_trait: plan}
  - {name: mean, description: D., event: Order, aggregate: average, property: value}
  - {name: quiet, description: D., event: Visit, aggregate: days_since_last}
  - {name: allowance, description: D., table: {schema: crm, name: allowances},
     identifier: {user_id: customer}, aggregate: maximum, column: amount}
"""
AUDIENCE = """\
name: conditions
description: D.
who:
  any:
    - {consent: ads}
    - {did_regularly: Visit, at_least: 2, of_last: 9 days}
    - {did_regularly: Visit, at_least: 2, of_last: 3 weeks}
    - {did_regularly: Order, at_least: 2, of_last: 2 months,
       where: [{property: color, equals: r}]}
    - {did: Order, where: [{property: value, greater_than: {trait: mean}}], window: {last: 15 days}}
    - {did: Order, where: [{property: value, less_than: {trait: quiet}}], at_least: 2}
    - {did: Order, where: [{property: value, less_than: {trait: allowance}}]}
    - sequence: [{did: Visit, window: {last: 20 days}}, {then: Order, within: 2 days}]
    - sequence:
        - {did: Order}
        - {then_not: Order, within: 4 days}
        - {then_not: Visit, within: 1 month}
    - sequence: [{did: Visit}, {then: Order, at_most: 1, within: 5 days}]
      same: color
      at_least: 2
"""
FOLLOWED = (
    ("int_features__computed", "int_features__recomputed"),
    ("int_conditions__computed", "int_conditions__recomputed"),
    ("int_conditions__moving", "int_conditions__moving_recomputed"),
)


MOVING = "main_internal.int_conditions__moving"
LESS_THAN_QUIET = "order__matching__where_value_less_than_quiet"


@pytest.fixture
def shop(project: Project) -> Project:
    for folder in ("traits", "audiences", "syncs"):
        for file in (project.definitions / folder).glob("*.yml"):
            file.unlink()
    (project.definitions / "traits" / "shop.yml").write_text(TRAITS)
    (project.definitions / "audiences" / "conditions.yml").write_text(AUDIENCE)
    compile_here(project)
    with open_warehouse(project) as warehouse:
        warehouse.execute(
            "create schema crm; create table crm.allowances as "
            f"select 'u' || i as customer, i % 50 as amount from range({PEOPLE}) as t(i)"
        )
    return project


@pytest.mark.slow
def test_followed_features_are_those_of_a_full_build(shop: Project, tmp_path: Path) -> None:
    print(f"seed {SEED}")
    random = Random(SEED)
    now = START + timedelta(days=30)
    messages = [_message(random, number, now) for number in range(EVENTS)]
    first = EVENTS // 2
    _load(shop, tmp_path / "first.ndjson", messages[:first])
    _run(shop, now)
    assert _touched(shop) == 0
    touched = []
    for number, step in enumerate(STEPS):
        now += step
        size = (3, 60, 0, 12)[number % 4]
        batch = messages[first : first + size]
        first += size
        batch += [_replaced(random, one) for one in random.sample(messages[:first], 3)]
        _change(shop, "crm.allowances", "amount = amount + 9", f"customer like '%{number}'")
        _load(shop, tmp_path / f"{number}.ndjson", batch)
        _run(shop, now)
        assert _differences(shop) == []
        touched.append(_touched(shop))
    profiles = _value(shop, "select count(*) from main.profiles")
    assert 0 < min(touched) < profiles / 4
    assert _value(shop, "select max(as_of) from main_internal.int_features") == now
    # What nothing touched is left as it is, even where it is wrong.
    somebody = f"canonical_profile_id = (select min(canonical_profile_id) from {MOVING})"
    _change(shop, MOVING, f"{LESS_THAN_QUIET} = -1", somebody)
    _run(shop, now + timedelta(microseconds=1))
    assert _value(shop, f"select min({LESS_THAN_QUIET}) from {MOVING}") == -1


@pytest.mark.slow
def test_what_cannot_be_followed_is_computed_whole(shop: Project, tmp_path: Path) -> None:
    random = Random(SEED)
    now = START + timedelta(days=30)
    _load(shop, tmp_path / "events.ndjson", [_message(random, n, now) for n in range(60)])
    _run(shop, now)
    other = TRAITS.replace("last: 7 days", "last: 9 days")
    (shop.definitions / "traits" / "shop.yml").write_text(other)
    compile_here(shop)
    _run(shop, now + timedelta(hours=1))
    assert _differences(shop) == []
    _run(shop, now - timedelta(days=4))
    assert _differences(shop) == []
    _verify(shop, now - timedelta(days=4))
    assert _value(shop, "select max(as_of) from main_internal.int_features") == now - timedelta(
        days=4
    )


def _message(random: Random, number: int, now: datetime) -> dict[str, Any]:
    person = random.randrange(PEOPLE)
    # Some occur after they are received: a clock within the day that is allowed.
    at = now + timedelta(minutes=random.randint(-45 * 24 * 60, 20 * 60))
    visit = random.random() < 0.5
    return {
        "messageId": f"m{number}",
        "type": "track",
        "event": "Visit" if visit else "Order",
        "anonymousId": f"a{person}-{random.randrange(2)}",
        **({"userId": f"u{person}"} if random.random() < 0.3 else {}),
        "timestamp": at.isoformat() + "Z",
        "receivedAt": min(at, now).isoformat() + "Z",
        "properties": {
            "value": random.randrange(1, 99),
            "color": random.choice("rgb"),
        },
        **({"context": _consent(random)} if random.random() < 0.05 else {}),
        **(
            {"type": "identify", "traits": {"plan": random.choice("xy")}}
            if random.random() < 0.1
            else {}
        ),
    }


def _consent(random: Random) -> dict[str, Any]:
    return {"consent": {"categoryPreferences": {"ads": random.random() < 0.6}}}


def _replaced(random: Random, message: dict[str, Any]) -> dict[str, Any]:
    """The same message, received earlier, and of another moment."""
    received = datetime.fromisoformat(message["receivedAt"][:-1]) - timedelta(hours=1)
    at = received - timedelta(days=random.randrange(10))
    return {**message, "receivedAt": received.isoformat() + "Z", "timestamp": at.isoformat() + "Z"}


def _change(project: Project, table: str, values: str, which: str) -> None:
    with open_warehouse(project) as warehouse:
        warehouse.execute(f"update {table} set {values} where {which}")


def _load(project: Project, file: Path, messages: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(one) + "\n" for one in messages))
    load(project, "web", [file])


def _run(project: Project, now: datetime) -> None:
    variables = json.dumps({"cdp_as_of": now.isoformat(), "cdp_verify_features": "all"})
    recomputed = [name for _, name in FOLLOWED]
    run(project, "--select", "+int_conditions", *recomputed, "--vars", variables)


def _verify(project: Project, now: datetime) -> None:
    """The tests of the views pass, and fail when a table has another row."""
    variables = json.dumps({"cdp_as_of": now.isoformat(), "cdp_verify_features": "all"})
    words = ("--select", *(name for _, name in FOLLOWED), "--vars", variables)
    build(project, *words)
    with open_warehouse(project) as warehouse:
        for (table, _), which in zip(FOLLOWED, ("min", "max", "max"), strict=True):
            warehouse.execute(
                f"delete from main_internal.{table} where canonical_profile_id = "
                f"(select {which}(canonical_profile_id) from main_internal.{table})"
            )
    with pytest.raises(RunError) as failed:
        build(project, *words)
    for kind in ("conditions", "features", "moving_conditions"):
        assert f"{kind}_are_what_a_full_build_gives" in str(failed.value)


def _differences(project: Project) -> list[tuple[Any, ...]]:
    """What a followed table holds and a full build would not, and the other way round."""
    found: list[tuple[Any, ...]] = []
    with open_warehouse(project, read_only=True) as warehouse:
        for tables in FOLLOWED:
            one, other = (f"select * from main_internal.{name}" for name in tables)
            found += warehouse.rows(f"({one} except {other}) union all ({other} except {one})")
    return found


def _touched(project: Project) -> int:
    return int(
        _value(
            project, "select count(canonical_profile_id) from main_internal.int_features__touched"
        )
    )


def _value(project: Project, sql: str) -> Any:
    with open_warehouse(project, read_only=True) as warehouse:
        return warehouse.value(sql)
