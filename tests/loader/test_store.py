"""The store capture, and the generator of a small store."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cdp.demo.delivery import Truth
from cdp.demo.store import generate_store
from cdp.loader.spec import Source
from tests.loader.conftest import WEB, Shop

UNTIL = datetime(2026, 5, 1)


def test_the_store_capture_is_accepted_whole(shop: Shop, store_data: Path) -> None:
    web = shop.load(store_data / "web", source=WEB)
    app = shop.load(store_data / "app", source=Source("app", WEB.location))
    assert web.event_count + app.event_count == 20_868
    assert web.rejected_count + app.rejected_count == 0
    # 96 of the messages were delivered by both clients: a message id is not of one source.
    assert shop.warehouse.rows(
        "select count(distinct message_id), count(distinct (source, message_id)) from raw.events"
    ) == [(20_646, 20_742)]
    missing = 'select count(*) from raw.events where "timestamp" is null or sent_at is null'
    assert shop.warehouse.value(missing) == 0


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return generate_store(tmp_path_factory.mktemp("store"), until=UNTIL, people=400, seed=5)


def _lines(truth: Truth) -> list[str]:
    paths = [path for paths in truth.files.values() for path in paths]
    return [line for path in paths for line in gzip.open(path, "rt", encoding="utf-8")]


def _messages(truth: Truth) -> list[dict[str, Any]]:
    return [one for one in map(json.loads, _whole(truth)) if "messageId" in one]


def _whole(truth: Truth) -> list[str]:
    return [line for line in _lines(truth) if line.endswith("}\n")]


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path, truth: Truth) -> None:
    again = generate_store(tmp_path / "again", until=UNTIL, people=400, seed=5)
    other = generate_store(tmp_path / "other", until=UNTIL, people=400, seed=6)
    assert again.path.read_bytes() == truth.path.read_bytes()
    for source, paths in truth.files.items():
        contents = [path.read_bytes() for path in paths]
        assert [path.read_bytes() for path in again.files[source]] == contents
        assert [path.read_bytes() for path in other.files[source]] != contents


def test_the_loader_takes_all_but_the_broken_lines(shop: Shop, truth: Truth) -> None:
    results = [
        shop.load(*paths, source=Source(source, WEB.location))
        for source, paths in truth.files.items()
    ]
    assert sum(result.event_count for result in results) == truth.delivery_count
    assert sum(result.rejected_count for result in results) == truth.broken_count == 8
    codes = {"bad_request", "event_not_defined", "no_user_anon_id", "id_not_string"}
    assert {code for result in results for code, _ in result.rejected} == codes


def test_the_truth_names_the_person_of_every_message(truth: Truth) -> None:
    with truth.path.open(newline="") as text:
        rows = list(csv.DictReader(text))
    persons = {row["message_id"]: int(row["person"]) for row in rows}
    assert len(persons) == len(rows) == truth.message_count
    assert persons.keys() == {one["messageId"] for one in _messages(truth)}
    assert set(persons.values()) <= set(range(400))
    users = {(persons[one["messageId"]], one["userId"]) for one in _messages(truth)}
    real = {user for user in users if str(user[1]).startswith("u_")}
    assert all(user == f"u_{person:06d}" for person, user in real)


def test_what_makes_the_store_hard(truth: Truth) -> None:
    messages = _messages(truth)
    deliveries = Counter(one["messageId"] for one in messages)
    twice = sum(count > 1 for count in deliveries.values()) / len(deliveries)
    assert 0.003 < twice < 0.03
    late = sum(one["receivedAt"][:13] > one["timestamp"][:13] for one in messages) / len(messages)
    assert 0.005 < late < 0.06
    assert {"null", "anonymous"} <= {one["userId"] for one in messages}
    mails = [one["traits"]["email"] for one in messages if one["type"] == "identify"]
    assert any(mail != mail.lower() for mail in mails)
    guests = [one for one in messages if one["type"] == "identify" and one["userId"] is None]
    assert guests
    devices: dict[str, set[str]] = {}
    for one in messages:
        if str(one["userId"]).startswith("u_"):
            devices.setdefault(one["anonymousId"], set()).add(one["userId"])
    assert any(len(users) > 1 for users in devices.values())
    names = {one.get("event", one["type"]) for one in messages}
    expected = {"group", "page", "screen", "Order Completed", "Order Refunded", "Product Viewed"}
    assert expected <= names


def test_times_end_when_they_should(truth: Truth) -> None:
    messages = _messages(truth)
    assert max(one["receivedAt"] for one in messages) <= "2026-05-01T00:00:00.000Z"
    assert min(one["timestamp"] for one in messages) >= "2026-01-01"
    assert all(one["timestamp"] <= one["sentAt"] <= one["receivedAt"] for one in messages)
