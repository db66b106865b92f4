"""Members of audiences as the runs saw them: now, at a past moment, beside another audience.

Reads what the builds wrote and nothing else. What today's data say about another moment is in
`past`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdp.audiences.compile import used_audiences
from cdp.audiences.report import TRANSITIONS, find_audience
from cdp.catalogue import Catalogue
from cdp.errors import RunError
from cdp.warehouse import Warehouse, quoted

SIZES = "audience_sizes"
ALERTS = "audience_alerts"
SIZE_COLUMNS = ("audience", "as_of", "members", "entered", "exited")
ALERT_COLUMNS = ("audience", "alert", "limit", "as_of", "members", "before")
Member = tuple[str, datetime]


@dataclass(frozen=True)
class Overlap:
    """The members of two audiences: of both, of the first alone, of the second alone."""

    both: int
    only_first: int
    only_second: int


def members_now(warehouse: Warehouse, schema: str, audience: str) -> list[Member]:
    """(profile id, time of entry) of every member after the last run."""
    return warehouse.rows(
        "select cast(m.canonical_profile_id as varchar), m.entered_at "  # noqa: S608 (a schema's name)
        f"from {quoted(schema)}.audience_memberships as m "
        "where m.audience_name = ? order by m.canonical_profile_id",
        [audience],
    )


def members_seen(
    warehouse: Warehouse, schema: str, audience: str, moment: datetime
) -> list[Member]:
    """(profile id, time of entry) of the members that the last run at or before a moment saw.

    Under today's ids: who have merged since are one. A profile that is gone keeps its id.
    """
    return warehouse.rows(
        f"""
        with open_entries as (
            select
                t.canonical_profile_id as written_profile_id,
                max(case when t.transition = 'entered' then t.transitioned_at end) as entered_at
            from {quoted(schema)}.audience_transitions as t
            where t.audience_name = ? and t.transitioned_at <= ?
            group by t.canonical_profile_id
            having sum(case when t.transition = 'entered' then 1 else -1 end) > 0
        )
        select
            cast(coalesce(m.canonical_profile_id, o.written_profile_id) as varchar) as member_id,
            min(o.entered_at)
        from open_entries as o
        left join {quoted(schema)}.profile_merges as m on o.written_profile_id = m.profile_id
        group by member_id
        order by member_id
        """,  # noqa: S608 (a schema's name)
        [audience, moment],
    )


def overlap(warehouse: Warehouse, schema: str, first: str, second: str) -> Overlap:
    """How many members two audiences share after the last run."""
    found = warehouse.rows(
        f"""
        with members as (
            select
                m.canonical_profile_id,
                bool_or(m.audience_name = ?) as in_first,
                bool_or(m.audience_name = ?) as in_second
            from {quoted(schema)}.audience_memberships as m
            where m.audience_name in (?, ?)
            group by m.canonical_profile_id
        )
        select
            count(*) filter (where in_first and in_second),
            count(*) filter (where in_first and not in_second),
            count(*) filter (where in_second and not in_first)
        from members
        """,  # noqa: S608 (a schema's name)
        [first, second, first, second],
    )
    return Overlap(*found[0])


def identifier_counts(warehouse: Warehouse, schema: str, audience: str) -> list[tuple[str, int]]:
    """(identifier type, members that have one), the most frequent first."""
    return warehouse.rows(
        "select u.identifier_type, count(distinct m.canonical_profile_id) as members "  # noqa: S608 (a schema's name)
        f"from {quoted(schema)}.audience_memberships as m "
        f"inner join {quoted(schema)}.user_identifiers as u "
        "on m.canonical_profile_id = u.canonical_profile_id "
        "where m.audience_name = ? "
        "group by u.identifier_type order by members desc, u.identifier_type",
        [audience],
    )


def size_history(warehouse: Warehouse, schema: str, audience: str | None) -> list[tuple[Any, ...]]:
    """`SIZE_COLUMNS` of every run of one audience, or of all; the newest first."""
    check_built(warehouse, schema, SIZES)
    return warehouse.rows(
        "select s.audience_name, s.as_of, s.member_count, s.entered_count, s.exited_count "  # noqa: S608 (a schema's name)
        f"from {quoted(schema)}.{SIZES} as s where s.audience_name = coalesce(?, s.audience_name) "
        "order by s.as_of desc, s.audience_name",
        [audience],
    )


def broken_alerts(warehouse: Warehouse, schema: str) -> list[tuple[Any, ...]]:
    """`ALERT_COLUMNS` of every limit that an audience's last run broke."""
    check_built(warehouse, schema, ALERTS)
    return warehouse.rows(
        "select a.audience_name, a.alert, cast(a.alert_limit as double), a.as_of, "  # noqa: S608 (a schema's name)
        f"a.member_count, a.previous_count from {quoted(schema)}.{ALERTS} as a "
        "order by a.audience_name, a.alert",
    )


def used_by(catalogue: Catalogue, audience: str) -> list[str]:
    """The definitions that name an audience: other audiences, then syncs."""
    audiences = sorted(
        name for name, one in catalogue.audiences.items() if audience in used_audiences(one)
    )
    syncs = sorted(
        name
        for name, one in catalogue.syncs.items()
        if (one.origin.kind, one.origin.name) == ("audience", audience)
    )
    return [*(f"audience {one}" for one in audiences), *(f"sync {one}" for one in syncs)]


def check_known(warehouse: Warehouse, schema: str, catalogue: Catalogue, name: str) -> None:
    """Nothing, if an audience is defined or was: one that was removed has a history.

    Raises RunError when there is none of the name, or nothing was built.
    """
    check_built(warehouse, schema, TRANSITIONS)
    seen = f"select 1 from {quoted(schema)}.{TRANSITIONS} where audience_name = ? limit 1"  # noqa: S608
    if name not in catalogue.audiences and not warehouse.rows(seen, [name]):
        find_audience(catalogue, name)


def check_built(warehouse: Warehouse, schema: str, table: str) -> None:
    """Raises RunError when there is no such table."""
    if not warehouse.exists(schema, table):
        raise RunError("not-built", f"no build has made {table} yet", help="run 'cdp build' first")
