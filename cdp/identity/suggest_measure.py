"""Measuring what raw events carry, path by path, for `cdp identity suggest`.

Owns the SQL and its temporary tables, which vanish with the connection; works on a warehouse
that is open for reading only. Does not judge: `cdp.identity.suggest` does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cdp.project import Project
from cdp.warehouse import Warehouse

USER, ANONYMOUS = "userId", "anonymousId"
ROOTS = ("traits", "properties", "context")
DISCOVERY_MESSAGES = 20_000
"""Messages whose every leaf is read to find paths; the paths are then measured on all."""
CROWD_LEAST, CROWD_SHARE, CROWD_TIMES = 20, 0.02, 10
"""A value without '@' is a placeholder where more people have it than the first number, the
second's share of all people, and the third times the usual value of its path."""
PLACEHOLDERS = (
    "-1", "null", "anonymous", "undefined", "none", "nan", "nil", "n/a", "na", "unknown", "guest",
    "test", "true", "false", "(null)", "(none)", "[object object]", "not set", "(not set)",
    "test@test.com", "none@none.com", "noreply@example.com",
)  # fmt: skip
PLACEHOLDER_PATTERN = "^[0-]*$"
_EMAIL = r"^[^@\s]+@[^@\s]+\.[^@\s]+$"
_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_STEP = re.compile(r'\.(?:"((?:[^"\\]|\\.)*)"|([^."\[\]]+))')
_KEY = re.compile(r"[A-Za-z0-9_ -]+\Z")


@dataclass(frozen=True)
class Leaf:
    """A field found on events: its path as identity.yml writes it, and its look in a sample."""

    path: str
    messages: int
    email_share: float
    uuid_share: float


@dataclass(frozen=True)
class Measure:
    """Counts of one path. A person is a user id; for user ids themselves a cookie.

    Shares are 0 to 1. `values` and what follows leave placeholders out.
    """

    path: str
    coverage: float
    values: int
    values_per_person: float
    most_values: int
    people_per_value: float
    most_people: int
    shared_values: int
    one_day_share: float
    case_variants: int
    spaced_values: int
    email_share: float
    uuid_share: float
    number_share: float
    phone_share: float
    placeholder_messages: int


