"""The ledger in the warehouse: what each destination is known to hold.

Owns what is written to `sync_intents`, `sync_ledger` and `sync_rejected` (their
columns are described in `cdp.syncs.tables`). What is known of a destination
changes here only from outcomes. Does not compute differences and sends nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cdp.clock import utc_now
from cdp.project import Project
from cdp.syncs.journal import Journal
from cdp.syncs.tables import LEDGER, is_current, table
from cdp.warehouse import Warehouse

# Part of every payload hash: a new version of the hash resends everything once.
HASH_VERSION = "1"
OUTCOMES = ".outcomes"
_WHAT = (
    "outcome: 'varchar', code: 'varchar', reason: 'varchar', doubt: 'integer', "
    "remote_id: 'varchar', job: 'varchar'"
)
OUTCOME_COLUMNS = f"sync_key: 'varchar', operation: 'varchar', payload_hash: 'varchar', {_WHAT}"
SETTLED_COLUMNS = f"first_seq: 'bigint', last_seq: 'bigint', {_WHAT}"


def ledger_relation(warehouse: Warehouse, project: Project) -> str:
    """The ledger; a temporary one where there is none, or one of an earlier layout."""
    schema = project.schema("ops")
    has_ledger = warehouse.exists(schema, LEDGER.name)
    if has_ledger and is_current(warehouse, project):
        return table(project, LEDGER.name)
    warehouse.execute(f"create or replace temp table cdp_ledger ({LEDGER.ddl})")
    if has_ledger:
        warehouse.execute(
            f"insert into cdp_ledger by name select * from {table(project, LEDGER.name)}"  # noqa: S608
        )
    return "cdp_ledger"


def write_intents(
    warehouse: Warehouse, project: Project, run_id: str, sync: str, destination: str
) -> None:
    """One row for each change that the run is about to send, in one set: `cdp_outgoing`."""
    warehouse.execute(
        # Table names come from code, values are parameters.
        f"insert into {table(project, 'sync_intents')} "  # noqa: S608
        "(run_id, sync_name, destination_name, sync_key, operation, payload_hash, seq) "
        "select ?, ?, ?, o.sync_key, o.operation, o.payload_hash, o.seq from cdp_outgoing as o",
        [run_id, sync, destination],
    )


def write_invalid(
    warehouse: Warehouse, project: Project, run_id: str, sync: str, destination: str
) -> None:
    """Keys that cannot be sent: null or repeated. Only the last run's are kept."""
    rejected = table(project, "sync_rejected")
    warehouse.execute(
        f"delete from {rejected} where sync_name = ? "  # noqa: S608
        "and reason_code in ('null_key', 'duplicate_key') and payload_hash is null "
        "and operation = 'upsert'",
        [sync],
    )
    warehouse.execute(
        f"insert into {rejected} "  # noqa: S608
        "select ?, ?, ?, d.sync_key, 'upsert', null, d.reason_code, "
        "cast(d.row_count as varchar) || ' rows', cast(? as timestamp) from ("
        "select null as sync_key, 'null_key' as reason_code, count(*) as row_count "
        "from cdp_desired as n where n.sync_key is null having count(*) > 0 "
        "union all select r.sync_key, 'duplicate_key', r.row_count from cdp_repeated as r) as d",
        [run_id, sync, destination, utc_now()],
    )


def withdraw(warehouse: Warehouse, project: Project, sync: str, destination: str) -> None:
    """Mark what was never taken and is not wanted any more: it has failed for nobody."""
    warehouse.execute(
        f"update {table(project, 'sync_ledger')} as l set last_outcome = 'withdrawn' "  # noqa: S608
        "where l.sync_name = ? and l.destination_name = ? and l.remote_state = 'absent' "
        "and l.last_outcome in ('rejected', 'retry') "
        "and not exists (select 1 from cdp_desired as d where d.sync_key = l.sync_key)",
        [sync, destination],
    )


def rebase(warehouse: Warehouse, project: Project, sync: str, destination: str) -> None:
    """Count rows that the diff calls `rebased` as there with the present mapping."""
    warehouse.execute(
        f"update {table(project, 'sync_ledger')} as l set payload_hash = c.payload_hash "  # noqa: S608
        "from cdp_changes as c where c.class = 'rebased' and l.sync_key = c.sync_key "
        "and l.sync_name = ? and l.destination_name = ?",
        [sync, destination],
    )


@contextmanager
def folding_journal(
    warehouse: Warehouse, project: Project, journal: Journal, run_id: str
) -> Iterator[None]:
    """A transaction that brings the outcomes of a journal into the ledger, in one set.

    The journal has the numbers of the rows, the run's intents have the rest.
    """
    settled = (one._asdict() for one in journal.settled())
    _read_outcomes(warehouse, "cdp_settled", settled, journal.path, SETTLED_COLUMNS)
    warehouse.execute(
        "create or replace temp table cdp_outcomes as "  # noqa: S608
        "select i.sync_key, i.operation, i.payload_hash, s.outcome, s.code, s.reason, s.doubt, "
        "s.remote_id, s.job from (select unnest(range(one.first_seq, one.last_seq + 1)) as seq, "
        "one.* from cdp_settled as one) as s "
        f"join {table(project, 'sync_intents')} as i on i.seq = s.seq and i.run_id = ?",
        [run_id],
    )
    with _folding(warehouse, project, run_id):
        yield


def fold_outcomes(
    warehouse: Warehouse,
    project: Project,
    outcomes: Iterable[Mapping[str, object]],
    path: Path,
    run_id: str,
) -> None:
    """Bring outcomes, each with its key, operation and hash, into the ledger in a transaction.

    `path` is that of the run's journal; a private file is written beside it.
    """
    _read_outcomes(warehouse, "cdp_outcomes", outcomes, path, OUTCOME_COLUMNS)
    with _folding(warehouse, project, run_id):
        pass
    path.with_suffix(OUTCOMES).unlink()


