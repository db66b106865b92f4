"""Segment's merge rule in plain Python: one event after another.

Knows nothing of SQL and nothing of rounds. An event keeps its identifiers but the
lowest, again and again, until the profiles that they are in may be merged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

Node = tuple[str, str]


@dataclass(frozen=True)
class Limit:
    """At most `count` values added in the trailing `days`; None is for ever."""

    count: int
    days: int | None = None


@dataclass(frozen=True)
class Seen:
    """An event: its time, its message id, and its identifiers of any types."""

    at: datetime
    message_id: str
    nodes: tuple[Node, ...]


@dataclass
class Profile:
    """Identifiers, each with the time at which it was added."""

    added: dict[Node, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """One decision: created, attached, merged or demoted, of which identifier by which event."""

    message_id: str
    node: Node
    outcome: str


@dataclass(frozen=True)
class Replay:
    """The profile of every identifier that is in one, and every decision in order."""

    profiles: Mapping[Node, Profile]
    outcomes: Sequence[Outcome]
    owners: Mapping[str, Profile]


def replay(events: Sequence[Seen], limits: Mapping[str, Limit]) -> Replay:
    """Process the events by (time, message id). The order of `limits` is the priority."""
    priority = {kind: number for number, kind in enumerate(limits)}
    home: dict[Node, Profile] = {}
    outcomes: list[Outcome] = []
    highest: dict[str, Node] = {}
    for event in sorted(events, key=lambda one: (one.at, one.message_id)):
        nodes = sorted(set(event.nodes), key=lambda node: (priority[node[0]], node[1]))
        kept = list(nodes)
        while _breaks(kept, home, event.at, limits):
            kept.pop()
        outcomes += _note(event, nodes, kept, home)
        final = Profile()
        for node in kept:
            final.added.update((home[node] if node in home else Profile()).added)
        for node in kept:
            final.added.setdefault(node, event.at)
        for node in final.added:
            home[node] = final
        highest[event.message_id] = nodes[0]
    return Replay(home, outcomes, {name: home[node] for name, node in highest.items()})


def oldest(profile: Profile, priority: Callable[[Node], tuple[int, str]]) -> Node:
    """The identifier that a profile is named after."""
    return min(profile.added, key=lambda node: (profile.added[node], *priority(node)))


def _breaks(
    nodes: list[Node], home: Mapping[Node, Profile], at: datetime, limits: Mapping[str, Limit]
) -> bool:
    added: dict[Node, datetime] = {}
    for node in nodes:
        added.update(home[node].added if node in home else {node: at})
    for kind, limit in limits.items():
        counted = [
            one
            for one, when in added.items()
            if one[0] == kind and (limit.days is None or when > at - timedelta(days=limit.days))
        ]
        if len(counted) > limit.count and len(nodes) > 1:
            return True
    return False


def _note(
    event: Seen, nodes: list[Node], kept: list[Node], home: Mapping[Node, Profile]
) -> list[Outcome]:
    noted = [Outcome(event.message_id, node, "demoted") for node in nodes[len(kept) :]]
    met: list[Profile] = []
    is_new = not any(node in home for node in kept)
    for node in kept:
        if node not in home:
            what = "created" if is_new and node == kept[0] else "attached"
            noted.append(Outcome(event.message_id, node, what))
        elif not any(home[node] is one for one in met):
            if met:
                noted.append(Outcome(event.message_id, node, "merged"))
            met.append(home[node])
    return noted
