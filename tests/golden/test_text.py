"""Printed SQL is lower case, but for what stands between quotes."""

from __future__ import annotations

import pytest
from sqlglot import exp, select

from cdp.sql.text import sql_text


@pytest.mark.parametrize(
    ("literal", "printed"),
    [
        ("", "''"),
        ("It's A", "'It''s A'"),
        ("'", "''''"),
        ("A -- B", "'A -- B'"),
        ("A /* B", "'A /* B'"),
        ('Say "A"', "'Say \"A\"'"),
        ("$A$", "'$A$'"),
        ("A`B", "'A`B'"),
        ("A\\B", "'A\\B'"),
    ],
)
def test_literals_keep_their_case(literal: str, printed: str) -> None:
    tree = select(exp.Literal.string(literal).as_("Found"), exp.column("Name", "Things"))
    assert sql_text(tree, "duckdb") == f"select\n    {printed} as found,\n    things.name"


def test_quoted_names_keep_their_case() -> None:
    tree = select(exp.column("Name", "Table", quoted=True), exp.Literal.string("It's A"))
    assert sql_text(tree, "duckdb") == "select\n    \"Table\".\"Name\",\n    'It''s A'"
