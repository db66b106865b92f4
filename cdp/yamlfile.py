"""YAML with line marks, read into typed values; every mistake is a `Problem`.

Owns the closed, typed reading of definition files: a `Section` is a mapping
whose keys are asked for one by one; whatever was not asked for is an unknown
key. Reading never stops at the first mistake: a wrong value is recorded and a
harmless one of the right type is returned, because nothing is compiled once a
problem was found. Does not know what any definition means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from cdp.errors import Location, Problems, suggest

Scalar = str | int | Decimal | bool | None
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
LONGEST_NAME = 60


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core types: `no` and `on` are words, dates are text."""


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same in C, ten times as fast; where PyYAML has it."""


_Loader.yaml_implicit_resolvers = {}
_FastLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?[0-9]+$", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?$",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))
    _FastLoader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))
# Loading in C does not notice that it runs out of stack; deeper files than these could have.
MOST_BRACKETS, LONGEST_LINE = 1_000, 1_000
MOST_VALUES = 1_000_000


@dataclass(frozen=True)
class Node:
    """A YAML value and where it stands. `value` is a scalar, a tuple of nodes or a mapping."""

    value: Scalar | tuple[Node, ...] | dict[str, Node]
    location: Location
    key_locations: dict[str, Location] = field(default_factory=dict, compare=False)

    @property
    def kind(self) -> str:
        """The type in a user's words."""
        value = self.value
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, tuple):
            return "a list"
        if isinstance(value, bool):
            return "true or false"
        if isinstance(value, (int, Decimal)):
            return "a number"
        if isinstance(value, str) and not value.strip():
            return "empty text"
        return "nothing" if value is None else "text"


def read_yaml(path: Path, problems: Problems, *, may_be_empty: bool = False) -> Node | None:
    """The document in a file, or None when it is missing, unreadable, broken or empty."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problems.add(
            "missing-file",
            f"there is no file {path.name}",
            Location(path),
            "create it, or run the command from another folder",
        )
        return None
    except (OSError, UnicodeDecodeError) as error:
        problems.add(
            "unreadable-file",
            f"{path.name} cannot be read: {error}",
            Location(path),
            "check that it is a UTF-8 text file and that you may read it",
        )
        return None
    try:
        root = _composed(text)
        if root is not None:
            return _Tree(path, problems).read(root)
        if not may_be_empty:
            problems.add(
                "empty-file",
                f"{path.name} says nothing",
                Location(path),
                "write a definition into it, or remove the file",
            )
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = Location(path, mark.line + 1, mark.column + 1) if mark else Location(path)
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        if isinstance(error, RecursionError):
            what = "its lists and mappings stand too deep in each other"
        problems.add(
            "invalid-yaml",
            f"{path.name} is not valid YAML: {what}",
            place,
            "check the indentation and the quotes of this line",
        )
        return None


def _composed(text: str) -> Any:
    """The document's `yaml.Node`, or None; each scalar bears the tag of its type."""
    brackets = text.count("[") + text.count("{")
    if brackets <= MOST_BRACKETS and max(map(len, text.split("\n"))) <= LONGEST_LINE:
        # The loader in Python says better what is wrong.
        with suppress(yaml.YAMLError, ValueError):
            return yaml.compose(text, Loader=_FastLoader)
    return yaml.compose(text, Loader=_Loader)


