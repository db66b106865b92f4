"""The benchmark runs, and both of its sides make the same rows. Says nothing of speed."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from bench.compare import DifferentRowsError, compare
from bench.handwritten import DATABASE
from bench.pipeline import measure
from bench.report import GROUPS, print_report, summary, write_results


@pytest.mark.slow
def test_both_sides_make_the_same_rows_and_every_model_has_its_row_in_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = measure(people=200, repeat=1, packed=True, with_tests=False, keep=tmp_path)
    found = summary(runs)
    assert set(found["rows"]) >= {name for name, *_ in GROUPS}
    print_report(runs)
    assert "| **all** |" in capsys.readouterr().out
    written = json.loads(write_results(tmp_path, runs).read_text())
    assert written["deliveries"] == runs.deliveries > 3_000

    # A single row that differs is found.
    with duckdb.connect(str(tmp_path / "run-0" / DATABASE)) as by_hand:
        by_hand.execute(
            "update computed_traits set order_count = order_count + 1 "
            "where canonical_profile_id = (select min(canonical_profile_id) from computed_traits)"
        )
    with pytest.raises(DifferentRowsError, match="computed_traits: 1 rows only by hand"):
        compare(tmp_path / "run-0", {"a": {}}, {"a": {}})
