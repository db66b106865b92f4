"""Secrets and personal data never reach messages, logs, errors or the ledger's reasons."""

from __future__ import annotations

import logging

import pytest
from click.testing import CliRunner

from cdp.cli import cli
from cdp.destinations.secrets import redact

from .harness import SIGNING, TOKEN, Server, Shop

EMAIL = "jane.roe@private.example"
NAME = "customer-key-83214"


def leaks(text: str, server: Server) -> list[str]:
    return [one for one in (EMAIL, NAME, TOKEN, SIGNING, server.url) if one in text]


def echo_everything(status: int, server: Server) -> object:
    """A destination that repeats what it got in its answer, headers included."""
    text = f"no: {EMAIL} {NAME} {TOKEN} {SIGNING} {server.url} " + "x" * 400
    return (status, {}, {"error": text})


@pytest.mark.parametrize("status", [400, 401, 413, 418, 500, 501, 307])
def test_what_a_destination_repeats_is_not_shown(
    shop: Shop, server: Server, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="cdp")
    server.always = lambda body: echo_everything(status, server)
    shop.desire({NAME: EMAIL})
    result = shop.run()
    reasons = shop.rows("select reason_code, reason from main_ops.sync_ledger")
    rejected = shop.rows("select reason_code, reason from main_ops.sync_rejected")
    runs = shop.rows("select problem from main_ops.sync_runs")
    shown = f"{result} {result.error} {reasons} {rejected} {runs} {caplog.text} {shop.said}"
    assert leaks(shown, server) == []
    assert all(len(reason or "") <= 200 for _, reason in reasons)


def test_a_row_s_reason_is_redacted(shop: Shop, server: Server) -> None:
    result = {"status": "rejected", "reason": f"{EMAIL} / {NAME} / {TOKEN} / +49 151 234567 / bad"}
    server.always = lambda body: (200, {}, {"results": [result]})
    shop.desire({NAME: EMAIL})
    shop.run()
    assert shop.rows("select reason from main_ops.sync_rejected") == [
        ("[redacted] / [redacted] / [redacted] / [redacted] / bad",)
    ]


def test_the_command_line_shows_neither_secrets_nor_personal_data(
    shop: Shop, server: Server
) -> None:
    server.always = lambda body: echo_everything(400, server)
    shop.desire({NAME: EMAIL})
    shown = ""
    for arguments in (["plan", "--show", "5"], ["run"], ["status"], ["plan"]):
        result = CliRunner().invoke(cli, ["sync", *arguments, "--project-dir", str(shop.folder)])
        shown += result.output
    assert "customers" in shown
    assert leaks(shown, server) == []


def test_nothing_of_a_payload_is_left_on_disk(shop: Shop, server: Server) -> None:
    shop.desire({"k": EMAIL})
    shop.run()
    left = [path.read_bytes() for path in shop.spool.rglob("*") if path.is_file()]
    assert not any(EMAIL.encode() in content for content in left)


def test_specs_do_not_show_settings(shop: Shop) -> None:
    assert "HOOK" not in repr(shop.catalogue.destinations["hook"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail x.y+z@a.example now", "mail [redacted] now"),
        ("call +49 (0)151 2345-678", "call [redacted]"),
        ("token ghp_0123456789abcdefghijkl0123", "token [redacted]"),
        ("field 'email' is wrong\n  line 3", "field 'email' is wrong line 3"),
        ("no\x1b[2J\x00 sc\u202een\ud800", "no [2J sc en"),
        ("a" * 10 + " b" * 200, "a" * 10 + " b" * 94 + " …"),
    ],
)
def test_redaction(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_redaction_hides_values_in_any_case_and_depth() -> None:
    assert redact("JANE is gold", [{"a": ["jane", {"b": "Gold"}]}]) == "[redacted] is [redacted]"
