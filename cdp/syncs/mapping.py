"""The mapping of a sync: what it was when rows were last sent, and what a change of it means.

Owns `sync_mappings` and the three choices: `all` rows are sent again; those for
which the `changed_columns` say something; or `none`. Rows whose other content
changed are sent in any case. Sends nothing and asks nobody.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cdp.clock import utc_now
from cdp.errors import DriftError
from cdp.project import Project
from cdp.syncs.diff import Rebase
from cdp.syncs.spec import Sync
from cdp.syncs.tables import is_current, table
from cdp.warehouse import Warehouse

MOST_NAMED = 5


@dataclass(frozen=True)
class Mapping:
    """The mapped columns in their order, and what else the sent rows depend on, as text."""

    columns: tuple[str, ...]
    rest: str = ""


@dataclass(frozen=True)
class Change:
    """From one mapping to another."""

    former: Mapping
    present: Mapping

    @property
    def added(self) -> list[str]:
        return [name for name in self.present.columns if name not in self.former.columns]

    @property
    def gone(self) -> list[str]:
        return [name for name in self.former.columns if name not in self.present.columns]

    @property
    def renamed(self) -> list[str]:
        """Fields that the destination knows by another name now."""
        before, after = (
            _rest(self.former).get("sent_as", {}),
            _rest(self.present).get("sent_as", {}),
        )
        both = [name for name in self.present.columns if name in self.former.columns]
        return [name for name in both if before.get(name) != after.get(name)]

    @property
    def settings(self) -> list[str]:
        """What changed besides the fields: object, options, version."""
        before, after = _rest(self.former), _rest(self.present)
        names = sorted({*before, *after} - {"sent_as"})
        return [name for name in names if before.get(name) != after.get(name)]

    @property
    def is_of_order(self) -> bool:
        """Only the order of the fields is another."""
        return not (self.added or self.gone or self.renamed or self.settings)

    def rebase(self, choice: str) -> Rebase | None:
        """Which rows the choice counts as there with the new mapping; None where no row is."""
        can_compare = not self.gone
        if choice == "none" or self.is_of_order:
            return Rebase(self.former.columns if can_compare else None, self.former.rest)
        if choice == "changed_columns" and can_compare and not self.settings:
            telling = (*self.added, *self.renamed)
            return Rebase(self.former.columns, self.former.rest, telling)
        return None


def former_mapping(warehouse: Warehouse, project: Project, sync: Sync) -> Mapping | None:
    """The mapping that the ledger rests on; None where nothing was ever sent."""
    if not is_current(warehouse, project):
        return None
    found = warehouse.rows(
        "select columns_json, rest from "  # noqa: S608
        f"{table(project, 'sync_mappings')} where sync_name = ? and destination_name = ? "
        "order by adopted_at desc, columns_json, rest limit 1",
        [sync.name, sync.destination],
    )
    return Mapping(tuple(json.loads(found[0][0])), found[0][1]) if found else None


def adopt(
    warehouse: Warehouse, project: Project, sync: Sync, present: Mapping, choice: str, who: str
) -> None:
    """Write down that the ledger rests on this mapping from now on."""
    warehouse.execute(
        f"insert into {table(project, 'sync_mappings')} (sync_name, destination_name, "  # noqa: S608
        "columns_json, rest, choice, adopted_by, adopted_at) values (?, ?, ?, ?, ?, ?, ?)",
        [
            sync.name,
            sync.destination,
            json.dumps(present.columns),
            present.rest,
            choice,
            who,
            utc_now(),
        ],
    )


def question(sync: Sync, change: Change, rows: int) -> DriftError:
    """The guard of a run after a change that nobody has decided on."""
    parts = [
        _said("new field", change.added),
        _said("field that is gone", change.gone),
        _said("field sent by another name", change.renamed),
        _said("another setting", change.settings),
    ]
    told = "; ".join(part for part in parts if part)
    return DriftError(
        "mapping-changed",
        f"the mapping of sync '{sync.name}' has changed ({told}), and {rows:,} rows are at the "
        "destination with the former one",
        location=sync.location,
        help=f"choose what is sent again: 'cdp sync resend {sync.name}' with --all (every row), "
        "--changed-columns (rows for which the new fields say something) or --none; or write "
        "'on_mapping_change: all', 'changed_columns' or 'none' into the sync",
    )


def _said(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{what}: {', '.join(names[:MOST_NAMED])}{more}"


def _rest(mapping: Mapping) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mapping.rest[1:]) if mapping.rest else {}
    return found
