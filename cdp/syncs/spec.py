"""`definitions/syncs/<name>.yml`: what is kept equal where, as frozen specs.

Owns the closed reading of one sync. Whether the audience, the traits and the
destination exist is checked with the catalogue in `cdp.syncs.check`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdp.errors import Location, Problems, suggest
from cdp.sql.values import check_text
from cdp.syncs.fields import Field, read_fields, sources
from cdp.syncs.filters import Condition, read_filter, tests
from cdp.syncs.limits import Alert, Guards, read_alert, read_approval, read_guards
from cdp.syncs.origin import Origin, read_origin
from cdp.syncs.schedule import Schedule, read_schedule
from cdp.yamlfile import Scalar, Section, read_yaml

# What becomes of rows that leave, by mode; events and messages have no such rows.
MODES = {
    "mirror": "remove",
    "upsert": "nothing",
    "insert": "nothing",
    "update": "nothing",
    "archive": "remove",
    "add_remove": "remove",
    "append": "",
}
MAPPING_CHOICES = ("all", "changed_columns", "none")


@dataclass(frozen=True)
class Option:
    """A value that the destination's object asks a sync for, such as the id of a list."""

    name: str
    value: Scalar
    location: Location


@dataclass(frozen=True)
class Consent:
    """A category of consent that a profile must have granted."""

    category: str
    location: Location


@dataclass(frozen=True)
class Sync:
    """One kind of row, kept equal in one destination.

    `object` names the kind of rows there (empty where there is only one); `mode`,
    `on_leave` and `on_mapping_change` are empty when the definition does not say them;
    a mode says `on_leave` too. A plan of more rows than `approval_above` must be
    approved.
    """

    name: str
    description: str
    origin: Origin
    destination: str
    key: str
    fields: tuple[Field, ...]
    on_leave: str
    guards: Guards
    location: Location
    destination_location: Location
    key_location: Location | None = None
    object: str = ""
    object_location: Location | None = None
    options: tuple[Option, ...] = ()
    on_mapping_change: str = ""
    approval_above: int | None = None
    mode: str = ""
    mode_location: Location | None = None
    alert: Alert | None = None
    filter: Condition | None = None
    consent: tuple[Consent, ...] = ()
    schedule: Schedule | None = None

    @property
    def sources(self) -> tuple[Field, ...]:
        """The simple fields that its rows are made of, and those that its filter tests."""
        mapped = [one for field in self.fields for one in sources(field)]
        return (*mapped, *(test.field for test in tests(self.filter)))

    @property
    def model_name(self) -> str:
        """The generated dbt model with the desired state."""
        return f"sync__{self.name}"


def read_sync(path: Path, problems: Problems) -> Sync | None:
    """The sync in a file; mistakes are added to `problems`."""
    node = read_yaml(path, problems)
    if node is None:
        return None
    section = Section(node, f"sync '{path.stem}'", problems)
    name = section.name("name")
    if name and name != path.stem:
        problems.add(
            "name-mismatch",
            f"the file {path.name} defines a sync named '{name}'",
            section.place("name"),
            f"name the file {name}.yml, or the sync '{path.stem}'",
        )
    description = section.text("description", required=True)
    origin = read_origin(section)
    destination = section.name("destination")
    fields = read_fields(section)
    mode = section.choice("mode", tuple(MODES))
    sync = Sync(
        name,
        description,
        origin,
        destination,
        _key(section, fields, origin),
        fields,
        _on_leave(section, mode),
        read_guards(section),
        section.place("name"),
        section.place("destination"),
        section.place("key"),
        section.name("object", required=False),
        section.place("object"),
        tuple(_options(section)),
        section.choice("on_mapping_change", MAPPING_CHOICES),
        read_approval(section),
        mode,
        section.place("mode"),
        read_alert(section),
        read_filter(section),
        tuple(_consent(section)),
        read_schedule(section),
    )
    section.finish()
    return sync if name else None


def _consent(section: Section) -> Iterator[Consent]:
    names, node = section.texts("consent"), section.node("consent")
    if node is None:
        return
    items = node.value if isinstance(node.value, tuple) else (node,)
    if not items:
        section.items("consent", required=True)
    # A category given twice is asked for once.
    places = dict(reversed([(item.value, item) for item in items if item.value in names]))
    for name in dict.fromkeys(names):
        if check_text(name, f"'consent' of {section.what}", places[name], section.problems):
            yield Consent(name, places[name].location)


def _on_leave(section: Section, mode: str) -> str:
    on_leave = section.choice("on_leave", ("remove", "nothing"))
    if mode and on_leave:
        section.problems.add(
            "ambiguous-mode",
            f"{section.what} has both 'mode' and 'on_leave'",
            section.place("on_leave"),
            "keep one of them; a mode says what becomes of rows that leave",
        )
    return MODES[mode] if mode else on_leave


def _options(section: Section) -> Iterator[Option]:
    for name, node, place in section.mapping("options"):
        value = node.value
        if value is None or isinstance(value, (dict, tuple)):
            section.problems.add(
                "wrong-type",
                f"option '{name}' of {section.what} must be text, a number or true or false, "
                f"not {node.kind}",
                node.location,
                "write one value",
            )
            value = None
        yield Option(name, value, place)


def _key(section: Section, fields: tuple[Field, ...], origin: Origin) -> str:
    key = section.text("key", default=origin.key)
    names = [field.name for field in fields]
    if key != origin.key and key not in names:
        section.problems.add(
            "unknown-key-field",
            f"the key '{key}' of {section.what} is not one of its fields",
            section.place("key"),
            suggest(key, [origin.key, *names]),
        )
    return key
