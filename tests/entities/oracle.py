"""Accounts and entities in plain Python: dictionaries, and union-find over profiles.

Knows nothing of SQL. What is one profile comes from the identity oracle, with limits out of
reach. The one grouping has three rules: an address of two parts, an account, a city.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from tests.identity.oracle import START, Event, resolve

DEFINITION = """
name: household
description: People who live at one address, or share an account of few.
members: profiles
joined_by:
  - traits: [address.street, address.zip]
    shared: {more_than: 4}
  - account: true
    shared: {more_than: 3}
  - traits: [city]
    normalize: [lower]
    shared: {more_than: 6}
"""
ADDRESS, ACCOUNT, CITY = "traits: address.street, address.zip", "account", "traits: city (lower)"
MOST = {ADDRESS: 4, ACCOUNT: 3, CITY: 6}
RULES = list(MOST)
BAD = {"": "empty", "  ": "empty", "null": "blocked", "000-0": "blocked", "x" * 501: "too_long",
       "a\tb": "control_characters", "true": "not_text"}  # fmt: skip


@dataclass(frozen=True)
class Message:
    """One call as it is sent; `at` is unique among the messages of a world."""

    at: datetime
    body: Mapping[str, Any]

    @property
    def identifiers(self) -> dict[str, str]:
        names = {"user_id": "userId", "anonymous_id": "anonymousId"}
        return {kind: self.body[key] for kind, key in names.items() if key in self.body}

    @property
    def group(self) -> str | None:
        """The group id that it names, good or bad, without spaces around it."""
        body = self.body
        said = body["groupId"] if body["type"] == "group" else body["context"].get("groupId")
        return None if said is None else said.strip(" ")


@dataclass(frozen=True)
class Entities:
    """What the tables should hold: members, and what each possible id leads to today."""

    members: set[tuple[UUID, UUID]]
    merges: dict[UUID, UUID]
    dropped: dict[str, int]


def key(*parts: str) -> UUID:
    return UUID(hashlib.md5("\x1f".join(parts).encode()).hexdigest())


def profiles_of(messages: Iterable[Message]) -> dict[datetime, UUID]:
    """The profile of each message, by its time."""
    events = {one.at: Event(one.at, one.identifiers) for one in messages}
    graph = resolve(events.values())
    return {at: graph[next(iter(event.identifiers.items()))] for at, event in events.items()}


def accounts(messages: list[Message]) -> dict[str, tuple[datetime, datetime, int]]:
    """By group id: first seen, last seen, members."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for message in messages:
        if message.group is not None and message.group not in BAD:
            times[message.group].append(message.at)
    counts: dict[str, int] = defaultdict(int)
    for _, group in memberships(messages):
        counts[group] += 1
    return {group: (min(all_), max(all_), counts[group]) for group, all_ in times.items()}


def memberships(messages: list[Message]) -> dict[tuple[UUID, str], tuple[datetime, datetime]]:
    profiles = profiles_of(messages)
    found: dict[tuple[UUID, str], list[datetime]] = defaultdict(list)
    for message in messages:
        if message.group is not None and message.group not in BAD:
            found[profiles[message.at], message.group].append(message.at)
    return {one: (min(times), max(times)) for one, times in found.items()}


def account_traits(messages: list[Message]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str | None] = {}
    for message in sorted(messages, key=lambda one: one.at):
        if message.body["type"] == "group" and message.group not in BAD:
            for name, value in message.body["traits"].items():
                found[str(message.group), name] = value
    return {one: value for one, value in found.items() if value is not None}


def entities(messages: list[Message]) -> Entities:
    """Union-find over profiles and the values that join them."""
    holders, dropped = _holders(messages)
    ages = _ages(messages)
    parent: dict[Any, Any] = {}

    def find(node: Any) -> Any:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    for value, profiles in holders.items():
        for profile in profiles:
            parent[find(profile)] = find(value)
    ids = {value: _entity_id(value) for value in holders}
    oldest: dict[Any, UUID] = {}
    for value in sorted(holders, key=lambda one: (ages[one], RULES.index(one[0]), one[1:])):
        oldest.setdefault(find(value), ids[value])
    members = {(oldest[find(one)], one) for all_ in holders.values() for one in all_}
    return Entities(members, {ids[one]: oldest[find(one)] for one in holders}, dropped)


def _entity_id(value: tuple[str, ...]) -> UUID:
    return key("entity", "", "household", str(key("household", *value)))


