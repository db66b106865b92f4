"""Plans that a person must approve: the run sends exactly what was approved."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.errors import CdpError
from cdp.syncs.send import MOST_MARKED

from .harness import Server, Shop
from .test_kill import run_killed

ROWS = {"a": "a@x", "b": "b@x", "c": "c@x"}


def invoke(shop: Shop, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sync", *arguments, "--project-dir", str(shop.folder)])


def planned(shop: Shop) -> str:
    return str(json.loads(invoke(shop, "plan").stdout)["plan_id"])


def place(shop: Shop) -> str:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    return f"  --> {path}:1:7\n   1 | name: customers\n"


@pytest.fixture(autouse=True)
def asking(shop: Shop) -> None:
    shop.sync(more="approval: required")
    shop.desire(ROWS)


def test_a_run_stops_with_the_plan_that_a_person_must_approve(shop: Shop, server: Server) -> None:
    plan = planned(shop)
    for command in ("plan", "run"):
        stopped = invoke(shop, command)
        assert stopped.exit_code == 3
        assert stopped.stderr == (
            "error[approval-required]: sync 'customers' would send 3 rows (3 added, 0 changed, "
            f"0 removed), which a person must approve: plan {plan}\n{place(shop)}"
            "help: look at 'cdp sync plan customers --show 5', then 'cdp sync approve customers "
            f"{plan}'\n"
        )
    assert server.bodies == []
    assert shop.rows("select state, problem from main_ops.sync_runs") == [
        ("guarded", "approval-required")
    ]


def test_an_approved_plan_is_sent_once_and_its_approval_is_recorded(
    shop: Shop, server: Server
) -> None:
    plan = planned(shop)
    approved = invoke(shop, "approve", "customers", plan, "--by", "sam")
    assert approved.stderr == f"customers: plan {plan} (3 rows) is approved by sam\n"
    assert shop.run().count("accepted") == 3
    assert shop.run().error is None
    shop.desire({**ROWS, "d": "d@x"})
    assert "approval-required" in str(shop.run().error)
    found = shop.rows(
        "select a.plan_id, a.added, a.approved_by, a.run_id = r.run_id from "
        "main_ops.sync_approvals as a, main_ops.sync_runs as r where r.accepted = 3"
    )
    assert found == [(plan, 3, "sam", True)]


@pytest.mark.parametrize(
    "change", [{"a": "other@x"}, pytest.param({"d": "d@x"}, marks=pytest.mark.slow)]
)
def test_a_plan_that_changed_is_not_sent(
    shop: Shop, server: Server, change: dict[str, str]
) -> None:
    plan = planned(shop)
    invoke(shop, "approve", "customers", plan, "--by", "sam")
    shop.desire({**ROWS, **change})
    error = str(shop.run().error)
    assert server.bodies == []
    now = planned(shop)
    assert now != plan
    day = shop.rows("select strftime(approved_at, '%Y-%m-%d %H:%M') from main_ops.sync_approvals")
    count = len({**ROWS, **change})
    assert error == (
        f"error[plan-changed]: sync 'customers' would now send {count} rows ({count} added, "
        f"0 changed, 0 removed) as plan {now}, which is not plan {plan} that sam approved on "
        f"{day[0][0]} UTC\n{place(shop)}"
        "help: look at 'cdp sync plan customers --show 5', then 'cdp sync approve customers "
        f"{now}'"
    )
    shop.desire(ROWS)
    assert shop.run().count("accepted") == 3


@pytest.mark.slow
def test_only_the_plan_of_now_can_be_approved(shop: Shop, server: Server) -> None:
    refused = invoke(shop, "approve", "customers", "3f2a9c0b71de")
    assert isinstance(refused.exception, CdpError)
    assert refused.exception.exit_code == 3
    assert str(refused.exception) == (
        f"error[plan-changed]: sync 'customers' would now send 3 rows as plan {planned(shop)}, "
        f"which is not plan 3f2a9c0b71de\n{place(shop)}"
        "help: look at 'cdp sync plan customers' and approve what it says now"
    )
    plan = planned(shop)
    shop.sync(more="approval: {above: 2}\nguards: {max_removal_ratio: 0.1}")
    invoke(shop, "approve", "customers", plan)
    shop.run()
    shop.desire({"a": "a@x"})
    guarded = invoke(shop, "approve", "customers", planned(shop))
    assert "error[too-many-removals]" in str(guarded.exception)


@pytest.mark.slow
def test_small_plans_need_no_approval_where_the_sync_says_so(shop: Shop, server: Server) -> None:
    shop.sync(more="approval: {above: 3}")
    refused = invoke(shop, "approve", "customers", planned(shop))
    assert str(refused.exception) == (
        f"error[no-approval-needed]: sync 'customers' sends plan {planned(shop)} without "
        f"approval\n{place(shop)}help: run 'cdp sync run customers'"
    )
    assert shop.run().count("accepted") == 3
    shop.desire({f"k{number}": "x" for number in range(4)} | ROWS)
    assert "4 added" in str(shop.run().error)


@pytest.mark.slow
def test_a_run_that_died_before_it_began_leaves_the_approval(shop: Shop, server: Server) -> None:
    invoke(shop, "approve", "customers", planned(shop))
    run_killed(shop, "before-intents")
    assert shop.run().count("accepted") == 3


@pytest.mark.slow
def test_what_a_dead_run_left_is_a_plan_of_its_own(shop: Shop, server: Server) -> None:
    # Batches of four: those that are marked together are sent again, the last was never begun.
    begun = 4 * MOST_MARKED
    shop.desire({f"k{number}": "x" for number in range(begun + 2)})
    invoke(shop, "approve", "customers", planned(shop))
    run_killed(shop, "after-acknowledgement")
    assert "would send 2 rows (2 added" in str(shop.run().error)
    assert len(server.state) == begun
    invoke(shop, "approve", "customers", planned(shop))
    assert shop.run().count("accepted") == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("approval: maybe", "unknown-value.: 'approval' of sync 'customers' can be 'required' or"),
        ("approval: {above: -1}", "out-of-range.: 'above' of approval of sync 'customers' is -1"),
        ("approval: {below: 1}", "unknown-key.: approval of sync 'customers' has no setting"),
    ],
)
def test_mistakes_of_an_approval_are_explained(shop: Shop, text: str, expected: str) -> None:
    shop.sync(more=text)
    with pytest.raises(CdpError, match=expected):
        shop.run()


@pytest.mark.slow
def test_a_run_may_change_only_so_many_rows(shop: Shop, server: Server) -> None:
    shop.sync(more="guards: {max_change_ratio: 0.5}")
    shop.run()
    shop.desire({"a": "new@x", "b": "new@x", "c": "c@x"})
    assert str(shop.run().error) == (
        "error[too-many-changes]: sync 'customers' would change 2 of 3 rows (67%), and at most "
        f"50% are allowed\n{place(shop)}"
        "help: look at 'cdp sync plan'; if it is right, run with --allow-changes, or raise "
        "guards.max_change_ratio"
    )
    assert shop.run(allow_changes=True).count("accepted") == 2
