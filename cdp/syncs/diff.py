"""What changed between the desired state and the ledger, in SQL.

Owns the comparison and the hash that it rests on. Leaves three temporary tables
behind for the rest of the run: `cdp_desired` (every row of the desired state
with its hash) and `cdp_changes` (every key but the unchanged ones, with its class);
and `cdp_repeated` (keys that occur more than once). Changes nothing else.

Classes: added, changed, removed (to be sent); unchanged; rebased (unchanged but
for a changed mapping, which somebody chose not to send); kept (gone from the
source, but the sync leaves rows that leave alone); held (rejected before with
the same content and not yet due again, or unknown where sending twice would hurt);
staged (in a job of the destination that is not done).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cdp.clock import utc_now
from cdp.errors import RunError
from cdp.project import Project
from cdp.syncs.compile import KEY_COLUMN, LOAD_COLUMN
from cdp.syncs.ledger import HASH_VERSION, ledger_relation
from cdp.syncs.spec import Sync
from cdp.syncs.unreadable import reading_desired
from cdp.syncs.window import open_window
from cdp.warehouse import Warehouse, quoted, quoted_text

TO_SEND = ("removed", "added", "changed")
MOST_DOUBLINGS = 5
"""A rejected row is tried again after 1, 2, 4, 8, 16, and then every 32 days."""
_DUE = (
    "coalesce(s.present_at < {0}.attempted_at + to_days(cast(power(2, "
    f"least(coalesce({{0}}.attempts, 1) - 1, {MOST_DOUBLINGS})) as integer)), true)"
)
# A row waits until a person asks for it, it is due again, or its content is another.
_WAITS = (
    "({0}.is_same_as_last and {0}.released_at is null and ("
    "(s.hold_rejected and {0}.last_outcome = 'rejected' and " + _DUE + ") "
    "or (s.hold_unknown and {0}.last_outcome = 'unknown')))"
)
_LAST = "l.last_outcome, l.released_at, l.attempts, l.attempted_at"


@dataclass(frozen=True)
class Diff:
    """Rows by class. `held_there` counts the rows that the destination is believed to hold.

    `relation` has the rows of the desired state that were compared. Of events these are not
    all, so what of the ledger is not among them has not left.
    """

    added: int
    changed: int
    removed: int
    unchanged: int
    kept: int
    held: int
    invalid_null: int
    invalid_duplicate: int
    desired: int
    held_there: int
    columns: tuple[tuple[str, str], ...]
    rebased: int = 0
    staged: int = 0
    relation: str = ""

    @property
    def invalid(self) -> int:
        return self.invalid_null + self.invalid_duplicate

    @property
    def to_send(self) -> int:
        return self.added + self.changed + self.removed


@dataclass(frozen=True)
class Rebase:
    """Rows that count as there although the mapping is another.

    Those whose content under the former mapping (`columns` and `rest`) is what was
    acknowledged, and whose `telling` columns are all null. Without `columns`, which
    are None when one of them is gone, every row that is there.
    """

    columns: tuple[str, ...] | None
    rest: str
    telling: tuple[str, ...] = ()


def compute_diff(
    warehouse: Warehouse,
    project: Project,
    sync: Sync,
    *,
    is_idempotent: bool = True,
    retry_rejected: bool = False,
    removes: bool | None = None,
    appends: bool = False,
    mapping: str = "",
    rebase: Rebase | None = None,
) -> Diff:
    """Compare; the temporary tables hold the result.

    `removes`: rows that leave are removed; by default as the sync says. `appends`:
    a row that was acknowledged is never sent again. `mapping` is what, besides the
    columns, the sent rows depend on: when it changes, every row is sent again.

    Raises RunError when the desired state's model has not been built, or cannot be read.
    """
    columns = desired_columns(warehouse, project, sync)
    relation = desired_relation(project, sync)
    with reading_desired(warehouse, sync, relation, columns):
        if sync.origin.is_events:
            relation = open_window(warehouse, project, sync, relation)
        _make_desired(warehouse, relation, columns, mapping, rebase)
    if removes is None:
        removes = sync.on_leave != "nothing"
    takes_all = rebase is not None and rebase.columns is None
    settings = [not retry_rejected, not is_idempotent, removes, appends, takes_all, utc_now()]
    _make_changes(warehouse, project, sync, [*settings, not sync.origin.is_events], appends)
    return replace(_count(warehouse, project, sync, columns), relation=relation)


def desired_columns(
    warehouse: Warehouse, project: Project, sync: Sync
) -> tuple[tuple[str, str], ...]:
    """The mapped columns of the desired state with their types.

    Raises RunError when there is no such table.
    """
    found = warehouse.rows(
        "select column_name, data_type from information_schema.columns "
        "where table_schema = ? and table_name = ? order by ordinal_position",
        [project.schema("public"), sync.model_name],
    )
    if not found:
        raise RunError(
            "sync-not-built",
            f"the desired state of sync '{sync.name}' has not been built: there is no "
            f"{project.schema('public')}.{sync.model_name}",
            help="run 'cdp build' first",
        )
    return tuple((name, kind) for name, kind in found if name not in (KEY_COLUMN, LOAD_COLUMN))


def number_changes(warehouse: Warehouse) -> None:
    """Make the temporary table `cdp_outgoing`: what is to be sent, numbered from 1 in its order.

    Removals come first, then the others; each in the order of their keys.
    """
    warehouse.execute(
        "create or replace temp table cdp_outgoing as "
        "select row_number() over (order by c.class <> 'removed', c.sync_key) as seq, "
        "case when c.class = 'removed' then 'remove' else 'upsert' end as operation, "
        "c.sync_key, c.payload_hash "
        "from cdp_changes as c where c.class in ('added', 'changed', 'removed')"
    )


def write_changes(
    warehouse: Warehouse, project: Project, sync: Sync, diff: Diff, path: Path
) -> int:
    """Write the rows of `cdp_outgoing` as a journal wants them (`journal.WriteRows`)."""
    fields = _fields_json(diff.columns)
    ledger = ledger_relation(warehouse, project)
    whole = "operation := o.operation, key := o.sync_key, fields := o.fields"
    # Copied as they are made, the lines would all be in memory: that copy does not spill.
    warehouse.execute(
        # Column names come from the built model, quoted; the relation is one of two constants.
        "create or replace temp table cdp_lines as "  # noqa: S608
        "select o.seq, cast(case when l.remote_id is null "
        f"then to_json(struct_pack({whole})) "
        f"else to_json(struct_pack({whole}, remote_id := l.remote_id)) end as varchar) as line "
        f"from (select o.*, {fields} as fields from cdp_outgoing as o "
        f"join {diff.relation} as d "
        f"on cast(d.{KEY_COLUMN} as varchar) = o.sync_key where o.operation = 'upsert' "
        "union all select o.*, cast('{}' as json) as fields from cdp_outgoing as o "
        f"where o.operation = 'remove') as o left join {ledger} as l "
        "on l.sync_key = o.sync_key and l.sync_name = ? and l.destination_name = ?",
        [sync.name, sync.destination],
    )
    count = warehouse.value(
        # The path is from code. A text a line, as it is: JSON has neither a line's end nor
        # this delimiter in it.
        "copy (select l.line from cdp_lines as l order by l.seq) "  # noqa: S608
        f"to {quoted_text(str(path))} (format csv, header false, quote '', escape '', "
        "delimiter '\x01', use_tmp_file false)"
    )
    warehouse.execute("drop table cdp_lines")
    return int(count)


def desired_relation(project: Project, sync: Sync) -> str:
    """The desired state's table, quoted."""
    return f"{quoted(project.schema('public'))}.{quoted(sync.model_name)}"


