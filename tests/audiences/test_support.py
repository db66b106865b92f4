"""An operator that a dialect of the project cannot do is refused by name, before any SQL."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cdp.sql import operators
from tests.definitions import problems_of

CONFIG = "dialects: [duckdb, bigquery]\n"
TRAITS = """\
traits:
  - name: reds
    description: R.
    event: Seen
    aggregate: count
    where: [{property: color, starts_with: r}]
  - {name: plan, description: P., profile_trait: plan}
"""
WHO = """\
name: a
description: A.
who:
  any:
    - {trait: plan, starts_with: p}
    - did: Seen
      where: [{elements: products, where: [{property: color, starts_with: r}]}]
"""


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> None:
    """BigQuery without `starts_with`."""
    without = replace(operators.OPERATORS["starts_with"], lacking=("bigquery",))
    monkeypatch.setitem(operators.OPERATORS, "starts_with", without)


@pytest.mark.usefixtures("lacking")
def test_an_operator_that_a_dialect_lacks_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cdp.yml").write_text(CONFIG)
    files = {"traits/some.yml": TRAITS, "audiences/a.yml": WHO}
    assert (
        problems_of(tmp_path, files)
        == """\
error[unsupported-operator]: audience 'a' uses 'starts_with', which cannot be done on bigquery
  --> definitions/audiences/a.yml:5:34
   5 |     - {trait: plan, starts_with: p}
help: use another operator, or leave bigquery out of 'dialects' in cdp.yml

error[unsupported-operator]: audience 'a' uses 'starts_with', which cannot be done on bigquery
  --> definitions/audiences/a.yml:6:7
   6 |     - did: Seen
help: use another operator, or leave bigquery out of 'dialects' in cdp.yml

error[unsupported-operator]: trait 'reds' uses 'starts_with', which cannot be done on bigquery
  --> definitions/traits/some.yml:2:5
   2 |   - name: reds
help: use another operator, or leave bigquery out of 'dialects' in cdp.yml"""
    )


@pytest.mark.usefixtures("lacking")
def test_other_dialects_may_use_it(tmp_path: Path) -> None:
    (tmp_path / "cdp.yml").write_text("dialects: [duckdb, postgres]\n")
    assert problems_of(tmp_path, {"traits/some.yml": TRAITS, "audiences/a.yml": WHO}) == ""
