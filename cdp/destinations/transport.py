"""One HTTP exchange: addresses, redirects, sizes, time limits, and whom not to call.

Owns the connections: httpcore, which httpx sends with, without httpx's client, which would
keep cookies, log addresses and take half of the time of a small request; httpx's addresses
and replies are used. A redirect is followed only on the same origin, a reply is read up to a
limit, an address that came with the data may not lead into a private network, and nothing
here is ever logged. Knows neither manifests nor rows.
"""

from __future__ import annotations

import base64
import ipaddress
import logging
import socket
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from cdp.destinations.retry import TryAgain

LONGEST_REPLY_BYTES = 4_000_000
MOST_REDIRECTS = 3
# A proxy's error is one of its connection to the destination, which comes before the request.
_NEVER_ARRIVED = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
)
_BAD_REQUEST = (
    httpcore.UnsupportedProtocol,
    httpcore.LocalProtocolError,
    httpx.InvalidURL,
    UnicodeError,
)
_LOST = (
    httpcore.NetworkError,
    httpcore.RemoteProtocolError,
    httpx.DecodingError,
)
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "Connection": "keep-alive"}
_WITHOUT_BODY = ("GET", "HEAD", "DELETE", "OPTIONS")
_KEPT_FOR_S = 5.0
_PACKED_PIECE_BYTES = 512
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_OF_THE_RAW_REPLY = (b"content-encoding", b"content-length")

resolve = socket.getaddrinfo
_is_quiet: ContextVar[bool] = ContextVar("is_quiet", default=False)


def _is_loggable(record: logging.LogRecord) -> bool:
    return not _is_quiet.get()


