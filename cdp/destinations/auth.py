"""Who we are, to a destination: the kinds of authentication that manifests name.

Owns headers and query parameters of bearer, basic, header, query, oauth1 and oauth2,
and getting a token (grants refresh_token and client_credentials, RFC 6749 sections 6
and 4.4). A token lives in memory only. Nothing in here is printed or logged.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from cdp.destinations.oauth1 import oauth1_header
from cdp.destinations.retry import TryAgain
from cdp.destinations.template import render
from cdp.destinations.transport import Call, Transport

KINDS = ("none", "bearer", "basic", "header", "query", "oauth2", "oauth1")
OAUTH1_KEYS = ("consumer_key", "consumer_secret", "token", "token_secret")
_BUSY = (408, 425, 429)
_ALGORITHMS = {"sha256": hashlib.sha256, "sha1": hashlib.sha1}


class TokenRefused(Exception):  # noqa: N818
    """The destination gave no token. `status` is its reply's."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Auth:
    """The authentication of one destination; `scope` has its settings."""

    def __init__(
        self, auth: Mapping[str, Any], scope: Mapping[str, Any], transport: Transport | None
    ) -> None:
        self._auth = {name: render(value, scope) for name, value in auth.items()}
        self._transport = transport
        self.token: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        return str(self._auth.get("kind") or "none")

    @property
    def can_refresh(self) -> bool:
        """Whether there may be a new token after a refusal."""
        return self.kind == "oauth2"

    def prepare(self) -> None:
        """Get a token where one is needed. Raises TokenRefused and TryAgain."""
        if self.can_refresh and not self.token:
            self.refresh()

    def refresh(self) -> None:
        """Get a new token. Raises TokenRefused and TryAgain."""
        given = self._auth
        form = {"grant_type": given["grant"], **(given.get("extra") or {})}
        if given.get("refresh_token"):
            form["refresh_token"] = given["refresh_token"]
        if given.get("scope"):
            form["scope"] = given["scope"]
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if given.get("client_auth") == "basic":
            headers["Authorization"] = _basic(given["client_id"], given["client_secret"])
        else:
            form["client_id"], form["client_secret"] = given["client_id"], given["client_secret"]
        assert self._transport is not None
        call = Call("POST", str(given["token_url"]), headers, urlencode(form).encode())
        try:
            response = self._transport.send(call)
        except TryAgain as error:
            # Whatever became of this request, no row was in it.
            raise TryAgain(error.code, may_have_arrived=False) from None
        if response.status_code in _BUSY or response.status_code >= 500:
            raise TryAgain(f"token_http_{response.status_code}", may_have_arrived=False)
        try:
            token = json.loads(response.content)
        except ValueError:
            token = None
        if response.status_code != 200 or not isinstance(token, dict) or not _text(token):
            raise TokenRefused(response.status_code)
        self.token = token

    def headers(self) -> dict[str, str]:
        """What the kind adds to a request's headers."""
        given = self._auth
        if self.kind == "bearer":
            return {"Authorization": f"{given.get('scheme') or 'Bearer'} {given['token']}"}
        if self.kind == "oauth2":
            name, scheme = given.get("header") or "Authorization", given.get("scheme") or "Bearer"
            return {str(name): f"{scheme} {_text(self.token)}"}
        if self.kind == "basic":
            return {"Authorization": _basic(given["username"], given.get("password") or "")}
        return {str(given["name"]): str(given["value"])} if self.kind == "header" else {}

    def query(self) -> dict[str, str]:
        """What the kind adds to a request's query."""
        given = self._auth
        return {str(given["name"]): str(given["value"])} if self.kind == "query" else {}

    def signed(self, method: str, url: str) -> dict[str, str]:
        """The header that signs a whole request, for oauth1."""
        if self.kind != "oauth1":
            return {}
        keys = {name: str(self._auth[name]) for name in OAUTH1_KEYS}
        header = oauth1_header(
            method, url, keys, nonce=secrets.token_hex(16), timestamp=int(time.time())
        )
        return {"Authorization": header}

    def secrets(self) -> list[str]:
        """What must never be shown."""
        return [str(value) for value in self.token.values() if isinstance(value, str)]


def sign(signature: Mapping[str, Any], scope: Mapping[str, Any], body: bytes) -> dict[str, str]:
    """The header with the HMAC of a body, or of the text `over`; nothing without a secret."""
    given = {name: render(value, scope) for name, value in signature.items()}
    if not given.get("secret"):
        return {}
    algorithm = _ALGORITHMS[str(given.get("algorithm") or "sha256")]
    digest = hmac.new(str(given["secret"]).encode(), body, algorithm).hexdigest()
    return {str(given["header"]): f"{given.get('prefix') or ''}{digest}"}


def _text(token: Mapping[str, Any]) -> str:
    return str(token.get("access_token") or "")


def _basic(username: Any, password: Any) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
