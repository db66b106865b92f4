"""Which events a run looks at: those of loads that no finished run has looked at, and those
that are in doubt.

Owns `sync_loads`. A load is done with when a run that looked at it ended well; until then, and
as long as the ledger does not say that an event arrived, the event is looked at again. So late
events are seen whenever they happened, loads may be committed in any order, and a run reads
what is new and not all history. What is sent belongs to `cdp.syncs.diff`.
"""

from __future__ import annotations

from cdp.project import Project
from cdp.syncs.ledger import ledger_relation
from cdp.syncs.origin import NOW
from cdp.syncs.spec import Sync
from cdp.syncs.tables import LOADS, table
from cdp.warehouse import Warehouse, quoted


def open_window(warehouse: Warehouse, project: Project, sync: Sync, relation: str) -> str:
    """The rows of a desired state of events that a run looks at, as a relation.

    Leaves the temporary tables `cdp_loads` (every load that has been built) and `cdp_open` (the
    keys) behind. Where the sync begins now, its first run looks at no event.
    """
    events = f"{quoted(project.schema('internal'))}.stg_events"
    whose = [sync.name, sync.destination]
    # Table names come from code; the rest are parameters.
    warehouse.execute(
        f"create or replace temp table cdp_loads as select distinct e.load_id from {events} as e"  # noqa: S608
    )
    done, ledger = _done(warehouse, project, sync), ledger_relation(warehouse, project)
    warehouse.execute(
        "create or replace temp table cdp_open as "  # noqa: S608
        "select cast(d.sync_key as varchar) as sync_key, d.sync_load_id "
        f"from {relation} as d where d.sync_load_id not in ({done}) "
        f"or cast(d.sync_key as varchar) in (select l.sync_key from {ledger} as l "
        "where l.sync_name = ? and l.destination_name = ? and l.remote_state <> 'present')",
        whose,
    )
    # A number that the engine can skip whole blocks by, before anything else is read.
    first = warehouse.value("select min(o.sync_load_id) from cdp_open as o")
    return (
        f"(select r.* from {relation} as r where r.sync_load_id >= {int(first or 0)} "  # noqa: S608
        "and cast(r.sync_key as varchar) in (select o.sync_key from cdp_open as o))"
    )


def record_loads(warehouse: Warehouse, project: Project, sync: Sync, run_id: str) -> None:
    """Write down which loads a run looks at; they count once it is done."""
    warehouse.execute(
        f"insert into {table(project, LOADS.name)} select ?, ?, ?, n.load_id "  # noqa: S608
        f"from cdp_loads as n where n.load_id not in ({_of_done_runs(project, sync)})",
        [run_id, sync.name, sync.destination],
    )


def _done(warehouse: Warehouse, project: Project, sync: Sync) -> str:
    """The loads that are done with, as a query."""
    has_table = warehouse.exists(project.schema("ops"), LOADS.name)
    query = _of_done_runs(project, sync) if has_table else ""
    is_first = not query or not warehouse.rows(f"{query} limit 1")
    if is_first:
        everything = "select n.load_id from cdp_loads as n"
        return everything if sync.origin.since == NOW else f"{everything} where false"
    return query


def _of_done_runs(project: Project, sync: Sync) -> str:
    """Names are checked ones, so they need no quoting."""
    return (
        f"select w.load_id from {table(project, LOADS.name)} as w "  # noqa: S608
        f"inner join {table(project, 'sync_runs')} as r on r.run_id = w.run_id "
        f"where w.sync_name = '{sync.name}' and w.destination_name = '{sync.destination}' "
        "and r.state = 'done'"
    )
