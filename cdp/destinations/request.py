"""Building a request from a manifest's templates.

Owns addresses, headers, query and the writing of bodies. Values that become part
of a path are percent-encoded, so that data cannot change where a request goes.
Sends nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from cdp.destinations.auth import Auth, sign
from cdp.destinations.manifest import Http, Operation
from cdp.destinations.manifest.request import Request
from cdp.destinations.template import DO, EACH, PLACEHOLDER, Rendered, Template, compiled
from cdp.destinations.transport import Call
from cdp.json_bytes import write_json

_CONTENT_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "csv": "text/csv; charset=UTF-8",
}


_AS_SPOOLED = {
    EACH: "{{ rows }}",
    DO: {
        "operation": "{{ row.operation }}",
        "key": "{{ row.key }}",
        "fields": "{{ row.fields }}",
    },
}
LINES = "lines"


def with_lines(http: Http, operation: Operation) -> Request | None:
    """The request with `lines` in the place of its rows, where those are sent as they are spooled.

    None where anything else in the operation asks for a row or for its batch.
    """
    request = operation.request
    if operation.lookup or operation.job or operation.remote_id:
        return None
    if request.encoding != "json" or not isinstance(request.body, dict):
        return None
    body = {
        name: f"{{{{ {LINES} }}}}" if part == _AS_SPOOLED else part
        for name, part in request.body.items()
    }
    others = (body, request.method, request.url, request.headers, request.query)
    text = str((*others, http.headers, http.query, http.base_url))
    named = {match[1].partition(".")[0] for match in PLACEHOLDER.finditer(text)}
    if LINES not in named or named & {"row", "rows", "batch"}:
        return None
    return replace(request, body=body)


class Requests:
    """Builds the calls of one destination; `scope` holds what is the same for all of them."""

    def __init__(self, http: Http, auth: Auth, scope: Mapping[str, Any]) -> None:
        self._http = http
        self._auth = auth
        self._scope = scope
        self._compiled: dict[int, tuple[Template, Rendered]] = {}

    def render(self, template: Template, scope: Mapping[str, Any]) -> Any:
        """A template in the destination's scope and more."""
        return self._of(template)({**self._scope, "token": self._auth.token, **scope})

    def build(self, request: Request, scope: Mapping[str, Any]) -> Call:
        """The request with everything filled in."""
        body = self._body(request, scope)
        headers = {"User-Agent": "cdp"}
        if body is not None:
            headers["Content-Type"] = _CONTENT_TYPES[request.encoding]
        for templates in (self._http.headers, request.headers):
            for name, template in templates.items():
                value = self.render(template, scope)
                if value is not None:
                    headers[name] = str(value)
        headers.update(self._auth.headers())
        if self._http.idempotency == "key_header" and scope["batch"]["key"]:
            headers[self._http.idempotency_header] = scope["batch"]["key"]
        if self._http.signature:
            everything = {**self._scope, **scope}
            headers.update(sign(self._http.signature, everything, body or b""))
        url = self._url(request, scope)
        method = str(self.render(request.method, scope))
        headers.update(self._auth.signed(method, url))
        return Call(method, url, headers, body, is_from_data(request))

    def _body(self, request: Request, scope: Mapping[str, Any]) -> bytes | None:
        if request.encoding == "none":
            return None
        tree = self.render(request.body, scope)
        if request.encoding == "csv":
            return written_csv(tree, request.null).encode()
        if request.encoding == "form":
            return urlencode(
                {key: value for key, value in tree.items() if value is not None}
            ).encode()
        return write_json(tree)

    def _url(self, request: Request, scope: Mapping[str, Any]) -> str:
        everything = {**self._scope, "token": self._auth.token, **scope}
        url = str(self._of(request.url, is_url=True)(everything))
        if not url.startswith(("http://", "https://")) and self._http.base_url:
            # Settings, not data: an address in them stays an address.
            url = str(self._of(self._http.base_url)(everything)).rstrip("/") + url
        query: list[tuple[str, str]] = []
        for templates in (self._http.query, request.query):
            for name, template in templates.items():
                value = self.render(template, scope)
                values = value if isinstance(value, list) else [value]
                query += [(name, str(one)) for one in values if one is not None]
        query += list(self._auth.query().items())
        if not query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(query, quote_via=quote)}"

    def _of(self, template: Template, is_url: bool = False) -> Rendered:
        """The compiled template; each is compiled once."""
        known = self._compiled.get(id(template))
        if known is None:
            known = (template, compiled(template, _quoted if is_url else None))
            self._compiled[id(template)] = known
        return known[1]


def is_from_data(request: Request) -> bool:
    """Whether the host of a request comes from a row."""
    return isinstance(request.url, str) and request.url.lstrip().startswith(("{{ row.", "{{row."))


def _quoted(value: str) -> str:
    return quote(value, safe="")


def written_csv(rows: Sequence[Mapping[str, Any]], null: str) -> str:
    """Rows as CSV (RFC 4180, lines end with LF) with a header; columns as they first appear.

    Nothing, and an empty text, are written as `null`; lists and mappings as JSON. A
    column that a row does not have is empty.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name], null) if name in row else "" for name in columns])
    return text.getvalue()


def _cell(value: Any, null: str) -> str:
    if value is None or value == "":
        return null
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
