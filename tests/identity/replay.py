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


@dataclass(frozen=True)
class Override:
    """A link, or two identifiers that may never be joined, from a moment on; None is always."""

    kind: str
    one: Node
    other: Node
    valid_from: datetime | None = None


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


def replay(
    events: Sequence[Seen], limits: Mapping[str, Limit], overrides: Sequence[Override] = ()
) -> Replay:
    """Process the events by (time, message id). The order of `limits` is the priority.

    A link is a step of its own, before the events of the moment at which both of its
    identifiers were seen; no limit holds it back.
    """
    priority = {kind: number for number, kind in enumerate(limits)}
    home: dict[Node, Profile] = {}
    outcomes: list[Outcome] = []
    highest: dict[str, Node] = {}
    apart = [one for one in overrides if one.kind == "never"]
    links = _links(events, overrides)
    steps = [*((one, 0) for one in links), *((one, 1) for one in events)]
    for event, rank in sorted(steps, key=lambda one: (one[0].at, one[1], one[0].message_id)):
        nodes = sorted(set(event.nodes), key=lambda node: (priority[node[0]], node[1]))
        kept = list(nodes)
        while _joins_apart(kept, home, event.at, apart) or (
            rank == 1 and _breaks(kept, home, event.at, limits)
        ):
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


def _links(events: Sequence[Seen], overrides: Sequence[Override]) -> list[Seen]:
    first: dict[Node, datetime] = {}
    for event in events:
        for node in event.nodes:
            first[node] = min(first.get(node, event.at), event.at)
    return [
        Seen(
            max(one.valid_from or first[one.one], first[one.one], first[one.other]),
            f"link {number}",
            (one.one, one.other),
        )
        for number, one in enumerate(overrides)
        if one.kind == "link"
    ]


def _joins_apart(
    nodes: list[Node], home: Mapping[Node, Profile], at: datetime, apart: Sequence[Override]
) -> bool:
    """Whether a pair that is kept apart would be in one profile, and is not yet."""
    groups = [set(home[node].added) if node in home else {node} for node in nodes]
    joined = set().union(*groups)
    return any(
        {one.one, one.other} <= joined
        and not any({one.one, one.other} <= group for group in groups)
        for one in apart
        if one.valid_from is None or at >= one.valid_from
    )


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
        most = max(
            len([one for one in counted if one in (home[node].added if node in home else {node})])
            for node in nodes
        )
        # A link may have put a profile above its limit: that alone breaks nothing.
        if len(counted) > max(limit.count, most) and len(nodes) > 1:
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
