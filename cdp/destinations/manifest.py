"""Manifests: what a kind of destination can do, as data.

Owns the manifest format (one YAML a destination type in `manifests/`), its
closed reading and its checks. A manifest is either for the HTTP engine or for
the file driver. Does not send anything and knows no configured destination.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from cdp.destinations.template import Template, from_node, placeholders
from cdp.errors import Problems, suggest
from cdp.yamlfile import Node, Section, read_yaml

MANIFESTS = Path(__file__).parent / "manifests"
SETTING_TYPES = ("text", "url", "secret", "choice", "integer", "boolean")
DRIVERS = ("http", "file")
FILE_FORMATS = ("csv", "jsonl", "parquet")
OPERATIONS = ("upsert", "remove")
IDEMPOTENCY = ("key_header", "natural", "none")
RETRY_STATUSES = (408, 425, 429, *range(500, 600))
FATAL_STATUSES = (401, 403, 404)
_SCOPE = {"settings", "sync", "destination", "rows", "row", "operation"}


@dataclass(frozen=True)
class Setting:
    """One setting that a destination of this type may have."""

    name: str
    type: str
    is_required: bool = False
    default: Any = None
    values: tuple[str, ...] = ()
    when: tuple[str, str] | None = None


@dataclass(frozen=True)
class RowResults:
    """Where a response says what became of each row, by position."""

    items: str
    status: str
    accepted: str
    reason: str


@dataclass(frozen=True)
class Operation:
    """One request: the row operations it serves, how rows are batched and what is sent."""

    serves: tuple[str, ...]
    method: Template
    url: Template
    max_items: Template
    max_bytes: int
    body: Template
    rows: RowResults | None = None


@dataclass(frozen=True)
class Retry:
    """When and how often a request is tried again. Times in seconds."""

    statuses: tuple[int, ...] = RETRY_STATUSES
    attempts: int = 6
    base_s: float = 1.0
    cap_s: float = 60.0


@dataclass(frozen=True)
class Http:
    """What all requests of an HTTP destination share."""

    operations: tuple[Operation, ...]
    timeout_s: float = 30.0
    idempotency: str = "none"
    idempotency_header: str = "Idempotency-Key"
    auth: Mapping[str, Template] = field(default_factory=dict)
    headers: Mapping[str, Template] = field(default_factory=dict)
    signature: Mapping[str, Template] = field(default_factory=dict)
    retry: Retry = field(default_factory=Retry)
    fatal: tuple[int, ...] = FATAL_STATUSES

    def serving(self, operation: str) -> Operation:
        """The request that carries rows of this operation."""
        return next(one for one in self.operations if operation in one.serves)


@dataclass(frozen=True)
class Manifest:
    """A type of destination. Exactly one of `http` and `file_format` is set."""

    name: str
    title: str
    settings: Mapping[str, Setting]
    http: Http | None = None
    file_format: str | None = None

    @property
    def is_idempotent(self) -> bool:
        """Whether a batch whose answer was lost may be sent again."""
        return self.http is None or self.http.idempotency != "none"


@cache
def load_manifests() -> Mapping[str, Manifest]:
    """The manifests that ship with the package, by name.

    Raises DefinitionError with every mistake in them.
    """
    problems = Problems()
    read = [read_manifest(path, problems) for path in sorted(MANIFESTS.glob("*.yml"))]
    problems.raise_if_any()
    return {manifest.name: manifest for manifest in read if manifest}


def read_manifest(path: Path, problems: Problems) -> Manifest | None:
    """The manifest in a file; mistakes are added to `problems`."""
    node = read_yaml(path, problems)
    if node is None:
        return None
    section = Section(node, f"manifest '{path.stem}'", problems)
    section.integer("version", required=True, minimum=1)
    name = section.name("name")
    title = section.text("title", required=True)
    section.text("docs")
    settings = _settings(section)
    driver = section.choice("driver", DRIVERS, required=True)
    http = _http(section, settings) if driver == "http" else None
    file_format = (
        section.choice("format", FILE_FORMATS, required=True) if driver == "file" else None
    )
    section.finish()
    return Manifest(name, title, settings, http, file_format)


def _settings(section: Section) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    for name, node, _ in section.mapping("settings", required=True):
        one = Section(node, f"setting '{name}'", section.problems)
        kind = one.choice("type", SETTING_TYPES, required=True)
        when = next(
            ((key, str(value.value)) for key, value, _ in one.mapping("when")),
            None,
        )
        found[name] = Setting(
            name,
            kind,
            one.boolean("required"),
            from_node(one.node("default")),
            one.texts("values", required=kind == "choice"),
            when,
        )
        one.finish()
    return found


def _http(section: Section, settings: Mapping[str, Setting]) -> Http:
    http = section.section("http", f"http of {section.what}", required=True)
    if http is None:
        return Http(())
    for key in ("auth", "headers", "signature", "operations"):
        _check_placeholders(http.node(key), settings, http)
    operations = tuple(
        _operation(one) for one in http.sections("operations", "operation", required=True)
    )
    _check_served(operations, http)
    found = Http(
        operations,
        timeout_s=_seconds(http, "timeout_s", 30.0),
        idempotency=http.choice("idempotency", IDEMPOTENCY, required=True, default="none"),
        idempotency_header=http.text("idempotency_header", default="Idempotency-Key"),
        auth={name: from_node(node) for name, node, _ in http.mapping("auth")},
        headers={name: from_node(node) for name, node, _ in http.mapping("headers")},
        signature={name: from_node(node) for name, node, _ in http.mapping("signature")},
        retry=_retry(http),
        fatal=_statuses(http, "fatal", FATAL_STATUSES),
    )
    http.finish()
    return found


def _operation(one: Section) -> Operation:
    serves = one.texts("serves", required=True)
    for name in serves:
        if name not in OPERATIONS:
            one.problems.add(
                "unknown-value",
                f"'{name}' is not a row operation",
                one.place("serves"),
                suggest(name, OPERATIONS),
            )
    batch = one.section("batch", "batch", required=True)
    max_items: Template = 1
    max_bytes = 1_000_000
    if batch is not None:
        max_items = from_node(batch.node("max_items", required=True))
        max_bytes = batch.integer("max_bytes", default=max_bytes, minimum=1)
        batch.finish()
    found = Operation(
        serves,
        from_node(one.node("method", required=True)),
        from_node(one.node("url", required=True)),
        max_items,
        max_bytes,
        from_node(one.node("body", required=True)),
        _rows(one),
    )
    one.finish()
    return found


def _rows(one: Section) -> RowResults | None:
    rows = one.section("rows", "rows")
    if rows is None:
        return None
    found = RowResults(
        rows.text("items", required=True),
        rows.text("status", required=True),
        rows.text("accepted", required=True),
        rows.text("reason", default="reason"),
    )
    rows.finish()
    return found


def _retry(http: Section) -> Retry:
    retry = http.section("retry", "retry")
    if retry is None:
        return Retry()
    found = Retry(
        _statuses(retry, "statuses", RETRY_STATUSES),
        retry.integer("attempts", default=6, minimum=1),
        _seconds(retry, "base_s", 1.0),
        _seconds(retry, "cap_s", 60.0),
    )
    retry.finish()
    return found


def _seconds(section: Section, key: str, default: float) -> float:
    node = section.node(key)
    if node is None:
        return default
    if isinstance(node.value, (int, Decimal)) and not isinstance(node.value, bool):
        return float(node.value)
    section.wrong(key, node, "a number of seconds")
    return default


def _statuses(section: Section, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
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


def _check_placeholders(
    node: Node | None, settings: Mapping[str, Setting], section: Section
) -> None:
    for path, place in placeholders(node):
        root, _, rest = path.partition(".")
        if root not in _SCOPE:
            section.problems.add(
                "unknown-placeholder",
                f"'{path}' stands for nothing in a manifest",
                place.location,
                suggest(root, _SCOPE),
            )
        elif root == "settings" and rest not in settings:
            section.problems.add(
                "unknown-placeholder",
                f"'{path}' is not a setting of this manifest",
                place.location,
                suggest(rest, settings),
            )


def _check_served(operations: tuple[Operation, ...], section: Section) -> None:
    served = [name for one in operations for name in one.serves]
    for name in OPERATIONS:
        if served.count(name) != 1 and operations:
            section.problems.add(
                "unserved-operation",
                f"{served.count(name)} operations serve '{name}'",
                section.place("operations"),
                "name each of 'upsert' and 'remove' in the 'serves' of exactly one operation",
            )
