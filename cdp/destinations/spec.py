"""`destinations.yml`: the configured destinations, as frozen specs.

Owns reading and checking the settings of each destination against the manifest
of its type. Secrets stay `env:NAME` here; `cdp.destinations.secrets` resolves
them at the last moment. Does not send anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cdp.destinations.manifest import Manifest, Setting, load_manifests
from cdp.errors import Location, Problems, suggest
from cdp.yamlfile import Section, read_yaml

SettingValue = str | int | bool | None
ENV = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)\Z")
_PLAIN_URL = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?\Z")


@dataclass(frozen=True)
class Destination:
    """A place that syncs write to, on the dbt targets that `live_on` names."""

    name: str
    type: str
    settings: Mapping[str, SettingValue] = field(repr=False)
    live_on: tuple[str, ...]
    location: Location

    @property
    def manifest(self) -> Manifest:
        return load_manifests()[self.type]


def read_destinations(path: Path, problems: Problems) -> dict[str, Destination]:
    """The destinations of a file, by name; a missing file means none."""
    if not path.exists():
        return {}
    node = read_yaml(path, problems)
    if node is None:
        return {}
    section = Section(node, path.name, problems)
    found: dict[str, Destination] = {}
    for one in section.sections("destinations", "destination", required=True):
        destination = _destination(one)
        if destination is None:
            continue
        if destination.name in found:
            problems.add(
                "duplicate-name",
                f"there are two destinations '{destination.name}'",
                destination.location,
                f"rename one; the first is at {found[destination.name].location}",
            )
            continue
        found[destination.name] = destination
    section.finish()
    return found


def _destination(one: Section) -> Destination | None:
    name = one.name("name")
    one.what = f"destination '{name}'" if name else one.what
    place = one.place("name")
    manifests = load_manifests()
    kind = one.text("type", required=True)
    one.text("description")
    live_on = one.texts("live_on", required=True)
    settings_section = one.section("settings", f"settings of {one.what}")
    one.finish()
    if not kind:
        return None
    if kind not in manifests:
        one.problems.add(
            "unknown-destination-type",
            f"{one.what} has the type '{kind}', which does not exist",
            one.place("type"),
            suggest(kind, manifests),
        )
        return Destination(name, kind, {}, live_on, place) if name else None
    settings = _settings(one, settings_section, manifests[kind])
    return Destination(name, kind, settings, live_on, place) if name else None


def _settings(
    one: Section, section: Section | None, manifest: Manifest
) -> Mapping[str, SettingValue]:
    values: dict[str, SettingValue] = {}
    for setting in manifest.settings.values():
        if section is None:
            values[setting.name] = setting.default
            if setting.is_required:
                one.problems.add(
                    "missing-key",
                    f"{one.what} has no setting '{setting.name}'",
                    one.location,
                    f"add 'settings: {{{setting.name}: ...}}'",
                )
            continue
        is_needed = setting.is_required or (
            setting.when is not None and values.get(setting.when[0]) == setting.when[1]
        )
        values[setting.name] = _setting(section, setting, is_needed)
    if section is not None:
        section.finish(show_lines=False)
    return values


def _setting(section: Section, setting: Setting, is_needed: bool) -> SettingValue:
    name = setting.name
    if name not in section:
        section.node(name, required=is_needed)
        default: SettingValue = setting.default
        return default
    if setting.type == "choice":
        return section.choice(name, setting.values, default=str(setting.default or ""))
    if setting.type == "integer":
        return section.integer(name, minimum=1)
    if setting.type == "boolean":
        return section.boolean(name)
    node = section.node(name)
    is_text = node is not None and isinstance(node.value, str)
    if setting.type == "secret" and not (is_text and ENV.match(str(node and node.value))):
        place = section.place(name)
        section.problems.add(
            "plain-secret",
            f"'{name}' of {section.what} (line {place.line}) is a secret and must not stand "
            "in a file",
            _without_source(place),
            f"write '{name}: env:SOME_NAME' and set that environment variable",
        )
        return None
    text = section.text(name)
    if text and not ENV.match(text) and not setting.fits(text):
        section.problems.add(
            "invalid-setting",
            f"'{name}' of {section.what} has not the form that it must have",
            _without_source(section.place(name)),
            setting.description or f"it must match {setting.pattern}",
        )
    if text and setting.type == "url" and not ENV.match(text) and not _PLAIN_URL.match(text):
        section.problems.add(
            "invalid-url",
            f"'{name}' of {section.what} is not a plain http(s) address",
            _without_source(section.place(name)),
            "write https://host/path or env:SOME_NAME; user names and passwords "
            "belong in 'auth', not in the address",
        )
    return text


def _without_source(place: Location) -> Location:
    """The place without its column, so that the line with the secret is not printed."""
    return Location(place.path)
