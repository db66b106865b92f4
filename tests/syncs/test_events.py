"""Syncs of events: each is sent once, whatever happens and in whatever order loads come."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from cdp.syncs.decide import reset_sync

from .harness import Server, Shop

SYNC = """\
name: customers
description: Orders.
from: {{events: Order Completed, since: {since}}}
destination: hook
fields:
  email: {{property: email}}
"""
SEED = 60_221
Loads = dict[int, list[str]]


@pytest.fixture
def orders(shop: Shop) -> Shop:
    define(shop, "all")
    return shop


def define(shop: Shop, since: str) -> None:
    path: Path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(SYNC.format(since=since))


def build(shop: Shop, loads: Loads) -> None:
    """What dbt would have built from these loads, by the keys of their events."""
    rows = [(key, load, f"{key}@x") for load, keys in loads.items() for key in keys]
    with shop.connect() as connection:
        connection.execute("create schema if not exists main_internal")
        connection.execute(
            "create or replace table main.sync__customers "
            "(sync_key varchar, sync_load_id bigint, email varchar)"
        )
        connection.execute("create or replace table main_internal.stg_events (load_id bigint)")
        for row in rows:
            connection.execute("insert into main.sync__customers values (?, ?, ?)", row)
            connection.execute("insert into main_internal.stg_events values (?)", [row[1]])


def arrivals(server: Server) -> list[str]:
    """The keys of all rows in all requests, in their order."""
    return [row["key"] for body in server.bodies for row in body["rows"]]


def test_a_run_sends_the_events_of_new_loads_and_looks_at_no_others(
    orders: Shop, server: Server
) -> None:
    build(orders, {1: ["a", "b"], 2: ["c"]})
    assert orders.run().sent == 3
    build(orders, {1: ["a", "b"], 2: ["c"], 3: ["d"]})
    result = orders.run()
    assert (result.sent, result.diff.desired, result.diff.kept) == (1, 1, 0)
    assert sorted(arrivals(server)) == ["a", "b", "c", "d"]
    assert server.state["d"] == {"email": "d@x"}
    assert orders.run().diff.desired == 0


def test_a_load_that_is_committed_late_is_sent(orders: Shop, server: Server) -> None:
    build(orders, {2: ["b"]})
    orders.run()
    build(orders, {1: ["a"], 2: ["b"]})
    assert orders.run().sent == 1
    assert arrivals(server) == ["b", "a"]


def test_an_event_that_comes_again_in_a_later_load_is_not_sent_again(
    orders: Shop, server: Server
) -> None:
    build(orders, {1: ["a"]})
    orders.run()
    build(orders, {2: ["a", "b"]})
    assert orders.run().sent == 1
    assert arrivals(server) == ["a", "b"]


def test_what_was_loaded_before_the_first_run_is_not_sent_where_a_sync_begins_now(
    shop: Shop, server: Server
) -> None:
    define(shop, "now")
    build(shop, {1: ["a"], 2: ["b"]})
    assert shop.run().sent == 0
    build(shop, {1: ["a"], 2: ["b"], 3: ["c"]})
    assert shop.run().sent == 1
    assert arrivals(server) == ["c"]


def test_a_rejected_event_is_tried_again_although_its_load_is_done(
    orders: Shop, server: Server
) -> None:
    build(orders, {1: ["a", "b"]})
    server.always = lambda body: 422 if any(row["key"] == "a" for row in body["rows"]) else None
    assert orders.run().count("rejected") == 1
    server.always = None
    build(orders, {1: ["a", "b"], 2: ["c"]})
    assert orders.run().sent == 1
    assert orders.run(retry_rejected=True).sent == 1
    assert set(server.state) == {"a", "b", "c"}


def test_a_run_that_fails_leaves_its_loads_to_the_next(orders: Shop, server: Server) -> None:
    build(orders, {1: [str(number) for number in range(10)]})
    server.always = lambda body: 401 if len(server.bodies) > 1 else None
    failed = orders.run()
    assert failed.error is not None
    assert failed.count("accepted") == 4
    server.always = None
    assert orders.run().sent == 6
    assert len(server.state) == 10


def test_a_reset_forgets_which_loads_were_looked_at(orders: Shop) -> None:
    build(orders, {1: ["a"]})
    orders.run()
    reset_sync(orders.project, orders.catalogue, "customers", "somebody")
    assert orders.run().sent == 1


def test_every_event_arrives_once_from_any_loads_and_faults(orders: Shop, server: Server) -> None:
    print(f"seed {SEED}")
    random, applied = Random(SEED), []
    server.apply_rows = lambda rows: applied.extend(row["key"] for row in rows)  # type: ignore[method-assign]
    waiting = list(range(1, 7))
    random.shuffle(waiting)
    loads: Loads = {}
    while waiting:
        for _ in range(random.randint(1, 2)):
            if waiting:
                load = waiting.pop()
                loads[load] = [f"{load}-{number}" for number in range(random.randint(0, 6))]
        build(orders, loads)
        server.faults = random.choices([503, 401, 422, "lose-before", None], k=3)
        orders.run()
        server.faults = []
    for _ in range(2):
        orders.run(retry_rejected=True)
    assert sorted(applied) == sorted(key for keys in loads.values() for key in keys)
    assert orders.run().sent == 0
