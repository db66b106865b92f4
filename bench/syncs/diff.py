"""Finding one row in a hundred that changed: our plan beside a bare hash and anti join in DuckDB.

Run it: python -m bench.syncs.diff [--rows N] [--repeat N]. Makes a project whose ledger holds
every row as it is, changes 0.8% of the rows, takes 0.1% away and adds 0.1% (not counted), and runs
both sides alternately, each in a process of its own with two threads, on the same
file. `ours` is `plan_sync`, with every count and guard; `bare` hashes the columns of
each row and writes down what an anti join with the ledger leaves, in both directions. Both must
find as many rows. Prints a table and writes bench/results/syncs-diff-<time>.json.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import duckdb

from bench.measure import Phases, read_phases
from bench.report import machine, table, write_json
from bench.syncs.report import RESULTS
from bench.syncs.world import SYNC, WAREHOUSE, make_project
from cdp.catalogue import load_catalogue
from cdp.project import find_project
from cdp.syncs.plan import find_sync, plan_sync
from cdp.syncs.tables import LEDGER, ensure_tables
from cdp.syncs.tables import table as table_name
from cdp.warehouse import open_warehouse

RESULT = "phases.json"
SIDES = ("bare", "ours")
THREADS = 2
_ROOT = Path(__file__).parent.parent.parent
_ACKNOWLEDGED = """
insert into {ledger} by name
select
    ? as sync_name, ? as destination_name, c.sync_key, 'present' as remote_state, c.payload_hash,
    'upsert' as last_operation, c.payload_hash as last_hash, 'accepted' as last_outcome
from cdp_changes as c
order by c.sync_key
"""
_CHANGES = """
update main.all_people set order_count = order_count + 1
where order_count = 7 and hash(email) % 100 < 32;
delete from main.all_people where hash(email) % 1000 = 999;
insert into main.all_people
select
    uuid() as canonical_profile_id, 'new.' || p.email as email, p.first_name, p.country,
    p.order_count, p.lifetime_value, p.last_seen_at
from main.all_people as p
where hash(p.email) % 1000 = 998;
"""
_BARE = """
create temp table desired as
select
    d.sync_key,
    md5(concat_ws('|', d.email, d.first_name, d.country, d.order_count, d.lifetime_value,
        d.last_seen_at)) as row_hash
from main.sync__people as d;
create temp table changed as
select d.sync_key, d.row_hash from desired as d
anti join main_ops.sync_ledger as l on l.sync_key = d.sync_key and l.reason = d.row_hash
union all
select l.sync_key, null from main_ops.sync_ledger as l
anti join desired as d on d.sync_key = l.sync_key;
"""


def make(folder: Path, rows: int) -> None:
    """The project with its ledger; the bare side's hash is in the ledger's column `reason`."""
    project = make_project(folder, rows, f"{{threads: {THREADS}}}")
    sync, _ = find_sync(project, load_catalogue(project), SYNC)
    with open_warehouse(project) as warehouse:
        ensure_tables(warehouse, project)
        plan_sync(warehouse, project, load_catalogue(project), SYNC)
        ledger = table_name(project, LEDGER.name)
        warehouse.execute(_ACKNOWLEDGED.format(ledger=ledger), [sync.name, sync.destination])
        hashed = _BARE.split(";")[0]
        warehouse.execute(hashed)
        warehouse.execute(
            f"update {ledger} as l set reason = d.row_hash from desired as d "  # noqa: S608
            "where d.sync_key = l.sync_key"
        )
        warehouse.execute(_CHANGES)
        warehouse.execute("checkpoint")


def ours(folder: Path, phases: Phases) -> None:
    project = find_project(folder)
    catalogue = load_catalogue(project)
    with open_warehouse(project) as warehouse, phases.measure("diff"):
        found = plan_sync(warehouse, project, catalogue, SYNC).diff
    phases.notes["found"] = found.to_send


def bare(folder: Path, phases: Phases) -> None:
    with duckdb.connect(str(folder / WAREHOUSE), config={"threads": THREADS}) as connection:
        with phases.measure("diff"):
            connection.execute(_BARE)
        found = connection.execute("select count(*) from changed").fetchone()
    phases.notes["found"] = found[0] if found else 0


def measure(folder: Path, given: argparse.Namespace) -> dict[str, list[Phases]]:
    """Runs of both sides. Raises AssertionError when they do not find the same number of rows."""
    os.environ["SINK_URL"] = "http://127.0.0.1:1/"
    make(folder, given.rows)
    runs: dict[str, list[Phases]] = {side: [] for side in SIDES}
    for _ in range(given.repeat):
        for side in SIDES:
            words = [sys.executable, "-m", "bench.syncs.diff", "--side", side, str(folder)]
            subprocess.run(words, check=True, cwd=_ROOT)
            runs[side].append(read_phases(folder / RESULT))
    counts = {run.notes["found"] for side in SIDES for run in runs[side]}
    assert len(counts) == 1, f"the sides found {counts}"
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3, help="runs of each side")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        phases, folder = Phases(), Path(given.side[1])
        {"ours": ours, "bare": bare}[given.side[0]](folder, phases)
        phases.write(folder / RESULT)
        return
    with tempfile.TemporaryDirectory(prefix="cdp-syncs-") as name:
        runs = measure(Path(name), given)
    _report(given, runs)


def _report(given: argparse.Namespace, runs: dict[str, list[Phases]]) -> None:
    steps = {side: [run.steps[0] for run in found] for side, found in runs.items()}
    spent = {side: median(step.wall_s for step in found) for side, found in steps.items()}
    ratio = spent["ours"] / spent["bare"]
    lines = [
        f"{given.rows:,} rows, {runs['ours'][0].notes['found']:,} to send; {THREADS} threads; "
        f"median of {given.repeat}; " + ", ".join(f"{k} {v}" for k, v in machine().items()),
        "",
        *table(
            ("side", "seconds", "of processor", "peak, MB"),
            [
                (
                    side,
                    f"{spent[side]:.2f}",
                    f"{median(step.cpu_s for step in found):.2f}",
                    f"{max(step.peak_mb for step in found):,.0f}",
                )
                for side, found in steps.items()
            ],
        ),
        "",
        f"ours / bare: {ratio:.2f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    kept: dict[str, Any] = {side: [vars(step) for step in found] for side, found in steps.items()}
    write_json(RESULTS, "syncs-diff-", {"rows": given.rows, "ratio": ratio, "runs": kept})


if __name__ == "__main__":
    main()
