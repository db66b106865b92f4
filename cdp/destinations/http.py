"""The HTTP engine: any destination that a manifest describes.

Owns building requests from a manifest's templates, authentication, signing,
idempotency keys and the reading of replies. Nothing in here knows a vendor.
Errors name the destination and a status, never an address, a body or a secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import httpx

from cdp.destinations.delivery import (
    ACCEPTED,
    REJECTED,
    RETRY,
    UNKNOWN,
    Batch,
    Outcome,
    OutgoingRow,
    Refused,
    Stop,
)
from cdp.destinations.manifest import Http, Operation, RowResults
from cdp.destinations.retry import TryAgain, call_with_retries, parse_retry_after
from cdp.destinations.secrets import redact, resolve_settings
from cdp.destinations.spec import Destination

LONGEST_REPLY_BYTES = 4_000_000
MOST_REDIRECTS = 3
GIVE_UP_AFTER = 3
_NEVER_ARRIVED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_BAD_REQUEST = (
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
    UnicodeError,
)
# A proxy of the environment is for what is outside this machine.
_NO_PROXY = {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None}
_SURELY_NOT_APPLIED = (425, 429)


class HttpDriver:
    """Sends batches as the destination's manifest says. `sleep` waits between tries, in seconds."""

    snapshot_format: str | None = None

    def __init__(
        self, destination: Destination, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        http = destination.manifest.http
        assert http is not None
        self._http: Http = http
        self._destination = destination
        self._scope: dict[str, Any] = {
            "settings": resolve_settings(destination),
            "destination": destination.name,
        }
        self._secrets = [
            self._scope["settings"][name]
            for name, setting in destination.manifest.settings.items()
            if setting.type in ("secret", "url")
        ]
        self._sleep = sleep
        self._failed_in_a_row = 0
        self._client = httpx.Client(
            timeout=http.timeout_s, follow_redirects=False, mounts=_NO_PROXY
        )
        self.is_idempotent = destination.manifest.is_idempotent

    def close(self) -> None:
        self._client.close()

    def lane(self, operation: str) -> int:
        return self._http.operations.index(self._http.serving(operation))

    def limits(self, operation: str) -> tuple[int, int]:
        serving = self._http.serving(operation)
        return int(self._render(serving.max_items)), serving.max_bytes

    def send(self, batch: Batch) -> Sequence[Outcome] | Refused:
        """Raises Stop on a refusal that holds for every row, and when the destination is gone."""
        operation = self._http.serving(batch.rows[0].operation)
        body = self._body(operation, batch)
        headers = self._headers(batch, body)
        may_have_arrived = False

        def once() -> httpx.Response:
            nonlocal may_have_arrived
            try:
                return self._request(operation, headers, body)
            except TryAgain as error:
                may_have_arrived = may_have_arrived or error.may_have_arrived
                raise

        try:
            response = call_with_retries(once, self._http.retry, self._sleep)
        except TryAgain as error:
            return self._gave_up(error.code, may_have_arrived, len(batch.rows))
        self._failed_in_a_row = 0
        reply = self._read(response, operation, batch)
        if not may_have_arrived:
            return reply
        if isinstance(reply, Refused):
            return replace(reply, may_have_arrived=True)
        return [outcome.doubted() for outcome in reply]

    def _gave_up(self, code: str, may_have_arrived: bool, count: int) -> Sequence[Outcome]:
        outcome = Outcome(UNKNOWN if may_have_arrived else RETRY, code, "no answer that says so")
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            raise Stop(
                "destination-unavailable",
                f"destination '{self._destination.name}' failed {GIVE_UP_AFTER} batches in a row, "
                f"the last with {code}, after {self._http.retry.attempts} tries each",
                "run the sync again when the destination is back; nothing is lost",
                outcome,
            )
        return [outcome] * count

    def _body(self, operation: Operation, batch: Batch) -> bytes:
        rows = [
            {"operation": row.operation, "key": row.key, "fields": row.fields} for row in batch.rows
        ]
        tree = self._render(operation.body, sync=batch.sync, rows=rows)
        return json.dumps(tree, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()

    def _headers(self, batch: Batch, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "cdp"}
        headers.update(
            {
                name: str(self._render(value, sync=batch.sync))
                for name, value in self._http.headers.items()
            }
        )
        headers.update(self._auth())
        if self._http.idempotency == "key_header":
            headers[self._http.idempotency_header] = batch.idempotency_key
        secret = self._render(self._http.signature.get("secret"))
        if secret:
            digest = hmac.new(str(secret).encode(), body, hashlib.sha256).hexdigest()
            headers[str(self._http.signature["header"])] = digest
        return headers

    def _auth(self) -> dict[str, str]:
        auth = {name: self._render(value) for name, value in self._http.auth.items()}
        kind = auth.get("kind", "none")
        if kind == "bearer":
            return {"Authorization": f"Bearer {auth['token']}"}
        if kind == "basic":
            pair = f"{auth['username']}:{auth['password']}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
        return {str(auth["name"]): str(auth["value"])} if kind == "header" else {}

    def _render(self, template: Any, **more: Any) -> Any:
        from cdp.destinations.template import render

        return render(template, {**self._scope, **more})

    def _request(
        self, operation: Operation, headers: dict[str, str], body: bytes
    ) -> httpx.Response:
        """One reply that is not worth another try. Raises TryAgain or Stop."""
        method, url = str(self._render(operation.method)), str(self._render(operation.url))
        for _ in range(MOST_REDIRECTS + 1):
            response = self._exchange(method, url, headers, body)
            if not response.has_redirect_location:
                break
            url = self._redirected(url, response)
        status = response.status_code
        if status in self._http.retry.statuses and status != 501:
            raise TryAgain(
                f"http_{status}",
                may_have_arrived=status not in _SURELY_NOT_APPLIED,
                retry_after_s=parse_retry_after(
                    response.headers.get("Retry-After"), datetime.now(timezone.utc)
                ),
            )
        return response

    def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes
    ) -> httpx.Response:
        try:
            with self._client.stream(method, url, headers=headers, content=body) as response:
                content = b""
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > LONGEST_REPLY_BYTES:
                        break
                return httpx.Response(
                    response.status_code,
                    headers=[
                        (name, value)
                        for name, value in response.headers.multi_items()
                        if name.lower() not in ("content-encoding", "content-length")
                    ],
                    content=content,
                )
        except _BAD_REQUEST:
            raise self._stop(
                "destination-misconfigured",
                "has an address or a header that cannot be sent",
                "check its url and the values of its secrets",
                "bad_request",
            ) from None
        except _NEVER_ARRIVED:
            raise TryAgain("connection_failed", may_have_arrived=False) from None
        except httpx.RequestError as error:
            raise TryAgain(_code(error), may_have_arrived=True) from None

    def _redirected(self, url: str, response: httpx.Response) -> str:
        """The new address on the same origin. Raises Stop on any other redirect."""
        old = httpx.URL(url)
        try:
            new = old.join(response.headers["Location"])
        except httpx.InvalidURL:
            new = httpx.URL("")
        same = (old.scheme, old.host, old.port) == (new.scheme, new.host, new.port)
        if same and response.status_code in (307, 308):
            return str(new)
        raise self._stop(
            "redirect-refused",
            f"answered with a redirect ({response.status_code}) that is not followed",
            "redirects to another host would carry the data and the secrets there; "
            "configure the final address",
            "redirect",
        )

    def _read(
        self, response: httpx.Response, operation: Operation, batch: Batch
    ) -> Sequence[Outcome] | Refused:
        status = response.status_code
        if 200 <= status < 300:
            return self._read_rows(response, operation.rows, batch.rows)
        code = f"http_{status}"
        if status in self._http.fatal or status >= 500 or status < 400:
            raise self._stop(
                "destination-refused",
                f"refused the run with status {status}",
                "check its address and its credentials",
                code,
            )
        hidden = [*self._secrets, *_values(batch.rows)]
        return Refused(code, redact(response.text, hidden))

    def _read_rows(
        self, response: httpx.Response, where: RowResults | None, rows: Sequence[OutgoingRow]
    ) -> Sequence[Outcome]:
        items = _items(response, where) if where else None
        if where is None or items is None:
            return [Outcome(ACCEPTED)] * len(rows)
        if len(items) != len(rows):
            text = f"{len(items)} results for {len(rows)} rows"
            return [Outcome(UNKNOWN, "malformed_results", text)] * len(rows)
        return [self._read_row(item, where, row) for item, row in zip(items, rows, strict=True)]

    def _read_row(self, item: Any, where: RowResults, row: OutgoingRow) -> Outcome:
        status = item.get(where.status) if isinstance(item, dict) else None
        if status == where.accepted:
            return Outcome(ACCEPTED)
        if status == "rejected":
            reason = redact(str(item.get(where.reason) or ""), [*self._secrets, *_values([row])])
            return Outcome(REJECTED, "rejected", reason)
        return Outcome(UNKNOWN, "malformed_results", "a row's result has no known status")

    def _stop(self, slug: str, what: str, help: str, code: str) -> Stop:
        message = f"destination '{self._destination.name}' {what}"
        return Stop(slug, message, help, Outcome(RETRY, code, what))


def _items(response: httpx.Response, where: RowResults) -> list[Any] | None:
    """The list of results; None when the reply has none."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    items = body.get(where.items) if isinstance(body, dict) else None
    return items if isinstance(items, list) else None


def _values(rows: Sequence[OutgoingRow]) -> list[Any]:
    return [value for row in rows for value in (row.key, *row.fields.values())]


def _code(error: httpx.RequestError) -> str:
    return "timeout" if isinstance(error, httpx.TimeoutException) else "connection_lost"
