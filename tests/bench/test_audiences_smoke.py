"""The benchmark of audiences runs, and finds a member that differs. Nothing of speed."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from bench.audiences.definitions import make_audiences
from bench.audiences.report import print_report, write_results
from bench.audiences.run import SINGLE, DifferentMembersError, Task, compare, measure
from bench.audiences.side import BY_HAND, TOGETHER, slug


def test_all_sides_agree_on_members(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    task = Task(events=20_000, people=1_000, audiences=40, repeat=1, memory_gb=1)
    runs = measure(task)
    assert runs.members > 500
    assert sum(runs.rows.values()) == task.events
    assert {step.name for step in runs.sides[BY_HAND][0].steps} == {
        one.name for one in make_audiences(40)
    }
    print_report(task, runs)
    assert "| by hand / together |" in capsys.readouterr().out
    written = json.loads(write_results(tmp_path, task, runs).read_text())
    assert written["ratios"]["by hand / together"] > 0


def test_a_member_too_many_is_found(tmp_path: Path) -> None:
    for side in (TOGETHER, BY_HAND, *SINGLE):
        only = side.partition(" ")[2]
        with duckdb.connect(str(tmp_path / f"{slug(side)}.duckdb")) as connection:
            connection.execute("create table members (audience_name text, profile integer)")
            if not only or only == "big_spenders":
                connection.execute("insert into members values ('big_spenders', 1)")
    assert compare(tmp_path) == 1
    with duckdb.connect(str(tmp_path / f"{BY_HAND}.duckdb")) as connection:
        connection.execute("insert into members values ('big_spenders', 2)")
    with pytest.raises(
        DifferentMembersError, match="together and by_hand differ in .*big_spenders"
    ):
        compare(tmp_path)
