"""Alerts of syncs: which limits are broken, and who is told once."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.destinations import http as engine
from cdp.destinations.manifest import load_manifests
from cdp.destinations.simulate.vendor import Simulator
from cdp.errors import DefinitionError, RunError
from cdp.syncs import alerts
from tests.destinations.world import through

from .harness import DESTINATIONS, Server, Shop
from .test_reports import refuse

OPS = """\
  - {name: ops, type: webhook, live_on: [dev], settings: {url: env:OPS_URL}}
  - {name: mail, type: email, live_on: [dev],
     settings: {host: localhost, from: a@b.example, to: c@d.example}}
  - {name: chat, type: slack, live_on: [dev], settings: {bot_token: env:HOOK_TOKEN}}
"""
LIMITS = "max_rejected_ratio: 0.2, max_hours_without_success: 24, max_size_change_ratio: 0.5"


def invoke(shop: Shop, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["sync", *arguments, "--project-dir", str(shop.folder)])


def broken(shop: Shop, *arguments: str) -> list[tuple[str, str]]:
    shown = invoke(shop, "alerts", *arguments)
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    assert shown.exit_code == (3 if rows else 0)
    return [(row["alert"], row["text"]) for row in rows]


@pytest.fixture
def ops(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Who is told of a sync with alerts."""
    listener = Server()
    monkeypatch.setenv("OPS_URL", listener.url)
    (shop.folder / "definitions" / "destinations.yml").write_text(DESTINATIONS + OPS)
    shop.sync(more=f"alert: {{{LIMITS}, notify: {{destination: ops}}}}")
    shop.desire({f"k{number}": "x" for number in range(4)})
    return listener


def test_a_sync_within_its_limits_is_silent(shop: Shop, ops: Server) -> None:
    assert broken(shop) == []
    shop.run()
    assert broken(shop) == []
    assert invoke(shop, "alerts", "--notify").stderr == "every sync is within its limits\n"
    assert ops.bodies == []


def test_each_limit_is_found(shop: Shop, ops: Server, server: Server) -> None:
    server.always = refuse("k1")
    shop.run()
    assert broken(shop) == [("rejected", "1 of 4 rows are rejected or invalid (25%)")]
    server.always = None
    shop.desire({f"k{number}": "x" for number in range(7)})
    server.faults = [401]
    shop.run()
    shop.rows("update main_ops.sync_runs set finished_at = finished_at - interval '30' hour")
    assert broken(shop) == [
        ("failed", "the last run failed: destination-refused"),
        ("rejected", "1 of 4 rows are rejected or invalid (25%)"),
        ("no_success", "no run was done for 30 hours"),
        ("size", "7 rows should be there, and 4 in the runs before"),
    ]


@pytest.mark.slow
def test_a_guard_is_a_failure(shop: Shop, ops: Server) -> None:
    shop.run()
    shop.desire({"k0": "x", "k1": "x"})
    shop.sync(more=f"guards: {{max_removal_ratio: 0}}\nalert: {{{LIMITS}}}")
    shop.run()
    assert broken(shop)[0] == ("failed", "the last run was stopped by a guard: too-many-removals")


def test_somebody_is_told_once_and_again_when_it_is_over(
    shop: Shop, ops: Server, server: Server
) -> None:
    server.faults = [401]
    shop.run()
    told = invoke(shop, "alerts", "--notify")
    assert (told.exit_code, told.stderr) == (3, "told: customers, failed, broken\n")
    assert invoke(shop, "alerts", "--notify").stderr == ""
    shop.run()
    assert invoke(shop, "alerts", "--notify").exit_code == 0
    assert [body["rows"][0]["fields"]["text"] for body in ops.bodies] == [
        "cdp sync customers alert (failed): the last run failed: destination-refused",
        "cdp sync customers is over (failed): the last run failed: destination-refused",
    ]
    found = shop.rows("select alert, told_at >= began_at, ended_at > told_at from "
                      "main_ops.sync_alerts")  # fmt: skip
    assert found == [("failed", True, True)]


