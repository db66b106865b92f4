"""The guide's examples of audiences are definitions that compile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdp.audiences.compile import compile_audiences
from cdp.sql.text import sql_text
from tests.definitions import catalogue_of

GUIDE = (Path(__file__).parents[2] / "docs" / "definitions.md").read_text()
SECTION = GUIDE[GUIDE.index("\n## Audiences\n") : GUIDE.index("\n## Operators\n")]
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)]
# The first column of the table of conditions, without the rows that leave something open.
ROWS = [
    yaml.safe_load(text)
    for text in re.findall(r"^\| `(\{.*?\})`", SECTION, re.MULTILINE)
    if "..." not in text and "<" not in text
]
TRAITS = {
    "order_count": {"event": "Order Completed", "aggregate": "count"},
    "lifetime_value": {"event": "Order Completed", "aggregate": "sum", "property": "revenue"},
    "dearest_order": {"event": "Order Completed", "aggregate": "maximum", "property": "revenue"},
    "last_order_at": {"event": "Order Completed", "aggregate": "last_time"},
    "contract_started_at": {"profile_trait": "contract", "type": "timestamp"},
    "name": {"event": "Seen", "aggregate": "count"},
}


def audience(name: str, content: dict[str, Any]) -> str:
    found: dict[str, Any] = {"name": name, "description": "D."} | content
    if "where" in found:
        found["who"] = {"did": "Order Completed", "where": found.pop("where")}
    return yaml.safe_dump(found | {"name": name})


@pytest.mark.parametrize("example", [*BLOCKS, *({"who": one} for one in ROWS)])
def test_an_example_of_the_guide_compiles(tmp_path: Path, example: dict[str, Any]) -> None:
    traits = [{"name": name, "description": "D.", **one} for name, one in TRAITS.items()]
    anybody = {"who": {"did": "Seen"}}
    files = {"traits/some.yml": yaml.safe_dump({"traits": traits})}
    files |= {
        f"audiences/{name}.yml": audience(name, anybody)
        for name in ("name", "gold", "vip_customers")
    }
    files["audiences/example.yml"] = audience("example", example)
    models = {one.name: one for one in compile_audiences(catalogue_of(tmp_path, files))}
    assert sql_text(models["audience__example"].body("duckdb"), "duckdb").startswith("select")


def test_the_guide_has_an_example_of_each_kind() -> None:
    assert len(BLOCKS) >= 5
    assert len(ROWS) >= 10
