"""Replies of a simulated destination, made from how a manifest reads replies.

Owns the reverse of `cdp.destinations.reply`: success, refusal of a batch, and
every shape of partial failure. Changes no state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cdp.destinations.manifest.objects import Lookup, Operation
from cdp.destinations.manifest.replies import RemoteId, Results
from cdp.destinations.template import render

Reply = tuple[int, dict[str, str], bytes]
REFUSAL = "simulated refusal"


def plain(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
    """A reply with a JSON body."""
    content = b"" if body is None else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"} if content else {}
    return status, {**kind, **(headers or {})}, content


def success(
    operation: Operation,
    rows: Sequence[dict[str, Any]],
    refused: Mapping[int, str],
    scope: Mapping[str, Any],
) -> Reply:
    """All rows but the refused ones were taken; `refused` has their codes by position."""
    sample = render(operation.sample, {"rows": rows, "row": rows[0] if rows else {}, **scope})
    if operation.sample is not None and not isinstance(sample, dict):
        return operation.sample_status, {}, str(sample).encode()
    body: dict[str, Any] = dict(sample or {})
    if operation.remote_id is not None:
        where = operation.remote_id
        _put_ids(body, replace(where, match=str(render(where.match, scope))), rows, refused)
    shapes = [one for one in operation.results if not one.statuses or refused]
    for shape in shapes[:1] if refused else shapes:
        _put_results(body, shape, rows, refused)
    status = operation.sample_status
    if refused and shapes:
        status = shapes[0].statuses[0] if shapes[0].statuses else status
    if status == 204:
        return 204, {}, b""
    return plain(status, body.get("", body))


def found_ids(
    lookup: Lookup, found: Sequence[tuple[str, str]], match: str, status: int = 200
) -> Reply:
    """The answer to a look-up: (key, id) of each entity that is there."""
    body: dict[str, Any] = {}
    if match or lookup.max_items == 1:
        entries = []
        for key, remote_id in found:
            entry: dict[str, Any] = {}
            if match:
                put(entry, match, key)
            put(entry, lookup.take, remote_id)
            entries.append(entry)
        put(body, lookup.list, entries)
    else:
        by_key: dict[str, Any] = {}
        for key, remote_id in found:
            entry = {}
            put(entry, lookup.take, remote_id)
            by_key[key] = entry
        put(body, lookup.list, by_key)
    return plain(status, body)


def put(body: dict[str, Any], path: str, value: Any) -> None:
    """Set what a dotted path leads to, making the mappings and lists on the way."""
    parts = path.split(".")
    here: Any = body
    for part, after in zip(parts, parts[1:], strict=False):
        empty: Any = [] if after.isdigit() else {}
        if isinstance(here, list):
            while len(here) <= int(part):
                here.append(type(empty)())
            here = here[int(part)]
        else:
            here = here.setdefault(part, empty)
    if isinstance(here, list):
        here.append(value)
    else:
        here[parts[-1]] = value


def _put_ids(
    body: dict[str, Any],
    where: RemoteId,
    rows: Sequence[dict[str, Any]],
    refused: Mapping[int, str],
) -> None:
    entries = []
    for index, row in enumerate(rows):
        entry: dict[str, Any] = {}
        if index not in refused:
            put(entry, where.at, row.get("remote_id"))
            if where.match:
                put(entry, where.match, row.get("key"))
        elif where.match:
            continue
        entries.append(entry)
    if where.list == ".":
        put(body, "", entries)
    elif not where.list:
        body.update(entries[0] if entries else {})
    else:
        put(body, where.list, entries)


def _put_results(
    body: dict[str, Any],
    shape: Results,
    rows: Sequence[dict[str, Any]],
    refused: Mapping[int, str],
) -> None:
    if shape.by == "position":
        found = body
        for part in shape.list.split(".")[:-1] if shape.list else []:
            found = found.get(part) or {}
        known = found.get(shape.list.split(".")[-1])
        entries = (
            known if isinstance(known, list) and len(known) == len(rows) else [{} for _ in rows]
        )
        for index, entry in enumerate(entries):
            _fill(entry, shape, index not in refused, refused.get(index, ""))
        put(body, shape.list, entries)
        return
    named = [_entry(shape, index, rows[index], code) for index, code in refused.items()]
    if shape.by == "map":
        if named:
            put(
                body,
                shape.list,
                {
                    str(rows[index].get("key")): one
                    for index, one in zip(refused, named, strict=True)
                },
            )
    elif shape.by == "message" and not shape.at and named:
        put(body, shape.list, " ".join(named))
    elif shape.list and (named or shape.is_required):
        put(body, shape.list, named)


def _fill(entry: dict[str, Any], shape: Results, is_ok: bool, code: str) -> None:
    for path, wanted in shape.ok.items():
        put(entry, path, example(wanted) if is_ok else _other(wanted))
    if is_ok:
        return
    for path, wanted in shape.refused.items():
        put(entry, path, example(wanted))
    if shape.code:
        put(entry, shape.code, code)
    if shape.reason:
        put(entry, shape.reason, REFUSAL)


def _entry(shape: Results, index: int, row: dict[str, Any], code: str) -> Any:
    """One entry of a list of failures."""
    value: Any = {
        "index": index,
        "trace": row.get("ref"),
        "pointer": f"/data/{index}/attributes",
        "value": _name_of(row),
    }.get(shape.by)
    if shape.by == "message":
        value = shape.example.format(value=_name_of(row), index=index)
    if shape.by != "map" and not shape.at:
        return value
    entry: dict[str, Any] = {}
    if shape.code:
        put(entry, shape.code, code)
    if shape.reason:
        put(entry, shape.reason, REFUSAL)
    if shape.by != "map":
        put(entry, shape.at, value)
    return entry


def _name_of(row: dict[str, Any]) -> str:
    """What a vendor would call a row: its key, else its first identifier."""
    if row.get("key"):
        return str(row["key"])
    named = (row.get("identifiers") or {}) or row.get("fields") or {}
    return str(next(iter(named.values()), ""))


def example(wanted: Any) -> Any:
    """A value that fits a condition."""
    if isinstance(wanted, list):
        return wanted[0]
    if isinstance(wanted, dict):
        return None if wanted.get("empty") or wanted.get("exists") is False else "x"
    return wanted


def _other(wanted: Any) -> Any:
    if isinstance(wanted, bool):
        return not wanted
    if isinstance(wanted, dict):
        return "x" if wanted.get("empty") or wanted.get("exists") is False else None
    return "simulated"
