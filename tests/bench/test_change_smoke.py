"""The benchmark of following runs: what is followed is little, and right. Nothing of speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.graph.change import measure, print_report


@pytest.mark.slow
def test_few_events_write_few_identifiers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = measure(tmp_path, 2_000, 1, limits=False)
    assert [(run.name, run.events) for run in runs] == [
        ("everything", 2_000),
        ("0.01% more", 1),
        ("1.00% more", 20),
        ("nothing", 0),
    ]
    everything, least, more, nothing = (run.identifiers for run in runs)
    assert nothing == 0 < least < more < everything / 4
    print_report(runs, limits=False)
    assert "| 1.00% more | 20 |" in capsys.readouterr().out
