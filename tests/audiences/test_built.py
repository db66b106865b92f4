"""The whole vocabulary in a project that dbt builds: batches change nothing, consent is kept."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cdp.audiences.past import members_at
from cdp.audiences.report import preview
from cdp.catalogue import load_catalogue
from cdp.project import Project
from cdp.warehouse import Warehouse, open_warehouse
from tests.projects import compile_here, load, run

SEED = 20_261_123
NOW = datetime(2026, 6, 1)
AS_OF = json.dumps({"cdp_as_of": f"{NOW:%Y-%m-%d %H:%M:%S}"})
PEOPLE = 40
TABLES = (
    "main_internal.int_conditions",
    "main_internal.int_rankings",
    "main.consent_status",
    "main.audience_memberships",
)
AUDIENCES = {
    "abandoned": """\
below: [best]
who:
  sequence:
    - {did: Product Added, name: added}
    - {then_not: Order Completed, within: 2 days}
  same: cart_id
""",
    "reachable": """\
who:
  all:
    - {consent: marketing}
    - not: {consent: ads, status: denied}
""",
    "silent": "who: {consent: ads, status: unknown}\n",
    "best": "who: {top: {trait: spent, percent: 10}}\n",
    "regular": "who: {did_regularly: Product Added, at_least: 3, of_last: 8 weeks}\n",
    "dear": """\
who:
  did: Order Completed
  where:
    - {property: revenue, greater_than_or_equal: {trait: spent}}
    - {elements: products, where: [{property: price, greater_than: 5}], at_least: 1}
""",
    "control": "who: {split: {name: may, groups: {control: 50, test: 50}, group: control}}\n",
}
TRAITS = """\
traits:
  - {name: spent, description: S., event: Order Completed, aggregate: sum, property: revenue}
"""


def test_a_project_builds_every_kind_of_condition(project: Project, tmp_path: Path) -> None:
    events = _load(project, tmp_path, batches=1)
    with open_warehouse(project, read_only=True) as warehouse:
        assert {row[0] for row in _rows(warehouse, TABLES[-1])} == set(AUDIENCES)
        assert _statuses(warehouse) == _expected(events)
        catalogue = load_catalogue(project)
        for name, audience in catalogue.audiences.items():
            now = members_at(warehouse, project, catalogue, audience, NOW)
            assert len(now) == preview(warehouse, project, catalogue, audience, 1).members
            assert {(name, one) for one in now} == {
                (row[0], str(row[1])) for row in _rows(warehouse, TABLES[-1]) if row[0] == name
            }


@pytest.mark.slow
def test_batches_of_events_give_the_audiences_of_a_full_refresh(
    project: Project, tmp_path: Path
) -> None:
    _load(project, tmp_path, batches=3)
    with open_warehouse(project, read_only=True) as warehouse:
        incremental = [_rows(warehouse, table) for table in TABLES]
    run(project, "--full-refresh", "--vars", AS_OF)
    with open_warehouse(project, read_only=True) as warehouse:
        assert [_rows(warehouse, table) for table in TABLES] == incremental


def _load(project: Project, folder: Path, batches: int) -> list[dict[str, Any]]:
    """The events, after the project ran once for each batch of them."""
    print(f"seed {SEED}")
    _define(project)
    events = _events(Random(SEED))
    for place in range(batches):
        path = folder / f"part-{place}.ndjson"
        path.write_text("\n".join(map(json.dumps, events[place::batches])))
        load(project, "web", [path])
        run(project, "--vars", AS_OF)
    return events


def _define(project: Project) -> None:
    for folder in ("traits", "audiences", "syncs"):
        for path in (project.definitions / folder).glob("*.yml"):
            path.unlink()
    (project.definitions / "traits" / "some.yml").write_text(TRAITS)
    for name, rest in AUDIENCES.items():
        text = f"name: {name}\ndescription: D.\n{rest}"
        (project.definitions / "audiences" / f"{name}.yml").write_text(text)
    compile_here(project)


def _events(random: Random) -> list[dict[str, Any]]:
    return [_event(random, number) for number in range(PEOPLE * 12)]


def _event(random: Random, number: int) -> dict[str, Any]:
    at = NOW - timedelta(minutes=random.randint(-2_000, 80_000))
    event: dict[str, Any] = {
        "type": "track",
        "event": random.choice(("Product Added", "Product Added", "Order Completed")),
        "messageId": f"m{number}",
        "userId": f"u{random.randrange(PEOPLE)}",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "receivedAt": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "properties": {
            "cart_id": random.choice("ab"),
            "revenue": random.randint(1, 90),
            "products": [{"price": random.randint(1, 9)} for _ in range(random.randint(0, 3))],
        },
    }
    said: Any = {random.choice(("marketing", "ads")): random.random() < 0.6}
    if random.random() < 0.1:
        said = random.choice(("{oops", [True], {"marketing": "perhaps"}, None))
    if random.random() < 0.4:
        event["context"] = {"consent": {"categoryPreferences": said}}
    return event


def _expected(events: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """(user, category, status) by the latest that was said, whenever it was."""
    latest: dict[tuple[str, str], tuple[str, bool]] = {}
    for one in events:
        said = one.get("context", {}).get("consent", {}).get("categoryPreferences")
        for category, is_granted in said.items() if isinstance(said, dict) else ():
            if isinstance(is_granted, bool):
                key, new = (one["userId"], category), (one["timestamp"], not is_granted)
                latest[key] = max(latest.get(key, new), new)
    return {
        (user, category, "denied" if is_denied else "granted")
        for (user, category), (_, is_denied) in latest.items()
    }


def _statuses(warehouse: Warehouse) -> set[tuple[str, str, str]]:
    rows = warehouse.rows(
        "select user_id, category, status from main.consent_status "
        "inner join main.profiles using (canonical_profile_id)"
    )
    return {(row[0], row[1], row[2]) for row in rows}


def _rows(warehouse: Warehouse, table: str) -> list[tuple[Any, ...]]:
    """All rows but the moments at which runs saw something."""
    left_out = " exclude (entered_at)" if table.endswith("memberships") else ""
    return sorted(warehouse.rows(f"select *{left_out} from {table}"), key=repr)
