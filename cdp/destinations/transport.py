"""One HTTP exchange: addresses, redirects, sizes, time limits, and whom not to call.

Owns the client. A redirect is followed only on the same origin, a reply is read
up to a limit, an address that came with the data may not lead into a private
network, and nothing here is ever logged. Knows neither manifests nor rows.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

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
# A proxy of the environment is for what is outside this machine.
_NO_PROXY = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}

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
        mounts = _NO_PROXY if transport is None else None
        self._client = httpx.Client(
            timeout=timeout_s, follow_redirects=False, transport=transport, mounts=mounts
        )

    def close(self) -> None:
        self._client.close()

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
            with self._client.stream(
                call.method,
                url,
                headers=dict(call.headers),
                content=call.body,
                extensions=dict(extensions or {}),
            ) as response:
                content = bytearray()
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > call.longest_reply:
                        break
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