# The client's own log has addresses, and addresses have personal data and keys in them.
for _name in ("httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(_is_loggable)


class BadAddress(Exception):  # noqa: N818
    """An address or a header cannot be sent at all."""


class BadProxy(BadAddress):
    """The environment names a proxy that nothing can be sent through."""


class RedirectRefused(Exception):  # noqa: N818
    """The reply sends us elsewhere. `status` is the reply's."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class PrivateAddress(Exception):  # noqa: N818
    """An address that came with the data leads into a private network, or nowhere."""


@dataclass(frozen=True)
class Call:
    """One request, complete. `is_untrusted`: its address came with the data.

    Of a reply no more than a piece after `longest_reply` bytes is read.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    is_untrusted: bool = False
    longest_reply: int = LONGEST_REPLY_BYTES


class Network(Protocol):
    """What sends a request and gives its reply, whose body is not read yet.

    Raises httpcore's exceptions. `httpcore.ConnectionPool` is one.
    """

    def handle_request(self, request: httpcore.Request) -> httpcore.Response: ...

    def close(self) -> None: ...


class Transport:
    """Sends calls. `network` replaces connections in tests; `endpoint` replaces every origin."""

    def __init__(
        self, timeout_s: float, endpoint: str = "", network: Network | None = None
    ) -> None:
        self._endpoint = endpoint
        self._timeout = {"timeout": httpx.Timeout(timeout_s).as_dict()}
        self._given = network
        self._proxies = getproxies()
        self._opened: dict[tuple[str, str | None], Network] = {}

    def close(self) -> None:
        for one in self._opened.values():
            one.close()

    def send(self, call: Call) -> httpx.Response:
        """The reply, whatever its status.

        Raises TryAgain when there was none, BadAddress, RedirectRefused and PrivateAddress.
        """
        if call.is_untrusted:
            return self._send_outside(call)
        url = self._rebased(call.url)
        for _ in range(MOST_REDIRECTS + 1):
            response = self._exchange(call, url)
            if not response.has_redirect_location:
                return response
            url = _redirected(url, response)
        raise RedirectRefused(response.status_code)

    def _send_outside(self, call: Call) -> httpx.Response:
        """To an address that came with the data: the very address that was checked."""
        address = public_address(call.url)
        url = httpx.URL(call.url)
        headers = {**call.headers, "Host": url.netloc.decode()}
        pinned = Call(call.method, str(url.copy_with(host=address)), headers, call.body)
        response = self._exchange(pinned, pinned.url, {"sni_hostname": url.host})
        if response.has_redirect_location:
            raise PrivateAddress
        return response

    def _rebased(self, url: str) -> str:
        if not self._endpoint:
            return url
        try:
            return self._endpoint.rstrip("/") + httpx.URL(url).raw_path.decode()
        except httpx.InvalidURL:
            raise BadAddress from None

    def _exchange(
        self, call: Call, url: str, extensions: Mapping[str, str] | None = None
    ) -> httpx.Response:
        quiet = _is_quiet.set(True)
        try:
            place = _place(url)
            request = httpcore.Request(
                call.method,
                place.core,
                headers=_headers(call, place),
                content=call.body,
                extensions={**self._timeout, **(extensions or {})},
            )
            reply = self._of(place.url).handle_request(request)
            try:
                content = _content(reply, call.longest_reply)
            finally:
                reply.close()
            return _readable(reply, content)
        except _BAD_REQUEST:
            raise BadAddress from None
        except _NEVER_ARRIVED:
            raise TryAgain("connection_failed", may_have_arrived=False) from None
        except httpcore.TimeoutException:
            raise TryAgain("timeout", may_have_arrived=True) from None
        except _LOST:
            raise TryAgain("connection_lost", may_have_arrived=True) from None
        finally:
            _is_quiet.reset(quiet)

    def _of(self, url: httpx.URL) -> Network:
        """Connections of a scheme, through the environment's proxy if it names one.

        Certificates are loaded when the first https address is met: it takes longer than
        many a run.
        """
        if self._given is not None:
            return self._given
        proxy = self._proxy_of(url)
        known = self._opened.get((url.scheme, proxy))
        if known is None:
            if url.scheme not in ("http", "https"):
                raise httpcore.UnsupportedProtocol("neither http nor https")
            known = httpcore.ConnectionPool(
                ssl_context=httpx.create_ssl_context() if url.scheme == "https" else None,
                keepalive_expiry=_KEPT_FOR_S,
                proxy=_through(proxy) if proxy else None,
            )
            self._opened[url.scheme, proxy] = known
        return known

    def _proxy_of(self, url: httpx.URL) -> str | None:
        """A proxy of the environment; it is for what is outside this machine."""
        found = self._proxies.get(url.scheme) or self._proxies.get("all")
        if not found or url.host in _THIS_MACHINE or proxy_bypass(url.host):
            return None
        return found if "://" in found else f"http://{found}"


@dataclass(frozen=True)
class _Place:
    """An address, as httpx and as httpcore know it."""

    url: httpx.URL
    core: httpcore.URL


@lru_cache(maxsize=256)
def _place(url: str) -> _Place:
    """Most destinations have a few addresses, and a request is shorter than reading one.

    Raises httpx.InvalidURL and UnicodeError.
    """
    known = httpx.URL(url)
    return _Place(known, _core(known))


def _core(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


def _headers(call: Call, place: _Place) -> list[tuple[bytes, bytes]]:
    """The headers of a call, and those that every request has. Raises UnicodeError."""
    headers = {**_HEADERS, **call.headers, **_login(place.url)}
    if not any(name.lower() == "host" for name in headers):
        headers = {"Host": place.url.netloc.decode("ascii"), **headers}
    if call.body is not None or call.method.upper() not in _WITHOUT_BODY:
        headers["Content-Length"] = str(len(call.body or b""))
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _content(reply: httpcore.Response, longest: int) -> bytes:
    """A reply's body, unpacked as it comes: a piece after `longest` bytes nothing more is read."""
    pieces = reply.iter_stream()
    if any(name.lower() == b"content-encoding" for name, _ in reply.headers):
        packed = httpx.Response(reply.status, headers=reply.headers, content=_cut(pieces))
        pieces = packed.iter_bytes()
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > longest:
            break
    return bytes(content)


def _cut(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """A piece becomes a thousand times as long when it is unpacked, so none may be long."""
    for piece in pieces:
        for at in range(0, len(piece), _PACKED_PIECE_BYTES):
            yield piece[at : at + _PACKED_PIECE_BYTES]


def _readable(reply: httpcore.Response, content: bytes) -> httpx.Response:
    """A reply as httpx has it; its text is UTF-8 where it cannot be what the reply says."""
    headers = [
        (name, value) for name, value in reply.headers if name.lower() not in _OF_THE_RAW_REPLY
    ]
    response = httpx.Response(reply.status, headers=headers, content=content)
    if response.charset_encoding is None:
        return response
    try:
        response.text  # noqa: B018
    except (AssertionError, TypeError, ValueError):
        # Among Python's encodings are those of hex and rot13, and some that refuse what they read.
        response.encoding = "utf-8"
    return response


def _through(proxy: str) -> httpcore.Proxy:
    """Raises BadProxy."""
    try:
        known = httpx.URL(proxy)
    except httpx.InvalidURL:
        raise BadProxy from None
    if known.scheme not in ("http", "https") or not known.host:
        raise BadProxy
    login = (known.username.encode(), known.password.encode()) if known.userinfo else None
    return httpcore.Proxy(_core(known), auth=login)


def _login(url: httpx.URL) -> dict[str, str]:
    """What an address says about who we are."""
    if not url.userinfo:
        return {}
    login = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
    return {"Authorization": f"Basic {login}"}


def public_address(url: str) -> str:
    """An address that the host resolves to.

    Raises PrivateAddress unless all of them are public and the scheme is https.
    """
    try:
        parsed = httpx.URL(url)
        found = resolve(parsed.host, parsed.port or 443, type=socket.SOCK_STREAM)
    except (httpx.InvalidURL, OSError, UnicodeError):
        raise PrivateAddress from None
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    if parsed.scheme != "https" or not addresses or not all(map(_is_public, addresses)):
        raise PrivateAddress
    return str(addresses[0])


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Also of an IPv4 address that another one carries: NAT64 (RFC 6052) and 6to4 unpack it."""
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.sixtofour
        if address in _NAT64:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if carried is not None:
            return carried.is_global
    return address.is_global


def _redirected(url: str, response: httpx.Response) -> str:
    """The new address, on the same origin. Raises RedirectRefused on any other redirect."""
    old = httpx.URL(url)
    try:
        new = old.join(response.headers["Location"])
    except httpx.InvalidURL:
        new = httpx.URL("")
    same = (old.scheme, old.host, old.port) == (new.scheme, new.host, new.port)
    if same and response.status_code in (307, 308):
        return str(new)
    raise RedirectRefused(response.status_code)
