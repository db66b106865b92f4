"""Rows that a destination takes into jobs: staged, asked about by later runs, never sent twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cdp.cli import cli
from cdp.destinations import http, jobs
from cdp.destinations.manifest import load_manifests
from cdp.destinations.simulate import jobs as simulated
from cdp.destinations.simulate.vendor import Simulator
from cdp.errors import RunError
from tests.destinations.world import through

from .harness import Shop

DESTINATIONS = """\
destinations:
  - name: crm
    type: salesforce
    live_on: [dev]
    settings:
      client_id: env:CRM_SECRET
      client_secret: env:CRM_SECRET
      refresh_token: env:CRM_SECRET
      instance_url: https://acme.my.salesforce.com
"""
SYNC = """\
name: customers
description: Customers.
from: {model: customers}
destination: crm
object: bulk_records
options: {object: Contact, external_id_field: External_Id__c}
key: external_id
guards: {max_removal_ratio: 1}
fields:
  external_id: {column: external_id}
  email: {column: email, as: Email}
"""


class Died(BaseException):
    """The process ends here."""


@pytest.fixture
def crm(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A destination whose jobs are done when they are first asked about."""
    (shop.folder / "definitions" / "destinations.yml").write_text(DESTINATIONS)
    (shop.folder / "definitions" / "syncs" / "customers.yml").write_text(SYNC)
    simulator = Simulator(load_manifests()["salesforce"], only="bulk_records")
    create = http.Transport.__init__

    def offline(self: http.Transport, timeout_s: float, *rest: object) -> None:
        create(self, timeout_s, "", through(simulator))

    monkeypatch.setattr(http.Transport, "__init__", offline)
    monkeypatch.setenv("CRM_SECRET", "secret-7731")
    ask_so_often(monkeypatch, 0)
    return simulator


def ask_so_often(monkeypatch: pytest.MonkeyPatch, questions: int) -> None:
    monkeypatch.setattr(simulated, "QUESTIONS", (questions,))


def desire(shop: Shop, **emails: str) -> None:
    with shop.connect() as connection:
        connection.execute(
            "create or replace table main.sync__customers "
            "(sync_key varchar, external_id varchar, email varchar)"
        )
        if emails:
            rows = [(key, key, email) for key, email in emails.items()]
            connection.executemany("insert into main.sync__customers values (?, ?, ?)", rows)


def held(crm: Simulator) -> dict[str, Any]:
    """What the destination holds: key to e-mail."""
    place = crm.place("bulk_records")
    return {one.key: one.fields["Email"] for one in place.entities.values()}


def ledger(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows(
        "select sync_key, remote_state, last_outcome, job_id, remote_id, attempts "
        "from main_ops.sync_ledger order by sync_key"
    )


def test_a_job_that_is_done_in_time_settles_its_rows_in_the_same_run(
    shop: Shop, crm: Simulator
) -> None:
    crm.poisoned = {"c@x"}
    desire(shop, a="a@x", b="b@x", c="c@x")
    result = shop.run()
    assert (result.outcomes, result.error) == ({"accepted": 2, "rejected": 1}, None)
    assert held(crm) == {"a": "a@x", "b": "b@x"}
    assert [row[1:3] for row in ledger(shop)] == [
        ("present", "accepted"),
        ("present", "accepted"),
        ("absent", "rejected"),
    ]
    desire(shop, b="b@y")
    assert shop.run().outcomes == {"accepted": 2}
    assert held(crm) == {"b": "b@y"}


def test_rows_of_a_job_that_takes_longer_wait_and_are_settled_by_a_later_run(
    shop: Shop, crm: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_so_often(monkeypatch, 10)
    desire(shop, a="a@x", b="b@x")
    first = shop.run()
    assert (first.outcomes, first.error) == ({"staged": 2}, None)
    assert sum(shop.waits) == 120
    assert ledger(shop)[0] == ("a", "unknown", "staged", "job0", None, 1)
    ask_so_often(monkeypatch, 0)
    desire(shop, a="a@y", c="c@x")
    crm.jobs.jobs["job0"].questions = 10
    second = shop.run()
    assert (second.diff.staged, second.outcomes) == (2, {"accepted": 1})
    assert held(crm) == {"c": "c@x"}
    crm.jobs.jobs["job0"].questions = 0
    third = shop.run()
    assert any("a job of run" in one and one.endswith("2 accepted") for one in shop.said)
    assert third.outcomes == {"accepted": 2}
    assert held(crm) == {"a": "a@y", "c": "c@x"}
    assert {row[5] for row in ledger(shop)} == {1}
    assert shop.rows("select staged from main_ops.sync_runs order by started_at") == [
        (2,),
        (0,),
        (0,),
    ]
    assert shop.run().sent == 0


@pytest.mark.parametrize("when", ["before it is closed", "after it is closed"])
def test_a_run_that_dies_with_a_job_finds_it_again(
    shop: Shop, crm: Simulator, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    close = jobs.Jobs._closed

    def die(self: Any, *arguments: Any) -> None:
        if when == "after it is closed":
            close(self, *arguments)
        raise Died

    desire(shop, a="a@x")
    with monkeypatch.context() as patch:
        patch.setattr(jobs.Jobs, "_closed", die)
        with pytest.raises(Died):
            shop.run()
    shop.run()
    assert held(crm) == {"a": "a@x"}
    assert [row[1:3] for row in ledger(shop)] == [("present", "accepted")]
    states = [one.state for one in crm.jobs.jobs.values()]
    assert states == (["done"] if when == "after it is closed" else ["open", "done"])


def test_a_job_that_is_gone_leaves_its_rows_unknown_and_they_are_sent_again(
    shop: Shop, crm: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_so_often(monkeypatch, 1_000)
    desire(shop, a="a@x")
    assert shop.run().outcomes == {"staged": 1}
    crm.jobs.jobs.clear()
    ask_so_often(monkeypatch, 0)
    assert shop.run().outcomes == {"accepted": 1}
    assert any(one.endswith("1 unknown") for one in shop.said)
    assert held(crm) == {"a": "a@x"}


def test_a_destination_that_refuses_the_question_ends_the_run_and_forgets_nothing(
    shop: Shop, crm: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_so_often(monkeypatch, 1_000)
    desire(shop, a="a@x")
    shop.run()
    state = ledger(shop)
    monkeypatch.setattr(crm, "_with_fault", lambda match, received: (403, {}, b"{}"))
    with pytest.raises(RunError, match="destination-refused"):
        shop.run()
    assert ledger(shop) == state


def test_the_command_says_that_rows_are_in_jobs(
    shop: Shop, crm: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs.Jobs, "_awaited", lambda self, job_id: jobs.Standing("running"))
    desire(shop, a="a@x", b="b@x")
    for _ in range(2):
        ran = CliRunner().invoke(cli, ["sync", "run", "--project-dir", str(shop.folder)])
        assert ran.exit_code == 0, ran.output
        assert "2 rows are in jobs of their destinations; the next run asks" in ran.stderr


def test_nothing_of_a_job_is_left_in_the_spool(shop: Shop, crm: Simulator, tmp_path: Path) -> None:
    desire(shop, a="private-7731@x")
    shop.run()
    assert shop.spooled() == []
    assert "private-7731" not in "".join(shop.said)
