"""Checks of an installation and a project, each with what to do about it. Read-only."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from cdp import __version__
from cdp.errors import CdpError
from cdp.project import Project
from cdp.scaffold import package_version
from cdp.warehouse import open_warehouse, read_copy

PACKAGES = ("dbt-core", "dbt-duckdb", "duckdb", "sqlglot")
_SECRET = re.compile(r"\benv:([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True)
class Check:
    """The outcome of one check: `ok`, `warning` or `failed`."""

    name: str
    status: str
    detail: str
    help: str | None = None


def examine(project: Project) -> list[Check]:
    """Every check, in the order in which a person would fix things."""
    checks = [_versions(), _package(project)]
    for name, check in (
        ("definitions", _definitions),
        ("generated models", _generated),
        ("secrets", _secrets),
        ("warehouse", _warehouse),
        ("read copy", _read_copy),
    ):
        checks.append(_guarded(name, check, project))
    return checks


def _guarded(name: str, check: Callable[[Project], Check], project: Project) -> Check:
    """A check that raises has failed; its error says what to do."""
    try:
        return check(project)
    except CdpError as error:
        first = error.problems[0]
        more = f" (and {len(error.problems) - 1} more)" if len(error.problems) > 1 else ""
        return Check(name, "failed", first.message + more, first.help)


def _versions() -> Check:
    found = [f"Python {sys.version_info.major}.{sys.version_info.minor}", f"cdp {__version__}"]
    missing = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        return Check(
            "installation", "failed", f"not installed: {', '.join(missing)}", "pip install cdp"
        )
    return Check("installation", "ok", ", ".join(found))


def _package(project: Project) -> Check:
    found = package_version(project.folder)
    if found is None or found == __version__:
        return Check("dbt package", "ok", f"version {found or __version__}")
    return Check(
        "dbt package",
        "warning",
        f"the project has {found}, installed is {__version__}",
        "cdp init --upgrade .",
    )


def _definitions(project: Project) -> Check:
    from cdp.catalogue import load_catalogue

    catalogue = load_catalogue(project)
    return Check(
        "definitions",
        "ok",
        f"{len(catalogue.traits)} traits, {len(catalogue.audiences)} audiences, "
        f"{len(catalogue.syncs)} syncs, {len(catalogue.destinations)} destinations, "
        f"{len(catalogue.sources)} sources",
    )


def _generated(project: Project) -> Check:
    from cdp.catalogue import load_catalogue
    from cdp.generate import check_files, compile_catalogue, generated_files

    files = generated_files(project, compile_catalogue(load_catalogue(project)))
    check_files(project, files)
    return Check("generated models", "ok", f"{len(files)} files match their definitions")


def _secrets(project: Project) -> Check:
    named: set[str] = set()
    for path in sorted(project.definitions.glob("**/*.yml")):
        named |= set(_SECRET.findall(path.read_text(encoding="utf-8")))
    missing = sorted(name for name in named if name not in os.environ)
    if missing:
        return Check(
            "secrets",
            "warning",
            f"not set: {', '.join(missing)}",
            f"export {missing[0]}=... before the syncs that need it run",
        )
    return Check("secrets", "ok", f"{len(named)} named in definitions, all set")


def _warehouse(project: Project) -> Check:
    if project.target.path is None:
        return Check("warehouse", "ok", f"{project.target.adapter}; check it with 'dbt debug'")
    with open_warehouse(project, read_only=True, lock_wait_s=0) as warehouse:
        if not warehouse.exists(project.raw_schema, "events"):
            return Check(
                "warehouse", "warning", "no events are loaded", "cdp load FILES --source NAME"
            )
        events = warehouse.value(f"select count(*) from {project.raw_schema}.events")  # noqa: S608 (a schema's name)
        rejected = warehouse.value(f"select count(*) from {project.raw_schema}.rejected")  # noqa: S608 (a schema's name)
    return Check(
        "warehouse", "ok", f"{warehouse.path.name}: {events:,} deliveries, {rejected:,} rejected"
    )


def _read_copy(project: Project) -> Check:
    path = project.target.path
    if path is None:
        return Check("read copy", "ok", "not needed on this engine")
    if not read_copy(path).exists():
        return Check("read copy", "warning", "not published yet", "cdp build")
    return Check("read copy", "ok", read_copy(path).name)
