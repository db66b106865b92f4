"""A changed mapping: a run refuses until somebody chooses what is sent again."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.errors import DefinitionError

from .harness import Server, Shop

ROWS = "('a', 'a@x', '1'), ('b', 'b@x', null), ('c', 'c@x', '')"


def invoke(shop: Shop, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sync", *arguments, "--project-dir", str(shop.folder)])


def build(shop: Shop, columns: str, rows: str = ROWS) -> None:
    """The desired state with these of the columns sync_key, email and phone."""
    with shop.connect() as connection:
        connection.execute(
            f"create or replace table main.sync__customers as select sync_key, {columns} "  # noqa: S608
            f"from (values {rows}) as v(sync_key, email, phone)"
        )


def sent_keys(server: Server, since: int) -> list[str]:
    return [row["key"] for body in server.bodies[since:] for row in body["rows"]]


@pytest.fixture
def sent(shop: Shop, server: Server) -> int:
    """Three rows with an email are there; the requests that it took."""
    build(shop, "email")
    assert shop.run().count("accepted") == 3
    return len(server.bodies)


def test_a_run_after_a_changed_mapping_refuses_and_names_the_choices(
    shop: Shop, server: Server, sent: int
) -> None:
    build(shop, "phone")
    for name in ("plan", "run"):
        refused = invoke(shop, name)
        assert refused.exit_code == 3
    place = shop.folder / "definitions" / "syncs" / "customers.yml"
    assert refused.stderr == (
        "error[mapping-changed]: the mapping of sync 'customers' has changed (new field: phone; "
        "field that is gone: email), and 3 rows are at the destination with the former one\n"
        f"  --> {place}:1:7\n   1 | name: customers\n"
        "help: choose what is sent again: 'cdp sync resend customers' with --all (every row), "
        "--changed-columns (rows for which the new fields say something) or --none; or write "
        "'on_mapping_change: all', 'changed_columns' or 'none' into the sync\n"
    )
    assert len(server.bodies) == sent
    assert shop.rows("select state, problem from main_ops.sync_runs order by run_id desc")[0] == (
        "guarded",
        "mapping-changed",
    )


# A new field; a field that is gone too, so that rows cannot be compared; another order.
CHANGES = [
    ("email, phone", "changed_columns", "ac"),
    ("phone", "none", ""),
]
MORE_CHANGES = [
    ("email, phone", "all", "abc"),
    ("email, phone", "none", ""),
    ("phone", "changed_columns", "abc"),
]


@pytest.mark.parametrize(
    ("columns", "choice", "expected"),
    [*CHANGES, *(pytest.param(*one, marks=pytest.mark.slow) for one in MORE_CHANGES)],
)
def test_the_choice_says_which_rows_are_sent_again(
    shop: Shop, server: Server, sent: int, columns: str, choice: str, expected: str
) -> None:
    build(shop, columns)
    chosen = invoke(shop, "resend", "customers", f"--{choice.replace('_', '-')}", "--by", "sam")
    assert chosen.stderr == f"customers: the next run sends {len(expected)} rows\n"
    assert shop.run().error is None
    assert sent_keys(server, sent) == list(expected)
    assert shop.run().sent == 0
    assert shop.rows(
        "select choice, adopted_by from main_ops.sync_mappings order by adopted_at"
    ) == [("first", "definition"), (choice, "sam")]


@pytest.mark.parametrize(
    "choice",
    ["all", *(pytest.param(one, marks=pytest.mark.slow) for one in ("changed_columns", "none"))],
)
def test_the_sync_may_say_the_choice(shop: Shop, server: Server, sent: int, choice: str) -> None:
    shop.sync(more=f"on_mapping_change: {choice}")
    build(shop, "email, phone")
    shop.run()
    assert (
        sent_keys(server, sent) == {"all": [*"abc"], "changed_columns": [*"ac"], "none": []}[choice]
    )
    assert shop.run().sent == 0


def test_rows_that_changed_otherwise_are_sent_whatever_is_chosen(
    shop: Shop, server: Server, sent: int
) -> None:
    build(shop, "email, phone", "('a', 'a@x', '1'), ('b', 'new@x', null), ('d', 'd@x', null)")
    invoke(shop, "resend", "customers", "--none")
    shop.run()
    assert sorted(sent_keys(server, sent)) == ["b", "c", "d"]


def test_another_order_of_the_fields_is_no_question(shop: Shop, server: Server) -> None:
    build(shop, "email, phone")
    shop.run()
    build(shop, "phone, email")
    assert (shop.run().error, shop.run().sent) == (None, 0)


@pytest.mark.slow
def test_back_to_a_former_mapping_sends_what_is_there_with_the_other(
    shop: Shop, server: Server, sent: int
) -> None:
    shop.sync(more="on_mapping_change: all")
    build(shop, "email, phone")
    server.faults = [401]
    shop.run()
    build(shop, "email")
    assert shop.run().sent == 0
    build(shop, "email, phone")
    assert shop.run().count("accepted") == 3
    build(shop, "email")
    assert shop.run().count("accepted") == 3


def test_everything_can_be_sent_again_without_a_changed_mapping(
    shop: Shop, server: Server, sent: int
) -> None:
    invoke(shop, "resend", "customers", "--all")
    server.faults = [401]
    assert shop.run().count("retry") == 3
    build(shop, "email", "('a', 'a@x', ''), ('b', 'b@x', '')")
    result = shop.run()
    assert (result.diff.changed, result.diff.removed, result.count("accepted")) == (2, 1, 3)
    assert shop.run().sent == 0


def test_a_choice_that_is_not_made_is_asked_for(shop: Shop, sent: int) -> None:
    shown = invoke(shop, "resend", "customers")
    assert shown.exit_code == 2
    assert "choose one of --all, --changed-columns and --none" in shown.stderr


def test_a_plan_after_a_changed_mapping_is_what_the_run_does(
    shop: Shop, server: Server, sent: int
) -> None:
    from cdp.syncs.plan import plan_sync
    from cdp.warehouse import open_warehouse

    shop.sync(more="on_mapping_change: changed_columns")
    build(shop, "email, phone")
    with open_warehouse(shop.project, read_only=True) as warehouse:
        planned = plan_sync(warehouse, shop.project, shop.catalogue, "customers").diff
    ran: Any = shop.run().diff
    assert planned == ran
    assert (ran.changed, ran.unchanged, ran.rebased) == (2, 1, 1)


def test_an_error_of_a_choice_is_located(shop: Shop) -> None:
    shop.sync(more="on_mapping_change: nothing")
    with pytest.raises(DefinitionError, match="error.unknown-value.: 'nothing' is not a valid "):
        shop.run()
