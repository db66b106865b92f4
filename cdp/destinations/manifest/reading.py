"""What reading a manifest needs in several places: numbers, statuses, templates.

Owns nothing of a manifest's meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from cdp.destinations.filters import FILTERS
from cdp.destinations.template import PLACEHOLDER, bound_names, placeholders
from cdp.errors import Problems, suggest
from cdp.yamlfile import Node, Section

SCOPE = {
    "settings",
    "options",
    "sync",
    "destination",
    "object",
    "rows",
    "row",
    "key",
    "batch",
    "job",
    "token",
    "now",
}
"""What a placeholder may begin with."""


def seconds(section: Section, key: str, default: float) -> float:
    """A number of seconds."""
    node = section.node(key)
    if node is None:
        return default
    if isinstance(node.value, (int, Decimal)) and not isinstance(node.value, bool):
        return float(node.value)
    section.wrong(key, node, "a number of seconds")
    return default


def statuses(section: Section, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
    """A list of HTTP statuses."""
    if key not in section:
        section.node(key)
        return default
    found = []
    for node in section.items(key):
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            found.append(node.value)
        else:
            section.wrong(key, node, "a list of HTTP statuses")
    return tuple(found)


def names(section: Section, key: str, known: Iterable[str]) -> tuple[str, ...]:
    """A list of names out of `known`."""
    found = section.texts(key)
    known = list(known)
    for name in found:
        if name not in known:
            section.problems.add(
                "unknown-value",
                f"'{name}' is not a valid {key} of {section.what}",
                section.place(key),
                suggest(name, known),
            )
    return tuple(name for name in found if name in known)


def check_templates(
    nodes: Iterable[Node | None],
    settings: Mapping[str, Any],
    options: Mapping[str, Any],
    problems: Problems,
) -> None:
    """Adds a problem for each placeholder that stands for nothing."""
    for node in nodes:
        roots = SCOPE | bound_names(node)
        for one in placeholders(node):
            _check_placeholder(one.path, one.filters, one.node, roots, settings, options, problems)


def _check_placeholder(
    path: str,
    filters: tuple[str, ...],
    node: Node,
    roots: set[str],
    settings: Mapping[str, Any],
    options: Mapping[str, Any],
    problems: Problems,
) -> None:
    root, _, rest = path.partition(".")
    for name in filters:
        if name not in FILTERS:
            problems.add(
                "unknown-filter",
                f"'{name}' is not a filter of templates",
                node.location,
                suggest(name, FILTERS),
            )
    if root not in roots or not PLACEHOLDER.fullmatch("{{" + path + "}}"):
        problems.add(
            "unknown-placeholder",
            f"'{path}' stands for nothing in a manifest",
            node.location,
            suggest(root, roots),
        )
    for scope, known, what in (
        ("settings", settings, "a setting of this manifest"),
        ("options", options, "an option of this object"),
    ):
        if root == scope and rest not in known:
            problems.add(
                "unknown-placeholder",
                f"'{path}' is not {what}",
                node.location,
                suggest(rest, known),
            )