def _make_desired(
    warehouse: Warehouse,
    relation: str,
    columns: tuple[tuple[str, str], ...],
    mapping: str,
    rebase: Rebase | None,
) -> None:
    names = [name for name, _ in columns]
    former, values = "cast(null as varchar)", [_seed(names, mapping)]
    if rebase is not None and rebase.columns is not None:
        tells = " or ".join(f"d.{quoted(name)} is not null" for name in rebase.telling) or "false"
        former = f"case when {tells} then null else {_hash(rebase.columns)} end"
        values.append(_seed(rebase.columns, rebase.rest))
    warehouse.execute(
        # Column names come from the built model, quoted; texts are parameters.
        "create or replace temp table cdp_desired as "  # noqa: S608
        f"select cast(d.{KEY_COLUMN} as varchar) as sync_key, "
        f"{_hash(names)} as payload_hash, {former} as former_hash "
        f"from {relation} as d",
        values,
    )
    warehouse.execute(
        "create or replace temp table cdp_repeated as select d.sync_key, count(*) as row_count "
        "from cdp_desired as d where d.sync_key is not null "
        "group by d.sync_key having count(*) > 1"
    )


def _seed(columns: Sequence[str], mapping: str) -> str:
    """What is the same in the hash of every row."""
    return "|".join([HASH_VERSION, *columns]) + mapping


def _hash(columns: Sequence[str]) -> str:
    """SQL for the hash of a row, with one parameter.

    A JSON array keeps null apart from '' and one column's end from the next one's start.
    """
    texts = ", ".join(f"cast(d.{quoted(name)} as varchar)" for name in columns)
    return f"md5(? || cast(to_json(cast([{texts}] as varchar[])) as varchar))"