@pytest.mark.slow
def test_who_was_not_reached_is_told_the_next_time(shop: Shop, ops: Server, server: Server) -> None:
    server.faults = [401]
    shop.run()
    ops.faults = [422]
    refused = invoke(shop, "alerts", "--notify")
    assert isinstance(refused.exception, RunError)
    assert str(refused.exception) == (
        "error[not-notified]: destination 'ops' did not take the alert of sync 'customers'\n"
        "help: check it with 'cdp destination test'; the next 'cdp sync alerts --notify' tells it "
        "again"
    )
    assert invoke(shop, "alerts", "--notify").stderr == "told: customers, failed, broken\n"


def test_a_process_that_dies_after_telling_tells_again(
    shop: Shop, ops: Server, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*arguments: object) -> None:
        raise Killed

    server.faults = [401]
    shop.run()
    with monkeypatch.context() as patched:
        patched.setattr(alerts, "_write", die)
        with pytest.raises(Killed):
            alerts.tell(shop.project, shop.catalogue, [shop.catalogue.syncs["customers"]])
    assert shop.rows("select count(*) from main_ops.sync_alerts") == [(0,)]
    invoke(shop, "alerts", "--notify")
    assert len(ops.bodies) == 2


def test_a_channel_is_told(
    shop: Shop, ops: Server, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.sync(more="alert: {notify: {destination: chat, fields: {channel: C0123456789}}}")
    server.faults = [401]
    shop.run()
    simulator = Simulator(load_manifests()["slack"])
    create = engine.Transport.__init__

    def offline(self: engine.Transport, timeout_s: float, *rest: object) -> None:
        create(self, timeout_s, "", through(simulator))

    monkeypatch.setattr(engine.Transport, "__init__", offline)
    assert "told: customers, failed, broken" in invoke(shop, "alerts", "--notify").stderr
    (message,) = simulator.place("messages").events
    assert "cdp sync customers alert (failed)" in str(message)
    assert simulator.problems == []


NOT_TOLD = {
    "{destination: lines}": """\
error[cannot-notify]: the alert of sync 'customers' tells destination 'lines', and JSON lines \
files takes no messages
  --> {place}
   5 | alert: {notify: {destination: lines}}
help: name a destination of type slack, email or webhook""",
    "{destination: nobody}": """\
error[unknown-destination]: the alert of sync 'customers' tells destination 'nobody', which is not \
defined
  --> {place}
   5 | alert: {notify: {destination: nobody}}
help: one of 'chat', 'columns', 'hook', 'lines', 'mail', 'ops', 'table', 'whole'""",
    "{destination: mail, fields: {channel: x}}": """\
error[unknown-field]: the alert of sync 'customers' has a field 'channel', which E-mail does not \
have
  --> {place}
   5 | alert: {notify: {destination: mail, fields: {channel: x}}}
help: leave out 'channel'""",
    "{destination: chat}": """\
error[missing-field]: the alert of sync 'customers' has no field 'channel', which Messages need
  --> {place}
   5 | alert: {notify: {destination: chat}}
help: add 'fields: {channel: ...}' beside the destination""",
}


@pytest.mark.parametrize("told", NOT_TOLD)
def test_who_cannot_be_told_is_explained(shop: Shop, ops: Server, told: str) -> None:
    shop.sync(more=f"alert: {{notify: {told}}}")
    with pytest.raises(DefinitionError) as caught:
        _ = shop.catalogue
    place = f"{shop.folder}/definitions/syncs/customers.yml:5:31"
    assert str(caught.value) == NOT_TOLD[told].replace("{place}", place)


def test_a_sync_to_where_only_alerts_go_is_refused(shop: Shop, ops: Server) -> None:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(path.read_text().replace("destination: hook", "destination: mail", 1))
    with pytest.raises(DefinitionError) as caught:
        _ = shop.catalogue
    line = next(
        number
        for number, text in enumerate(path.read_text().splitlines(), 1)
        if text == "destination: mail"
    )
    assert str(caught.value) == (
        "error[alerts-only]: sync 'customers' writes to destination 'mail', and E-mail takes "
        f"alerts only\n  --> {path}:{line}:14\n{line:>4} | destination: mail\n"
        "help: name another destination; this one can be told of alerts: "
        "'alert: {notify: {destination: mail}}'"
    )
