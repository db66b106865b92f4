"""Identity rules to generated models: the extraction, and the rules as a table.

Everything after them (nodes, edges, components, the replay) is hand-written dbt
that reads limits from the table, so that a changed limit rebuilds no events.
Pure: rules in, models out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sqlglot import exp, select

from cdp.identity.compile_overrides import compile_overrides
from cdp.identity.extract import EXTERNAL, RECORDS, extraction
from cdp.identity.spec import IdentifierType, IdentityRules, resolution_hash, rules_hash
from cdp.records.spec import RecordSource, listed_names
from cdp.sql.model import Column, GeneratedModel, Import, event_table_config

if TYPE_CHECKING:
    from cdp.catalogue import Catalogue

MODEL = "int_identity__event_identifiers"
RULES = "int_identity__rules"
DEFINITION = PurePosixPath("definitions/identity.yml")
COLUMNS = (
    Column("event_id", "uuid", "The event that carried the identifier.", ("not_null",)),
    Column("identifier_id", "uuid", "Key of the identifier: type and value.", ("not_null",)),
    Column("identifier_type", "string", "Type, as in identity.yml."),
    Column("identifier_value", "string", "Normalised value; cut where it is too long."),
    Column("priority", "integer", "Priority of the type; 1 is the highest."),
    Column("owner_id", "uuid", "The event's highest-priority identifier, which owns the event."),
    Column(
        "dropped_reason",
        "string",
        "Why the value identifies nobody; null when it does. 'link' is the previous id of an "
        "alias call, which joins its identifier with the event's owner but is no sighting.",
    ),
    Column("occurred_at", "timestamp", "When the event occurred."),
    Column("load_id", "integer", "The load that the event came from."),
    Column("resolution", "integer", "The resolution that wrote the row."),
    Column("definition_hash", "string", "The rules that made the row."),
)
RULE_COLUMNS = (
    Column("identifier_type", "string", "Type, as in identity.yml.", ("unique", "not_null")),
    Column("priority", "integer", "Priority of the type; 1 is the highest."),
    Column("limit_count", "integer", "Values of the type that may join a profile in a window."),
    Column("limit_window", "string", "ever, annually, monthly, weekly or daily."),
    Column("shared_with", "string", "The type that shared values are counted by, or null."),
    Column("shared_more_than", "integer", "A value seen with more of them joins nothing."),
    Column("rules_hash", "string", "Changes when any rule does."),
)


def compile_identity(catalogue: Catalogue) -> list[GeneratedModel]:
    """The extraction model of a catalogue's identity rules, and the rules themselves."""
    rules = catalogue.identity
    digest = rules_hash(rules)
    records = _listed(catalogue.record_sources)
    imports = [Import("events", _new("stg_events", digest))]
    if any(kind.external_ids for kind in rules.types):
        imports.append(Import(EXTERNAL, "{{ cdp.cdp_external_ids('events') }}"))
    if records:
        imports.append(Import("new_records", _new("int_identity__records", digest)))
        imports.append(Import(RECORDS, "{{ cdp.cdp_record_identifiers('new_records') }}"))
    return [
        GeneratedModel(
            name=MODEL,
            folder="identity",
            definitions=(DEFINITION,),
            description="One row an event and value that it carries in the place of an identifier, "
            "after normalisation. Several values of one type on an event are several rows. "
            "A value with a dropped_reason identifies nobody.",
            columns=COLUMNS,
            imports=tuple(imports),
            body=lambda dialect: extraction(rules, digest, dialect, records),
            config=_config(f"ref('int_identity__evidence'), '{digest}'"),
        ),
        GeneratedModel(
            name=RULES,
            folder="identity",
            definitions=(DEFINITION,),
            description="One row a type of identifier: its priority, limit and shared-value rule.",
            columns=RULE_COLUMNS,
            imports=(),
            body=lambda dialect: _rules(rules),
            config={"materialized": "view", "schema": "internal"},
        ),
        compile_overrides(catalogue),
    ]


def _config(arguments: str) -> dict[str, Any]:
    """That of an event table, which besides says what it forgets and how far it is."""
    config = event_table_config(arguments)
    remember = "{{ cdp.cdp_remember_forgotten(" + arguments + ") }}"
    return {
        **config,
        "pre_hook": [{"sql": remember, "transaction": False}, config["pre_hook"]],
        "post_hook": "{{ cdp.cdp_note_progress([]) }}",
    }


def _new(model: str, digest: str) -> str:
    return "{{ cdp.cdp_new_evidence(ref('" + model + f"'), '{digest}'" + ") }}"


def _listed(sources: Sequence[RecordSource]) -> dict[str, tuple[str, ...]]:
    """What the record sources call their values of each type of identifier."""
    most: dict[str, int] = {}
    for source in sources:
        for kind, columns in source.identifiers:
            most[kind] = max(most.get(kind, 0), len(columns))
    return {kind: listed_names(kind, count) for kind, count in most.items()}


def _rules(rules: IdentityRules) -> exp.Query:
    digest = resolution_hash(rules)
    rows = [_rule(kind, digest) for kind in rules.types]
    return exp.union(*rows, distinct=False, copy=False) if rows[1:] else rows[0]


def _rule(kind: IdentifierType, digest: str) -> exp.Select:
    shared = kind.shared
    with_type = exp.Literal.string(shared.with_type) if shared else exp.null()
    more_than = exp.Literal.number(shared.more_than) if shared else exp.null()
    return select(
        exp.cast(exp.Literal.string(kind.name), "text").as_("identifier_type"),
        exp.cast(exp.Literal.number(kind.priority), "bigint").as_("priority"),
        exp.cast(exp.Literal.number(kind.limit.count), "bigint").as_("limit_count"),
        exp.cast(exp.Literal.string(kind.limit.window), "text").as_("limit_window"),
        exp.cast(with_type, "text").as_("shared_with"),
        exp.cast(more_than, "bigint").as_("shared_more_than"),
        exp.cast(exp.Literal.string(digest), "text").as_("rules_hash"),
    )
