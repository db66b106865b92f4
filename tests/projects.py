"""Making, loading, building and comparing whole projects in tests."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cdp.catalogue import load_catalogue
from cdp.dbt import run_dbt
from cdp.generate import compile_catalogue, generated_files, write_files
from cdp.loader.load import LoadResult, load_files
from cdp.loader.spec import find_source
from cdp.project import Project, find_project
from cdp.scaffold import create_project
from cdp.warehouse import Warehouse, open_warehouse

# Manifest and results are a tenth of a small run; who reads them says --write-json.
_QUIET = ("--quiet", "--log-level-file", "none", "--no-write-json")
_FRESH = tempfile.TemporaryDirectory(prefix="cdp-fresh-")
COMPARED = {
    "internal": (
        "stg_events",
        "int_identity__event_identifiers",
        "int_identity__edges",
        "int_identity__replay",
        "int_identity__resolved",
        "int_profiles__identify_traits",
        "int_profiles__consents",
        "int_entities__account_events",
        "int_entities__values",
        "event__order_completed",
        "event__product_added",
        "event__product_viewed",
    ),
    "public": (
        "identity_graph",
        "identity_decisions",
        "profile_merges",
        "profiles",
        "user_identifiers",
        "user_traits",
        "consent_status",
        "profile_traits_history",
        "accounts",
        "account_traits",
        "account_memberships",
        "entity_merges",
        "entity_members",
        "computed_traits",
        "audience_memberships",
    ),
}
"""The tables that are a function of the events; history (transitions) is not."""


def compile_here(project: Project) -> None:
    """Write a project's generated models."""
    write_files(project, generated_files(project, compile_catalogue(load_catalogue(project))))


def new_project(folder: Path) -> Project:
    """A fresh, compiled project, as `cdp init` makes it."""
    shutil.copytree(_fresh(folder.name), folder)
    return find_project(folder)


@cache
def _fresh(name: str) -> Path:
    """A project that dbt has parsed: that takes as long as a quarter of a small run."""
    folder = Path(_FRESH.name) / name
    create_project(folder)
    project = find_project(folder)
    compile_here(project)
    run_dbt(project, "parse", _QUIET)
    (folder / "warehouse.duckdb").unlink()
    return folder


def lift_limits(project: Project) -> None:
    """Put every limit out of reach: what is left of the rules is plain components."""
    identity = project.definitions / "identity.yml"
    identity.write_text(re.sub(r"count: \d+", "count: 1000000000", identity.read_text()))
    compile_here(project)


def load(project: Project, source: str, paths: Sequence[str | Path]) -> LoadResult:
    """Load files for a source of the project."""
    declared = find_source(project.definitions / "sources.yml", source)
    with open_warehouse(project) as warehouse:
        return load_files(warehouse, project.raw_schema, declared, paths)


def build(project: Project, *arguments: str) -> None:
    """`dbt build`, quietly: models and their tests."""
    run_dbt(project, "build", [*_QUIET, *arguments])


def run(project: Project, *arguments: str) -> None:
    """`dbt run`, quietly: models only, where the test compares the rows itself."""
    run_dbt(project, "run", [*_QUIET, *arguments])


def fingerprints(
    project: Project, warehouse: Warehouse, *, without: Iterable[str] = ()
) -> dict[str, Any]:
    """Per table its row count and a hash of all rows, whatever their order.

    `load_id` differs between loading in one batch or several, `entered_at` is when a run
    saw something, a profile's number means nothing, and neither does that of the resolution
    that wrote a row; these are left out, as are the columns `without`.
    """
    left_out = {"load_id", "entered_at", "profile_number", "resolution", *without}
    found = {}
    for layer, tables in COMPARED.items():
        schema = project.schema(layer)
        for table in tables:
            if not warehouse.exists(schema, table):
                continue
            names = [
                name
                for (name,) in warehouse.rows(
                    "select column_name from information_schema.columns "
                    "where table_schema = ? and table_name = ? order by column_name",
                    [schema, table],
                )
                if name not in left_out
            ]
            row = ", ".join(names)
            found[table] = warehouse.rows(
                f"select count(*), md5(string_agg(hashed, '' order by hashed)) from "
                f"(select md5(cast(row({row}) as varchar)) as hashed from {schema}.{table}) as t"
            )[0]
    return found
