"""Connections: proxies of the environment, credentials in addresses, certificates when needed."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from cdp.destinations import transport
from cdp.destinations.retry import TryAgain
from cdp.destinations.stops import stop_for
from cdp.destinations.transport import (
    BadAddress,
    BadProxy,
    Call,
    PrivateAddress,
    Transport,
    public_address,
)

LONGEST = 1_000
LOGIN = "Basic bWU6cCZxIHg="


class Door(HTTPServer):
    """Keeps what it is asked for, as a server or a proxy."""

    asked: list[tuple[str, str | None]]


@pytest.fixture
def door() -> Iterator[Door]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Says what it got; packed, and with far more than was asked for, where it may."""
            length = int(self.headers["Content-Length"])
            said = f"{self.headers['Host']} {length} {self.rfile.read(length).decode()}".encode()
            self.send_response(200)
            if self.path != "/plain":
                said = gzip.compress(said + b" " * 50_000_000)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def do_CONNECT(self) -> None:
            door.asked.append((self.path, self.headers["Proxy-Authorization"]))
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

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


def test_a_proxy_that_refuses_is_told_who_asks_and_nothing_has_arrived(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://m%C3%A9:p%40@127.0.0.1:{door.server_port}")
    with pytest.raises(TryAgain) as raised:
        get("https://crm.example/hook")
    assert not raised.value.may_have_arrived
    assert door.asked == [("crm.example:443", "Basic bcOpOnBA")]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "http://127.0.0.1:port", "http://"])
def test_a_proxy_that_cannot_be_used_is_said_so_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    with pytest.raises(BadProxy) as raised:
        get("http://crm.example/hook")
    stop = stop_for(raised.value, "hook")
    help = (
        "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY must be an http or https address; "
        "or list the destination's host in NO_PROXY"
    )
    assert (stop.slug, stop.message, stop.help) == (
        "proxy-unusable",
        "destination 'hook' is behind a proxy of the environment that cannot be used",
        help,
    )


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


def post(url: str, body: bytes | None, longest: int = LONGEST) -> httpx.Response:
    transport = Transport(5.0)
    try:
        return transport.send(Call("POST", url, {}, body, longest_reply=longest))
    finally:
        transport.close()


@pytest.mark.parametrize("body", [b"", None, b"text"])
def test_a_request_says_where_it_goes_and_how_long_it_is(door: Door, body: bytes | None) -> None:
    reply = post(f"http://127.0.0.1:{door.server_port}/plain", body)
    sent = body or b""
    assert reply.text == f"127.0.0.1:{door.server_port} {len(sent)} {sent.decode()}"


def test_a_packed_reply_is_unpacked_only_so_far(door: Door) -> None:
    reply = post(f"http://127.0.0.1:{door.server_port}/packed", b"text")
    assert reply.text.startswith(f"127.0.0.1:{door.server_port} 4 text ")
    assert LONGEST < len(reply.content) < 1_000_000


def test_a_reply_that_cannot_be_unpacked_may_have_been_meant_well(door: Door) -> None:
    class Broken(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"text")

        def log_message(self, *arguments: object) -> None:
            pass

    door.RequestHandlerClass = Broken
    with pytest.raises(TryAgain) as raised:
        post(f"http://127.0.0.1:{door.server_port}/x", b"text")
    assert raised.value.may_have_arrived


@pytest.mark.parametrize("charset", ["hex", "rot13", "undefined", "utf-16", "nonsense"])
def test_a_reply_in_an_encoding_that_it_is_not_in_is_read_as_utf_8(
    door: Door, charset: str
) -> None:
    class Odd(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(400)
            self.send_header("Content-Type", f"text/plain; charset={charset}")
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write("né n".encode())

        def log_message(self, *arguments: object) -> None:
            pass

    door.RequestHandlerClass = Odd
    assert post(f"http://127.0.0.1:{door.server_port}/x", b"text").text == "né n"


@pytest.mark.parametrize("url", ["ftp://x.example/", "http://[::1", "crm.example/hook"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        post(url, b"")


@pytest.mark.parametrize("value", ["two\r\nX-Other: lines", "é"])
def test_a_header_that_cannot_be_sent_is_refused(door: Door, value: str) -> None:
    transport = Transport(5.0)
    with pytest.raises(BadAddress):
        transport.send(Call("GET", f"http://127.0.0.1:{door.server_port}/", {"X-One": value}))
    transport.close()
    assert door.asked == []


def test_nothing_listens_and_nothing_has_arrived() -> None:
    with pytest.raises(TryAgain) as raised:
        post("http://127.0.0.1:1/x", b"")
    assert not raised.value.may_have_arrived


@pytest.mark.parametrize("carrier", ["64:ff9b::{}", "2002:{}::1"])
@pytest.mark.parametrize(("carried", "is_public"), [("0a00:0007", False), ("5db8:d822", True)])
def test_an_address_that_carries_a_private_one_is_private(
    monkeypatch: pytest.MonkeyPatch, carrier: str, carried: str, is_public: bool
) -> None:
    address = carrier.format(carried)
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 443, 0, 0))]
    monkeypatch.setattr(transport, "resolve", lambda *asked, **rest: found)
    if is_public:
        assert public_address("https://partner.example/x") == address
        return
    with pytest.raises(PrivateAddress):
        public_address("https://partner.example/x")
