"""Making a user's project from the dbt project that ships with this package.

The models and macros go into `dbt_packages/cdp`, where dbt finds them without
`dbt deps`; the definitions go into the project, because they are the user's to
edit. Generated models are not copied: the project compiles its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from cdp import __version__
from cdp.errors import RunError

PACKAGE_FOLDERS = ("macros", "models", "tests")
PROJECT_FILES = ("cdp.yml", "definitions")
_DBT_PROJECT = """\
name: {name}
version: 0.1.0
config-version: 2
profile: cdp

model-paths: [models]
test-paths: [tests]
clean-targets: [target]

flags:
  send_anonymous_usage_stats: false
  # The platform's models read the models that `cdp compile` writes into this project: that is
  # how they are meant to fit, and dbt would warn of each.
  warn_error_options: {{silence: [PackageNodeDependsOnRootProjectNode]}}

vars:
  # Where `cdp load` puts raw events.
  cdp_raw_schema: raw
"""
_GITIGNORE = """\
target/
logs/
profiles.yml
*.duckdb
*.duckdb.*
exports/
# The platform's own models and macros are part of the project: keep them.
!dbt_packages/
"""


def shipped_project() -> Path:
    """The dbt project inside the installed package, or beside it in a clone."""
    here = Path(__file__).parent
    return here / "dbt_project" if (here / "dbt_project").is_dir() else here.parent / "dbt_project"


def create_project(folder: Path) -> None:
    """Make a project in a folder that is new or empty.

    Raises RunError when the folder has files in it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise RunError(
            "folder-not-empty",
            f"{folder} is not empty",
            help="name a new folder, or refresh a project with 'cdp init --upgrade'",
        )
    shipped = shipped_project()
    folder.mkdir(parents=True, exist_ok=True)
    for name in PROJECT_FILES:
        _copy(shipped / name, folder / name)
    _copy(_example_profile(shipped), folder / "profiles.yml")
    project_name = "".join(c if c.isalnum() else "_" for c in folder.resolve().name.lower())
    (folder / "dbt_project.yml").write_text(
        _DBT_PROJECT.format(
            name=f"my_{project_name}"
            if project_name[:1].isdigit() or project_name == "cdp"
            else project_name
        ),
        encoding="utf-8",
    )
    (folder / ".gitignore").write_text(_GITIGNORE, encoding="utf-8")
    for name in ("models", "tests"):
        (folder / name).mkdir(exist_ok=True)
    upgrade_package(folder)


def upgrade_package(folder: Path) -> None:
    """Replace the project's copy of the cdp dbt package with the installed one.

    Raises RunError when the folder is no project.
    """
    if not (folder / "cdp.yml").is_file():
        raise RunError(
            "no-project",
            f"there is no cdp project in {folder}",
            help="make one with 'cdp init my-cdp'",
        )
    shipped = shipped_project()
    package = folder / "dbt_packages" / "cdp"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    _copy(shipped / "dbt_project.yml", package / "dbt_project.yml")
    for name in PACKAGE_FOLDERS:
        _copy(shipped / name, package / name)
    (package / "VERSION").write_text(__version__ + "\n", encoding="utf-8")


def package_version(folder: Path) -> str | None:
    """The version of the project's copy of the package; None when it has none."""
    file = folder / "dbt_packages" / "cdp" / "VERSION"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else None


def _example_profile(shipped: Path) -> Path:
    inside = shipped / "profiles.yml.example"
    return inside if inside.is_file() else shipped.parent / "profiles.yml.example"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("generated", "__pycache__"))
    elif source.is_file():
        shutil.copyfile(source, target)
