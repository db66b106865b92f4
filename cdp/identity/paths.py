"""The cheapest path through links of evidence, and which of its links nothing else replaces.

Pure: links in, path out. Knows identifiers only as keys and neither SQL nor the warehouse.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
Neighbours = Mapping[Node, Mapping[Node, int]]
"""For each node its neighbours, each with the number of events that carried both."""


def neighbours(links: Iterable[tuple[Node, Node, int]]) -> dict[Node, dict[Node, int]]:
    """Links (one node, another, events), in any direction, as an adjacency; loops are dropped."""
    found: dict[Node, dict[Node, int]] = {}
    for one, other, events in links:
        if one == other:
            continue
        for start, end in ((one, other), (other, one)):
            ends = found.setdefault(start, {})
            ends[end] = ends.get(end, 0) + events
    return found


def cheapest_path(graph: Neighbours[Node], start: Node, end: Node) -> list[Node] | None:
    """The nodes from `start` to `end`, both included; None when no chain of links joins them.

    The cheapest path has the fewest links; of those, its weakest link stands on the most
    events; what is still equal goes to the node whose text sorts first.
    """
    before: dict[Node, Node] = {}
    weakest: dict[Node, int] = {start: 0}
    layer = [start]
    while layer and end not in weakest:
        reached: dict[Node, tuple[int, Node]] = {}
        for node in sorted(layer, key=str):
            for other, events in graph.get(node, {}).items():
                if other in weakest:
                    continue
                width = events if node == start else min(weakest[node], events)
                # Nodes come in the order of their texts, so that a tie keeps the first.
                if other not in reached or width > reached[other][0]:
                    reached[other] = (width, node)
        for other, (width, node) in reached.items():
            weakest[other], before[other] = width, node
        layer = list(reached)
    if end not in weakest:
        return None
    path = [end]
    while path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]


def bridges(graph: Neighbours[Node], start: Node) -> set[frozenset[Node]]:
    """The links of the component of `start` whose removal parts it.

    R. E. Tarjan, "A note on finding the bridges of a graph" (Information Processing Letters
    2, 1974), without recursion: 1. number the nodes in the order of a depth-first search;
    2. a node's low number is the least that it or anything below it reaches by one link
    outside of the search's tree; 3. a tree link to a node whose low number is its own is a
    bridge.
    """
    number = {start: 0}
    low = {start: 0}
    parent: dict[Node, Node] = {}
    found: set[frozenset[Node]] = set()
    stack = [(start, iter(graph.get(start, {})))]
    while stack:
        node, others = stack[-1]
        for other in others:
            if other not in number:
                number[other] = low[other] = len(number)
                parent[other] = node
                stack.append((other, iter(graph[other])))
                break
            if node not in parent or parent[node] != other:
                low[node] = min(low[node], number[other])
        else:
            stack.pop()
            if node in parent:
                above = parent[node]
                low[above] = min(low[above], low[node])
                if low[node] == number[node]:
                    found.add(frozenset((above, node)))
    return found
