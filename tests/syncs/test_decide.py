"""`cdp sync retry` and `reset`: what a person decides, and how long rejected rows wait."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.destinations.http import HttpDriver
from cdp.destinations.manifest import Manifest
from cdp.errors import RunError, TransientError
from cdp.syncs.decide import resend_rows

from .harness import Server, Shop
from .test_kill import SCRIPT, run_killed
from .test_reports import refuse

DECISIONS = (
    "select decision, detail, row_count, decided_by from main_ops.sync_decisions "
    "order by decided_at"
)


def invoke(shop: Shop, *arguments: str, typed: str = "") -> Result:
    folder = str(shop.folder)
    return CliRunner().invoke(cli, ["sync", *arguments, "--project-dir", folder], input=typed)


def days_pass(shop: Shop, days: int) -> None:
    with shop.connect() as connection:
        connection.execute(
            "update main_ops.sync_ledger set attempted_at = attempted_at - to_days(?)", [days]
        )


@pytest.fixture
def rejected(shop: Shop, server: Server) -> None:
    """Of the rows a, b and c, the destination refuses b and c."""
    server.always = refuse("b", "c")
    shop.desire({"a": "a@x", "b": "b@x", "c": "c@x"})
    assert shop.run().count("rejected") == 2


@pytest.fixture
def unknown(shop: Shop, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination without idempotency, and two rows whose answer was lost."""
    create = HttpDriver.__init__

    def create_unsafe(self: HttpDriver, *arguments: object) -> None:
        create(self, *arguments)  # type: ignore[arg-type]
        self.is_idempotent = False

    monkeypatch.setattr(HttpDriver, "__init__", create_unsafe)
    monkeypatch.setattr(Manifest, "is_idempotent", lambda self, name="": False)
    server.faults = ["lose-before"]
    shop.desire({"a": "a@x", "b": "b@x"})
    assert shop.run().count("unknown") == 2
    assert shop.run().diff.held == 2


@pytest.mark.slow
@pytest.mark.usefixtures("rejected")
def test_rejected_rows_go_by_themselves_after_growing_waits(shop: Shop, server: Server) -> None:
    tried = []
    for days in (0, 1, 1, 1, 4):
        days_pass(shop, days)
        tried.append(shop.run().count("rejected"))
    # After 1, 2 and 4 days; a row's wait begins with its last try.
    assert tried == [0, 2, 0, 2, 2]


@pytest.mark.usefixtures("rejected")
def test_a_person_puts_rejected_rows_into_the_next_run(shop: Shop, server: Server) -> None:
    for options, expected in (
        ([], 2),
        (["--key", "b"], 1),
        (["--key", "3e23e8160039", "--key", "c"], 2),
        (["--reason", "rejected"], 2),
        (["--reason", "refused", "--key", "a"], 0),
        (["--reason", "http_500"], 0),
        (["--unknown"], 0),
    ):
        shown = invoke(shop, "retry", "customers", *options)
        assert shown.stderr == f"customers: {expected} rows are sent by the next run\n"
        if expected:
            assert shop.run().count("rejected") == expected
    assert shop.run().sent == 0


@pytest.mark.usefixtures("rejected")
def test_keys_of_a_decision_are_hashed(shop: Shop) -> None:
    for key in ("b", "3e23e8160039", "jane@private.example"):
        invoke(shop, "retry", "customers", "--key", key, "--reason", "refused", "--by", "sam")
    detail = "rejected; reason refused; key 3e23e8160039"
    assert shop.rows(DECISIONS) == [
        ("retry", detail, 1, "sam"),
        ("retry", detail, 1, "sam"),
        ("retry", "rejected; reason refused; key not found", 0, "sam"),
    ]


@pytest.mark.usefixtures("unknown")
def test_rows_in_doubt_are_sent_again_when_a_person_says_so(shop: Shop, server: Server) -> None:
    assert invoke(shop, "retry", "customers").stderr.startswith("customers: 0 rows")
    invoke(shop, "retry", "customers", "--unknown", "--key", "a")
    result = shop.run()
    assert (result.count("accepted"), result.diff.held) == (1, 1)
    assert sorted(server.state) == ["a"]


