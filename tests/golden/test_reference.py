"""Pages that are printed from the code are current. Write them anew with --update-golden."""

from __future__ import annotations

from pathlib import Path

from cdp.reference import operators_page
from cdp.syncs.tables import tables_page


def test_the_page_of_operators_is_current(repository: Path, update_golden: bool) -> None:
    page = repository / "docs" / "operators.md"
    if update_golden:
        page.write_text(operators_page(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == operators_page()


def test_the_page_of_the_syncs_tables_is_current(repository: Path, update_golden: bool) -> None:
    page = repository / "docs" / "sync-tables.md"
    if update_golden:
        page.write_text(tables_page(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == tables_page()
