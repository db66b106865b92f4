"""Manifests: what a kind of destination can do, as data.

Owns the manifest format (one YAML a destination type in `manifests/`), its
closed reading and its checks, divided by concern: `settings`, `http`, `objects`,
`replies`. A manifest is for the HTTP engine, or for the driver of files or
of tables. Does not send anything and knows no configured destination.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cdp.destinations.manifest.http import Http, RateLimit, Retry, read_http
from cdp.destinations.manifest.objects import FieldRule, Object, Operation
from cdp.destinations.manifest.settings import Setting, read_settings
from cdp.errors import Problems
from cdp.yamlfile import Section, read_yaml

__all__ = [
    "FieldRule",
    "Http",
    "Manifest",
    "Object",
    "Operation",
    "RateLimit",
    "Retry",
    "Setting",
    "load_manifests",
    "read_manifest",
]

MANIFESTS = Path(__file__).parent.parent / "manifests"
CASES = ".cases.yml"
DRIVERS = ("http", "file", "table")
FILE_FORMATS = ("csv", "jsonl", "parquet")
TABLE_DIALECTS = ("sqlite", "postgres", "mysql")
ENDPOINT = "endpoint"
_ENDPOINT = Setting(
    ENDPOINT,
    "url",
    description="Replaces scheme and host of every address: for a simulator or a gateway.",
)


@dataclass(frozen=True)
class Fact:
    """Where a number or a behaviour of the manifest was read, and when.

    `is_verified` is false for what is known but was not found in a source.
    """

    what: str
    source: str
    checked: str
    is_verified: bool


@dataclass(frozen=True)
class Manifest:
    """A type of destination. Exactly one of `http`, `file_format` and `table_dialect` is set."""

    name: str
    title: str
    settings: Mapping[str, Setting]
    http: Http | None = None
    file_format: str | None = None
    docs: str = ""
    description: str = ""
    facts: tuple[Fact, ...] = field(default=())
    table_dialect: str | None = None

    def object(self, name: str) -> Object | None:
        """An object by name; without a name the only one. None for files and unknown names."""
        if self.http is None:
            return None
        if not name and len(self.http.objects) == 1:
            return next(iter(self.http.objects.values()))
        return self.http.objects.get(name)

    def is_idempotent(self, name: str = "") -> bool:
        """Whether a batch of an object whose answer was lost may be sent again."""
        found = self.object(name)
        return found is None or found.is_idempotent


@cache
def load_manifests() -> Mapping[str, Manifest]:
    """The manifests that ship with the package, by name.

    Raises DefinitionError with every mistake in them.
    """
    problems = Problems()
    paths = [path for path in sorted(MANIFESTS.glob("*.yml")) if not path.name.endswith(CASES)]
    read = [read_manifest(path, problems) for path in paths]
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
    docs, description = section.text("docs"), section.text("description")
    settings = read_settings(section, "settings", required=True)
    driver = section.choice("driver", DRIVERS, required=True)
    http = read_http(section, settings) if driver == "http" else None
    if http is not None and http.base_url:
        settings[ENDPOINT] = _ENDPOINT
    file_format = (
        section.choice("format", FILE_FORMATS, required=True) if driver == "file" else None
    )
    dialect = (
        section.choice("dialect", TABLE_DIALECTS, required=True) if driver == "table" else None
    )
    facts = tuple(_fact(one) for one in section.sections("facts", "fact"))
    section.finish()
    return Manifest(name, title, settings, http, file_format, docs, description, facts, dialect)


def _fact(one: Section) -> Fact:
    found = Fact(
        one.text("what", required=True),
        one.text("source", required=True),
        one.text("checked", required=True),
        one.boolean("verified", default=True),
    )
    one.finish()
    return found
