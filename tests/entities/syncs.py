"""Syncs of entities and of events to files, for a project that has a household."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from cdp.catalogue import load_catalogue
from cdp.project import Project
from cdp.syncs.run import run_sync

DEFINITIONS = {
    "seen": """\
name: seen
description: What was seen, and by whom.
from: {events: Seen, since: all}
destination: exports
fields:
  profile_id: {column: canonical_profile_id}
  user_id: {identifier: user_id}
""",
    "firms": """\
name: firms
description: Accounts and their size.
from: {entities: account}
destination: exports
fields:
  name: {column: group_id}
  members: {column: member_count, type: integer}
""",
    "homes": """\
name: homes
description: Households and their size.
from: {entities: household}
destination: exports
guards: {max_removal_ratio: 1}
fields:
  members: {column: member_count, type: integer}
""",
}
Row = dict[str, str]


def define(project: Project) -> None:
    """Write the definitions; compiling is the caller's."""
    for name, text in DEFINITIONS.items():
        (project.definitions / "syncs" / f"{name}.yml").write_text(text)


def send(project: Project) -> None:
    """Run each of them once."""
    catalogue = load_catalogue(project)
    for name in DEFINITIONS:
        assert run_sync(project, catalogue, name).error is None


def sent(project: Project, name: str) -> Iterator[Row]:
    """The rows of all files of a sync, in the order in which they were written."""
    for path in sorted((project.folder / "exports" / name).glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)