class _Tree:
    """Nodes of one document. What an alias names is read once, and counts wherever it is named:
    aliases of aliases of aliases would make gigabytes of a page."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self.problems = problems
        self.read_before: dict[int, Node | None] = {}
        self.sizes: dict[int, int] = {}

    def read(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.ScalarNode):
            return Node(_scalar(node), self._place(node))
        if id(node) not in self.read_before:
            self.read_before[id(node)] = None
            self.read_before[id(node)] = self._counted(node)
        found = self.read_before[id(node)]
        if found is not None:
            return found
        self.problems.add(
            "endless-alias",
            "an alias stands inside of what it names",
            self._place(node),
            "write what it should hold instead of the alias",
        )
        return Node(None, self._place(node))

    def _counted(self, node: yaml.Node) -> Node:
        """A collection, unless it has too many values for anybody to read."""
        found = self._collection(node)
        inside = node.value if isinstance(node, yaml.SequenceNode) else [v for _, v in node.value]
        size = 1 + sum(self.sizes.get(id(one), 1) for one in inside)
        if size <= MOST_VALUES:
            self.sizes[id(node)] = size
            return found
        self.problems.add(
            "too-many-values",
            f"it has {size:,} values, counting each alias as what it names",
            found.location,
            f"write at most {MOST_VALUES:,}; a long list belongs in a table",
        )
        return Node(None, found.location)

    def _collection(self, node: yaml.Node) -> Node:
        if isinstance(node, yaml.SequenceNode):
            return Node(tuple(self.read(item) for item in node.value), self._place(node))
        values: dict[str, Node] = {}
        places: dict[str, Location] = {}
        for key_node, value_node in node.value:
            key, place = str(key_node.value), self._place(key_node)
            if key in values:
                self.problems.add(
                    "duplicate-key",
                    f"'{key}' is given twice",
                    place,
                    f"keep one of the two; the first is on line {places[key].line}",
                )
                continue
            values[key], places[key] = self.read(value_node), place
        return Node(values, self._place(node), places)

    def _place(self, node: yaml.Node) -> Location:
        return Location(self.path, node.start_mark.line + 1, node.start_mark.column + 1)


_SCALARS: Mapping[str, Callable[[str], Scalar]] = {
    "bool": lambda text: text.lower() == "true",
    "int": int,
    "float": Decimal,
    "null": lambda text: None,
}


def _scalar(node: yaml.ScalarNode) -> Scalar:
    return _SCALARS.get(node.tag.rsplit(":", 1)[-1], str)(node.value)


class Section:
    """A mapping of a definition, read key by key; call `finish` when all were asked for."""

    def __init__(self, node: Node, what: str, problems: Problems) -> None:
        self.what = what
        self.location = node.location
        self.problems = problems
        self._key_locations = node.key_locations
        self._asked: list[str] = []
        self._values: dict[str, Node] = {}
        if isinstance(node.value, dict):
            self._values = node.value
        else:
            problems.add(
                "wrong-type",
                f"{what} must be a mapping, not {node.kind}",
                node.location,
                "write it as 'key: value' lines",
            )

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> list[str]:
        return list(self._values)

    def place(self, key: str) -> Location:
        """Where the key's value stands, or the section itself when the key is absent."""
        node = self._values.get(key)
        return node.location if node else self.location

    def node(self, key: str, *, required: bool = False) -> Node | None:
        """The raw node of a key, whatever its type."""
        self._asked.append(key)
        node = self._values.get(key)
        if node is None and required:
            self.problems.add(
                "missing-key",
                f"{self.what} has no '{key}'",
                self.location,
                f"add a line '{key}: ...'",
            )
        return node

    def text(self, key: str, *, required: bool = False, default: str = "") -> str:
        node = self.node(key, required=required)
        if node is None:
            return default
        if isinstance(node.value, str) and node.value.strip():
            return node.value
        self.wrong(key, node, "text")
        return default

    def name(self, key: str, *, required: bool = True) -> str:
        """An identifier that becomes part of table or column names."""
        text = self.text(key, required=required)
        if text and (not NAME.match(text) or len(text) > LONGEST_NAME):
            self.problems.add(
                "invalid-name",
                f"{self.what} has the {key} {text!r}",
                self.place(key),
                "use lower-case letters, digits and '_', starting with a letter, "
                f"at most {LONGEST_NAME} characters",
            )
            return ""
        return text

    def choice(
        self, key: str, values: Sequence[str], *, required: bool = False, default: str = ""
    ) -> str:
        text = self.text(key, required=required, default=default)
        if text and text not in values:
            self.problems.add(
                "unknown-value",
                f"'{text}' is not a valid {key} of {self.what}",
                self.place(key),
                suggest(text, values),
            )
            return default
        return text

    def integer(
        self, key: str, *, required: bool = False, default: int = 0, minimum: int | None = None
    ) -> int:
        node = self.node(key, required=required)
        if node is None:
            return default
        if not isinstance(node.value, int) or isinstance(node.value, bool):
            self.wrong(key, node, "a whole number")
            return default
        if minimum is not None and node.value < minimum:
            self.problems.add(
                "out-of-range",
                f"'{key}' of {self.what} is {node.value}",
                node.location,
                f"use {minimum} or more",
            )
            return default
        return node.value

    def boolean(self, key: str, *, default: bool = False) -> bool:
        node = self.node(key)
        if node is None:
            return default
        if isinstance(node.value, bool):
            return node.value
        self.wrong(key, node, "true or false")
        return default

    def section(self, key: str, what: str, *, required: bool = False) -> Section | None:
        node = self.node(key, required=required)
        return None if node is None else Section(node, what, self.problems)

    def items(self, key: str, *, required: bool = False) -> tuple[Node, ...]:
        """The nodes of a list."""
        node = self.node(key, required=required)
        if node is None:
            return ()
        if isinstance(node.value, tuple):
            if not node.value and required:
                self.problems.add(
                    "empty-list",
                    f"'{key}' of {self.what} is empty",
                    node.location,
                    "list at least one entry",
                )
            return node.value
        self.wrong(key, node, "a list")
        return ()

    def sections(self, key: str, what: str, *, required: bool = False) -> list[Section]:
        return [Section(item, what, self.problems) for item in self.items(key, required=required)]

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts; a single text counts as a list of one."""
        node = self.node(key, required=required)
        if node is None:
            return ()
        nodes = node.value if isinstance(node.value, tuple) else (node,)
        texts = []
        for item in nodes:
            if isinstance(item.value, str) and item.value.strip():
                texts.append(item.value)
            else:
                self.wrong(key, item, "text")
        return tuple(texts)

    def mapping(self, key: str, *, required: bool = False) -> Iterator[tuple[str, Node, Location]]:
        """The entries of a free mapping (any key), with the place of each key."""
        node = self.node(key, required=required)
        if node is None:
            return
        if not isinstance(node.value, dict):
            self.wrong(key, node, "a mapping")
            return
        for name, value in node.value.items():
            yield name, value, node.key_locations[name]

    def wrong(self, key: str, node: Node, expected: str) -> None:
        self.problems.add(
            "wrong-type",
            f"'{key}' of {self.what} must be {expected}, not {node.kind}",
            node.location,
            f"write {expected}",
        )

    def finish(self, *, show_lines: bool = True) -> None:
        """Report every key that nothing asked for.

        Without `show_lines` the report gives the line's number but not its text, where a
        misspelt key may stand before a secret.
        """
        for key in self._values:
            if key in self._asked:
                continue
            place = self._key_locations.get(key, self.location)
            self.problems.add(
                "unknown-key",
                f"{self.what} has no setting '{key}'"
                + ("" if show_lines else f" (line {place.line})"),
                place if show_lines else Location(place.path),
                suggest(key, self._asked),
            )