@pytest.mark.usefixtures("unknown")
def test_rows_in_doubt_count_as_there_when_a_person_found_them(shop: Shop, server: Server) -> None:
    shown = invoke(shop, "retry", "customers", "--unknown", "--arrived", "--key", "a", "--by", "x")
    assert shown.stderr == "customers: 1 rows count as there\n"
    result = shop.run()
    assert (result.sent, result.diff.unchanged, result.diff.held) == (0, 1, 1)
    assert shop.rows(DECISIONS)[0][0] == "arrived"
    assert invoke(shop, "retry", "customers", "--arrived").exit_code == 2


@pytest.mark.usefixtures("rejected")
def test_a_reset_forgets_after_asking(shop: Shop, server: Server) -> None:
    asked = invoke(shop, "reset", "customers", typed="n\n")
    assert asked.exit_code == 1
    assert "customers: forget 1 rows of destination 'hook'? The next run sends all rows" in (
        asked.stderr
    )
    assert shop.run().sent == 0
    assert invoke(shop, "reset", "customers", "--yes", "--by", "sam").exit_code == 0
    assert shop.rows(DECISIONS) == [("reset", "", 1, "sam")]
    server.always = None
    again = shop.run()
    assert (again.diff.added, again.count("accepted")) == (3, 3)


@pytest.mark.slow
def test_a_reset_forgets_a_run_that_died(shop: Shop, server: Server) -> None:
    shop.desire({"a": "a@x"})
    run_killed(shop, "after-reply")
    assert invoke(shop, "reset", "customers", "--yes").exit_code == 0
    assert shop.rows("select state from main_ops.sync_runs") == [("forgotten",)]
    assert shop.rows("select count(*) from main_ops.sync_intents") == [(0,)]
    assert shop.spooled() == []
    assert shop.run().diff.added == 1


def test_other_decisions_wait_until_a_run_that_died_is_settled(shop: Shop) -> None:
    shop.desire({"a": "a@x"})
    shop.run()
    shop.rows("update main_ops.sync_runs set state = 'sending'")
    with pytest.raises(TransientError) as caught:
        resend_rows(shop.project, shop.catalogue, "customers", "all", "sam")
    assert str(caught.value) == (
        "error[run-unsettled]: a run of sync 'customers' has not ended or was interrupted, and "
        "its outcomes are not settled\n"
        "help: run 'cdp sync run customers' first; it settles them"
    )


def test_a_decision_waits_for_no_run_that_is_under_way(shop: Shop, server: Server) -> None:
    refused: list[Result] = []
    server.faults = [lambda body: refused.append(invoke(shop, "reset", "customers", "--yes"))]
    shop.desire({"a": "a@x"})
    shop.run()
    assert isinstance(refused[0].exception, TransientError)
    assert "error[sync-running]" in str(refused[0].exception)


def test_what_is_appended_is_not_sent_again_by_a_choice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cdp.syncs.decide.appends", lambda destination, sync: True)
    shop.desire({"a": "a@x"})
    with pytest.raises(RunError) as caught:
        resend_rows(shop.project, shop.catalogue, "customers", "all", "sam")
    place = shop.folder / "definitions" / "syncs" / "customers.yml"
    assert str(caught.value) == (
        "error[cannot-resend]: sync 'customers' appends rows, and what was appended is not sent "
        f"again\n  --> {place}:1:7\n   1 | name: customers\n"
        "help: 'cdp sync reset customers' forgets what was sent; everything in the source is then "
        "sent as new"
    )


@pytest.mark.slow
@pytest.mark.parametrize("decision", ["retry", "reset", "resend"])
@pytest.mark.usefixtures("rejected")
def test_a_decision_that_is_killed_has_changed_nothing(
    shop: Shop, server: Server, decision: str
) -> None:
    state = "select * exclude (attempted_at) from main_ops.sync_ledger order by sync_key"
    before = shop.rows(state)
    killed = subprocess.run(
        [sys.executable, str(SCRIPT), str(shop.folder), f"in-{decision}"], check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert shop.rows(state) == before
    assert shop.rows("select count(*) from main_ops.sync_decisions") == [(0,)]
    assert shop.run().sent == 0