def _holders(messages: list[Message]) -> tuple[dict[tuple[str, ...], set[UUID]], dict[str, int]]:
    """Per value that joins the profiles that have it; and how many rows were dropped and why."""
    profiles = profiles_of(messages)
    latest: dict[tuple[UUID, str], Any] = {}
    for message in sorted(messages, key=lambda one: one.at):
        if message.body["type"] == "identify":
            for name, value in message.body["traits"].items():
                latest[profiles[message.at], name] = value
    found: dict[tuple[str, ...], set[UUID]] = defaultdict(set)
    for (profile, name), said in latest.items():
        for value in _values_of(name, said):
            found[value].add(profile)
    for profile, group in memberships(messages):
        found[ACCOUNT, group].add(profile)
    dropped: dict[str, int] = defaultdict(int)
    for value, who in list(found.items()):
        is_blocked = value[0] != ACCOUNT and any(part in ("null", "0") for part in value[1:])
        if is_blocked or len(who) > MOST[value[0]]:
            dropped["blocked" if is_blocked else "shared"] += len(who)
            del found[value]
    return dict(found), dict(dropped)


def _values_of(name: str, said: Any) -> list[tuple[str, ...]]:
    if name == "city":
        return [(CITY, said.lower())] if said else []
    if not isinstance(said, dict):
        return []
    street, code = _street(said), _code(said)
    return [(ADDRESS, street, code)] if street and code else []


def _street(address: Mapping[str, Any]) -> str:
    return re.sub(r"[ \t\n\r]+", " ", str(address.get("street") or "")).strip(" ").lower()


def _code(address: Mapping[str, Any]) -> str:
    code = address.get("zip")
    return "" if code is None else str(code).strip(" ").lower()


def _ages(messages: list[Message]) -> dict[tuple[str, ...], datetime]:
    """By value the first time that anybody had said all of its parts."""
    first: dict[tuple[str, str], datetime] = {}
    for message in sorted(messages, key=lambda one: one.at, reverse=True):
        if message.body["type"] != "identify":
            continue
        traits = message.body["traits"]
        first["city", (traits.get("city") or "").lower()] = message.at
        if isinstance(traits.get("address"), dict):
            first["street", _street(traits["address"])] = message.at
            first["zip", _code(traits["address"])] = message.at
    streets = [value for kind, value in first if kind == "street"]
    codes = [value for kind, value in first if kind == "zip"]
    return {
        **{(CITY, value): at for (kind, value), at in first.items() if kind == "city"},
        **{(ACCOUNT, group): one[0] for group, one in accounts(messages).items()},
        **{
            (ADDRESS, street, code): max(first["street", street], first["zip", code])
            for street in streets
            for code in codes
        },
    }


def generate_world(random: Random, people: int, count: int) -> list[Message]:
    """Calls of people who merge, move, work and share, some of them with bad values."""
    moments = random.sample(range(count * 50), count)
    return [Message(START + timedelta(seconds=moment), _body(random, people)) for moment in moments]


def _body(random: Random, people: int) -> dict[str, Any]:
    person = random.randrange(people)
    body: dict[str, Any] = {"context": {}}
    if random.random() < 0.7:
        body["userId"] = f"u{person}"
    if "userId" not in body or random.random() < 0.3:
        # Most devices are of one person; some merge two.
        body["anonymousId"] = f"a{person if random.random() < 0.9 else random.randrange(people)}"
    body["type"] = random.choice(("identify", "identify", "group", "track"))
    if body["type"] == "identify":
        return {**body, "traits": _traits(random, people)}
    if random.random() < 0.15:
        group = random.choice(list(BAD))
    else:
        group = f"{random.choice(('', ' '))}g{random.randrange(people // 3)}"
    if body["type"] == "group":
        traits = {
            name: random.choice((None, "1", "2"))
            for name in ("plan", "size")[: random.randrange(3)]
        }
        # The loader refuses a group call without any group id.
        return {**body, "groupId": group if group.strip(" ") else "null", "traits": traits}
    if random.random() < 0.3:
        body["context"] = {"groupId": group}
    return {**body, "event": "Seen"}


def _traits(random: Random, people: int) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    if random.random() < 0.7:
        street = f"Main St {random.randrange(people // 2)}"
        address = {
            "street": random.choice(
                (street, street.upper(), f" {street}", street.replace(" ", "\n "))
            ),
            "zip": random.choice((10115, "10115", "10117", "10117 ", "null", 0, None)),
        }
        traits["address"] = random.choice(
            (*[address] * 8, None, "{oops", "Main St 1", {"street": 1})
        )
    if random.random() < 0.2:
        city = f"City{random.randrange(people // 4)}"
        traits["city"] = random.choice((city, city.upper(), None))
    return traits


def lines(messages: Iterable[Message], batch: str) -> str:
    """The messages as NDJSON."""
    found = []
    for number, message in enumerate(messages):
        at = message.at.isoformat() + "Z"
        known = {"messageId": f"{batch}-{number}", "timestamp": at, "receivedAt": at}
        found.append(json.dumps({**known, **message.body}))
    return "\n".join(found) + "\n"
