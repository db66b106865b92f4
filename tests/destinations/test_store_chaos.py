"""Databases, Redis and object storage whose connections end in the middle of anything.

As test_chaos for what is reached over HTTP: in the end the store holds what it should.
Real servers, reached by a way that is cut off now and then.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from cdp.destinations import buckets, files, redis_keys, tables
from cdp.destinations.drivers import open_driver
from cdp.destinations.manifest import load_manifests
from tests import mysql, postgres

from .cutting import CuttingProxy
from .play import destination
from .test_buckets import CREDENTIALS, Store, address, store
from .world import Fields, World, change

__all__ = ["address", "store"]
ROUNDS = 6
SEED = 7
"""One with which every store's connections are cut."""
State = dict[str, Fields]


@dataclass
class StoreWorld(World):
    """One sync to a store; `read` gives what the store holds."""

    found: dict[str, Any] = field(default_factory=dict)
    read: Callable[[], State] = dict

    def __post_init__(self) -> None:
        self.columns = [["email", "VARCHAR"], ["visits", "BIGINT"]]

    def person(self, number: int, version: str) -> tuple[str, Fields]:
        return f"key {number}", {"email": f"{version}{number}@private.example", "visits": number}

    def driver(self) -> Any:
        return open_driver(destination(self.manifest.name, self.found), self.folder)


def make(
    folder: Path, name: str, settings: dict[str, Any], read: Callable[[], State]
) -> StoreWorld:
    shape = SimpleNamespace(removes=lambda mode: True, appends=False, is_idempotent=True)
    manifest = load_manifests()[name]
    simulator: Any = None
    return StoreWorld(manifest, shape, simulator, folder, found=settings, read=read)  # type: ignore[arg-type]


@pytest.fixture(
    params=[SEED, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(20))],
    ids=lambda seed: f"seed {seed}",
)
def through(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """An address that leads through a proxy which cuts; the proxy is `through.proxy`."""
    opened: list[CuttingProxy] = []

    def lead(url: str) -> str:
        parts = urlsplit(url)
        proxy = CuttingProxy(parts.hostname or "", parts.port or 0, request.param)
        opened.append(proxy)
        lead.proxy = proxy  # type: ignore[attr-defined]
        return url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{proxy.port}")

    yield lead
    for proxy in opened:
        proxy.close()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (tables, redis_keys, files):
        monkeypatch.setattr(module, "MOST_ROWS", 7)
    brief = timedelta(milliseconds=10)
    retries = {
        "max_retries": 1,
        "retry_timeout": timedelta(seconds=5),
        "backoff": {"base": 2, "init_backoff": brief, "max_backoff": brief},
    }
    monkeypatch.setattr(buckets, "_retries", lambda: retries)


def play(world: StoreWorld, proxy: CuttingProxy) -> State:
    """Rounds with cuts, then runs without; the last desired state."""
    print(f"seed {proxy.seed}")
    chance = random.Random(proxy.seed)
    people = dict.fromkeys(range(25), "first")
    for _ in range(ROUNDS):
        world.run(dict(world.person(*one) for one in people.items()))
        people = change(people, chance)
    proxy.is_cutting = False
    desired = dict(world.person(*one) for one in people.items())
    for _ in range(2):
        error = world.run(desired)
        assert error is None, str(error)
    assert proxy.cuts or proxy.seed != SEED
    assert "private.example" not in "".join(world.texts)
    return desired


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("postgres_table", marks=pytest.mark.postgres),
        pytest.param("mysql_table", marks=pytest.mark.mysql),
    ],
)
def test_a_table_holds_what_it_should_in_the_end(tmp_path: Path, name: str, through: Any) -> None:
    if name == "mysql_table":
        reader, table = mysql.connect(), "people"
        settings = {"dsn": through(mysql.address())}
    else:
        reader, table = postgres.connect(), f"{postgres.SCHEMA}.people"
        reader.cursor().execute(f"create schema {postgres.SCHEMA}")
        server = os.environ["CDP_TEST_POSTGRES"].rpartition("/")[0]
        settings = {"dsn": through(f"{server}/{postgres.DATABASE}"), "schema": postgres.SCHEMA}

    def read() -> State:
        cursor = reader.cursor()
        cursor.execute(f"select sync_key, email, visits from {table}")
        return {key: {"email": email, "visits": visits} for key, email, visits in cursor}

    world = make(tmp_path, name, settings, read)
    assert play(world, through.proxy) == world.read()
    reader.close()


@pytest.mark.redis
def test_hashes_are_what_they_should_be_in_the_end(tmp_path: Path, through: Any) -> None:
    client = redis_client()
    url = through(redis_url())

    def read() -> State:
        held = {name: client.hgetall(name) for name in client.keys("cdp:people:*")}
        return {
            one["sync_key"]: {"email": one["email"], "visits": int(one["visits"])}
            for one in held.values()
        }

    world = make(tmp_path, "redis_hash", {"url": url}, read)
    assert play(world, through.proxy) == world.read()


@pytest.mark.redis
def test_a_set_has_the_members_that_it_should_have_in_the_end(tmp_path: Path, through: Any) -> None:
    client = redis_client()
    world = make(tmp_path, "redis_set", {"url": through(redis_url())}, dict)
    assert set(play(world, through.proxy)) == client.smembers("cdp:people")


def test_files_say_what_should_be_there_in_the_end(
    tmp_path: Path, store: Store, through: Any
) -> None:
    settings = {"bucket": "shop", "endpoint": through(store.address), **CREDENTIALS[store.name]}

    def read() -> State:
        state: State = {}
        for key in sorted(store.keys(), key=lambda key: (len(key), key)):
            for line in store.get(key)[0].splitlines():
                row = json.loads(line)
                state.pop(row["key"], None)
                if row["operation"] == "upsert":
                    state[row["key"]] = {"email": row["email"], "visits": row["visits"]}
        return state

    world = make(tmp_path, store.name, settings, read)
    assert play(world, through.proxy) == world.read()


def redis_url() -> str:
    if "CDP_TEST_REDIS" not in os.environ:
        pytest.skip("CDP_TEST_REDIS names no server")
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return f"{os.environ['CDP_TEST_REDIS'].rpartition('/')[0]}/{worker + 8}"


def redis_client() -> Any:
    url = redis_url()
    client = pytest.importorskip("redis").Redis.from_url(url, decode_responses=True)
    client.flushdb()
    return client
