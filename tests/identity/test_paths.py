"""Paths and bridges against brute force on small graphs of every shape."""

from __future__ import annotations

from itertools import pairwise, permutations

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from cdp.identity.paths import bridges, cheapest_path, neighbours

NODES = range(6)
LINKS = st.dictionaries(
    st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)).filter(
        lambda pair: pair[0] < pair[1]
    ),
    st.integers(1, 3),
    max_size=12,
)
Links = dict[tuple[int, int], int]
LONG = 50_000


@seed(27)
@settings(max_examples=400, deadline=None, database=None)
@given(LINKS, st.sampled_from(NODES), st.sampled_from(NODES))
def test_the_path_is_the_best_of_all_paths(links: Links, start: int, end: int) -> None:
    found = cheapest_path(_graph(links), start, end)
    every = _all_paths(links, start, end)
    if found is None:
        assert not every
    else:
        assert found in every
        assert _cost(links, found) == min(_cost(links, path) for path in every)


@seed(28)
@settings(max_examples=400, deadline=None, database=None)
@given(LINKS)
def test_bridges_are_the_links_that_part_their_ends_when_removed(links: Links) -> None:
    found = set().union(*(bridges(_graph(links), node) for node in NODES))
    expected = {
        frozenset(link)
        for link in links
        if link[1] not in _reached({other: 1 for other in links if other != link}, link[0])
    }
    assert found == expected


def test_a_link_in_both_directions_is_one_link() -> None:
    graph = neighbours([("a", "b", 2), ("b", "a", 3), ("a", "a", 1)])
    assert graph == {"a": {"b": 5}, "b": {"a": 5}}
    assert bridges(graph, "a") == {frozenset("ab")}


def test_a_chain_may_be_long() -> None:
    """Nothing recurses."""
    graph = neighbours((link, link + 1, 1) for link in range(LONG))
    assert len(cheapest_path(graph, 0, LONG) or []) == LONG + 1
    assert len(bridges(graph, 0)) == LONG


def _graph(links: Links) -> dict[int, dict[int, int]]:
    return neighbours((*link, events) for link, events in links.items())


def _cost(links: Links, path: list[int]) -> tuple[int, int]:
    events = [links[(min(pair), max(pair))] for pair in pairwise(path)]
    return (len(events), -min(events, default=0))


def _all_paths(links: Links, start: int, end: int) -> list[list[int]]:
    if start == end:
        return [[start]]
    inner = [node for node in NODES if node not in (start, end)]
    # Few nodes and fewest links: no best path is longer than a simple one.
    return [
        [start, *middle, end]
        for length in range(len(inner) + 1)
        for middle in permutations(inner, length)
        if all((min(pair), max(pair)) in links for pair in pairwise([start, *middle, end]))
    ]


def _reached(links: Links, start: int) -> set[int]:
    found = {start}
    while True:
        more = {
            end
            for one, other in links
            for near, end in ((one, other), (other, one))
            if near in found
        }
        if more <= found:
            return found
        found |= more
