"""Objects of an HTTP destination: what rows may be there, and the requests that carry them.

Owns their specs and reading: identifiers and fields with their rules, options of
a sync, operations with batching, look-ups and the reading of replies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cdp.destinations.manifest.jobs import Job, read_job
from cdp.destinations.manifest.reading import check_templates, names
from cdp.destinations.manifest.replies import (
    RemoteId,
    Results,
    Rule,
    read_remote_id,
    read_results,
    read_rules,
)
from cdp.destinations.manifest.request import Request, read_request
from cdp.destinations.manifest.settings import Setting, read_settings
from cdp.destinations.normalize import HASHED, HASHES, NORMALIZERS, VALIDATORS, ValueRule
from cdp.destinations.template import Template, from_node
from cdp.yamlfile import Section

OPERATIONS = ("upsert", "remove")
BY_MODE = {"update": "upsert", "archive": "remove"}
"""Modes of a sync with a request of their own, and the operation that it takes the place of."""
SERVED = (*OPERATIONS, *BY_MODE)
ARCHIVED_AT = "archived_at"
"""The column of a table that says when a row left, where a sync archives; else it is null."""
KINDS = ("record", "event", "audience", "message")
IF_MISSING = ("accept", "reject", "create")
IDEMPOTENCY = ("key_header", "key_field", "natural", "none")


@dataclass(frozen=True)
class FieldRule:
    """A field or identifier that the manifest knows; `sent_as` is its name at the vendor.

    `is_key`: rows can be found by it, so that it may be a sync's key.
    """

    name: str
    sent_as: str
    value: ValueRule = field(default_factory=ValueRule)
    is_required: bool = False
    is_personal: bool = False
    description: str = ""
    example: Any = None
    is_key: bool = True


@dataclass(frozen=True)
class Lookup:
    """A request that finds the destination's ids of rows before they are written.

    `list` leads to the found entries (or a mapping keyed by the identifier when
    `match` is empty), `match` to what equals the row's key, `take` to the id.
    """

    request: Request
    list: str
    match: str
    take: str
    if_missing: str
    max_items: int


@dataclass(frozen=True)
class Operation:
    """The row operations it serves, how rows are batched, what is sent, how replies are read.

    Where rows travel by a `job`, `request` is still the one that has them in it.
    `if_missing` says what the vendor makes of an update of a row that is not there.
    """

    serves: tuple[str, ...]
    request: Request
    max_items: Template = 1
    max_bytes: int = 1_000_000
    expects: str = "any"
    create: Request | None = None
    lookup: Lookup | None = None
    results: tuple[Results, ...] = ()
    rules: tuple[Rule, ...] = ()
    remote_id: RemoteId | None = None
    sample: Template = None
    sample_status: int = 200
    job: Job | None = None
    if_missing: str = "reject"

    def filled(self, fill: Callable[[str], str]) -> Operation:
        """The operation with the names in its paths filled in, such as the key's."""
        lookup, remote_id = self.lookup, self.remote_id
        if lookup is not None:
            lookup = replace(lookup, match=fill(lookup.match), take=fill(lookup.take))
        if remote_id is not None:
            remote_id = replace(remote_id, match=fill(remote_id.match))
        return replace(self, lookup=lookup, remote_id=remote_id)


@dataclass(frozen=True)
class Object:
    """A kind of rows at a destination.

    record: one row a key, kept equal. event: appended once. audience: membership
    of a list. message: appended once, and sending twice hurts.
    """

    name: str
    title: str
    kind: str
    operations: tuple[Operation, ...]
    identifiers: Mapping[str, FieldRule] = field(default_factory=dict)
    takes_any_key: bool = True
    fields: Mapping[str, FieldRule] = field(default_factory=dict)
    options: Mapping[str, Setting] = field(default_factory=dict)
    unknown_fields: str = "send"
    nulls: str = "send"
    version: int = 1
    idempotency: str = "none"
    max_row_bytes: int = 0
    description: str = ""

    @property
    def appends(self) -> bool:
        """Whether rows are only ever added."""
        return self.kind in ("event", "message")

    @property
    def is_idempotent(self) -> bool:
        """Whether a batch whose answer was lost may be sent again."""
        return self.idempotency != "none"

    @property
    def keys(self) -> tuple[str, ...]:
        """The identifiers that may be a sync's key."""
        return tuple(name for name, rule in self.identifiers.items() if rule.is_key)

    @property
    def is_positional(self) -> bool:
        """Whether a row is sent as a list of its values, from which none can be left out."""
        return any("row.fields | values" in repr(one) for one in self.operations)

    def serves(self, operation: str) -> bool:
        return any(operation in one.serves for one in self.operations)

    def serving(self, operation: str, mode: str = "") -> Operation:
        """The request that carries rows of this operation, in a mode of the sync."""
        if BY_MODE.get(mode) == operation:
            operation = mode
        return next(one for one in self.operations if operation in one.serves)

    def removes(self, mode: str = "") -> bool:
        """Whether there is a request for rows that leave."""
        return self.serves(mode if BY_MODE.get(mode) == "remove" else "remove")


