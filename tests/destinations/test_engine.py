"""What the engine does with replies that are late, wrong, too large, or no replies at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from cdp.destinations.delivery import Batch, OutgoingRow, Refused, Stop, Target
from cdp.destinations.http import HttpDriver
from cdp.destinations.limits import RateLimits
from cdp.destinations.manifest import load_manifests, read_manifest
from cdp.destinations.retry import parse_reset
from cdp.destinations.secrets import resolve_settings
from cdp.destinations.spec import read_destinations
from cdp.errors import CdpError, DefinitionError, Problems, RunError

from .network import Answering
from .play import destination
from .world import given

NOW = datetime(2026, 11, 20, 10, 0, 0, tzinfo=timezone.utc)
HTML = httpx.Response(200, headers={"Content-Type": "text/html"}, text="<html>Sign in</html>")


def send(
    name: str,
    shape: str,
    answer: Callable[[httpx.Request], httpx.Response],
    rows: int = 2,
    **fields: Any,
) -> tuple[Any, list[float]]:
    """What a batch of people becomes, and the waits."""
    manifest = load_manifests()[name]
    found = manifest.object(shape)
    assert found is not None
    key = next(iter(found.keys), "external_id")
    waits: list[float] = []
    driver = HttpDriver(
        destination(name, given(dict(manifest.settings), "secret")),
        Target(shape, given(dict(found.options), "option"), key),
        waits.append,
        network=Answering(answer),
    )
    outgoing = []
    for number in range(rows):
        value = f"p{number}@x.example"
        outgoing.append(OutgoingRow("upsert", value, {key: value, **fields}))
    try:
        return driver.send(Batch("people", "run", 1, outgoing, "key")), waits
    finally:
        driver.close()


def states(reply: Any) -> list[tuple[str, str]]:
    return [(one.state, one.code) for one in reply]


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing may be sent")


def test_a_page_of_html_is_no_answer() -> None:
    replies = [HTML, httpx.Response(201, json={"message": "success"})]
    reply, waits = send("braze", "users", lambda request: replies.pop(0))
    assert (states(reply), len(waits)) == ([("accepted", "")] * 2, 1)


@pytest.mark.parametrize(
    ("name", "shape"),
    [("tiktok_audiences", "members"), ("hubspot", "records"), ("marketo", "leads")],
)
def test_a_body_that_cannot_be_read_is_no_refusal(name: str, shape: str) -> None:
    """Although their rules ask for what is missing in a body."""

    def answer(request: httpx.Request) -> httpx.Response:
        if b"grant_type" in request.content:
            return httpx.Response(200, json={"access_token": "t"})
        return httpx.Response(200, text='{"code": 0, "resu')

    reply, _ = send(name, shape, answer)
    assert states(reply) == [("unknown", "malformed_body")] * 2


def test_rows_are_unknown_when_only_html_comes_back() -> None:
    reply, waits = send("braze", "users", lambda request: HTML)
    assert (states(reply), len(waits)) == ([("unknown", "malformed_body")] * 2, 5)


@pytest.mark.parametrize(
    "errors", [[{"type": "x", "index": 7}], [{"type": "x"}], [{"type": "x", "index": "first"}]]
)
def test_a_reply_that_names_a_row_that_was_not_sent_leaves_all_unknown(errors: list[Any]) -> None:
    answer = httpx.Response(201, json={"errors": errors})
    reply, _ = send("braze", "users", lambda request: answer)
    assert states(reply) == [("unknown", "malformed_results")] * 2


def test_a_batch_that_is_too_large_is_refused_before_it_is_sent() -> None:
    reply, _ = send("customerio", "people", never, rows=30, note="x" * 25_000)
    assert isinstance(reply, Refused)
    assert (reply.code, reply.may_have_arrived) == ("too_large", False)


def test_a_row_that_is_too_large_is_rejected_and_the_others_are_sent() -> None:
    reply, _ = send("customerio", "people", never, rows=1, note="x" * 40_000)
    assert states(reply) == [("rejected", "too_large")]


def test_a_throttle_waits_as_long_as_the_vendor_s_header_says() -> None:
    replies = [
        httpx.Response(429, headers={"X-RateLimit-Reset": "4102444800"}),
        httpx.Response(429, headers={"Retry-After": "7"}),
        httpx.Response(200, json={}),
    ]
    reply, waits = send("braze", "users", lambda request: replies.pop(0))
    assert states(reply) == [("retry", "http_429")] * 2
    assert waits == []
    reply, waits = send("braze", "users", lambda request: replies.pop(0))
    assert (states(reply), waits) == ([("accepted", "")] * 2, [7.0])


@pytest.mark.parametrize(
    ("text", "form", "seconds"),
    [
        (str(int(NOW.timestamp()) + 30), "epoch_s", 30.0),
        (str(int(NOW.timestamp()) * 1_000 + 1_500), "epoch_ms", 1.5),
        ("12", "epoch_s", 0.0),
        ("2.5", "delta_s", 2.5),
        ("Fri, 20 Nov 2026 10:00:09 GMT", "http_date", 9.0),
        ("soon", "delta_s", None),
        ("nan", "delta_s", None),
        ("-1", "delta_s", None),
        (None, "epoch_s", None),
    ],
)
def test_a_reset_header_is_read(text: str | None, form: str, seconds: float | None) -> None:
    assert parse_reset(text, form, NOW) == seconds


def test_a_refused_token_ends_the_run() -> None:
    with pytest.raises(Stop) as caught:
        send("marketo", "leads", lambda request: httpx.Response(400, json={"error": "invalid"}))
    stop = caught.value
    assert (stop.slug, stop.message, stop.help) == (
        "token-refused",
        "destination 'marketo' gave no token (status 400)",
        "check the client's id, its secret and the refresh token; they may be revoked",
    )


def test_a_busy_token_service_is_asked_again_and_no_row_is_in_doubt() -> None:
    reply, waits = send("google_sheets", "rows", lambda request: httpx.Response(503))
    assert (states(reply), len(waits)) == ([("retry", "token_http_503")] * 2, 5)


def test_an_account_s_daily_quota_pauses_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimits, "reserve", lambda self, rows: 7_260.0)
    with pytest.raises(Stop) as caught:
        send("hubspot", "records", never)
    stop = caught.value
    assert (stop.slug, stop.message, stop.help) == (
        "quota-exhausted",
        "destination 'hubspot' allows no further request for 121 minutes",
        "run the sync again then; nothing is lost",
    )
    assert stop.outcome.state == "retry"


def configured(folder: Path, settings: str) -> Any:
    problems = Problems()
    path = folder / "destinations.yml"
    path.write_text(
        "destinations:\n  - name: chimp\n    type: mailchimp\n    live_on: [dev]\n"
        f"    settings: {{{settings}}}\n"
    )
    found = read_destinations(path, problems)
    problems.raise_if_any()
    return found["chimp"]


def text_of(error: CdpError, folder: Path) -> str:
    return str(error).replace(f"{folder.as_posix()}/", "")


def test_a_setting_that_would_lead_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        configured(tmp_path, "api_key: env:KEY, data_center: evil.example/")
    assert text_of(caught.value, tmp_path) == (
        "error[invalid-setting]: 'data_center' of settings of destination 'chimp' has not the "
        "form that it must have\n"
        "  --> destinations.yml\n"
        "help: The end of the API key, such as us21"
    )


def test_a_setting_of_the_environment_is_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "k")
    monkeypatch.setenv("CENTER", "evil.example/")
    chimp = configured(tmp_path, "api_key: env:KEY, data_center: env:CENTER")
    with pytest.raises(RunError) as caught:
        resolve_settings(chimp)
    assert text_of(caught.value, tmp_path) == (
        "error[invalid-setting]: the environment variable CENTER, which destination 'chimp' uses "
        "as 'data_center', has not the form that it must have\n"
        "  --> destinations.yml:2:11\n"
        "   2 |   - name: chimp\n"
        "help: The end of the API key, such as us21"
    )


def test_patterns_of_a_manifest_are_regular_expressions(tmp_path: Path) -> None:
    path = tmp_path / "odd.yml"
    path.write_text(
        "version: 1\nname: odd\ntitle: Odd\ndriver: http\n"
        "settings:\n  host: {type: text, pattern: '('}\n"
        "http: {idempotency: natural}\n"
        "objects:\n  things:\n    kind: record\n    operations:\n"
        "      - serves: [upsert]\n        method: POST\n        url: /x\n"
        "        results: [{by: message, pattern: '['}]\n"
    )
    problems = Problems()
    read_manifest(path, problems)
    with pytest.raises(DefinitionError) as caught:
        problems.raise_if_any()
    assert text_of(caught.value, tmp_path) == (
        "error[invalid-pattern]: the pattern of setting 'host' is no regular expression: missing "
        "), unterminated subpattern at position 0\n"
        "  --> odd.yml:6:31\n"
        "   6 |   host: {type: text, pattern: '('}\n"
        "help: write a regular expression that the whole text must match\n\n"
        "error[invalid-pattern]: the pattern of results is no regular expression\n"
        "  --> odd.yml:15:42\n"
        "  15 |         results: [{by: message, pattern: '['}]\n"
        "help: write a regular expression with one group: what names the row"
    )
