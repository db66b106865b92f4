"""The documented examples of Segment's merge rule, by name, on the plain Python replay.

The SQL replay is compared with the same replay on thousands of generated cases
(test_replay.py), and runs these examples too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.identity.examples import EXAMPLES, Example
from tests.identity.replay import Limit, Node, Seen, oldest, replay


@pytest.mark.parametrize("example", EXAMPLES, ids=[one.name for one in EXAMPLES])
def test_the_example_gives_the_documented_profiles(example: Example) -> None:
    found = replay(example.events, example.limits)
    groups = {frozenset(profile.added) for profile in found.profiles.values()}
    assert groups == set(example.profiles)


def test_the_first_created_profile_survives_a_recursive_merge() -> None:
    (example,) = [one for one in EXAMPLES if one.name.startswith("I")]
    found = replay(example.events, example.limits)
    profile = found.profiles[("anonymous_id", "a2")]
    assert oldest(profile, lambda node: (0, node[1])) == ("anonymous_id", "a0")


def test_a_window_is_open_at_its_beginning() -> None:
    """A value added exactly a window ago no longer counts."""
    start = datetime(2026, 1, 1)
    limits = {"user_id": Limit(1), "anonymous_id": Limit(1, days=1)}
    user: Node = ("user_id", "u")

    def at(seconds: int) -> int:
        events = [
            Seen(start, "m0", (user, ("anonymous_id", "a"))),
            Seen(start + timedelta(seconds=seconds), "m1", (user, ("anonymous_id", "b"))),
        ]
        return len(replay(events, limits).profiles[user].added)

    assert at(24 * 3600 - 1) == 2
    assert at(24 * 3600) == 3
