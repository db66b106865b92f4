"""Templates of a manifest: data with `{{ path }}` in it, and one structural operator.

Owns finding, checking and rendering of placeholders. A text that is one
placeholder keeps the type of its value; inside other text the value is written
as text. `{$each: "{{ rows }}", $do: ...}` makes a list with `row` bound to each
element. There are no filters, no calls and no conditions: a manifest shapes
data, and cannot reach Python. Does not know what a destination is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cdp.yamlfile import Node

Template = Any
PLACEHOLDER = re.compile(r"\{\{\s*([a-z_][a-z0-9_.]*)\s*\}\}")
_BRACES = re.compile(r"\{\{.*?\}\}")
EACH, DO = "$each", "$do"


def from_node(node: Node | None) -> Template:
    """The plain value of a YAML node."""
    if node is None:
        return None
    if isinstance(node.value, dict):
        return {key: from_node(value) for key, value in node.value.items()}
    if isinstance(node.value, tuple):
        return [from_node(value) for value in node.value]
    return node.value


def placeholders(node: Node | None) -> Iterator[tuple[str, Node]]:
    """Each placeholder's path (or its malformed text) with the node that it stands in."""
    if node is None:
        return
    if isinstance(node.value, dict):
        for value in node.value.values():
            yield from placeholders(value)
    elif isinstance(node.value, tuple):
        for value in node.value:
            yield from placeholders(value)
    elif isinstance(node.value, str):
        for found in _BRACES.findall(node.value):
            match = PLACEHOLDER.fullmatch(found)
            yield (match[1] if match else found), node


def render(template: Template, scope: Mapping[str, Any]) -> Any:
    """The template with every placeholder replaced by its value in `scope`."""
    if isinstance(template, dict):
        if EACH in template:
            return [
                render(template[DO], {**scope, "row": row})
                for row in render(template[EACH], scope) or ()
            ]
        return {key: render(value, scope) for key, value in template.items()}
    if isinstance(template, list):
        return [render(value, scope) for value in template]
    if isinstance(template, str):
        return _render_text(template, scope)
    return template


def _render_text(text: str, scope: Mapping[str, Any]) -> Any:
    alone = PLACEHOLDER.fullmatch(text.strip())
    if alone:
        return _look_up(alone[1], scope)

    def as_text(match: re.Match[str]) -> str:
        value = _look_up(match[1], scope)
        return "" if value is None else str(value)

    return PLACEHOLDER.sub(as_text, text)


def _look_up(path: str, scope: Mapping[str, Any]) -> Any:
    value: Any = scope
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(part)
    return value
