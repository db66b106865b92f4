"""What the profile lets DuckDB take of the machine binds the command line too."""

from __future__ import annotations

import pytest
import yaml

from cdp.errors import RunError
from cdp.project import Project, find_project
from cdp.warehouse import open_warehouse


def limit(project: Project, **settings: object) -> Project:
    """The project with such settings in its profile."""
    output = {"type": "duckdb", "path": "warehouse.duckdb", "schema": "main", "settings": settings}
    profiles = {"cdp": {"target": "dev", "outputs": {"dev": output}}}
    project.profiles_file.write_text(yaml.safe_dump(profiles))
    return find_project(project.folder)


def test_limits_hold_and_settings_of_models_are_left_to_dbt(project: Project) -> None:
    limited = limit(project, memory_limit="200MB", threads=1, preserve_insertion_order=False)
    with open_warehouse(limited) as warehouse:
        assert [
            warehouse.value("select current_setting(?)", [name])
            for name in ("memory_limit", "threads", "preserve_insertion_order")
        ] == ["190.7 MiB", 1, True]


def test_a_limit_that_is_none_is_named(project: Project) -> None:
    with pytest.raises(RunError) as caught, open_warehouse(limit(project, threads="many")):
        pass
    told = str(caught.value).replace(f"{project.folder}/", "")
    assert told == (
        "error[invalid-setting]: DuckDB does not take the setting 'threads' of target 'dev': "
        "Invalid Input Error: Failed to cast value: Could not convert string 'many' to INT64\n"
        "  --> profiles.yml\n"
        "help: mend it there; see DuckDB's configuration reference"
    )


def test_what_does_not_fit_is_told(project: Project) -> None:
    limited = limit(project, memory_limit="20MB")
    with pytest.raises(RunError) as caught, open_warehouse(limited) as warehouse:
        warehouse.value("select length(list(range)) from range(10000000)")
    first, helped = str(caught.value).splitlines()
    assert first.startswith("error[out-of-memory]: DuckDB needs more memory than it may have: Out")
    assert helped == "help: raise 'memory_limit' in the target's settings, or lower 'threads'"