def read_messages(project: Project, warehouse: Warehouse, most: int) -> tuple[int, int]:
    """Makes `suggest_messages`; returns how many messages it holds, and of how many.

    Above `most` messages whole devices are drawn, by the hash of their anonymous id.
    """
    raw = project.raw_schema
    total = int(warehouse.value(f"select count(*) from {raw}.events") or 0)  # noqa: S608 (a schema's name)
    keep_one_in = max(1, -(-total // most))
    warehouse.execute(_MESSAGES.replace("{raw}", raw), [keep_one_in])
    return int(warehouse.value("select count(*) from suggest_messages")), total


def find_leaves(warehouse: Warehouse) -> list[Leaf]:
    """The text and whole-number fields that identity.yml can name, the most frequent first."""
    found = []
    for key, messages, emails, uuids in warehouse.rows(_named(_LEAVES), [DISCOVERY_MESSAGES]):
        steps = [quoted or plain for quoted, plain in _STEP.findall(key)]
        if key != "$" + "".join(_spelt(step, key) for step in steps):
            continue
        path = ".".join(steps)
        nameable = path in (USER, ANONYMOUS) or (
            steps[0] in ROOTS and len(steps) > 1 and all(_KEY.match(step) for step in steps)
        )
        if nameable:
            found.append(Leaf(path, messages, float(emails), float(uuids)))
    return found


def read_values(warehouse: Warehouse, paths: Sequence[str]) -> None:
    """Makes `suggest_values`: a row a message, path and value; and marks placeholders."""
    pointers = ["$" + "".join(f'."{step}"' for step in path.split(".")) for path in paths]
    warehouse.execute(_VALUES, [list(PLACEHOLDERS), PLACEHOLDER_PATTERN, list(paths), pointers])
    warehouse.execute(_named(_CROWDS), [CROWD_LEAST, CROWD_SHARE, CROWD_TIMES])


def measure(warehouse: Warehouse) -> list[Measure]:
    """The measures of every path that `suggest_values` holds, by path."""
    return [Measure(*row) for row in warehouse.rows(_named(_MEASURES))]


def overlap(warehouse: Warehouse, one: str, other: str) -> float:
    """Of the path with fewer values, the share that the other has too, whatever their case."""
    return float(warehouse.value(_OVERLAP, [one, other]) or 0)


def placeholders(warehouse: Warehouse) -> list[tuple[str, str]]:
    """(path, lower-case value) of the placeholders seen, those of the shipped pattern left out."""
    rows = warehouse.rows(
        "select distinct path, lower(value) from suggest_values "
        "where is_placeholder and not regexp_matches(value, ?) order by 1, 2",
        [PLACEHOLDER_PATTERN],
    )
    return [(path, value) for path, value in rows]


def _named(sql: str) -> str:
    return (
        sql.replace("{people}", _PEOPLE.strip()).replace("{email}", _EMAIL).replace("{uuid}", _UUID)
    )


def _spelt(step: str, key: str) -> str:
    quoted = "." + json.dumps(step, ensure_ascii=False)
    return quoted if quoted in key else f".{step}"


_MESSAGES = """
create or replace temp table suggest_messages as
select
    row_number() over () as message,
    coalesce(original_timestamp, timestamp, received_at) as at,
    payload
from (
    select *
    from {raw}.events
    where hash(coalesce(anonymous_id, user_id, message_id)) % ? = 0
    qualify row_number() over (
        partition by source, message_id order by received_at, load_id, file_id, line_number
    ) = 1
)
"""
_LEAVES = """
select
    leaf.fullkey,
    count(*) as messages,
    avg(cast(regexp_matches(leaf.atom ->> '$', '{email}') as integer)) as email_share,
    avg(cast(regexp_matches(lower(leaf.atom ->> '$'), '{uuid}') as integer)) as uuid_share
from (select payload from suggest_messages order by hash(message) limit ?) as sampled
cross join lateral json_tree(sampled.payload) as leaf
where leaf.type in ('VARCHAR', 'UBIGINT', 'BIGINT')
    and not contains(leaf.fullkey, '[')
group by leaf.fullkey
order by messages desc, leaf.fullkey
"""
_VALUES = """
create or replace temp table suggest_values as
select
    found.message,
    found.at,
    found.path,
    trim(found.value) as value,
    found.value <> trim(found.value) as is_spaced,
    lower(trim(found.value)) in (select unnest(cast(? as varchar[])))
        or regexp_matches(trim(found.value), ?) as is_placeholder
from (
    select
        messages.message,
        messages.at,
        unnest(cast(? as varchar[])) as path,
        unnest(json_extract_string(messages.payload, cast(? as varchar[]))) as value
    from suggest_messages as messages
) as found
where trim(found.value) <> ''
"""
# Who a message is from, in the words of each path: its user id, and for user ids its cookie.
_PEOPLE = """
with

people as (
    select
        suggest_values.path <> 'userId' as of_users,
        suggest_values.message,
        suggest_values.value as person
    from suggest_values
    where suggest_values.path in ('userId', 'anonymousId')
        and not suggest_values.is_placeholder
),

owned as (
    select found.*, people.person
    from suggest_values as found
    left join people
        on found.message = people.message
        and (found.path = 'userId') = people.of_users
)
"""
_CROWDS = """
update suggest_values set is_placeholder = true where (path, value) in (
    {people},

    counted as (
        select owned.path, owned.value, count(distinct owned.person) as people
        from owned
        where owned.person is not null and not owned.is_placeholder
        group by owned.path, owned.value
    ),

    compared as (
        select counted.*, median(counted.people) over (partition by counted.path) as usual
        from counted
    )

    select compared.path, compared.value
    from compared
    where not contains(compared.value, '@')
        and compared.people > ?
        and compared.people > ? * (select count(distinct people.person) from people)
        and compared.people > ? * compared.usual
)
"""
_OVERLAP = """
with

one as (
    select distinct lower(value) as value
    from suggest_values where path = ? and not is_placeholder
),

other as (
    select distinct lower(value) as value
    from suggest_values where path = ? and not is_placeholder
)

select
    (select count(*) from one inner join other on one.value = other.value)
    / nullif(least((select count(*) from one), (select count(*) from other)), 0)
"""
_MEASURES = r"""
{people},

kept as (
    select * from owned where not owned.is_placeholder
),

by_value as (
    select
        kept.path,
        kept.value,
        count(distinct kept.person) as people,
        min(cast(kept.at as date)) = max(cast(kept.at as date)) as is_one_day,
        max(cast(kept.is_spaced as integer)) as is_spaced
    from kept
    group by kept.path, kept.value
),

by_person as (
    select kept.path, kept.person, count(distinct kept.value) as value_count
    from kept
    where kept.person is not null
    group by kept.path, kept.person
),

messages as (
    select
        found.path,
        count(distinct found.message) filter (where not found.is_placeholder) as kept_messages,
        count(distinct found.message) filter (where found.is_placeholder) as placeholder_messages
    from suggest_values as found
    group by found.path
),

values_of as (
    select
        by_value.path,
        count(*) as value_count,
        avg(by_value.people) filter (where by_value.people > 0) as people_per_value,
        max(by_value.people) as most_people,
        count(*) filter (where by_value.people > 1) as shared_values,
        avg(cast(by_value.is_one_day as integer)) as one_day_share,
        count(*) - count(distinct lower(by_value.value)) as case_variants,
        sum(by_value.is_spaced) as spaced_values,
        avg(cast(regexp_matches(by_value.value, '{email}') as integer)) as emails,
        avg(cast(regexp_matches(lower(by_value.value), '{uuid}') as integer)) as uuids,
        avg(cast(regexp_matches(by_value.value, '^[0-9]+$') as integer)) as numbers,
        avg(cast(regexp_matches(by_value.value, '^(\+|00)[0-9 ()./-]{7,}$') as integer)) as phones
    from by_value
    group by by_value.path
),

people_of as (
    select by_person.path, avg(by_person.value_count) as average, max(by_person.value_count) as most
    from by_person
    group by by_person.path
)

select
    messages.path,
    messages.kept_messages / (select count(*) from suggest_messages) as coverage,
    coalesce(values_of.value_count, 0),
    coalesce(people_of.average, 0),
    coalesce(people_of.most, 0),
    coalesce(values_of.people_per_value, 0),
    coalesce(values_of.most_people, 0),
    coalesce(values_of.shared_values, 0),
    coalesce(values_of.one_day_share, 0),
    coalesce(values_of.case_variants, 0),
    coalesce(values_of.spaced_values, 0),
    coalesce(values_of.emails, 0),
    coalesce(values_of.uuids, 0),
    coalesce(values_of.numbers, 0),
    coalesce(values_of.phones, 0),
    messages.placeholder_messages
from messages
left join values_of on messages.path = values_of.path
left join people_of on messages.path = people_of.path
order by messages.path
"""