def _make_changes(
    warehouse: Warehouse, project: Project, sync: Sync, settings: list[Any], appends: bool
) -> None:
    """Most rows are as they were. The others are a table, so that the engine knows how few."""
    ledger = ledger_relation(warehouse, project)
    whose = [sync.name, sync.destination]
    is_as_there = "" if appends else "and l.payload_hash = d.payload_hash"
    warehouse.execute(
        # The relation is one of two constants; the rest are parameters.
        "create or replace temp table cdp_differing as "  # noqa: S608
        "select d.sync_key, d.payload_hash, d.former_hash from cdp_desired as d "
        # The same as `not exists` costs three times as much.
        f"anti join (select l.sync_key, l.payload_hash from {ledger} as l "
        "where l.sync_name = ? and l.destination_name = ? and l.remote_state = 'present' "
        "and l.last_outcome is distinct from 'staged') as l "
        f"on l.sync_key = d.sync_key {is_as_there} "
        "anti join cdp_repeated as r on r.sync_key = d.sync_key where d.sync_key is not null",
        whose,
    )
    warehouse.execute(
        "create or replace temp table cdp_changes as "  # noqa: S608
        "with settings as (select ? as hold_rejected, ? as hold_unknown, ? as removes, "
        "? as appends, ? as takes_all, cast(? as timestamp) as present_at, "
        "? as is_whole), "
        "present as (select d.sync_key, d.payload_hash, d.former_hash, "
        "l.payload_hash as old_hash, l.remote_state, "
        "l.last_operation = 'upsert' and l.last_hash = d.payload_hash as is_same_as_last, "
        f"{_LAST} from cdp_differing as d left join {ledger} as l "
        "on l.sync_key = d.sync_key and l.sync_name = ? and l.destination_name = ?), "
        f"gone as (select l.sync_key, l.last_operation = 'remove' as is_same_as_last, {_LAST} "
        f"from (select * from {ledger} as k where k.sync_name = ? and k.destination_name = ? "
        "and k.remote_state <> 'absent') as l "
        "anti join cdp_desired as d on d.sync_key = l.sync_key) "
        # A row that is in a job of the destination waits for what becomes of it there.
        "select p.sync_key, p.payload_hash, case when p.last_outcome = 'staged' then 'staged' "
        "when p.remote_state = 'present' and (p.old_hash = p.former_hash "
        "or (s.takes_all and p.old_hash is not null)) then 'rebased' "
        # A message that may have arrived is not sent again because its text changed.
        "when s.appends and s.hold_unknown and p.remote_state = 'unknown' "
        f"and p.released_at is null then 'held' when {_WAITS.format('p')} then 'held' "
        "when coalesce(p.remote_state, 'absent') = 'absent' then 'added' else 'changed' end "
        "as class from present as p cross join settings as s "
        "union all select g.sync_key, null, case when g.last_outcome = 'staged' then 'staged' "
        "when not s.removes then 'kept' "
        f"when {_WAITS.format('g')} then 'held' else 'removed' end "
        "from gone as g cross join settings as s where s.is_whole",
        [*settings, *whose, *whose],
    )


def _count(
    warehouse: Warehouse, project: Project, sync: Sync, columns: tuple[tuple[str, str], ...]
) -> Diff:
    by_class = dict(warehouse.rows("select class, count(*) from cdp_changes group by class"))
    nulls, with_key = warehouse.rows(
        "select count(*) filter (where d.sync_key is null), count(d.sync_key) from cdp_desired as d"
    )[0]
    duplicates = int(warehouse.value("select coalesce(sum(row_count), 0) from cdp_repeated"))
    valid = with_key - duplicates
    others = warehouse.value("select count(payload_hash) from cdp_changes")
    held_there = warehouse.value(
        f"select count(*) from {ledger_relation(warehouse, project)} "  # noqa: S608
        "where sync_name = ? and destination_name = ? and remote_state <> 'absent'",
        [sync.name, sync.destination],
    )
    return Diff(
        **{
            name: by_class.get(name, 0)
            for name in ("added", "changed", "removed", "kept", "held", "rebased", "staged")
        },
        unchanged=valid - others + by_class.get("rebased", 0),
        invalid_null=nulls,
        invalid_duplicate=duplicates,
        desired=valid,
        held_there=held_there,
        columns=columns,
    )


def _fields_json(columns: tuple[tuple[str, str], ...]) -> str:
    """The mapped columns as one JSON object."""
    if not columns:
        return "cast('{}' as json)"
    parts = ", ".join(f"{quoted(name)} := {_json_value(name, kind)}" for name, kind in columns)
    return f"to_json(struct_pack({parts}))"


def _json_value(name: str, kind: str) -> str:
    """Timestamps as ISO 8601 in UTC; JSON has no infinities and no NaN, so they are null."""
    column = f"d.{quoted(name)}"
    if kind == "TIMESTAMP":
        return f"case when isfinite({column}) then strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ') end"
    if kind in ("DOUBLE", "FLOAT"):
        return f"case when isfinite({column}) then {column} end"
    return column
