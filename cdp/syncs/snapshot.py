"""The whole desired state as one file, for a file destination that wants snapshots."""

from __future__ import annotations

from pathlib import Path

from cdp.destinations.files import COPY_OPTIONS
from cdp.project import Project
from cdp.syncs.compile import KEY_COLUMN
from cdp.syncs.diff import Diff, desired_relation
from cdp.syncs.spec import Sync
from cdp.warehouse import Warehouse, quoted, quoted_text


def write_snapshot(
    warehouse: Warehouse, project: Project, sync: Sync, diff: Diff, path: Path, file_format: str
) -> None:
    """Every valid row as `key` and the mapped fields, in the order of the keys."""
    fields = "".join(f", d.{quoted(name)}" for name, _ in diff.columns)
    # Names come from the built model, quoted; the path comes from code.
    warehouse.execute(
        f"copy (select cast(d.{KEY_COLUMN} as varchar) as key{fields} "  # noqa: S608
        f"from {desired_relation(project, sync)} as d where d.{KEY_COLUMN} is not null "
        f"and cast(d.{KEY_COLUMN} as varchar) not in (select r.sync_key from cdp_repeated as r) "
        "order by key) "
        f"to {quoted_text(str(path))} ({COPY_OPTIONS[file_format]})"
    )
    path.chmod(0o600)
