"""Batches change nothing: incremental builds give the rows of a full refresh."""

from __future__ import annotations

import gzip
import random
from datetime import datetime
from pathlib import Path

import pytest

from cdp.errors import RunError
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import build, compile_here, fingerprints, load, run

SEED = 20_260_501
AS_OF = '{"cdp_as_of": "2026-09-01 00:00:00"}'


@pytest.mark.slow
def test_batches_in_any_order_equal_a_full_refresh(
    project: Project, store_data: Path, tmp_path: Path
) -> None:
    """Three shuffled batches, duplicates split across them; then all at once."""
    print(f"seed {SEED}")
    batches = _shuffled_batches(store_data, tmp_path, count=3)
    for batch in batches:
        load(project, "web", [batch])
        run(project, "--vars", AS_OF)
    with open_warehouse(project, read_only=True) as warehouse:
        incremental = fingerprints(project, warehouse)
    build(project, "--full-refresh", "--vars", AS_OF)
    with open_warehouse(project, read_only=True) as warehouse:
        assert fingerprints(project, warehouse) == incremental
        assert warehouse.value("select count(*) from main_internal.stg_events") == 20_646
    assert incremental["audience_memberships"][0] > 0


@pytest.mark.slow
def test_a_clock_set_back_writes_no_history(
    project: Project, store_data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    load(project, "web", [store_data / "web" / "events-00.ndjson.gz"])
    run(project, "--vars", AS_OF)
    with pytest.raises(RunError, match="audience_transitions"):
        run(project, "--vars", '{"cdp_as_of": "2026-06-01"}')
    assert "error[clock-set-back]: cdp_as_of is 2026-06-01" in capfd.readouterr().out
    with open_warehouse(project, read_only=True) as warehouse:
        assert warehouse.rows(
            "select distinct transition, cast(transitioned_at as varchar) "
            "from main.audience_transitions"
        ) == [("entered", "2026-09-01 00:00:00")]
    run(project, "--vars", AS_OF)


@pytest.mark.slow
def test_a_changed_rule_rebuilds_what_it_touches(project: Project, store_data: Path) -> None:
    """A value that becomes blocked, and a property that a definition begins to use, get
    their whole history on the next build, without a full refresh."""
    load(project, "web", [store_data / "web" / "events-00.ndjson.gz"])
    run(project, "--vars", AS_OF)
    identity = project.definitions / "identity.yml"
    identity.write_text(identity.read_text().replace('values: ["-1",', 'values: ["-1", "u_00352",'))
    orders = project.definitions / "traits" / "orders.yml"
    orders.write_text(
        orders.read_text()
        + "\n  - name: last_order_id\n    description: d\n    event: Order Completed\n"
        + "    aggregate: last\n"
        + "    property: order_id\n"
    )
    compile_here(project)
    build(project, "--vars", AS_OF)
    with open_warehouse(project, read_only=True) as warehouse:
        incremental = fingerprints(project, warehouse)
        assert (
            warehouse.value(
                "select count(*) from main.identity_graph where identifier_value = 'u_00352'"
            )
            == 0
        )
        assert warehouse.value("select count(last_order_id) from main.computed_traits") > 0
    run(project, "--full-refresh", "--vars", AS_OF)
    with open_warehouse(project, read_only=True) as warehouse:
        assert fingerprints(project, warehouse) == incremental


def test_a_duplicate_received_earlier_takes_the_place_everywhere(
    project: Project, tmp_path: Path
) -> None:
    """The later load brings the earlier receipt, with another event name and another user."""
    first = _message("m1", "Order Completed", "u1", "2026-05-02T10:00:00Z", "acme", "true")
    second = _message("m1", "Product Viewed", "u2", "2026-05-01T10:00:00Z", "globex", "false")
    for number, line in enumerate((first, second)):
        file = tmp_path / f"{number}.ndjson"
        file.write_text(line)
        load(project, "web", [file])
        run(project, "--vars", AS_OF)
    with open_warehouse(project, read_only=True) as warehouse:
        assert warehouse.rows("select event_name, user_id from main_internal.stg_events") == [
            ("Product Viewed", "u2")
        ]
        assert warehouse.rows("select count(*) from main_internal.event__order_completed") == [(0,)]
        assert warehouse.rows("select identifier_value from main.identity_graph") == [("u2",)]
        assert warehouse.rows(
            "select is_granted from main_internal.int_profiles__consents where category = 'ads'"
        ) == [(False,)]
        assert warehouse.rows("select group_id from main.accounts") == [("globex",)]


def _message(
    message_id: str, event: str, user: str, received: str, account: str, consent: str
) -> str:
    assert datetime.fromisoformat(received.replace("Z", "+00:00"))
    return (
        f'{{"messageId": "{message_id}", "type": "track", "event": "{event}", '
        f'"userId": "{user}", "timestamp": "2026-05-01T09:00:00Z", "receivedAt": "{received}", '
        f'"context": {{"groupId": "{account}", '
        f'"consent": {{"categoryPreferences": {{"ads": {consent}}}}}}}}}\n'
    )


def _shuffled_batches(store: Path, folder: Path, count: int) -> list[Path]:
    lines: list[str] = []
    for file in sorted(store.glob("*/*.ndjson.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as opened:
            lines += opened
    random.Random(SEED).shuffle(lines)
    batches = []
    for number in range(count):
        batch = folder / f"batch-{number}.ndjson"
        batch.write_text("".join(lines[number::count]), encoding="utf-8")
        batches.append(batch)
    return batches
