"""The dbt project's own files are what every engine and dbt version takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

MODELS = Path(__file__).parent.parent / "dbt_project" / "models"
# PostgreSQL cuts the names of relations at 63 characters, and dbt makes one of a unit test.
LONGEST_RELATION = 63


def test_no_key_is_written_twice() -> None:
    """YAML takes the last one in silence, and dbt warns users about it."""
    repeated = [
        f"{path.name}:{key.start_mark.line + 1} {key.value}"
        for path in _files()
        for key in _repeated(yaml.compose(path.read_text()))
    ]
    assert repeated == []


def test_unit_tests_have_names_that_postgresql_takes() -> None:
    names = [
        one["name"]
        for path in _files()
        for one in (yaml.safe_load(path.read_text()) or {}).get("unit_tests", [])
    ]
    assert len(names) > 10
    assert [name for name in names if len(name) > LONGEST_RELATION] == []


def _files() -> list[Path]:
    found = sorted(MODELS.rglob("*.yml"))
    assert found
    return found


def _repeated(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key
            seen.add(key.value)
            yield from _repeated(value)
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            yield from _repeated(one)
