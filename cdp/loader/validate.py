"""Whether a message is acceptable, and if not, why: the one place for all formats.

Owns the rules (Segment's ingest codes: the public tracking API's discard reasons)
as SQL conditions over one parsed message, in the order in which they are asked.
The first rule that holds is the reason. `null` counts as absent, as in what
Segment's own clients send. Does not own syntax that only Python sees (`strict`).
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST_MESSAGE_BYTES = 32 * 1024
TYPES = ("identify", "track", "page", "screen", "group", "alias")

# The fields that are read from a message; its lists of kinds and texts have this order.
FIELDS = (
    "batch",
    "type",
    "messageId",
    "userId",
    "anonymousId",
    "groupId",
    "previousId",
    "event",
    "name",
    "category",
    "properties",
    "traits",
    "context",
    "originalTimestamp",
    "timestamp",
    "sentAt",
    "receivedAt",
)


PATHS = ("$", *(f"$.{field}" for field in FIELDS))
ROOT = "m.kinds[1]"


@dataclass(frozen=True)
class Rule:
    """One reason for refusing a message `m`. `condition` is SQL over its kinds and texts."""

    code: str
    reason: str
    condition: str


def kind(field: str) -> str:
    """SQL: the JSON type of a field; null when absent or null."""
    return f'm."kind of {field}"'


def text(field: str) -> str:
    """SQL: the text of a field; null when absent or null."""
    return f'm."text of {field}"'


def string(field: str) -> str:
    """SQL: the text of a field that is a JSON string; null when it is anything else."""
    return f"case when {kind(field)} = 'VARCHAR' then {text(field)} end"


def _type_is(*types: str) -> str:
    return f"{text('type')} in (" + ", ".join(f"'{one}'" for one in types) + ")"


def _absent(field: str) -> str:
    return f"{kind(field)} is null"


def _not_string(field: str) -> str:
    return f"({kind(field)} <> 'VARCHAR' or {text(field)} = '')"


RULES = (
    Rule("bad_request", "not valid JSON", "m.kinds is null"),
    Rule("bad_request", "not a JSON object", f"{ROOT} <> 'OBJECT'"),
    Rule("bad_request", "larger than 32 KB", f"strlen(m.text) > {LARGEST_MESSAGE_BYTES}"),
    Rule(
        "bad_request",
        "'type' is not one of " + ", ".join(TYPES),
        f"not coalesce({kind('type')} = 'VARCHAR' and {_type_is(*TYPES)}, false)",
    ),
    Rule("bad_request", "'messageId' is not a text", f"{kind('messageId')} <> 'VARCHAR'"),
    Rule("bad_request", "'context' is not an object", f"{kind('context')} <> 'OBJECT'"),
    Rule("id_not_string", "'userId' is empty or not a text", _not_string("userId")),
    Rule("id_not_string", "'anonymousId' is empty or not a text", _not_string("anonymousId")),
    Rule(
        "no_user_anon_id",
        "neither 'userId' nor 'anonymousId' is given",
        f"{_absent('userId')} and {_absent('anonymousId')}",
    ),
    Rule(
        "id_required",
        "a group call has no 'groupId'",
        f"{_type_is('group')} and {_absent('groupId')}",
    ),
    Rule(
        "id_not_string",
        "'groupId' is empty or not a text",
        f"{_type_is('group')} and {_not_string('groupId')}",
    ),
    Rule(
        "id_required",
        "an alias call has no 'previousId'",
        f"{_type_is('alias')} and {_absent('previousId')}",
    ),
    Rule(
        "id_not_string",
        "'previousId' is empty or not a text",
        f"{_type_is('alias')} and {_not_string('previousId')}",
    ),
    Rule(
        "id_required",
        "an alias call has no 'userId'",
        f"{_type_is('alias')} and {_absent('userId')}",
    ),
    Rule(
        "event_not_defined",
        "a track call has no 'event'",
        f"{_type_is('track')} and ({_absent('event')} "
        f"or ({kind('event')} = 'VARCHAR' and {text('event')} = ''))",
    ),
    Rule(
        "event_not_string",
        "'event' is not a text",
        f"{_type_is('track')} and {kind('event')} <> 'VARCHAR'",
    ),
    Rule(
        "properties_not_object",
        "'properties' is not an object",
        f"{kind('properties')} <> 'OBJECT'",
    ),
    Rule("traits_not_object", "'traits' is not an object", f"{kind('traits')} <> 'OBJECT'"),
    Rule(
        "name_not_string",
        "'name' is empty or not a text",
        f"{_type_is('page', 'screen')} and {_not_string('name')}",
    ),
    Rule(
        "category_not_string",
        "'category' is empty or not a text",
        f"{_type_is('page', 'screen')} and {_not_string('category')}",
    ),
)


def columns() -> str:
    """SQL: the fields of a message `p`, from its lists of kinds and texts, one column each."""
    found = []
    for number, field in enumerate(FIELDS, start=2):
        found.append(f"nullif(p.kinds[{number}], 'NULL') as \"kind of {field}\"")
        found.append(f'p.texts[{number}] as "text of {field}"')
    return ",\n".join(found)


def broken_rule() -> str:
    """SQL: the number (from 1) of the first rule that a message `m` breaks, else null."""
    whens = [f"when {rule.condition} then {number}" for number, rule in enumerate(RULES, start=1)]
    return "case\n    " + "\n    ".join(whens) + "\nend"
