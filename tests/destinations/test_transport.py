"""Connections: proxies of the environment, credentials in addresses, certificates when needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from cdp.destinations.transport import Call, Transport

LOGIN = "Basic bWU6cCZxIHg="


class Door(HTTPServer):
    """Keeps what it is asked for, as a server or a proxy."""

    asked: list[tuple[str, str | None]]


@pytest.fixture
def door() -> Iterator[Door]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            door.asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    door = Door(("127.0.0.1", 0), Handler)
    door.asked = []
    threading.Thread(target=door.serve_forever, args=(0.01,), daemon=True).start()
    yield door
    door.shutdown()
    door.server_close()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def get(url: str) -> int:
    transport = Transport(5.0)
    try:
        return transport.send(Call("GET", url, {})).status_code
    finally:
        transport.close()


@pytest.mark.parametrize("variable", ["http_proxy", "ALL_PROXY"])
def test_what_is_outside_this_machine_goes_through_the_proxy_of_the_environment(
    door: Door, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, f"http://127.0.0.1:{door.server_port}")
    assert get("http://crm.example/hook") == 200
    assert get(f"http://127.0.0.1:{door.server_port}/here") == 200
    assert [path for path, _ in door.asked] == ["http://crm.example/hook", "/here"]


def test_a_host_that_is_to_be_met_without_a_proxy_is(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.2")
    url = httpx.URL("http://127.0.0.2/x")
    assert Transport(5.0)._proxy_of(url) is None
    assert Transport(5.0)._proxy_of(url.copy_with(host="crm.example")) == "http://127.0.0.1:1"


def test_credentials_in_an_address_are_sent_as_such(door: Door) -> None:
    get(f"http://me:p%26q%20x@127.0.0.1:{door.server_port}/x")
    assert door.asked == [("/x", LOGIN)]


def test_certificates_are_loaded_when_https_is_met(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loaded(Exception):  # noqa: N818
        pass

    def load(*arguments: object, **named: object) -> None:
        raise Loaded

    monkeypatch.setattr("ssl.create_default_context", load)
    assert get(f"http://127.0.0.1:{door.server_port}/x") == 200
    with pytest.raises(Loaded):
        get("https://127.0.0.1:1/x")
