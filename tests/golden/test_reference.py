"""The page of operators is what the code says. Write it anew with --update-golden."""

from __future__ import annotations

from pathlib import Path

from cdp.reference import operators_page


def test_the_page_of_operators_is_current(repository: Path, update_golden: bool) -> None:
    page = repository / "docs" / "operators.md"
    if update_golden:
        page.write_text(operators_page(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == operators_page()
