"""Where a project's files are and which warehouse its dbt profile names.

Owns `cdp.yml`, the folder layout and the reading of `profiles.yml`; there is no
second set of credentials. Does not open the warehouse and does not read
definitions.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from cdp.errors import Location, Problems, RunError, suggest
from cdp.yamlfile import Section, read_yaml

DIALECTS = ("duckdb", "postgres", "spark", "snowflake", "bigquery")
SCHEMA_SUFFIXES = {"public": "", "internal": "_internal", "ops": "_ops"}


@dataclass(frozen=True)
class Target:
    """The dbt target in use: its adapter, schema and, for DuckDB, its file."""

    name: str
    adapter: str
    schema: str
    path: Path | None = None
    settings: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Project:
    """A folder with `cdp.yml` and `dbt_project.yml` in it."""

    folder: Path
    target_name: str | None = None
    profiles_folder: Path | None = None

    @property
    def definitions(self) -> Path:
        return self.folder / "definitions"

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @cached_property
    def dialects(self) -> tuple[str, ...]:
        """The SQL dialects that `cdp compile` prints, from `cdp.yml`; the first is the default."""
        problems = Problems()
        root = read_yaml(self.folder / "cdp.yml", problems, may_be_empty=True)
        problems.raise_if_any()
        if root is None:
            return ("duckdb",)
        section = Section(root, "cdp.yml", problems)
        dialects = section.texts("dialects") or ("duckdb",)
        for dialect in dialects:
            if dialect not in DIALECTS:
                problems.add(
                    "unknown-value",
                    f"'{dialect}' is not a dialect that cdp can print",
                    section.place("dialects"),
                    suggest(dialect, DIALECTS),
                )
        section.finish()
        problems.raise_if_any()
        return dialects

    @property
    def name(self) -> str:
        """What dbt calls the project."""
        return str(self._dbt_project.get("name", self.folder.name))

    @cached_property
    def raw_schema(self) -> str:
        return str(self._dbt_project.get("vars", {}).get("cdp_raw_schema", "raw"))

    def schema(self, layer: str) -> str:
        """The schema of a layer: `public`, `internal` or `ops` (design, decision 3)."""
        return self.target.schema + SCHEMA_SUFFIXES[layer]

    @cached_property
    def _dbt_project(self) -> dict[str, Any]:
        return _load_mapping(self.folder / "dbt_project.yml")

    @cached_property
    def profiles_file(self) -> Path:
        """The `profiles.yml` that dbt would use, looked for in dbt's order."""
        named = os.environ.get("DBT_PROFILES_DIR")
        folders = [self.profiles_folder] if self.profiles_folder else []
        folders += [Path(named)] if named else []
        folders += [self.folder, Path.home() / ".dbt"]
        for folder in folders:
            if (folder / "profiles.yml").is_file():
                return folder / "profiles.yml"
        searched = ", ".join(str(folder) for folder in folders)
        raise RunError(
            "missing-profile",
            f"no profiles.yml was found in {searched}",
            help="copy profiles.yml.example to profiles.yml in the project's folder",
        )

    @cached_property
    def target(self) -> Target:
        """The dbt target in use.

        Raises RunError when the profile or the target does not exist.
        """
        profiles = _load_mapping(self.profiles_file, render=True)
        profile_name = str(self._dbt_project.get("profile", ""))
        profile = profiles.get(profile_name)
        if not isinstance(profile, dict):
            raise RunError(
                "missing-profile",
                f"the profile '{profile_name}' that dbt_project.yml names is missing",
                location=Location(self.profiles_file),
                help=suggest(profile_name, map(str, profiles)),
            )
        outputs = profile.get("outputs") or {}
        name = self.target_name or str(profile.get("target", "default"))
        output = outputs.get(name)
        if not isinstance(output, dict):
            raise RunError(
                "missing-target",
                f"the profile '{profile_name}' has no target '{name}'",
                location=Location(self.profiles_file),
                help=suggest(name, outputs),
            )
        adapter = str(output.get("type", ""))
        path = None
        if adapter == "duckdb":
            path = self.folder / str(output.get("path", ":memory:"))
        return Target(name, adapter, str(output.get("schema", "main")), path, output)


def find_project(folder: Path, target: str | None = None, profiles: Path | None = None) -> Project:
    """The project at `folder` or in its `dbt_project` folder.

    Raises RunError when there is none.
    """
    for candidate in (folder, folder / "dbt_project"):
        if (candidate / "cdp.yml").is_file() and (candidate / "dbt_project.yml").is_file():
            return Project(candidate.resolve(), target, profiles)
    raise RunError(
        "no-project",
        f"there is no cdp project in {folder}",
        help="run the command in the folder with cdp.yml, name it with --project-dir, "
        "or make a project with 'cdp init my-cdp'",
    )


def _load_mapping(path: Path, *, render: bool = False) -> dict[str, Any]:
    """A YAML file of dbt's; `render` evaluates `env_var`, the only function it may call."""
    try:
        text = path.read_text(encoding="utf-8")
        if render:
            text = _render(text, path)
        loaded = yaml.safe_load(text) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        first = str(error).splitlines()[0]
        raise RunError(
            "unreadable-file",
            f"{path.name} cannot be read: {first}",
            location=Location(path),
            help="check that the file is valid YAML",
        ) from None
    return loaded if isinstance(loaded, dict) else {}


def _render(text: str, path: Path) -> str:
    from jinja2 import TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    def env_var(name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise RunError(
                "missing-secret",
                f"the environment variable {name} is not set",
                location=Location(path),
                help=f"set it: export {name}=...",
            )
        return value

    try:
        return SandboxedEnvironment().from_string(text).render(env_var=env_var)
    except TemplateError as error:
        raise RunError(
            "unreadable-file",
            f"{path.name} cannot be read: {error}",
            location=Location(path),
            help="use env_var('NAME') only",
        ) from None
