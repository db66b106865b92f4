"""Whether a sync asks its destination for what the destination's manifest can do.

Adds problems that point into the sync's YAML; nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdp.destinations.manifest import Manifest, Object, load_manifests
from cdp.destinations.manifest.objects import ARCHIVED_AT, BY_MODE
from cdp.destinations.manifest.settings import Setting
from cdp.destinations.spec import Destination
from cdp.errors import Problems, suggest
from cdp.syncs.fields import NESTED, Field
from cdp.syncs.limits import Alert
from cdp.syncs.spec import Option, Sync

_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "boolean": (bool,),
    "text": (str, int),
    "choice": (str,),
}
_MODES = {
    "record": ("mirror", "upsert", "insert"),
    "audience": ("add_remove",),
    "event": ("append",),
    "message": ("append",),
}
"""The modes of each kind of object; of tables and files those of records."""


def check_target(sync: Sync, destination: Destination, problems: Problems) -> None:
    """Adds a problem for the object, each option, the key, each field, `mode` and `on_leave`."""
    manifest = load_manifests().get(destination.type)
    if manifest is None:
        return
    if not manifest.takes_syncs:
        problems.add(
            "alerts-only",
            f"sync '{sync.name}' writes to destination '{destination.name}', and "
            f"{manifest.title} takes alerts only",
            sync.destination_location,
            "name another destination; this one can be told of alerts: "
            f"'alert: {{notify: {{destination: {destination.name}}}}}'",
        )
        return
    found = _check_object(sync, manifest, problems)
    if found is not None or manifest.http is None:
        _check_mode(sync, manifest, found, problems)
        _check_nulls(sync, manifest, found, problems)
        _check_names(sync, manifest, found, problems)
    if sync.origin.is_events:
        _check_takes_events(sync, destination, found, problems)
    if found is None:
        _check_archive(sync, problems)
        return
    _check_options(sync, found, problems)
    _check_key(sync, found, problems)
    _check_fields(sync, found, problems)
    _check_removal(sync, found, problems)


def _check_object(sync: Sync, manifest: Manifest, problems: Problems) -> Object | None:
    if manifest.http is None:
        for what, place in (
            ("object", sync.object_location if sync.object else None),
            ("options", sync.options[0].location if sync.options else None),
        ):
            if place is not None:
                problems.add(
                    "unknown-key",
                    f"sync '{sync.name}' has '{what}', which {manifest.title} do not have",
                    place,
                    f"leave out '{what}'",
                )
        return None
    found = manifest.object(sync.object)
    if found is not None:
        return found
    if sync.object:
        problems.add(
            "unknown-object",
            f"sync '{sync.name}' writes to '{sync.object}', which {manifest.title} does not have",
            sync.object_location,
            suggest(sync.object, manifest.http.objects),
        )
    else:
        problems.add(
            "missing-object",
            f"sync '{sync.name}' does not say what it writes to in {manifest.title}",
            sync.destination_location,
            "add 'object: ...': " + suggest("", manifest.http.objects),
        )
    return None


def _check_mode(sync: Sync, manifest: Manifest, found: Object | None, problems: Problems) -> None:
    modes = _modes(sync, manifest, found)
    if sync.mode and sync.mode not in modes:
        problems.add(
            "unsupported-mode",
            f"sync '{sync.name}' has the mode '{sync.mode}', which "
            f"{found.title if found else manifest.title} do not have"
            + (" for events" if sync.origin.is_events else ""),
            sync.mode_location,
            suggest(sync.mode, modes),
        )


def _modes(sync: Sync, manifest: Manifest, found: Object | None) -> tuple[str, ...]:
    if sync.origin.is_events:
        return _MODES["event"]
    if found is None:
        return (*_MODES["record"], *(BY_MODE if manifest.driver == "table" else ()))
    return (*_MODES[found.kind], *(mode for mode in BY_MODE if found.serves(mode)))


def _check_takes_events(
    sync: Sync, destination: Destination, found: Object | None, problems: Problems
) -> None:
    if found is not None and found.kind == "audience":
        problems.add(
            "not-for-events",
            f"sync '{sync.name}' sends events, and {found.title} hold members",
            sync.origin.location,
            "sync an audience of the profiles that have these events",
        )
    if destination.settings.get("write") == "snapshot":
        problems.add(
            "not-for-events",
            f"sync '{sync.name}' sends events, and destination '{destination.name}' keeps "
            "a file of everything",
            sync.origin.location,
            "name a destination with 'write: changes', where each run writes what is new",
        )
    if sync.on_leave == "remove" and not sync.mode:
        problems.add(
            "not-for-events",
            f"sync '{sync.name}' removes rows that leave, and events do not leave",
            sync.origin.location,
            "leave out 'on_leave'",
        )


def _check_archive(sync: Sync, problems: Problems) -> None:
    """Tables have the column that says when a row left."""
    for field in sync.fields:
        if sync.mode == "archive" and field.name == ARCHIVED_AT:
            problems.add(
                "invalid-name",
                f"sync '{sync.name}' maps '{ARCHIVED_AT}', which its mode writes itself",
                field.location,
                "give the field another name",
            )


def _check_options(sync: Sync, found: Object, problems: Problems) -> None:
    given = {option.name: option for option in sync.options}
    for setting in found.options.values():
        if setting.is_required and setting.name not in given:
            problems.add(
                "missing-option",
                f"sync '{sync.name}' has no option '{setting.name}'"
                + (f": {setting.description}" if setting.description else ""),
                sync.object_location if sync.object else sync.destination_location,
                f"add 'options: {{{setting.name}: ...}}'",
            )
    for option in sync.options:
        if option.name not in found.options:
            problems.add(
                "unknown-option",
                f"sync '{sync.name}' has the option '{option.name}', which {found.title} do not "
                "have",
                option.location,
                suggest(option.name, found.options),
            )
        else:
            _check_option(sync, option, found.options[option.name], problems)


def _check_option(sync: Sync, option: Option, setting: Setting, problems: Problems) -> None:
    value: Any = option.value
    if value is None:
        return
    fits_type = isinstance(value, _TYPES[setting.type]) and (
        isinstance(value, bool) == (setting.type == "boolean")
    )
    if setting.type == "choice" and value not in setting.values:
        help = suggest(str(value), setting.values)
    elif not fits_type:
        help = f"write a value of type {setting.type}"
    elif not setting.fits(str(value)):
        help = setting.description or f"it must match {setting.pattern}"
    else:
        return
    problems.add(
        "invalid-option",
        f"the option '{option.name}' of sync '{sync.name}' cannot be '{value}'",
        option.location,
        help,
    )


def _check_key(sync: Sync, found: Object, problems: Problems) -> None:
    if found.takes_any_key or sync.key in found.keys:
        return
    problems.add(
        "unsupported-key",
        f"sync '{sync.name}' has the key '{sync.key}', by which {found.title} are not found",
        sync.key_location or sync.location,
        "map a field with one of these names and make it the key: "
        + ", ".join(f"'{name}'" for name in found.keys),
    )


def _check_fields(sync: Sync, found: Object, problems: Problems) -> None:
    mapped = {field.name for field in sync.fields}
    for rule in found.fields.values():
        if rule.is_required and rule.name not in mapped:
            problems.add(
                "missing-field",
                f"sync '{sync.name}' has no field '{rule.name}', which {found.title} need",
                sync.location,
                f"map it: '{rule.name}: {{column: ...}}'",
            )
    for field in sync.fields:
        _check_nested(sync, field, found, problems)
    if found.unknown_fields == "send":
        return
    known = {**found.identifiers, **found.fields}
    for field in sync.fields:
        if field.name not in known and field.name != sync.key:
            problems.add(
                "unknown-field",
                f"sync '{sync.name}' maps '{field.name}', which {found.title} do not have",
                field.location,
                suggest(field.name, known),
            )


def _check_nulls(sync: Sync, manifest: Manifest, found: Object | None, problems: Problems) -> None:
    """A null can only be left out where the rest of a row is written without it."""
    keeps_the_rest = manifest.driver == "table" or (found is not None and not found.is_positional)
    for field in sync.fields:
        if field.when_null == "skip" and not keeps_the_rest:
            problems.add(
                "cannot-skip",
                f"sync '{sync.name}' skips '{field.name}' where it is null, and "
                f"{found.title if found else manifest.title} take whole rows",
                field.location,
                "leave out 'when_null: skip'",
            )


def _check_names(sync: Sync, manifest: Manifest, found: Object | None, problems: Problems) -> None:
    """Another name for a field that the destination takes by one name only would say nothing."""
    for field in sync.fields:
        if field.sent_as and (found is None or field.name in found.identifiers):
            problems.add(
                "no-other-name",
                f"sync '{sync.name}' sends '{field.name}' as '{field.sent_as}', and "
                f"{found.title if found else manifest.title} take it by the field's own name",
                field.location,
                "leave out 'as'" + ("" if found else ", and name the field so"),
            )


def _check_nested(sync: Sync, field: Field, found: Object, problems: Problems) -> None:
    rule = {**found.fields, **found.identifiers}.get(field.name)
    if field.kind not in NESTED or rule is None:
        return
    if field.name in found.identifiers or not rule.value.is_plain:
        problems.add(
            "nested-value",
            f"sync '{sync.name}' maps an {field.kind} to '{field.name}', which {found.title} take "
            "as one value",
            field.location,
            "map a column, a trait, an identifier or a template",
        )


def _check_removal(sync: Sync, found: Object, problems: Problems) -> None:
    is_explicit = sync.on_leave == "remove"
    can_remove = found.removes(sync.mode) or sync.mode in BY_MODE
    only_adds = found.appends or sync.origin.is_events
    if can_remove or (only_adds and not is_explicit) or sync.on_leave == "nothing":
        return
    if only_adds and sync.mode:
        return
    problems.add(
        "cannot-remove",
        f"sync '{sync.name}' removes rows that leave, and {found.title} cannot be removed",
        sync.location,
        "add 'on_leave: nothing', and rows that leave stay there",
    )


def check_notified(sync: Sync, destination: Destination, problems: Problems) -> None:
    """Adds a problem when the destination that an alert tells takes no messages."""
    manifest = load_manifests().get(destination.type)
    if manifest is None or sync.alert is None:
        return
    if not manifest.takes_syncs:
        _check_nothing_more(sync, sync.alert, manifest, problems)
        return
    found = manifest.object("")
    if manifest.http is None or found is None or not takes_text(found):
        problems.add(
            "cannot-notify",
            f"the alert of sync '{sync.name}' tells destination '{destination.name}', and "
            f"{manifest.title} takes no messages",
            sync.alert.notify_location,
            "name a destination of type slack, email or webhook",
        )
        return
    given = {"text", *(name for name, _ in sync.alert.notify_fields)}
    for rule in found.fields.values():
        if rule.is_required and rule.name not in given:
            problems.add(
                "missing-field",
                f"the alert of sync '{sync.name}' has no field '{rule.name}', which "
                f"{found.title} need",
                sync.alert.notify_location,
                f"add 'fields: {{{rule.name}: ...}}' beside the destination",
            )


def _check_nothing_more(sync: Sync, alert: Alert, manifest: Manifest, problems: Problems) -> None:
    for name, _ in alert.notify_fields:
        problems.add(
            "unknown-field",
            f"the alert of sync '{sync.name}' has a field '{name}', which {manifest.title} does "
            "not have",
            alert.notify_location,
            f"leave out '{name}'",
        )


def takes_text(found: Object) -> bool:
    """Whether a row with a text says something there."""
    return "text" in found.fields or (found.kind == "record" and found.unknown_fields == "send")
