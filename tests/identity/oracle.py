"""Identity in plain Python: union-find over the identifiers that share an event.

Knows nothing of SQL. A case is a list of events, each a dictionary of identifier
type to value; its identifiers carry the case's number, so that many cases can be
built at once without touching.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

Node = tuple[str, str]
PRIORITY = {"user_id": 1, "email": 2, "anonymous_id": 6}
START = datetime(2026, 1, 1)


@dataclass(frozen=True)
class Event:
    """When it occurred, and its identifiers by type."""

    at: datetime
    identifiers: Mapping[str, str]


def resolve(events: Iterable[Event]) -> dict[Node, UUID]:
    """The profile id of every identifier: that of the oldest identifier it is joined to."""
    parent: dict[Node, Node] = {}
    first_seen: dict[Node, datetime] = {}

    def find(node: Node) -> Node:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for event in events:
        nodes = list(event.identifiers.items())
        for node in nodes:
            parent.setdefault(node, node)
            first_seen[node] = min(first_seen.get(node, event.at), event.at)
        for node in nodes[1:]:
            parent[find(node)] = find(nodes[0])
    oldest: dict[Node, Node] = {}
    for node in sorted(parent, key=lambda one: (first_seen[one], PRIORITY[one[0]], one[1])):
        oldest.setdefault(find(node), node)
    return {node: profile_id(oldest[find(node)]) for node in parent}


def profile_id(node: Node) -> UUID:
    """The id that an identifier alone gives, without a salt."""
    text = "\x1f".join(("profile", "", *node))
    return UUID(hashlib.md5(text.encode()).hexdigest())


def generate_case(random: Random, number: int) -> list[Event]:
    """A random graph of a random shape, as events in a random order of time."""
    shape = random.choice((_star, _chain, _clique, _hub, _diamond, _random, _alone))
    pairs = shape(random)
    moments = [START + timedelta(seconds=random.randrange(10_000)) for _ in pairs]
    return [
        Event(at, {kind: _value(kind, number, value) for kind, value in identifiers.items()})
        for at, identifiers in zip(moments, pairs, strict=True)
    ]


def _value(kind: str, number: int, value: int) -> str:
    return f"{kind[0]}{number}x{value}" + ("@example.org" if kind == "email" else "")


Shape = list[dict[str, int]]


def _star(random: Random) -> Shape:
    return [{"user_id": 0, "anonymous_id": one} for one in range(random.randrange(1, 12))]


def _chain(random: Random) -> Shape:
    """user 0, cookie 0, user 1, cookie 1, ...: each event joins one link to the next."""
    length = random.choice((2, 3, 5, 17, 60))
    return [{"user_id": (link + 1) // 2, "anonymous_id": link // 2} for link in range(length)]


def _clique(random: Random) -> Shape:
    size = random.randrange(2, 5)
    return [
        {"user_id": left, "anonymous_id": right} for left in range(size) for right in range(size)
    ]


def _hub(random: Random) -> Shape:
    """One cookie that many people used."""
    return [{"user_id": one, "anonymous_id": 0} for one in range(random.randrange(2, 40))]


def _diamond(random: Random) -> Shape:
    return [
        {"user_id": 0, "anonymous_id": 0},
        {"user_id": 0, "anonymous_id": 1},
        {"email": 0, "anonymous_id": 0},
        {"email": 0, "anonymous_id": 2},
        {"user_id": 1, "anonymous_id": 2},
    ]


def _alone(random: Random) -> Shape:
    return [{random.choice(("user_id", "anonymous_id")): 0}]


def _random(random: Random) -> Shape:
    count = random.randrange(1, 25)
    return [{kind: random.randrange(8) for kind in _some_types(random)} for _ in range(count)]


def _some_types(random: Random) -> list[str]:
    """One to three types; an e-mail never alone, for a message needs an id of its own."""
    kinds = random.sample(("user_id", "anonymous_id"), random.randrange(1, 3))
    return [*kinds, "email"] if random.random() < 0.5 else kinds
