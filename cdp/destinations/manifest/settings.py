"""Settings of a destination type and options of an object: what they may be.

Owns their specs, and the reading of one value that was given for them. Does not
resolve secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cdp.destinations.template import from_node
from cdp.yamlfile import Section

SETTING_TYPES = ("text", "url", "secret", "choice", "integer", "boolean")


@dataclass(frozen=True)
class Setting:
    """One setting. `pattern` is a regular expression that the whole text must match."""

    name: str
    type: str
    is_required: bool = False
    default: Any = None
    values: tuple[str, ...] = ()
    when: tuple[str, str] | None = None
    pattern: str = ""
    description: str = ""
    example: Any = None

    def fits(self, text: str) -> bool:
        """Whether a text has the form that the setting asks for."""
        return not self.pattern or bool(re.fullmatch(self.pattern, text))


def read_settings(section: Section, key: str, *, required: bool = False) -> dict[str, Setting]:
    """The settings under a key, by name."""
    return {one.name: one for one in _settings(section, key, required)}


def _settings(section: Section, key: str, required: bool) -> Iterator[Setting]:
    for name, node, _ in section.mapping(key, required=required):
        one = Section(node, f"setting '{name}'", section.problems)
        kind = one.choice("type", SETTING_TYPES, required=True)
        when = next(((key, str(value.value)) for key, value, _ in one.mapping("when")), None)
        setting = Setting(
            name,
            kind,
            one.boolean("required"),
            from_node(one.node("default")),
            one.texts("values", required=kind == "choice"),
            when,
            _pattern(one),
            one.text("description"),
            from_node(one.node("example")),
        )
        one.finish()
        yield setting


def _pattern(one: Section) -> str:
    pattern = one.text("pattern")
    try:
        re.compile(pattern)
    except re.error as error:
        one.problems.add(
            "invalid-pattern",
            f"the pattern of {one.what} is no regular expression: {error}",
            one.place("pattern"),
            "write a regular expression that the whole text must match",
        )
        return ""
    return pattern


def with_defaults(settings: Mapping[str, Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values, and the defaults of those that were not given."""
    return {name: given.get(name, setting.default) for name, setting in settings.items()}
