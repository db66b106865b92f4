"""The diff in SQL against the same rules in plain Python."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from cdp.clock import utc_now
from cdp.errors import Location
from cdp.syncs.compile import KEY_COLUMN
from cdp.syncs.diff import compute_diff, number_changes, write_changes
from cdp.syncs.fields import Field
from cdp.syncs.limits import Guards
from cdp.syncs.origin import Origin
from cdp.syncs.plan import check_guards
from cdp.syncs.spec import Sync
from cdp.syncs.tables import ensure_tables
from cdp.warehouse import Warehouse

PROJECT: Any = SimpleNamespace(schema=lambda layer: {"public": "main", "ops": "main_ops"}[layer])
PLACE = Location(Path("customers.yml"))


def make_sync(on_leave: str = "remove", ratio: str = "0.5") -> Sync:
    return Sync(
        "customers",
        "Customers.",
        Origin("profiles", "", PLACE),
        "hook",
        "canonical_profile_id",
        (Field("email", "column", "email", PLACE),),
        on_leave,
        Guards(Decimal(ratio)),
        PLACE,
        PLACE,
    )


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Warehouse]:
    with duckdb.connect(config={"threads": 1}) as connection:
        warehouse = Warehouse(connection, Path("memory"))
        ensure_tables(warehouse, PROJECT)
        yield warehouse


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


def write_desired(warehouse: Warehouse, rows: list[tuple[Any, ...]]) -> None:
    warehouse.execute(
        f"create or replace table main.sync__customers ({KEY_COLUMN} varchar, a varchar, b varchar)"
    )
    if rows:
        warehouse.connection.executemany("insert into main.sync__customers values (?, ?, ?)", rows)


def hashes(warehouse: Warehouse, rows: list[tuple[Any, ...]]) -> list[str]:
    """The payload hash of each row, in order, as the diff computes it."""
    write_desired(warehouse, [(f"{index:06}", *row[1:]) for index, row in enumerate(rows)])
    compute_diff(warehouse, PROJECT, make_sync())
    found = warehouse.rows("select payload_hash from cdp_desired order by sync_key")
    return [one for (one,) in found]


VALUES = (None, "", "a", "null", '"', ",", "a,b", "é")
KEYS = ("k1", "k2", "k3", "k4", "K1", "", "k 5")
PAYLOADS = [(first, second) for first in VALUES for second in VALUES]


@pytest.fixture(scope="module")
def hash_of(warehouse: Warehouse) -> dict[tuple[Any, Any], str]:
    found = hashes(warehouse, [("", *one) for one in PAYLOADS])
    return dict(zip(PAYLOADS, found, strict=True))


def test_every_different_payload_has_another_hash(hash_of: dict[tuple[Any, Any], str]) -> None:
    assert len(set(hash_of.values())) == len(PAYLOADS) == 64


@st.composite
def ledger_rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True)):
        state = draw(st.sampled_from(["present", "absent", "unknown"]))
        operation = draw(st.sampled_from(["upsert", "remove"]))
        rows.append(
            {
                "key": key,
                "state": state,
                "held": draw(st.sampled_from(PAYLOADS)) if state == "present" else None,
                "operation": operation,
                "last": draw(st.sampled_from(PAYLOADS)) if operation == "upsert" else None,
                "outcome": draw(st.sampled_from(["accepted", "rejected", "retry", "unknown"])),
                "attempts": draw(st.sampled_from([None, 1, 2, 3, 5, 6, 7, 40])),
                "days_ago": draw(st.sampled_from([0, 1, 2, 3, 4, 15, 16, 31, 32, 400])),
                "is_released": draw(st.sampled_from([False, False, True])),
            }
        )
    return rows


DESIRED = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from(KEYS)),
        st.sampled_from(VALUES),
        st.sampled_from(VALUES),
    ),
    max_size=8,
)


def expected_classes(
    desired: list[tuple[Any, ...]],
    ledger: list[dict[str, Any]],
    *,
    removes: bool,
    is_idempotent: bool,
    retry_rejected: bool,
) -> dict[str, str]:
    """The rules of `cdp.syncs.diff`, one key at a time."""
    counts = Counter(row[0] for row in desired)
    valid = {row[0]: row[1:] for row in desired if row[0] is not None and counts[row[0]] == 1}
    known = {row["key"]: row for row in ledger}
    classes: dict[str, str] = {}

    def is_waiting(row: dict[str, Any]) -> bool:
        if row["is_released"]:
            return False
        if row["outcome"] == "rejected":
            wait = min(2 ** ((row["attempts"] or 1) - 1), 32)
            return not retry_rejected and row["days_ago"] < wait
        return row["outcome"] == "unknown" and not is_idempotent

    for key, payload in valid.items():
        row = known.get(key)
        if row and row["state"] == "present" and row["held"] == payload:
            classes[key] = "unchanged"
        elif row and row["operation"] == "upsert" and row["last"] == payload and is_waiting(row):
            classes[key] = "held"
        else:
            classes[key] = "changed" if row and row["state"] != "absent" else "added"
    for key, row in known.items():
        if key in counts or row["state"] == "absent":
            continue
        if not removes:
            classes[key] = "kept"
        else:
            waits = row["operation"] == "remove" and is_waiting(row)
            classes[key] = "held" if waits else "removed"
    return classes


@settings(max_examples=100, deadline=None)
@given(DESIRED, ledger_rows(), st.booleans(), st.booleans(), st.booleans())
def test_the_diff_follows_the_rules(
    warehouse: Warehouse,
    spool: Path,
    hash_of: dict[tuple[Any, Any], str],
    desired: list[tuple[Any, ...]],
    ledger: list[dict[str, Any]],
    removes: bool,
    is_idempotent: bool,
    retry_rejected: bool,
) -> None:
    write_desired(warehouse, desired)
    warehouse.execute("delete from main_ops.sync_ledger")
    for row in ledger:
        warehouse.execute(
            "insert into main_ops.sync_ledger (sync_name, destination_name, sync_key, "
            "remote_state, payload_hash, last_operation, last_hash, last_outcome, attempts, "
            "attempted_at, released_at) "
            "values ('customers', 'hook', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                row["key"],
                row["state"],
                hash_of.get(row["held"]),
                row["operation"],
                hash_of.get(row["last"]),
                row["outcome"],
                row["attempts"],
                utc_now() - timedelta(days=row["days_ago"], minutes=1),
                utc_now() if row["is_released"] else None,
            ],
        )
    sync = make_sync("remove" if removes else "nothing")
    diff = compute_diff(
        warehouse, PROJECT, sync, is_idempotent=is_idempotent, retry_rejected=retry_rejected
    )
    expected = expected_classes(
        desired,
        ledger,
        removes=removes,
        is_idempotent=is_idempotent,
        retry_rejected=retry_rejected,
    )
    assert dict(warehouse.rows("select sync_key, class from cdp_changes")) == {
        key: one for key, one in expected.items() if one != "unchanged"
    }
    assert diff.unchanged == list(expected.values()).count("unchanged")
    counts = Counter(expected.values())
    assert (diff.added, diff.changed, diff.removed) == (
        counts["added"],
        counts["changed"],
        counts["removed"],
    )
    number_changes(warehouse)
    written = spool / "rows"
    count = write_changes(warehouse, PROJECT, sync, diff, written)
    lines = [json.loads(line) for line in written.read_text().splitlines()]
    assert count == len(lines) == diff.to_send
    order = [(one["operation"], one["key"]) for one in lines]
    # Removals first, then by key.
    assert order == sorted(order)
    sent = {one["key"]: one["operation"] for one in lines}
    assert sent == {
        key: "remove" if one == "removed" else "upsert"
        for key, one in expected.items()
        if one in ("added", "changed", "removed")
    }
    keys = Counter(row[0] for row in desired)
    assert diff.invalid_null == keys[None]
    assert diff.invalid_duplicate == sum(n for key, n in keys.items() if key is not None and n > 1)


def test_a_warehouse_that_never_sent_anything_has_an_empty_ledger() -> None:
    warehouse = Warehouse(duckdb.connect(), Path("memory"))
    write_desired(warehouse, [("k", "a", "b")])
    assert compute_diff(warehouse, PROJECT, make_sync()).added == 1
    warehouse.connection.close()


def guard_text(sync: Sync, *, desired: int, removed: int, held: int) -> str | None:
    diff: Any = SimpleNamespace(desired=desired, removed=removed, held_there=held)
    error = check_guards(sync, diff, allow_removals=False)
    return str(error) if error else None


def test_an_empty_source_never_deletes() -> None:
    assert guard_text(make_sync(ratio="1"), desired=0, removed=3, held=3) == (
        "error[empty-source]: sync 'customers' would remove all 3 rows, because its source has no "
        "valid row\n"
        "help: an empty source never deletes; check the model, or delete the rows at the "
        "destination and its sync's definition"
    )
    assert guard_text(make_sync(), desired=0, removed=0, held=0) is None


def test_too_many_removals_stop_a_run() -> None:
    sync = make_sync()
    assert guard_text(sync, desired=1, removed=5, held=10) is None
    assert guard_text(sync, desired=1, removed=6, held=10) == (
        "error[too-many-removals]: sync 'customers' would remove 6 of 10 rows (60%), and at most "
        "50% are allowed\n"
        "  --> customers.yml\n"
        "help: look at 'cdp sync plan'; if it is right, run with --allow-removals, or raise "
        "guards.max_removal_ratio"
    )
    diff: Any = SimpleNamespace(desired=1, removed=6, held_there=10)
    assert check_guards(sync, diff, allow_removals=True) is None
