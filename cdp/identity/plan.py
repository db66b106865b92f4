"""What the project's present rules would do to the profiles that the warehouse has.

Resolves all evidence by the definitions as they are now, in a scratch database of its own that
reads the warehouse, and compares the two graphs. Nothing is written to the warehouse or the
project. DuckDB only: other engines would need a schema to write to.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from cdp.errors import RunError
from cdp.project import Project
from cdp.warehouse import Warehouse, duckdb_path, open_warehouse, quoted, quoted_text

LARGEST = 5
SAMPLES = 20
_READ = ("stg_events", "int_identity__records")
"""What the rules of identity do not change: taken from the warehouse as it is."""
_LEFT_OUT = ("*.duckdb", "*.duckdb.*", "target", "logs", ".git", ".venv", "exports")


@dataclass(frozen=True)
class Line:
    """One line of a plan: a measure, a rank among the largest, or a sample, before and after."""

    section: str
    name: str
    before: int
    after: int
    identifiers: str = ""


@contextmanager
def scratch_project(project: Project) -> Iterator[Project]:
    """A copy of the project whose target is a scratch database that reads the warehouse.

    Raises RunError where the target is no DuckDB, or was never built.
    """
    source = duckdb_path(project)
    with open_warehouse(project, read_only=True) as warehouse:
        if not warehouse.exists(project.schema("internal"), _READ[0]):
            raise RunError(
                "not-built",
                "the warehouse has no identity to compare with",
                help="run 'dbt build' once, then plan a change of the rules",
            )
        has_overrides = warehouse.exists(project.raw_schema, "identity_overrides")
        has = [one for one in _READ if warehouse.exists(project.schema("internal"), one)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "plan"
        shutil.copytree(project.folder, folder, ignore=shutil.ignore_patterns(*_LEFT_OUT))
        _write_profile(project, folder, source)
        scratch = Project(folder, profiles_folder=folder)
        with open_warehouse(scratch) as warehouse:
            _attach(warehouse, source)
            _show(warehouse, source.stem, project.schema("internal"), has)
            if has_overrides:
                _show(warehouse, source.stem, project.raw_schema, ["identity_overrides"])
        yield scratch


def compare(project: Project, scratch: Project, *, show_values: bool = False) -> list[Line]:
    """The warehouse's graph beside the scratch one: measures, the largest profiles, samples."""
    schema = quoted(project.schema("public"))
    with open_warehouse(scratch) as warehouse:
        _attach(warehouse, duckdb_path(project))
        source = quoted(duckdb_path(project).stem)
        warehouse.execute(_PAIRS.format(schema=schema, warehouse=source))
        for view in _VIEWS:
            warehouse.execute(view)
        shown = "identifier_type || ' ' || identifier_value" if show_values else "identifier_type"
        lines = [Line("summary", *row) for row in warehouse.rows(_SUMMARY)]
        lines += [Line("largest", *row) for row in warehouse.rows(_LARGEST, [LARGEST])]
        samples = warehouse.rows(_SAMPLES.format(shown=shown), [SAMPLES])
        return lines + [Line("sample", *row) for row in samples]


def selection() -> list[str]:
    """The arguments of `dbt run` that resolve identity and nothing else."""
    read = [f"+{one}" for one in _READ]
    return ["--select", "+identity_graph", "+profile_merges", "--exclude", *read]


def _write_profile(project: Project, folder: Path, source: Path) -> None:
    """Settings stay; credentials of other targets do not come along."""
    target = project.target
    output = {
        "type": "duckdb",
        "path": str(folder / "cdp_identity_plan.duckdb"),
        "schema": target.schema,
        "threads": target.settings.get("threads", 2),
        "settings": target.settings.get("settings", {}),
        "attach": [{"path": str(source), "alias": source.stem, "read_only": True}],
    }
    name = yaml.safe_load((folder / "dbt_project.yml").read_text(encoding="utf-8"))["profile"]
    profile = {name: {"target": "plan", "outputs": {"plan": output}}}
    (folder / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")


def _attach(warehouse: Warehouse, source: Path) -> None:
    """Under its own name, which the views in it name."""
    file = quoted_text(str(source))
    warehouse.execute(f"attach if not exists {file} as {quoted(source.stem)} (read_only)")


def _show(warehouse: Warehouse, catalog: str, schema: str, tables: list[str]) -> None:
    warehouse.execute(f"create schema if not exists {quoted(schema)}")
    for table in tables:
        name = f"{quoted(schema)}.{quoted(table)}"
        warehouse.execute(f"create view {name} as select * from {quoted(catalog)}.{name}")  # noqa: S608 (quoted names)


_PAIRS = """
create or replace temp table pairs as
select
    coalesce(former.identifier_type, planned.identifier_type) as identifier_type,
    coalesce(former.identifier_value, planned.identifier_value) as identifier_value,
    former.canonical_profile_id as before_id,
    planned.canonical_profile_id as after_id
from {warehouse}.{schema}.identity_graph as former
full outer join {schema}.identity_graph as planned
    on former.identifier_id = planned.identifier_id
"""

_VIEWS = (
    """
    create or replace temp view merged as
    select after_id, count(distinct before_id) as befores
    from pairs
    where after_id is not null and before_id is not null
    group by after_id
    having count(distinct before_id) > 1
    """,
    """
    create or replace temp view split as
    select before_id, count(distinct after_id) as afters
    from pairs
    where after_id is not null and before_id is not null
    group by before_id
    having count(distinct after_id) > 1
    """,
    """
    create or replace temp view sizes as
    select 'before' as side, before_id as profile_id, count(*) as size
    from pairs
    where before_id is not null
    group by before_id
    union all
    select 'after' as side, after_id as profile_id, count(*) as size
    from pairs
    where after_id is not null
    group by after_id
    """,
)

_SUMMARY = """
with
measures as (
    select 1 as place, 'identifiers' as name, count(before_id) as before, count(after_id) as after
    from pairs
    union all
    select 2, 'profiles', count(distinct before_id), count(distinct after_id) from pairs
    union all
    select 3, 'profiles merged', coalesce(sum(befores), 0), count(*) from merged
    union all
    select 4, 'profiles split', count(*), coalesce(sum(afters), 0) from split
    union all
    select
        5,
        'largest profile',
        coalesce(max(size) filter (where side = 'before'), 0),
        coalesce(max(size) filter (where side = 'after'), 0)
    from sizes
)
select name, cast(before as bigint), cast(after as bigint) from measures order by place
"""

_LARGEST = """
with
ranked as (
    select
        side,
        size,
        row_number() over (partition by side order by size desc, profile_id) as place
    from sizes
)
select
    cast(place as varchar),
    coalesce(max(size) filter (where side = 'before'), 0),
    coalesce(max(size) filter (where side = 'after'), 0)
from ranked
where place <= ?
group by place
order by place
"""

_SAMPLES = """
with
changed as (
    select 'merged' as name, befores as before, 1 as after, after_id as profile_id from merged
    union all
    select 'split', 1, afters, before_id from split
)
select
    changed.name,
    changed.before,
    changed.after,
    string_agg({shown}, ', ' order by pairs.identifier_type, pairs.identifier_value)
from changed
inner join pairs
    on case changed.name when 'merged' then pairs.after_id else pairs.before_id end
        = changed.profile_id
group by changed.name, changed.before, changed.after, changed.profile_id
order by changed.name, changed.before + changed.after desc, changed.profile_id
limit ?
"""
