"""Manifests: what a kind of destination can do, as data.

Owns the manifest format (one YAML a destination type in `manifests/`), its
closed reading and its checks, divided by concern: `settings`, `http`, `objects`,
`replies`. A manifest is for the HTTP engine, or for one of the drivers that are
code. Does not send anything and knows no configured destination.
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
VARIANTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "file": ("format", ("csv", "jsonl", "parquet")),
    "table": ("dialect", ("sqlite", "postgres", "mysql")),
    "bucket": ("store", ("s3", "gcs")),
    "redis": ("shape", ("hash", "set")),
    "stream": ("system", ("kafka",)),
    "mail": ("protocol", ("smtp",)),
}
"""The drivers that are code, each with the key that says which kind of it, and the kinds."""
DRIVERS = ("http", *VARIANTS)
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
    """A type of destination. `http` is set for the driver http, `variant` for the others.

    `notes` say what is written there, where no objects do.
    """

    name: str
    title: str
    settings: Mapping[str, Setting]
    driver: str
    variant: str = ""
    http: Http | None = None
    docs: str = ""
    description: str = ""
    notes: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = field(default=())

    def object(self, name: str) -> Object | None:
        """An object by name; without a name the only one. None for other drivers and names."""
        if self.http is None:
            return None
        if not name and len(self.http.objects) == 1:
            return next(iter(self.http.objects.values()))
        return self.http.objects.get(name)

    @property
    def takes_syncs(self) -> bool:
        """Whether rows can be kept there; if not, it takes alerts only."""
        return self.driver != "mail"

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
    notes = section.texts("notes")
    settings = read_settings(section, "settings", required=True)
    driver = section.choice("driver", DRIVERS, required=True)
    http = read_http(section, settings) if driver == "http" else None
    if http is not None and http.base_url:
        settings[ENDPOINT] = _ENDPOINT
    variant = ""
    if driver in VARIANTS:
        key, kinds = VARIANTS[driver]
        variant = section.choice(key, kinds, required=True)
    facts = tuple(_fact(one) for one in section.sections("facts", "fact"))
    section.finish()
    return Manifest(name, title, settings, driver, variant, http, docs, description, notes, facts)


def _fact(one: Section) -> Fact:
    found = Fact(
        one.text("what", required=True),
        one.text("source", required=True),
        one.text("checked", required=True),
        one.boolean("verified", default=True),
    )
    one.finish()
    return found
