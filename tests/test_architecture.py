"""The house keeps its plan: who may import whom, how long things may be, what loads when."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cdp"
LAYERS: dict[str, float] = {
    # 0: words and clocks
    "errors": 0, "clock": 0, "json_bytes": 0, "observe": 0,
    # 1: files, the warehouse, SQL as trees and text
    "yamlfile": 1, "project": 1, "warehouse": 1, "sql": 1,
    # 2: definitions read into specs, and the checks across them
    "loader.spec": 2, "identity.fields": 2, "identity.spec": 2,
    "identity.overrides": 2, "traits.aggregates": 2,
    "traits.spec": 2, "audiences.spec": 2, "audiences.alerts": 2,
    "audiences.conditions": 2, "audiences.behaviour": 2, "audiences.sequences": 2,
    "audiences.selections": 2,
    "entities.spec": 2, "profiles.spec": 2,
    "identity.normalize": 2, "records.spec": 2, "records.check": 2.5,
    "destinations.template": 2, "destinations.filters": 2, "destinations.normalize": 2,
    "destinations.manifest": 2, "destinations.spec": 2,
    "syncs.spec": 2, "syncs.origin": 2, "syncs.fields": 2, "syncs.templates": 2,
    "syncs.filters": 2, "syncs.schedule": 2, "syncs.limits": 2,
    "traits.check": 2.5, "audiences.check": 2.5,
    "entities.check": 2.5,
    "syncs.check": 2.5, "syncs.check_fields": 2.5, "syncs.check_filter": 2.5,
    "syncs.check_target": 2.5,
    "audiences.references": 2.5, "support": 2.5,
    # 3: all definitions together, and what they need computed
    "catalogue": 3, "features": 3, "reference": 3, "identity.values": 3,
    # 4: definitions to SQL, text only; and what never sees the catalogue
    "identity": 4, "profiles": 4, "records": 4, "traits": 4, "entities": 4.1,
    "audiences.compile": 4.1, "audiences.condition_table": 4.1, "audiences.sequence_steps": 4.1,
    "audiences.condition_rows": 4.1, "audiences.plan": 4.1, "audiences.consent_rows": 4.1,
    "audiences.ranking_table": 4.1, "audiences.selection_tests": 4.1,
    "audiences.explain": 4.1, "audiences.following": 4.1, "audiences.condition_models": 4.1,
    "syncs.compile": 4.1, "syncs.event_rows": 4.1, "syncs.field_values": 4.1,
    "syncs.row_filter": 4.1,
    "generate": 4.2, "destinations": 4, "loader": 4, "scaffold": 4,
    # 5: the warehouse at work
    "syncs": 5, "audiences": 5, "publish": 5, "dbt": 5, "profile": 5,
    # 6: whole journeys through the house
    "doctor": 6, "demo": 6,
    # 7: nobody imports it
    "cli": 7,
}  # fmt: skip
"""The layer of each module or folder; the longest name that matches decides."""
HEAVY = {"dbt", "duckdb", "sqlglot", "rich", "httpx"}
MOST_LINES, MOST_FUNCTION_LINES = 400, 60
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_imports_point_down() -> None:
    """Inside a layer only within one folder."""
    wrong = []
    for path in MODULES:
        name = _name(path)
        for imported in _imports(path):
            above = _layer(imported) > _layer(name)
            beside = _layer(imported) == _layer(name) > 1
            if above or (beside and name.split(".")[0] != imported.split(".")[0]):
                wrong.append(f"{name} imports {imported}")
    assert not wrong


def test_every_module_has_a_layer_and_a_docstring() -> None:
    for path in MODULES:
        name = _name(path)
        if name:
            _layer(name)
        tree = ast.parse(path.read_text())
        if path.name != "__init__.py" or tree.body:
            assert ast.get_docstring(tree), f"{path.name} says nothing about itself"


def test_files_and_functions_stay_short() -> None:
    long = []
    for path in MODULES:
        text = path.read_text()
        if text.count("\n") > MOST_LINES:
            long.append(f"{path.name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > MOST_FUNCTION_LINES:
                    long.append(f"{path.name}: {node.name} has {length} lines")
    assert not long


def test_nobody_imports_the_command_line() -> None:
    for path in MODULES:
        if not _name(path).startswith("cli"):
            assert not any(one.startswith("cli") for one in _imports(path)), path


@pytest.mark.parametrize("module", ["cdp.cli", "cdp.cli.build", "cdp.cli.sync", "cdp.cli.load"])
def test_the_command_line_loads_nothing_heavy(module: str) -> None:
    """So that `cdp --help` answers at once."""
    code = f"import sys, {module}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not HEAVY & set(loaded)


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def _layer(name: str) -> float:
    words = name.split(".")
    for length in range(len(words), 0, -1):
        found = LAYERS.get(".".join(words[:length]))
        if found is not None:
            return found
    raise AssertionError(f"cdp.{name} has no layer: add it to LAYERS")


def _imports(path: Path) -> Iterator[str]:
    """The modules of this package that a file imports at run time, at any depth."""
    tree = ast.parse(path.read_text())
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cdp."):
            yield (node.module or "").removeprefix("cdp.")
        elif isinstance(node, ast.Import):
            yield from (
                one.name.removeprefix("cdp.") for one in node.names if one.name.startswith("cdp.")
            )
