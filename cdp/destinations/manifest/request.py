"""One request of an HTTP destination, as a manifest writes it. Owns its spec and its reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cdp.destinations.template import Template, from_node
from cdp.yamlfile import Section

ENCODINGS = ("json", "form", "csv", "none")


@dataclass(frozen=True)
class Request:
    """One request. `url` is whole, or a path below the destination's base address.

    With the encoding `csv` the body is a list of mappings, and `null` is how nothing is
    written in it.
    """

    method: Template
    url: Template
    body: Template = None
    query: Mapping[str, Template] = field(default_factory=dict)
    headers: Mapping[str, Template] = field(default_factory=dict)
    encoding: str = "json"
    null: str = ""


def read_request(one: Section) -> Request:
    """The request keys of a section: method, url, body, query, headers, encoding, null."""
    body = one.node("body")
    return Request(
        from_node(one.node("method", required=True)),
        from_node(one.node("url", required=True)),
        from_node(body),
        _templates(one, "query"),
        _templates(one, "headers"),
        one.choice("encoding", ENCODINGS, default="json" if body else "none"),
        one.text("null"),
    )


def _templates(section: Section, key: str) -> dict[str, Any]:
    return {name: from_node(node) for name, node, _ in section.mapping(key)}
