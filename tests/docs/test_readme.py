"""The README is true: its output, its definition and SQL, its tables, its commands and links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cdp.cli import COMMANDS
from cdp.warehouse import open_warehouse
from tests.conftest import BuiltStore


@pytest.fixture(scope="module")
def readme(repository: Path) -> str:
    return (repository / "README.md").read_text()


def _block(text: str, language: str, after: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", text[text.index(after) :], re.DOTALL)
    assert found, f"no {language} block after {after!r}"
    return found[1]


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(readme: str, tmp_path: Path) -> None:
    """As a process of its own, with the installed command."""
    program = Path(sys.executable).parent / "cdp"
    printed = subprocess.run(
        [str(program), "demo", "demo"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": "/usr/bin:/bin"},
    ).stdout
    shown = _block(readme, "text", "`make demo` makes")
    assert _lines(printed.replace(f"  {program} ", "  .venv/bin/cdp ")) == _lines(shown)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def test_the_audience_and_its_sql_are_the_files(readme: str, repository: Path) -> None:
    project = repository / "dbt_project"
    definition = project / "definitions" / "audiences" / "cart_abandoners.yml"
    model = project / "models" / "audiences" / "generated" / "audience__cart_abandoners.sql"
    assert _block(readme, "yaml", "## An audience") == definition.read_text()
    assert _block(readme, "sql", "## An audience") == model.read_text()


def test_the_tables_exist(readme: str, built_store: BuiltStore) -> None:
    section = readme[readme.index("## The tables") : readme.index("Public tables are in")]
    named = re.findall(r"^\| `([a-z_.<>]+)` \|", section, re.MULTILINE)
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        found = {
            f"raw.{table}" if schema == "raw" else table
            for schema, table in warehouse.rows(
                "select table_schema, table_name from information_schema.tables "
                "where table_schema in ('raw', 'main')"
            )
        }
    for table in named:
        prefix = table.split("<")[0]
        assert any(one == table or ("<" in table and one.startswith(prefix)) for one in found), (
            table
        )
    public = {re.sub(r"^(audience|sync)__.*", r"\1__<name>", one) for one in found}
    assert public == set(named), "every public table is in the README"


def test_every_command_is_named(readme: str) -> None:
    for command in COMMANDS:
        assert f"`cdp {command}" in readme, command


def test_every_make_target_is_there(readme: str, repository: Path) -> None:
    makefile = (repository / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z0-9-]+)", readme))
    assert named <= targets


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/loading.md",
                 "docs/definitions.md", "docs/operators.md", "docs/entities.md",
                 "docs/identity.md", "docs/syncs.md", "docs/sync-tables.md"],
)  # fmt: skip
def test_links_lead_somewhere(repository: Path, document: str) -> None:
    path = repository / document
    for target in re.findall(r"\]\((?!http)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target
