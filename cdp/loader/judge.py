"""The SQL of a load: what becomes of gathered lines, as text over two temporary tables.

Owns parsing, typing and judging a set of lines (`JUDGED` reads `cdp_load_lines` and
`cdp_load_files`) and moving the judged ones (`cdp_load_judged`) into the raw tables.
The rules are `validate`'s; what runs when is `staging`'s.
"""

from __future__ import annotations

from collections.abc import Iterable

from cdp.loader import validate
from cdp.warehouse import quoted_text

LONGEST_REJECTED_TEXT = 1_000

# Objects whose keys SQL compares; a text with any other object in it goes to Python.
_KNOWN_OBJECTS = (
    "$",
    "$.properties",
    "$.traits",
    "$.context",
    "$.context.traits",
    "$.context.app",
    "$.context.campaign",
    "$.context.consent",
    "$.context.consent.categoryPreferences",
    "$.context.device",
    "$.context.library",
    "$.context.os",
    "$.context.page",
    "$.integrations",
    "$._metadata",
)


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(map(quoted_text, values)) + "]"


# Constants and trailing commas that DuckDB's reader takes and JSON has not, and NUL.
SUSPICIOUS = r"(?i)[:\[,]\s*-?(?:nan|inf)|,\s*[}\]]|\\u0000"
_MANY_BRACKETS = 100

# SQL: the number of known objects that hold keys, none of them twice. `list_unique` is by far
# the dearest of all functions here, so it is kept from the lists where less is enough: with as
# many keys as fields were found at the root, all keys are different fields.
_FINE_OBJECTS = """(
    case when len(m.objects[1]) = list_count(m.kinds) - 1 then 1
        when len(m.objects[1]) = list_unique(m.objects[1]) then 1 else 0 end
    + len(list_filter(m.objects[2:], lambda k: case len(k)
        when 0 then false when 1 then true when 2 then k[1] <> k[2]
        else len(k) = list_unique(k) end))
)"""


def _timestamp(name: str) -> str:
    """SQL: a field as naive UTC; ISO 8601 text or epoch milliseconds, else null.

    By its microseconds: a cast from timestamptz asks the calendar, at three times the cost.
    """
    kind, text = validate.kind(name), validate.text(name)
    return (
        f"case when {kind} = 'VARCHAR' then case when substr({text}, 5, 1) = '-' "
        f"and not contains({text}, '(') "
        f"then make_timestamp(epoch_us(try_cast(upper({text}) as timestamptz))) end "
        f"when {kind} = 'UBIGINT' and length({text}) <= 14 "
        f"then make_timestamp({text}::bigint * 1000) end"
    )


# One pass over the gathered lines: parse, read the fields, see which rule is broken and
# whether Python has to look. There is no filter here: the optimiser would push it below the
# parsing and parse every message once for each field that a rule reads (20 times slower).
JUDGED = f"""
    select
        m.file_id, m.line_number, m.item, m.text, m.reason_code, m.reason,
        case when m.reason_code is null then {validate.broken_rule()} end as broken_rule,
        not m.is_final and m.kinds is not null and (
            {validate.ROOT} = 'ARRAY'
            or ({validate.kind("batch")} is not null and {validate.kind("type")} is null)
            or regexp_matches(m.text, $suspicious)
            or len(string_split(m.text, '{{')) - len(string_split(m.text, '{{}}'))
                <> {_FINE_OBJECTS}
            or case when contains(m.text, '[')
                then len(string_split(m.text, '[')) > {_MANY_BRACKETS} else false end
        ) as is_for_python,
        coalesce(
            nullif({validate.text("messageId")}, ''),
            left(f.content_sha256, 32) || ':' || m.line_number
            || case when m.item > 0 then '.' || m.item else '' end
        ) as message_id,
        {validate.text("type")} as type,
        {validate.string("event")} as event,
        {validate.text("userId")} as user_id,
        {validate.text("anonymousId")} as anonymous_id,
        {validate.string("groupId")} as group_id,
        {validate.string("previousId")} as previous_id,
        {_timestamp("originalTimestamp")} as original_timestamp,
        {_timestamp("timestamp")} as "timestamp",
        {_timestamp("sentAt")} as sent_at,
        {_timestamp("receivedAt")} as received_at
    from (
        select p.*, {validate.columns()}
        from (
            select
                l.*,
                case when l.is_valid then json_type(l.text, {_list(validate.PATHS)}) end as kinds,
                case when l.is_valid
                    then json_extract_string(l.text, {_list(validate.PATHS)}) end as texts,
                case when l.is_valid and not l.is_final
                    then json_keys(l.text, {_list(_KNOWN_OBJECTS)}) end as objects
            from (
                select *, reason_code is null and json_valid(text) as is_valid
                from cdp_load_lines
            ) as l
        ) as p
    ) as m
    inner join cdp_load_files as f on m.file_id = f.file_id
"""  # noqa: S608 - composed of constants


def insert_events(target: str) -> str:
    """Moves what is accepted; parameters `load_id`, `source` and `loaded_at`."""
    return f"""
        insert into {target}
        select
            $load_id::bigint, j.file_id, j.line_number, $source, j.message_id, j.type, j.event,
            j.user_id, j.anonymous_id, j.group_id, j.previous_id,
            j.original_timestamp, j."timestamp", j.sent_at,
            coalesce(j.received_at, j.sent_at, j."timestamp", j.original_timestamp,
                $loaded_at::timestamp),
            $loaded_at::timestamp, j.text
        from cdp_load_judged as j
        where j.reason_code is null and j.broken_rule is null
    """  # noqa: S608 - a checked schema name


def insert_rejected(target: str) -> str:
    """Moves what is refused, in the order of lines; parameters `load_id` and `source`."""
    codes = _list(rule.code for rule in validate.RULES)
    reasons = _list(rule.reason for rule in validate.RULES)
    return f"""
        insert into {target}
        select
            $load_id::bigint, j.file_id, j.line_number, $source, f.path,
            coalesce(j.reason_code, {codes}[j.broken_rule]),
            coalesce(j.reason, {reasons}[j.broken_rule]),
            left(j.text, {LONGEST_REJECTED_TEXT})
        from cdp_load_judged as j
        inner join cdp_load_files as f on j.file_id = f.file_id
        where j.reason_code is not null or j.broken_rule is not null
        order by j.file_id, j.line_number, j.item
    """  # noqa: S608 - composed of constants and a checked schema name
