"""The documentation page of a destination, from its manifest alone.

Owns the words around what the manifest says; a test keeps docs/destinations
current. Does not read any configured destination.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cdp.destinations.manifest import Http, Manifest, Object, Operation, Setting
from cdp.destinations.manifest.objects import FieldRule

_KINDS = {
    "record": "a row is kept equal: it is sent when it is new and when it changes",
    "event": "a row is sent once and never again, whatever becomes of it",
    "message": "a row is sent once and never again; sending it twice would hurt",
    "audience": "a row is a member: it is added when it enters",
}
_IDEMPOTENCY = {
    "natural": "writing the same row twice changes nothing",
    "key_header": "a batch that is sent again bears the same key in a header",
    "key_field": "a row that is sent again bears the same id",
    "none": "a request whose answer is lost is not sent again: its rows stay unknown, and are "
    "reported",
}


_HOLDS = {
    ("file", ""): "files",
    ("bucket", ""): "files",
    ("table", ""): "a table for each sync",
    ("redis", "hash"): "a hash for each row",
    ("redis", "set"): "a set for each sync",
    ("stream", ""): "messages",
    ("mail", ""): "alerts",
}
"""What a destination without objects holds, by its driver and, where that matters, the kind."""


def destination_page(manifest: Manifest) -> str:
    """The page of one destination, in Markdown."""
    parts = [
        f"# {manifest.title}\n",
        f"{manifest.description}\n",
        *([f"The vendor's documentation: <{manifest.docs}>\n"] if manifest.docs else []),
        _configuration(manifest),
        *(_objects(manifest, manifest.http) if manifest.http else _written(manifest)),
        _facts(manifest),
    ]
    return "\n".join(part for part in parts if part)


def index_page(manifests: Iterable[Manifest]) -> str:
    """The list of all destinations."""
    rows = [
        (
            f"[{one.title}]({one.name}.md)",
            f"`{one.name}`",
            ", ".join(f"`{name}`" for name in one.http.objects) if one.http else what_it_is(one),
            one.description,
        )
        for one in sorted(manifests, key=lambda one: one.title.lower())
    ]
    return (
        "# Destinations\n\n"
        "These pages are printed from the manifests in `cdp/destinations/manifests/`. How syncs\n"
        "are written and run is in [syncs.md](../syncs.md).\n\n"
        + _table(("destination", "`type`", "`object`", "what it holds"), rows)
    )


def what_it_is(manifest: Manifest) -> str:
    """What a destination without objects holds."""
    of_driver = _HOLDS.get((manifest.driver, ""), "")
    return _HOLDS.get((manifest.driver, manifest.variant), of_driver)


def example_of(manifest: Manifest) -> str:
    """How a destination of this type is written in destinations.yml."""
    lines = [
        "destinations:",
        f"  - name: {manifest.name}",
        f"    type: {manifest.name}",
        "    live_on: [prod]",
    ]
    needed = [one for one in manifest.settings.values() if one.is_required]
    if needed:
        lines.append("    settings:")
    for one in needed:
        value = f"env:{manifest.name.upper()}_{one.name.upper()}"
        if one.type != "secret" and one.example is not None:
            value = _scalar(one.example)
        lines.append(f"      {one.name}: {value}")
    return "\n".join(lines) + "\n"


def sync_example(manifest: Manifest, shape: Object) -> str:
    """How a sync to an object is written."""
    assert manifest.http is not None
    key = next(iter(shape.keys), "external_id")
    lines = [
        f"name: customers_to_{manifest.name}",
        "description: Customers.",
        "from: {model: customers}" if shape.appends else "from: {audience: vip_customers}",
        f"destination: {manifest.name}",
    ]
    if len(manifest.http.objects) > 1:
        lines.append(f"object: {shape.name}")
    options = [one for one in shape.options.values() if one.is_required]
    if options:
        said = ", ".join(f"{one.name}: {_scalar(one.example)}" for one in options)
        lines.append(f"options: {{{said}}}")
    if shape.appends:
        key = "message_id"
    lines += [f"key: {key}", "fields:", f"  {key}: {_source(key)}"]
    required = [one for one in shape.fields.values() if one.is_required and one.name != key]
    lines += [f"  {one.name}: {{column: {one.name}}}" for one in required]
    if not shape.appends and not shape.serves("remove"):
        lines.append("on_leave: nothing")
    return "\n".join(lines) + "\n"


def _objects(manifest: Manifest, http: Http) -> list[str]:
    return [*(_object(manifest, one) for one in http.objects.values()), _delivery(http)]


def _written(manifest: Manifest) -> list[str]:
    """What is written where no objects say it, with a sync as an example."""
    if not manifest.takes_syncs:
        lines = [
            "alert:",
            "  max_rejected_ratio: 0.05",
            f"  notify: {{destination: {manifest.name}}}",
        ]
        return [_with_example("What is sent", lines, manifest)]
    lines = [
        f"name: vip_customers_to_{manifest.name}",
        "description: The best customers.",
        "from: {audience: vip_customers}",
        f"destination: {manifest.name}",
        "fields:",
        "  email: {identifier: email}",
        "  lifetime_value: {trait: lifetime_value}",
    ]
    return [_with_example("What is written", lines, manifest)]


def _with_example(title: str, example: list[str], manifest: Manifest) -> str:
    notes = "".join(f"- {note.strip()}\n" for note in manifest.notes)
    text = "\n".join(example)
    return f"## {title}\n\n```yaml\n{text}\n```\n\n{notes}"


def _source(key: str) -> str:
    if key == "email":
        return "{identifier: email}"
    return "{identifier: user_id}" if key in ("user_id", "external_id") else f"{{column: {key}}}"


def _configuration(manifest: Manifest) -> str:
    rows = [
        (f"`{one.name}`", _type(one), _default(one), one.description)
        for one in manifest.settings.values()
    ]
    table = _table(("setting", "type", "default", ""), rows) if rows else ""
    return f"## Configuration\n\n```yaml\n{example_of(manifest)}```\n\n{table}"


def _object(manifest: Manifest, shape: Object) -> str:
    key = ", ".join(f"`{name}`" for name in shape.keys)
    if shape.takes_any_key:
        key = f"any field{f', normalised for {key}' if key else ''}"
    text = [
        f"## `{shape.name}`: {shape.title}\n",
        *([f"{shape.description}\n"] if shape.description else []),
        f"- kind: **{shape.kind}**: {_KINDS[shape.kind]}",
        f"- key of a sync: {key}",
        f"- rows that leave: {_leaving(shape)}",
        f"- a lost answer: {_IDEMPOTENCY[shape.idempotency]}",
        *(f"- {line}" for line in _batches(shape)),
        "",
        f"```yaml\n{sync_example(manifest, shape)}```\n",
    ]
    if shape.options:
        rows = [
            (f"`{one.name}`", _type(one), _default(one), one.description)
            for one in shape.options.values()
        ]
        text.append(_table(("option", "type", "default", ""), rows))
    rules = [*shape.identifiers.values(), *shape.fields.values()]
    if rules:
        text.append(
            _table(("field", "sent as", "before it is sent", ""), [_field(one) for one in rules])
        )
    if shape.unknown_fields == "reject":
        text.append("It has no other fields.\n")
    return "\n".join(text)


def _leaving(shape: Object) -> str:
    if shape.appends:
        return "stay"
    if shape.serves("remove"):
        return "are removed"
    return "stay (`on_leave: nothing` must say so)"


def _batches(shape: Object) -> list[str]:
    return [
        f"{' and '.join(one.serves)}: `{_said(one.request.method)} {_said(one.request.url)}`, "
        f"{_rows(one)} and {one.max_bytes:,} bytes a {'job' if one.job else 'request'}"
        + _looked_up(one)
        + _updated(one)
        + _asked(one)
        for one in shape.operations
    ]


def _rows(operation: Operation) -> str:
    most = operation.max_items
    return f"up to {most:,} rows" if isinstance(most, int) else f"up to `{_said(most)}` rows"


def _updated(operation: Operation) -> str:
    if "update" not in operation.serves or operation.lookup is not None:
        return ""
    is_told = operation.if_missing == "reject"
    return f"; what is not there is {'rejected' if is_told else 'left out, and counts as accepted'}"


def _looked_up(operation: Operation) -> str:
    if operation.lookup is None:
        return ""
    missing = {
        "accept": "what is not there is done",
        "reject": "what is not there is rejected",
        "create": "what is not there is made",
    }
    what = missing[operation.lookup.if_missing]
    return f", after looking up ids that the ledger does not have ({what})"


def _asked(operation: Operation) -> str:
    if operation.job is None:
        return ""
    return (
        f"; a run asks for {operation.job.within_s:.0f} s how its jobs are, and the next one "
        "goes on with those that are not done: their rows are `staged`"
    )


def _field(rule: FieldRule) -> tuple[str, ...]:
    value = rule.value
    steps = [name.replace("_", " ") for name in value.normalize]
    steps += [f"must be {value.validate}"] if value.validate else []
    steps += [f"{value.hash}, unless it is one already"] if value.hash else []
    needed = "required. " if rule.is_required else ""
    return (f"`{rule.name}`", f"`{rule.sent_as}`", ", ".join(steps), needed + rule.description)


def _delivery(http: Http) -> str:
    lines = [f"- authentication: {http.auth.get('kind', 'none')}"]
    for limit in http.limits:
        what = f"{limit.requests:,} requests" if limit.requests else f"{limit.rows:,} rows"
        lines.append(f"- at most {what} in {limit.per_s:,.0f} s, over all syncs of the destination")
    if http.retry.throttle_s:
        lines.append(f"- after a 429 nothing is sent for {http.retry.throttle_s:.0f} s")
    lines += [f"- `{one.name}` says when to try again" for one in http.resets]
    return "## Delivery\n\n" + "\n".join(lines) + "\n"


def _facts(manifest: Manifest) -> str:
    if not manifest.facts:
        return ""
    rows = [
        (one.what, one.source + ("" if one.is_verified else " (not verified)"), one.checked)
        for one in manifest.facts
    ]
    return "## Where this is from\n\n" + _table(("fact", "source", "read on"), rows)


def _type(setting: Setting) -> str:
    kind = " or ".join(f"`{value}`" for value in setting.values) or setting.type
    return f"{kind}, required" if setting.is_required else kind


def _default(setting: Setting) -> str:
    return "" if setting.default is None else f"`{setting.default}`"


def _scalar(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and value.isdigit() else str(value)


def _said(template: Any) -> str:
    return str(template).replace("{{ ", "<").replace(" }}", ">").replace("settings.", "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |\n"
        for line in lines
    )


def pages(manifests: Mapping[str, Manifest]) -> dict[str, str]:
    """Every page by its file's name."""
    found = {"README.md": index_page(manifests.values())}
    return found | {f"{one.name}.md": destination_page(one) for one in manifests.values()}
