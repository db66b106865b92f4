"""Templates of a manifest: data with `{{ path }}` in it, and a few structural operators.

Owns finding, compiling and rendering of placeholders. A text that is one
placeholder keeps the type of its value; inside other text the value is written
as text. `{{ path | filter }}` applies filters of a fixed list (`filters.py`).
Structure: `{$each: "{{ rows }}", $do: ...}` makes a list with `row` bound to each
element (`$as: name` binds another name; a mapping gives `name` and `value`);
`{$if: "{{ path }}", $then: ..., $else: ...}` chooses; `{$merge: [...]}` joins
mappings; `{$omit_null: {...}}` leaves out what is null; `{$json: ...}` writes what is
in it as a text. There are no calls, no
arithmetic and no attributes: a manifest shapes data, and cannot reach Python.
Does not know what a destination is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cdp.destinations.filters import FILTERS
from cdp.yamlfile import Node

Template = Any
Rendered = Callable[[Mapping[str, Any]], Any]
PLACEHOLDER = re.compile(
    r"\{\{\s*([a-z_][a-z0-9_]*(?:\.[$A-Za-z0-9_]+)*)((?:\s*\|\s*[a-z][a-z0-9_]*)*)\s*\}\}"
)
_BRACES = re.compile(r"\{\{.*?\}\}")
EACH, DO, AS = "$each", "$do", "$as"
IF, THEN, ELSE = "$if", "$then", "$else"
MERGE, OMIT_NULL, JSON = "$merge", "$omit_null", "$json"


@dataclass(frozen=True)
class Placeholder:
    """One `{{ path | filters }}`; `path` is the malformed text when `is_valid` is false."""

    path: str
    filters: tuple[str, ...]
    node: Node
    is_valid: bool = True


def from_node(node: Node | None) -> Template:
    """The plain value of a YAML node."""
    if node is None:
        return None
    if isinstance(node.value, dict):
        return {key: from_node(value) for key, value in node.value.items()}
    if isinstance(node.value, tuple):
        return [from_node(value) for value in node.value]
    return node.value


def placeholders(node: Node | None) -> Iterator[Placeholder]:
    """Every placeholder in the texts and keys under a node."""
    if node is None:
        return
    if isinstance(node.value, dict):
        for key, value in node.value.items():
            yield from _in_text(key, Node(key, node.key_locations.get(key, node.location)))
            yield from placeholders(value)
    elif isinstance(node.value, tuple):
        for value in node.value:
            yield from placeholders(value)
    elif isinstance(node.value, str):
        yield from _in_text(node.value, node)


def bound_names(node: Node | None) -> set[str]:
    """The names that `$as` binds anywhere under a node."""
    template = from_node(node)
    return set(_bound(template))


def _bound(template: Template) -> Iterator[str]:
    if isinstance(template, dict):
        if isinstance(template.get(AS), str):
            yield template[AS]
        for value in template.values():
            yield from _bound(value)
    elif isinstance(template, list):
        for value in template:
            yield from _bound(value)


def _in_text(text: str, node: Node) -> Iterator[Placeholder]:
    for match in PLACEHOLDER.finditer(text):
        yield Placeholder(match[1], split_filters(match[2]), node)
    for malformed in _BRACES.findall(PLACEHOLDER.sub("", text)):
        yield Placeholder(malformed, (), node, is_valid=False)


def split_filters(text: str) -> tuple[str, ...]:
    """The names in ` | a | b`."""
    return tuple(part.strip() for part in text.split("|")[1:])


def render(template: Template, scope: Mapping[str, Any]) -> Any:
    """The template with every placeholder replaced by its value in `scope`."""
    return compiled(template)(scope)


def compiled(template: Template, quote: Callable[[str], str] | None = None) -> Rendered:
    """A function from a scope to the rendered template.

    `quote` is applied to each value inside a text that has more than a placeholder.
    """
    if isinstance(template, dict):
        return _compiled_mapping(template, quote)
    if isinstance(template, list):
        parts = [compiled(value, quote) for value in template]
        return lambda scope: [part(scope) for part in parts]
    if isinstance(template, str):
        return _compiled_text(template, quote)
    return lambda scope: template


def look_up(value: Any, path: str | Sequence[str]) -> Any:
    """What a dotted path leads to in mappings and lists; None where it leads nowhere."""
    for part in path.split(".") if isinstance(path, str) else path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, (list, tuple)) and part.isdigit():
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value


def _compiled_mapping(template: Mapping[str, Any], quote: Callable[[str], str] | None) -> Rendered:
    if EACH in template:
        return _compiled_each(template, quote)
    if IF in template:
        test = compiled(template[IF], quote)
        then, other = compiled(template.get(THEN), quote), compiled(template.get(ELSE), quote)
        return lambda scope: then(scope) if _is_given(test(scope)) else other(scope)
    if MERGE in template:
        parts = [compiled(part, quote) for part in template[MERGE]]
        return lambda scope: {
            key: value for part in parts for key, value in (part(scope) or {}).items()
        }
    if JSON in template:
        tree = compiled(template[JSON], quote)
        return lambda scope: json.dumps(tree(scope), ensure_ascii=False, separators=(",", ":"))
    if OMIT_NULL in template:
        inner = compiled(template[OMIT_NULL], quote)
        return lambda scope: {
            key: value for key, value in inner(scope).items() if value is not None
        }
    if not any(PLACEHOLDER.search(str(key)) for key in template):
        named = [(str(key), compiled(value, quote)) for key, value in template.items()]
        return lambda scope: {key: value(scope) for key, value in named}
    entries = [(compiled(key, quote), compiled(value, quote)) for key, value in template.items()]
    return lambda scope: {str(key(scope)): value(scope) for key, value in entries}


def _compiled_each(template: Mapping[str, Any], quote: Callable[[str], str] | None) -> Rendered:
    each, do = compiled(template[EACH], quote), compiled(template[DO], quote)
    name = str(template.get(AS, "row"))

    def make(scope: Mapping[str, Any]) -> list[Any]:
        values = each(scope) or ()
        if isinstance(values, Mapping):
            values = [{"name": key, "value": value} for key, value in values.items()]
        inner = dict(scope)
        made = []
        for value in values:
            inner[name] = value
            made.append(do(inner))
        return made

    return make


def _is_given(value: Any) -> bool:
    return value is not None and value is not False and value != "" and value != []


def _compiled_text(text: str, quote: Callable[[str], str] | None) -> Rendered:
    alone = PLACEHOLDER.fullmatch(text.strip())
    if alone:
        return _value_of(alone)
    parts: list[str | Rendered] = []
    last = 0
    for match in PLACEHOLDER.finditer(text):
        parts += [text[last : match.start()], _value_of(match)]
        last = match.end()
    if not parts:
        return lambda scope: text
    parts.append(text[last:])

    def as_text(scope: Mapping[str, Any]) -> str:
        return "".join(
            part if isinstance(part, str) else _written(part(scope), quote) for part in parts
        )

    return as_text


def _written(value: Any, quote: Callable[[str], str] | None) -> str:
    text = "" if value is None else str(value)
    return quote(text) if quote else text


def _value_of(match: re.Match[str]) -> Rendered:
    path = match[1].split(".")
    filters = [FILTERS[name] for name in split_filters(match[2])]
    if len(path) == 2 and not filters:
        return _member_of(*path)

    def value(scope: Mapping[str, Any]) -> Any:
        found = look_up(scope, path)
        for apply in filters:
            found = apply(found)
        return found

    return value


def _member_of(name: str, member: str) -> Rendered:
    """What most placeholders are, in a tenth of the time of `look_up`."""

    def value(scope: Mapping[str, Any]) -> Any:
        found = scope.get(name)
        return found.get(member) if type(found) is dict else look_up(found, (member,))

    return value