def read_objects(
    section: Section, settings: Mapping[str, Setting], idempotency: str
) -> dict[str, Object]:
    """The objects of a manifest, by name."""
    found: dict[str, Object] = {}
    for name, node, _ in section.mapping("objects", required=True):
        one = Section(node, f"object '{name}'", section.problems)
        found[name] = _object(name, one, settings, idempotency)
    return found


def _object(name: str, one: Section, settings: Mapping[str, Setting], idempotency: str) -> Object:
    options = read_settings(one, "options")
    check_templates([one.node("operations")], settings, options, one.problems)
    operations = tuple(
        _operation(part) for part in one.sections("operations", "operation", required=True)
    )
    _check_served(operations, one)
    found = Object(
        name,
        one.text("title", default=name.replace("_", " ").capitalize()),
        one.choice("kind", KINDS, required=True, default="record"),
        operations,
        _fields(one, "identifiers"),
        one.boolean("any_key", default="identifiers" not in one),
        _fields(one, "fields"),
        options,
        one.choice("unknown_fields", ("send", "reject"), default="send"),
        one.choice("nulls", ("send", "omit", "empty"), default="send"),
        one.integer("version", default=1, minimum=1),
        one.choice("idempotency", IDEMPOTENCY, default=idempotency),
        one.integer("max_row_bytes", default=0, minimum=1),
        one.text("description"),
    )
    one.finish()
    return found


def _fields(section: Section, key: str) -> dict[str, FieldRule]:
    found: dict[str, FieldRule] = {}
    for name, node, _ in section.mapping(key):
        if node.value is None:
            found[name] = FieldRule(name, name)
            continue
        one = Section(node, f"field '{name}'", section.problems)
        found[name] = FieldRule(
            name,
            one.text("as", default=name),
            ValueRule(
                names(one, "normalize", NORMALIZERS),
                one.choice("validate", tuple(VALIDATORS)),
                one.choice("hash", HASHES),
                one.choice("hashed", HASHED, default="auto"),
            ),
            one.boolean("required"),
            one.boolean("personal"),
            one.text("description"),
            from_node(one.node("example")),
            one.boolean("key", default=key == "identifiers"),
        )
        one.finish()
    return found


def _operation(one: Section) -> Operation:
    batch = one.section("batch", "batch")
    max_items: Template = 1
    max_bytes = 1_000_000
    if batch is not None:
        max_items = from_node(batch.node("max_items", required=True))
        max_bytes = batch.integer("max_bytes", default=max_bytes, minimum=1)
        batch.finish()
    sample = one.section("sample", "sample")
    job = read_job(one)
    found = Operation(
        names(one, "serves", SERVED),
        job.filling.upload if job and job.filling else read_request(one),
        max_items,
        max_bytes,
        one.choice("expects", ("any", "json"), default="any"),
        _create(one),
        _lookup(one),
        read_results(one),
        read_rules(one),
        read_remote_id(one),
        None if sample is None else from_node(sample.node("body")),
        200 if sample is None else sample.integer("status", default=200),
        job,
        one.choice("if_missing", ("accept", "reject"), default="reject"),
    )
    if sample is not None:
        sample.finish()
    one.finish()
    return found


def _create(section: Section) -> Request | None:
    one = section.section("create", "create")
    if one is None:
        return None
    request = read_request(one)
    one.finish()
    return request


def _lookup(section: Section) -> Lookup | None:
    one = section.section("lookup", "lookup")
    if one is None:
        return None
    found = Lookup(
        read_request(one),
        one.text("list", required=True),
        one.text("match"),
        one.text("take", required=True),
        one.choice("if_missing", IF_MISSING, required=True, default="reject"),
        one.integer("max_items", default=1, minimum=1),
    )
    one.finish()
    return found


def _check_served(operations: tuple[Operation, ...], section: Section) -> None:
    served = [name for one in operations for name in one.serves]
    for name in SERVED:
        most, least = 1, int(name == "upsert")
        if operations and not least <= served.count(name) <= most:
            section.problems.add(
                "unserved-operation",
                f"{served.count(name)} operations of {section.what} serve '{name}'",
                section.place("operations"),
                "name 'upsert' in the 'serves' of exactly one operation, and 'remove', 'update' "
                "and 'archive' at most once",
            )
