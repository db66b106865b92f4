"""The definition of sources, and what is said about mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.errors import DefinitionError, Problems, RunError
from cdp.loader.spec import find_source, read_sources

WRONG = """\
sources:
  - name: web
  - name: web
  - name: Tills
  - name: tills
    table:
      delimiter: tab
      columns: [customer, total]
      message:
        type: trak
        event: Order Completed
        user_id: {column: custmer}
        timestamp: {column: total, fromat: "%Y"}
        properties:
          revenue: {column: total, type: money}
          number: 5
    colour: red
"""


def test_the_shipped_sources_are_right(repository: Path) -> None:
    problems = Problems()
    sources = read_sources(repository / "dbt_project" / "definitions" / "sources.yml", problems)
    assert problems.found == []
    assert list(sources) == ["web", "app", "store_orders"]
    assert [source.table is not None for source in sources.values()] == [False, False, True]


def test_every_mistake_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sources.yml").write_text(WRONG)
    with pytest.raises(DefinitionError) as caught:
        find_source(Path("sources.yml"), "web")
    found = [(one.slug, one.location.line if one.location else 0) for one in caught.value.problems]
    assert found == [
        ("duplicate-name", 3),
        ("invalid-name", 4),
        ("unknown-value", 7),
        ("unknown-value", 10),
        ("unknown-column", 12),
        ("unknown-key", 13),
        ("unknown-value", 15),
        ("wrong-type", 16),
        ("unknown-key", 17),
    ]
    rendered = {one.slug: one.render() for one in caught.value.problems}
    assert rendered["duplicate-name"] == (
        "error[duplicate-name]: the source 'web' is defined twice\n"
        "  --> sources.yml:3:11\n   3 |   - name: web\n"
        "help: rename one of the two; the first is on line 2"
    )
    assert rendered["unknown-column"] == (
        "error[unknown-column]: 'user_id' of the message of the table of source 'tills' reads the "
        "column 'custmer', which is not in 'columns'\n"
        "  --> sources.yml:12:27\n  12 |         user_id: {column: custmer}\n"
        "help: did you mean 'customer'?"
    )


def test_an_unknown_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sources.yml").write_text("sources:\n  - name: web\n  - name: app\n")
    with pytest.raises(RunError) as caught:
        find_source(Path("sources.yml"), "wbe")
    assert str(caught.value) == (
        "error[unknown-source]: there is no source 'wbe'\n"
        "  --> sources.yml\n"
        "help: did you mean 'web'?"
    )
