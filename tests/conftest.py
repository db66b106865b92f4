"""What several areas share: the repository, real input, a fresh project, one built store.

A dbt call costs seconds, so whatever only reads a built project shares one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

from cdp.project import Project
from tests.projects import build, load, new_project

REPOSITORY = Path(__file__).parent.parent
SHARED = REPOSITORY.parent / "shared"

os.environ["DO_NOT_TRACK"] = "1"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


def pytest_report_header() -> str:
    packages = ("duckdb", "dbt-core", "sqlglot")
    return ", ".join(f"{package} {version(package)}" for package in packages)


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def store_data() -> Path:
    """The capture of a simulated store, beside the repository."""
    folder = SHARED / "data" / "store"
    if not folder.is_dir():
        pytest.skip("the store capture is absent")
    return folder


@pytest.fixture(scope="session")
def cdnow_file() -> Path:
    """The purchases of the CDNOW shop, beside the repository."""
    file = SHARED / "data" / "cdnow" / "CDNOW_master.txt"
    if not file.is_file():
        pytest.skip("the CDNOW purchases are absent")
    return file


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh, compiled project with an empty warehouse."""
    return new_project(tmp_path / "shop")


@dataclass(frozen=True)
class BuiltStore:
    """A project built from the store capture, to be read only, and the capture."""

    project: Project
    data: Path


@pytest.fixture(scope="session")
def built_store(tmp_path_factory: pytest.TempPathFactory, store_data: Path) -> BuiltStore:
    """The store capture, loaded as its two sources and built once."""
    project = new_project(tmp_path_factory.mktemp("store") / "shop")
    for source in ("web", "app"):
        load(project, source, [store_data / source])
    build(project, "--write-json")
    return BuiltStore(project, store_data)
