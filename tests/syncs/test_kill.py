"""A run that is killed with SIGKILL, at each point, and the run after it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cdp.errors import TransientError

from .harness import Server, Shop, wait_for

SCRIPT = Path(__file__).with_name("killed.py")
POINTS = (
    "before-spool",
    "before-intents",
    "after-intents",
    "after-reply",
    "after-acknowledgement",
    "before-fold",
    "inside-fold",
    "after-fold",
)
BEFORE = {f"k{number:02}": f"{number}@old" for number in range(6)}
AFTER = {f"k{number:02}": f"{number}@new" for number in range(3, 12)}


def start(shop: Shop, point: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SCRIPT), str(shop.folder), point])


def run_killed(shop: Shop, point: str) -> None:
    assert start(shop, point).wait(60) == -signal.SIGKILL


def emails(server: Server) -> dict[str, str]:
    return {key: fields["email"] for key, fields in server.state.items()}


def finish_and_compare(shop: Shop, server: Server) -> None:
    """The next run makes the destination right, and the one after it sends nothing."""
    again = shop.run()
    assert again.error is None
    assert emails(server) == AFTER
    assert shop.run().sent == 0
    assert shop.rows("select count(*) from main_ops.sync_intents") == [(0,)]
    ledger = "select sync_key from main_ops.sync_ledger where remote_state = 'present' order by 1"
    assert [key for (key,) in shop.rows(ledger)] == sorted(AFTER)
    assert shop.spooled() == []


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_when_a_run_is_killed(shop: Shop, server: Server, point: str) -> None:
    shop.desire(BEFORE)
    shop.run()
    shop.desire(AFTER)
    run_killed(shop, point)
    finish_and_compare(shop, server)


@pytest.mark.parametrize("fault", ["hang-before", "hang-after"])
def test_a_batch_whose_reply_was_lost_is_sent_again_under_its_key(
    shop: Shop, server: Server, fault: str
) -> None:
    shop.desire(BEFORE)
    shop.run()
    shop.desire(AFTER)
    server.faults = [None, fault]
    running = start(shop, "in-the-request")
    wait_for(server.arrived)
    running.send_signal(signal.SIGKILL)
    running.wait(20)
    server.released.set()
    finish_and_compare(shop, server)
    # What was acknowledged before it was not durable yet: it is sent again too, under its key.
    assert server.repeated_keys == (2 if fault == "hang-after" else 1)
    assert any("was interrupted; 12 rows of it are settled" in line for line in shop.said)


def test_rows_whose_journal_is_gone_become_unknown_and_are_sent_again(
    shop: Shop, server: Server
) -> None:
    shop.desire(BEFORE)
    shop.run()
    shop.desire(AFTER)
    run_killed(shop, "after-reply")
    shutil.rmtree(shop.spool)
    finish_and_compare(shop, server)
    assert any("is gone; 12 rows are unknown" in line for line in shop.said)
    states = "select state, unknown from main_ops.sync_runs order by started_at"
    assert shop.rows(states)[1] == ("lost", 12)


def test_unknown_rows_stay_unknown_where_sending_twice_would_hurt(
    shop: Shop, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cdp.destinations.http import HttpDriver
    from cdp.destinations.manifest import Manifest

    shop.desire({"a": "a@x", "b": "b@x"})
    run_killed(shop, "after-reply")
    create = HttpDriver.__init__

    def create_unsafe(self: HttpDriver, *arguments: object) -> None:
        create(self, *arguments)  # type: ignore[arg-type]
        self.is_idempotent = False

    monkeypatch.setattr(HttpDriver, "__init__", create_unsafe)
    monkeypatch.setattr(Manifest, "is_idempotent", lambda self, name="": False)
    result = shop.run()
    assert (result.diff.held, result.sent, len(server.bodies)) == (2, 0, 1)
    shop.desire({"a": "changed@x", "b": "b@x"})
    assert shop.run().count("accepted") == 1


def test_a_run_that_may_be_alive_on_another_machine_is_not_taken_over(
    shop: Shop, server: Server
) -> None:
    shop.desire(BEFORE)
    run_killed(shop, "after-intents")
    shop.rows("update main_ops.sync_runs set host = 'elsewhere', pid = 7")
    with pytest.raises(TransientError) as caught:
        shop.run()
    assert str(caught.value) == (
        "error[sync-running]: sync 'customers' is being run by process 7 on elsewhere\n"
        "help: let it finish; it is taken over when it has been silent for 30 minutes"
    )
    shop.rows("update main_ops.sync_runs set heartbeat_at = heartbeat_at - interval '31' minute")
    shop.desire(AFTER)
    finish_and_compare(shop, server)


def test_files_of_a_killed_run_are_not_written_twice(shop: Shop) -> None:
    shop.sync(destination="lines")
    shop.desire(BEFORE)
    run_killed(shop, "after-reply")
    shop.run()
    written = [path.read_text() for path in (shop.folder / "out" / "customers").glob("*.jsonl")]
    assert sum(text.count('"operation"') for text in written) == len(BEFORE)
