"""The benchmark of what a definition adds to a build runs. Nothing of speed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_builds_of_few_and_of_more_definitions_are_timed(repository: Path) -> None:
    words = ["--count", "2", "--people", "20", "--repeat", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.definitions", *words],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = re.findall(r"^\| (3 audiences|2 more) \| +([\d.]+) \| +([\d.]+) \|$", done.stdout, re.M)
    assert [name for name, _, _ in rows] == ["3 audiences", "2 more"]
    assert all(0 < float(of_sql) < float(seconds) for _, seconds, of_sql in rows)
    assert re.search(r"a definition adds -?\d+ ms over its SQL\n$", done.stdout)