def _read_outcomes(
    warehouse: Warehouse,
    name: str,
    outcomes: Iterable[Mapping[str, object]],
    journal: Path,
    columns: str,
) -> None:
    """A temporary table of outcomes, by way of a private file beside the journal."""
    path = journal.with_suffix(OUTCOMES)
    handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        for outcome in outcomes:
            out.write(json.dumps(outcome, ensure_ascii=False) + "\n")
    warehouse.execute(
        f"create or replace temp table {name} as select * from "  # noqa: S608
        f"read_json(?, format = 'newline_delimited', columns = {{{columns}}})",
        [str(path)],
    )


@contextmanager
def folding_lost(warehouse: Warehouse, project: Project, run_id: str) -> Iterator[int]:
    """A transaction that makes the intents of a run whose journal is gone unknown; their count."""
    warehouse.execute(
        "create or replace temp table cdp_outcomes as "  # noqa: S608
        "select i.sync_key, i.operation, i.payload_hash, 'unknown' as outcome, "
        "'journal_lost' as code, 'the journal of the run is gone' as reason, 0 as doubt, "
        "'' as remote_id, '' as job "
        f"from {table(project, 'sync_intents')} as i where i.run_id = ?",
        [run_id],
    )
    with _folding(warehouse, project, run_id):
        yield int(warehouse.value("select count(*) from cdp_outcomes"))


@contextmanager
def _folding(warehouse: Warehouse, project: Project, run_id: str) -> Iterator[None]:
    """A transaction that brings `cdp_outcomes` into the ledger."""
    # Before it: DuckDB reads what a transaction itself has made with one thread only.
    _make_folded(warehouse, project, run_id)
    with warehouse.transaction():
        _apply_outcomes(warehouse, project, run_id)
        yield


def _make_folded(warehouse: Warehouse, project: Project, run_id: str) -> None:
    """The temporary table `cdp_folded`: the ledger's rows of what `cdp_outcomes` is about."""
    ledger, now = table(project, "sync_ledger"), utc_now()
    runs = table(project, "sync_runs")
    is_same = (
        "l.last_operation = o.operation and l.last_hash is not distinct from o.payload_hash "
        "and l.last_outcome <> 'accepted'"
    )
    warehouse.execute(
        # Table names come from code, values are parameters.
        "create or replace temp table cdp_folded as "  # noqa: S608
        "select r.sync_name, r.destination_name, o.sync_key, "
        "case when o.outcome = 'accepted' then "
        "case when o.operation = 'upsert' then 'present' else 'absent' end "
        "when o.outcome in ('unknown', 'staged') or o.doubt = 1 then 'unknown' "
        "else coalesce(l.remote_state, 'absent') end as remote_state, "
        "case when o.outcome = 'accepted' then o.payload_hash "
        "when o.outcome in ('unknown', 'staged') or o.doubt = 1 then null "
        "else l.payload_hash end as payload_hash, "
        "case when o.outcome = 'accepted' and o.operation = 'remove' then null "
        # Whatever became of the row, its id may be another now: it is looked up again.
        "when o.outcome in ('unknown', 'staged') or o.doubt = 1 then nullif(o.remote_id, '') "
        "else coalesce(nullif(o.remote_id, ''), l.remote_id) end as remote_id, "
        "o.operation as last_operation, o.payload_hash as last_hash, "
        "o.outcome as last_outcome, nullif(o.code, '') as reason_code, "
        "nullif(o.reason, '') as reason, "
        "case when o.outcome = 'accepted' then cast(? as timestamp) else l.acknowledged_at end "
        "as acknowledged_at, cast(? as timestamp) as attempted_at, r.run_id, "
        # What becomes of a row that was staged is still the same attempt.
        f"case when {is_same} then coalesce(l.attempts, 1) "
        "+ case when l.last_outcome = 'staged' then 0 else 1 end else 1 end as attempts, "
        f"case when {is_same} then coalesce(l.first_attempted_at, l.attempted_at) "
        "else cast(? as timestamp) end as first_attempted_at, "
        "case when o.outcome = 'staged' then o.job end as job_id "
        f"from cdp_outcomes as o cross join (select * from {runs} where run_id = ?) as r "
        f"left join {ledger} as l on l.sync_name = r.sync_name "
        "and l.destination_name = r.destination_name and l.sync_key = o.sync_key",
        [now, now, now, run_id],
    )


def _apply_outcomes(warehouse: Warehouse, project: Project, run_id: str) -> None:
    ledger = table(project, "sync_ledger")
    warehouse.execute(
        f"delete from {ledger} as l where exists (select 1 from cdp_folded as f "  # noqa: S608
        "where f.sync_name = l.sync_name and f.destination_name = l.destination_name "
        "and f.sync_key = l.sync_key)"
    )
    warehouse.execute(f"insert into {ledger} by name select * from cdp_folded")  # noqa: S608
    warehouse.execute(
        f"insert into {table(project, 'sync_rejected')} "  # noqa: S608
        "select f.run_id, f.sync_name, f.destination_name, f.sync_key, f.last_operation, "
        "f.last_hash, f.reason_code, f.reason, f.attempted_at from cdp_folded as f "
        "where f.last_outcome = 'rejected'"
    )
    warehouse.execute(
        f"delete from {table(project, 'sync_intents')} where run_id = ?",  # noqa: S608
        [run_id],
    )


def journal_path(spool: Path, sync: str, run_id: str) -> Path:
    """Where the journal of a run is."""
    return spool / f"{sync}-{run_id}.journal"
