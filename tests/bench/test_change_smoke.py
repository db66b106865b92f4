"""The benchmark of following runs: what is followed is little, and right. Nothing of speed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_few_events_write_few_identifiers(repository: Path) -> None:
    # In a process of its own, as it is meant: dbt keeps its log open.
    words = [sys.executable, "-m", "bench.graph.change", "--edges", "2000", "--memory", "1"]
    printed = subprocess.run(words, cwd=repository, check=True, capture_output=True, text=True)
    table = [line.strip("|").split("|") for line in printed.stdout.split("\n\n")[1].splitlines()]
    runs = [[cell.strip().replace(",", "") for cell in row[:3]] for row in table[2:]]
    assert [(name, int(events)) for name, events, _ in runs] == [
        ("everything", 2_000),
        ("0.01% more", 1),
        ("1.00% more", 20),
        ("nothing", 0),
    ]
    everything, least, more, nothing = (int(identifiers) for _, _, identifiers in runs)
    assert nothing == 0 < least < more < everything / 4
