"""One HTTP exchange: addresses, redirects, sizes, time limits, and whom not to call.

Owns the connections: httpx's transports without its client, which would keep cookies,
log addresses and take a third of the time of a small request. A redirect is followed only
on the same origin, a reply is read up to a limit, an address that came with the data may
not lead into a private network, and nothing here is ever logged. Knows neither manifests
nor rows.
"""

from __future__ import annotations

import base64
import ipaddress
import logging
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

import httpx

from cdp.destinations.retry import TryAgain

LONGEST_REPLY_BYTES = 4_000_000
MOST_REDIRECTS = 3
_NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BAD_REQUEST = (
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    UnicodeError,
)
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", "Connection": "keep-alive"}

resolve = socket.getaddrinfo
_is_quiet: ContextVar[bool] = ContextVar("is_quiet", default=False)


def _is_loggable(record: logging.LogRecord) -> bool:
    return not _is_quiet.get()


# The client's own log has addresses, and addresses have personal data and keys in them.
for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(_is_loggable)


class BadAddress(Exception):  # noqa: N818
    """An address or a header cannot be sent at all."""


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


class Transport:
    """Sends calls. `transport` replaces the network in tests; `endpoint` replaces every origin."""

    def __init__(
        self, timeout_s: float, endpoint: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        self._endpoint = endpoint
        self._timeout = {"timeout": httpx.Timeout(timeout_s).as_dict()}
        self._given = transport
        self._proxies = getproxies()
        self._opened: dict[tuple[str, str | None], httpx.BaseTransport] = {}

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
            address = httpx.URL(url)
            request = httpx.Request(
                call.method,
                address,
                headers={**_HEADERS, **call.headers, **_login(address)},
                content=call.body,
                extensions={**self._timeout, **(extensions or {})},
            )
            response = self._of(address).handle_request(request)
            try:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > call.longest_reply:
                        break
            finally:
                response.close()
            return httpx.Response(
                response.status_code,
                headers=[
                    (name, value)
                    for name, value in response.headers.multi_items()
                    if name.lower() not in ("content-encoding", "content-length")
                ],
                content=bytes(content),
            )
        except _BAD_REQUEST:
            raise BadAddress from None
        except _NEVER_ARRIVED:
            raise TryAgain("connection_failed", may_have_arrived=False) from None
        except httpx.TimeoutException:
            raise TryAgain("timeout", may_have_arrived=True) from None
        except httpx.RequestError:
            raise TryAgain("connection_lost", may_have_arrived=True) from None
        finally:
            _is_quiet.reset(quiet)

    def _of(self, url: httpx.URL) -> httpx.BaseTransport:
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
                raise httpx.UnsupportedProtocol("neither http nor https")
            known = httpx.HTTPTransport(verify=url.scheme == "https", proxy=proxy)
            self._opened[url.scheme, proxy] = known
        return known

    def _proxy_of(self, url: httpx.URL) -> str | None:
        """A proxy of the environment; it is for what is outside this machine."""
        found = self._proxies.get(url.scheme) or self._proxies.get("all")
        if not found or url.host in _THIS_MACHINE or proxy_bypass(url.host):
            return None
        return found if "://" in found else f"http://{found}"


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
    if parsed.scheme != "https" or not addresses or not all(one.is_global for one in addresses):
        raise PrivateAddress
    return str(addresses[0])


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
