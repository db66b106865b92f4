"""Which request of a manifest a received request is.

Owns the matching of method, path and query; what placeholders in them stood for
is found too. The host is not looked at.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cdp.destinations.manifest import Http, Object, Operation
from cdp.destinations.manifest.request import Request
from cdp.destinations.simulate.unrender import (
    Bindings,
    Mismatch,
    Names,
    bind,
    text_pattern,
    unrender,
)
from cdp.destinations.template import PLACEHOLDER


@dataclass(frozen=True)
class Received:
    """A request as it arrived. `headers` have lower-case names."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in parse_qsl(urlsplit(self.url).query, keep_blank_values=True):
            found[name] = [*_as_list(found[name]), value] if name in found else value
        return found

    def tree(self, encoding: str) -> Any:
        """The body as data; None when there is none, Mismatch when it is not readable."""
        if not self.body:
            return None
        if encoding == "form":
            return dict(parse_qsl(self.body.decode(), keep_blank_values=True))
        if encoding == "csv":
            return list(csv.DictReader(io.StringIO(self.body.decode(), newline="")))
        try:
            return json.loads(self.body)
        except ValueError:
            raise Mismatch from None


@dataclass(frozen=True)
class Route:
    """A request that a manifest can make: of an object's operation, and which of its requests."""

    object: Object
    operation: Operation
    request: Request
    part: str


@dataclass
class Match:
    """A received request, understood. `rows` are in the words of templates."""

    route: Route
    bindings: Bindings
    options: dict[str, str]
    rows: list[dict[str, Any]] = field(default_factory=list)


def routes_of(http: Http) -> list[Route]:
    """Every request that the objects of a manifest can make."""
    found = []
    for shape in http.objects.values():
        for operation in shape.operations:
            if operation.lookup is not None:
                found.append(Route(shape, operation, operation.lookup.request, "lookup"))
            if operation.job is not None:
                for part, request in operation.job.requests.items():
                    found.append(Route(shape, operation, request, part))
                for results in operation.job.results:
                    found.append(Route(shape, operation, results.request, "job_results"))
                if operation.job.filling is not None:
                    continue
            found.append(Route(shape, operation, operation.request, "write"))
            if operation.create is not None:
                found.append(Route(shape, operation, operation.create, "create"))
    return found


def match_route(http: Http, route: Route, received: Received) -> Match | None:
    """The request understood as this route, or None."""
    request = route.request
    shape = route.object
    names = {
        "identifiers": frozenset(rule.sent_as for rule in shape.identifiers.values()),
        "known": frozenset(rule.sent_as for rule in shape.fields.values()),
    }
    bindings: Bindings = {}
    try:
        _match_method(request, received, bindings)
        _match_path(http, request, received, bindings)
        _match_query(request, received, names, bindings)
        tree = None if request.encoding == "none" else received.tree(request.encoding)
        if request.encoding != "none":
            bindings.update(unrender(request.body, tree, names))
    except (Mismatch, ValueError, TypeError):
        return None
    options = {
        path.removeprefix("options."): str(value)
        for path, value in bindings.items()
        if path.startswith("options.")
    }
    rows = rows_of(bindings)
    keys = {shape.identifiers[name].sent_as for name in shape.keys}
    for row in rows:
        for name in set(row["identifiers"]) - keys:
            row["fields"][name] = row["identifiers"].pop(name)
    return Match(route, bindings, options, rows)


def rows_of(bindings: Bindings) -> list[dict[str, Any]]:
    """The rows of a request, in the words of templates."""
    if "rows" in bindings:
        raw = bindings["rows"]
    elif "batch.keys" in bindings:
        raw = [{"row.key": one} for one in _as_list(bindings["batch.keys"])]
    elif "batch.remote_ids" in bindings:
        raw = [{"row.remote_id": one} for one in _as_list(bindings["batch.remote_ids"])]
    else:
        raw = [{path: one for path, one in bindings.items() if path.startswith("row.")}]
    return [_row(one, bindings) for one in raw]


def _row(raw: dict[str, Any], bindings: Bindings) -> dict[str, Any]:
    row: dict[str, Any] = {"fields": {}, "identifiers": {}}
    for path, value in raw.items():
        parts = path.split(".")
        if parts[0] != "row":
            continue
        if len(parts) == 2 and parts[1] in ("fields", "attributes", "known"):
            row["fields"].update(value if isinstance(value, dict) else {"values": value})
        elif len(parts) == 2 and parts[1] == "identifiers":
            row["identifiers"].update(value or {})
        elif len(parts) == 3:
            group = "identifiers" if parts[1] == "identifiers" else "fields"
            if value is not None:
                row[group][parts[2]] = value
        elif "|" in parts[1]:
            row.setdefault("digests", {})[parts[1].partition("|")[2]] = value
        else:
            row[parts[1]] = value
    columns = bindings.get("batch.columns")
    if columns is not None and row.get("values") is not None:
        named = zip(columns, row["values"], strict=False)
        row["identifiers"].update({name: one for name, one in named if one not in (None, "")})
    return row


def _match_method(request: Request, received: Received, bindings: Bindings) -> None:
    if not PLACEHOLDER.search(str(request.method)) and request.method != received.method:
        raise Mismatch


def _match_path(http: Http, request: Request, received: Received, bindings: Bindings) -> None:
    url = str(request.url)
    if PLACEHOLDER.fullmatch(url.strip()):
        return
    base = str(http.base_url) if url.startswith("/") else ""
    template = re.sub(
        r"^(https?://[^/]*|\{\{[^}]*\}\})", "", base.rstrip("/") + url.partition("?")[0]
    )
    pattern, groups = text_pattern(template)
    match = re.fullmatch(pattern.replace("(.*?)", "([^/]+?)"), received.path)
    if match is None:
        raise Mismatch
    for (path, filters), text in zip(groups, match.groups(), strict=True):
        bind(bindings, path, filters, unquote(text))


def _match_query(request: Request, received: Received, names: Names, bindings: Bindings) -> None:
    given = received.query
    for name, template in request.query.items():
        if name in given:
            is_list = isinstance(template, dict)
            value = _as_list(given[name]) if is_list else given[name]
            bindings.update(unrender(template, value, names))
        elif not PLACEHOLDER.search(str(template)):
            raise Mismatch


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
