"""The reports in `<schema>_ops`: runs, rows, failures; what `cdp sync status` makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.destinations.delivery import ACCEPTED, Outcome
from cdp.syncs.journal import ConsecutiveRows, Journal, Timing
from cdp.syncs.reports import REASON_CLASSES, VIEWS
from cdp.syncs.tables import TABLES
from tests.spooled import write_lines

from .harness import Server, Shop

MAIL = "jane.roe@private.example"
OLD_LAYOUT = """
create schema main_ops;
create table main_ops.sync_runs (
    run_id varchar, sync_name varchar, destination_name varchar, state varchar,
    started_at timestamp, heartbeat_at timestamp, finished_at timestamp, host varchar, pid bigint,
    added bigint, changed bigint, removed bigint, unchanged bigint, held bigint, invalid bigint,
    accepted bigint, rejected bigint, retry bigint, unknown bigint, problem varchar
);
create table main_ops.sync_ledger (
    sync_name varchar, destination_name varchar, sync_key varchar, remote_state varchar,
    payload_hash varchar, remote_id varchar, last_operation varchar, last_hash varchar,
    last_outcome varchar, reason_code varchar, reason varchar, acknowledged_at timestamp,
    attempted_at timestamp, run_id varchar
);
insert into main_ops.sync_ledger (sync_name, destination_name, sync_key, remote_state)
values ('customers', 'hook', 'gone', 'present')
"""


def invoke(shop: Shop, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sync", *arguments, "--project-dir", str(shop.folder)])


def refuse(*keys: str) -> object:
    """A destination that rejects these rows, saying their address, and takes the others."""

    def answer(body: dict[str, object]) -> object:
        bad = {"status": "rejected", "reason": f"{MAIL} is no address", "code": "bad_mail"}
        good = {"status": "accepted"}
        rows = body["rows"]
        return 200, {}, {"results": [bad if row["key"] in keys else good for row in rows]}  # type: ignore[attr-defined]

    return answer


def test_a_run_tells_its_requests_and_how_long_they_took(shop: Shop, server: Server) -> None:
    server.faults = [503, None, None]
    shop.desire({f"k{number}": "x" for number in range(6)})
    shop.run()
    [(requests, p50, p95, p99)] = shop.rows(
        "select requests, latency_p50_ms, latency_p95_ms, latency_p99_ms from main_ops.sync_runs"
    )
    assert requests == len(server.bodies) == 3
    assert 0 < p50 <= p95 <= p99


@pytest.mark.slow
def test_a_file_counts_as_a_request_and_a_run_without_changes_makes_none(shop: Shop) -> None:
    shop.sync(destination="lines")
    shop.desire({"a": "a@x"})
    shop.run()
    shop.run()
    found = shop.rows("select requests, latency_p99_ms > 0 from main_ops.sync_runs order by run_id")
    assert found == [(1, True), (0, None)]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], Timing()),
        ([7.0], Timing(1, 7, 7, 7)),
        ([float(one) for one in range(200, 0, -1)], Timing(200, 100, 190, 198)),
    ],
)
def test_percentiles_are_times_that_requests_took(
    tmp_path: Path, times: list[float], expected: Timing
) -> None:
    write_rows = partial(write_lines, [("upsert", "a", "h", "{}")])
    journal = Journal.create(tmp_path / "j.journal", {}, write_rows)
    journal.took(times)
    rows = ConsecutiveRows(1, list(journal.lines()))
    journal.settle(*journal.begin(rows), rows, [Outcome(ACCEPTED)])
    assert journal.timing() == expected
    journal.delete()


@pytest.mark.slow
def test_attempts_count_the_runs_that_tried_the_same_content(shop: Shop, server: Server) -> None:
    rows = (
        "select key_sha256, last_outcome, reason_class, attempts, "
        "first_attempted_at = last_attempted_at from main_ops.sync_rows order by sync_key"
    )
    server.always = refuse("b")
    shop.desire({"a": "a@x", "b": "b@x"})
    shop.run()
    shop.run(retry_rejected=True)
    assert shop.rows(rows) == [
        ("ca978112ca1b", "accepted", None, 1, True),
        ("3e23e8160039", "rejected", "refused", 2, False),
    ]
    shop.desire({"a": "new@x", "b": "new@x"})
    shop.run()
    assert [one[3:] for one in shop.rows(rows)] == [(1, True), (1, True)]


def test_failures_are_counted_by_reason_with_a_redacted_sample(shop: Shop, server: Server) -> None:
    server.always = refuse("b", "c")
    shop.desire([(key, "x", 1) for key in "abc"] + [(None, "n", 1), ("d", "1", 1), ("d", "2", 1)])
    shop.run()
    found = shop.rows(
        "select outcome, reason_class, reason_code, row_count, sample_reason, sample_key_sha256 "
        "from main_ops.sync_failures order by row_count desc, reason_code"
    )
    assert found == [
        ("invalid", "invalid_row", "duplicate_key", 2, "2 rows", "18ac3e7343f0"),
        ("rejected", "refused", "rejected", 2, "[redacted] is no address", "2e7d2c03a950"),
        ("invalid", "invalid_row", "null_key", 1, "1 rows", None),
    ]


def test_a_row_that_was_never_taken_and_left_the_source_is_no_failure(
    shop: Shop, server: Server
) -> None:
    server.always = refuse("b")
    shop.desire({"a": "a@x", "b": "b@x"})
    shop.run()
    shop.desire({"a": "a@x"})
    shop.run()
    assert shop.rows("select count(*) from main_ops.sync_failures") == [(0,)]
    assert shop.rows("select last_outcome from main_ops.sync_rows where sync_key = 'b'") == [
        ("withdrawn",)
    ]
    server.always = None
    shop.desire({"a": "a@x", "b": "b@x"})
    assert shop.run().count("accepted") == 1


def test_status_says_why_rows_failed_and_what_to_do(shop: Shop, server: Server) -> None:
    server.always = refuse("b")
    shop.desire({"a": "a@x", "b": "b@x"})
    shop.run()
    shown = invoke(shop, "status")
    (row,) = [json.loads(line) for line in shown.stdout.splitlines()]
    assert row.pop("finished_at") == row.pop("last_success_at")
    assert row.pop("latency_p95_ms") > 0
    assert row == {
        "sync": "customers", "destination": "hook", "last_run": "done", "problem": None,
        "sent": 2, "accepted": 1, "requests": 1, "present": 1, "absent": 1, "unknown": 0,
        "rejected": 1, "staged": 0, "invalid": 0, "due": None,
    }  # fmt: skip
    [(since,)] = shop.rows("select strftime(min(started_at), '%Y-%m-%d') from main_ops.sync_runs")
    assert shown.stderr.startswith(f"customers: 1 rejected since {since} ")
    assert shown.stderr.endswith(
        " UTC [refused, rejected]: [redacted] is no address (key 3e23e8160039)\n"
        "  -> look at the reason; correct the rows, which sends them again, or what the "
        "destination expects, and then 'cdp sync retry customers'\n"
    )
    reasons = invoke(shop, "status", "customers", "--reasons")
    (failure,) = [json.loads(line) for line in reasons.stdout.splitlines()]
    assert (failure["row_count"], failure["sample_key_sha256"]) == (1, "3e23e8160039")
    assert MAIL not in shown.output + reasons.output


def test_where_no_row_failed_every_process_says_so(shop: Shop, server: Server) -> None:
    shop.desire({"a": "a@x"})
    shop.run()
    reasons = invoke(shop, "status", "--reasons", "--format", "table")
    assert (reasons.stdout, reasons.stderr) == ("", "no row failed\n")
    words = ["sync", "status", "--project-dir", str(shop.folder)]
    program = "from cdp.cli import main; main()"
    shown = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert (json.loads(shown.stdout)["last_run"], shown.stderr) == ("done", b"")


def test_lost_answers_are_explained(shop: Shop, server: Server) -> None:
    server.faults = ["lose-after"] * 6
    shop.desire({"a": "a@x"})
    shop.run()
    assert "  -> run the sync again; rows that must not arrive twice wait for 'cdp sync retry " in (
        invoke(shop, "status").stderr
    )


def test_every_reason_of_a_class_is_found_in_it() -> None:
    connection = duckdb.connect()
    connection.execute("create schema ops")
    for one in TABLES:
        connection.execute(f"create table ops.{one.name} ({one.ddl})")
    for view in VIEWS:
        connection.execute(f"create view ops.{view.name} as {view.sql('ops')}")
    expected = {code.replace("%", "03"): one.name for one in REASON_CLASSES for code in one.codes}
    expected |= {
        "rejected:INVALID_EMAIL": "refused",
        "retry:busy": "unavailable",
        "unknown:?": ("no_answer"),
    }
    for code in expected:
        outcome, _, word = code.rpartition(":")
        connection.execute(
            "insert into ops.sync_ledger (sync_key, last_outcome, reason_code) values (?, ?, ?)",
            [code, outcome or "rejected", word],
        )
    found = connection.execute("select sync_key, reason_class from ops.sync_rows").fetchall()
    assert dict(found) == expected
    counted = "select sum(row_count), count(advice) from ops.sync_failures"
    assert connection.execute(counted).fetchone() == (len(expected), len(expected))
    connection.close()


def test_every_column_is_described_in_the_warehouse(shop: Shop) -> None:
    shop.desire({"a": "a@x"})
    shop.run()
    described = "select count(*), count(comment) from duckdb_columns() where schema_name = ?"
    with shop.connect() as connection:
        found = connection.execute(described, ["main_ops"]).fetchone()
    count = sum(len(one.columns) for one in (*TABLES, *VIEWS))
    assert found == (count, count)


def test_the_tables_of_an_earlier_version_are_read_and_completed(
    shop: Shop, server: Server
) -> None:
    shop.desire({"a": "a@x", "b": "b@x", "c": "c@x"})
    with shop.connect() as connection:
        connection.execute(OLD_LAYOUT)
    planned = json.loads(invoke(shop, "plan").stdout)
    assert (planned["added"], planned["removed"]) == (3, 1)
    before = json.loads(invoke(shop, "status").stdout)
    assert (before["last_run"], before["present"]) == (None, 1)
    assert shop.run(allow_removals=True).count("accepted") == 4
    assert json.loads(invoke(shop, "status").stdout)["present"] == 3
