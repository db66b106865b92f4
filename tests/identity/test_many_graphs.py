"""The slow tier of `test_graph.py`: more graphs, in more and smaller batches."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from cdp.project import Project
from tests.identity.oracle import generate_case, resolve
from tests.identity.test_graph import graph_of, write_events
from tests.projects import lift_limits, load, run

SEED = 27_182
CASES = 2_500
BATCHES = 8


@pytest.mark.slow
def test_many_graphs_in_many_batches_give_what_union_find_gives(
    project: Project, tmp_path: Path
) -> None:
    print(f"seed {SEED}")
    random = Random(SEED)
    events = [event for number in range(CASES) for event in generate_case(random, number)]
    random.shuffle(events)
    lift_limits(project)
    done = 0
    for number in range(BATCHES):
        # Batches of very different sizes: the first is the largest, the last a handful.
        size = max(5, (len(events) - done) // 2) if number < BATCHES - 1 else len(events) - done
        batch = events[done : done + size]
        done += size
        load(project, "web", [write_events(tmp_path / f"{number}.ndjson", batch)])
        run(project, "--select", "+identity_graph", "+profile_merges")
        assert graph_of(project) == resolve(events[:done])
    assert done == len(events)
