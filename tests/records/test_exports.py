"""Tables that others export, read as they are: a CRM, Segment, RudderStack, Snowplow and GA4.

One build of all of them, beside a few events.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from cdp.cli import cli
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import build, compile_here, load, new_project

SOURCES = """\
record_sources:
  - name: crm
    model: crm_contacts
    key: contact_id
    occurred_at: updated_at
    identifiers: {user_id: customer_no, email: [email_address, second_email]}
    traits: {plan: plan, first name: given_name}

  - name: newsletter
    table: {schema: lake, name: Newsletter}
    key: address
    identifiers: {email: address}
    traits: {newsletter: subscribed}

  - name: segment_identifies
    table: {schema: segment, name: identifies}
    key: id
    occurred_at: timestamp
    identifiers: {user_id: user_id, anonymous_id: anonymous_id, email: context_traits_email}
    traits: {plan: plan}

  - name: rudder_identifies
    table: {schema: rudder, name: identifies}
    key: id
    occurred_at: original_timestamp
    identifiers: {user_id: user_id, anonymous_id: anonymous_id, email: email}

  - name: snowplow
    table: {schema: atomic, name: events}
    key: event_id
    occurred_at: collector_tstamp
    identifiers: {user_id: user_id, anonymous_id: domain_userid}

  - name: ga4
    table: {schema: analytics, name: events}
    key: [user_pseudo_id, event_timestamp, event_name]
    occurred_at: event_timestamp
    unit: microseconds
    identifiers:
      user_id: user_id
      anonymous_id: user_pseudo_id
      android.idfa: device.advertising_id
"""
TABLES = {
    "lake.crm": """
        (1, timestamptz '2026-01-02 10:00:00+02', 'ann', ' Ann@Example.org ', 'a@work.org',
            'pro', 'Ann'),
        (2, null, 'bob', 'null', null, null, 'Bob'),
        (3, timestamptz '2026-01-03 10:00:00+00', 'cho', null, null, 'free', 'Cho'),
        (3, timestamptz '2026-01-04 10:00:00+00', 'cho', null, null, 'pro', 'Cho'),
        (null, null, 'nobody', null, null, null, null)
        ) as t(contact_id, updated_at, customer_no, email_address, second_email, plan,
            given_name)
    """,
    'lake."Newsletter"': "('ann@example.org', true), ('zoe@example.org', false)) "
    "as t(address, subscribed)",
    "segment.identifies": """
        ('s1', timestamp '2026-01-05 00:00:00', 'ann', 'laptop', null, null),
        ('s2', timestamp '2026-01-06 00:00:00', null, 'tablet', 'ann@example.org', 'team')
        ) as t(id, timestamp, user_id, anonymous_id, context_traits_email, plan)
    """,
    "rudder.identifies": """
        ('r1', '2026-01-07T00:00:00.000Z', 'dan', 'phone', 'dan@example.org')
        ) as t(id, original_timestamp, user_id, anonymous_id, email)
    """,
    "atomic.events": """
        ('5c33', timestamp '2026-01-08 00:00:00', 'dan', 'd0-sp'),
        ('5c34', timestamp '2026-01-09 00:00:00', null, 'e0-sp')
        ) as t(event_id, collector_tstamp, user_id, domain_userid)
    """,
    "analytics.events": """
        ('g1.1', 1767916800000000, 'page_view', 'dan', {'advertising_id': 'ad-1'}),
        ('g1.1', 1767916800000000, 'scroll', 'dan', {'advertising_id': 'ad-1'}),
        ('g2/1', 1, 'page_view', null, null)
        ) as t(user_pseudo_id, event_timestamp, event_name, user_id, device)
    """,
}
EVENTS: list[dict[str, Any]] = [
    {"messageId": "m1", "userId": "ann", "anonymousId": "kiosk", "traits": {"plan": "trial"}},
    {"messageId": "m2", "anonymousId": "tablet", "timestamp": "2025-12-01T00:00:00Z"},
    {"messageId": "m3", "userId": "bob", "traits": {"first name": "Robert"}},
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("exports")
    project = new_project(folder / "shop")
    with open_warehouse(project) as warehouse:
        for name, rows in TABLES.items():
            warehouse.execute(f"create schema if not exists {name.split('.')[0]}")
            warehouse.execute(f"create table {name} as select * from (values {rows}")
    (project.models / "crm_contacts.sql").write_text("select * from lake.crm\n")
    (project.definitions / "record_sources.yml").write_text(SOURCES)
    compile_here(project)
    day = {"type": "identify", "timestamp": "2026-02-01T00:00:00Z"}
    lines = [json.dumps({**day, "receivedAt": "2026-02-02T00:00:00Z", **one}) for one in EVENTS]
    (folder / "events.ndjson").write_text("\n".join(lines))
    load(project, "web", [folder / "events.ndjson"])
    build(project)
    return project


def _rows(project: Project, sql: str) -> list[tuple[Any, ...]]:
    with open_warehouse(project, read_only=True) as warehouse:
        return warehouse.rows(sql)


def test_records_and_events_make_profiles_together(built: Project) -> None:
    profiles = _rows(
        built,
        "select string_agg(identifier_type || ' ' || identifier_value, ', ' "
        "order by identifier_type, identifier_value) as found "
        "from identity_graph group by canonical_profile_id order by found",
    )
    assert [one for (one,) in profiles] == [
        (
            "android.idfa ad-1, anonymous_id d0-sp, anonymous_id g1.1, anonymous_id phone, "
            "email dan@example.org, user_id dan"
        ),
        "anonymous_id e0-sp",
        "anonymous_id g2/1",
        (
            "anonymous_id kiosk, anonymous_id laptop, anonymous_id tablet, "
            "email a@work.org, email ann@example.org, user_id ann"
        ),
        "email zoe@example.org",
        "user_id bob",
        "user_id cho",
        "user_id nobody",
    ]


def test_a_record_without_a_time_is_seen_at_no_time(built: Project) -> None:
    assert _rows(
        built,
        "select identifier_value, cast(first_seen_at as varchar), cast(last_seen_at as varchar) "
        "from identity_graph where identifier_value in "
        "('zoe@example.org', 'ann@example.org', 'bob', 'g1.1') order by 1",
    ) == [
        ("ann@example.org", "2026-01-02 08:00:00", "2026-01-06 00:00:00"),
        ("bob", "2026-02-01 00:00:00", "2026-02-01 00:00:00"),
        ("g1.1", "2026-01-09 00:00:00", "2026-01-09 00:00:00"),
        ("zoe@example.org", None, None),
    ]


def test_records_are_no_events_of_a_profile(built: Project) -> None:
    assert _rows(
        built,
        "select user_id, event_count, cast(first_seen_at as varchar) from profiles "
        "where user_id in ('ann', 'bob', 'cho', 'dan') order by user_id",
    ) == [
        ("ann", 2, "2025-12-01 00:00:00"),
        ("bob", 1, "2026-02-01 00:00:00"),
        ("cho", 0, "2026-01-04 10:00:00"),
        ("dan", 0, "2026-01-07 00:00:00"),
    ]


def test_traits_of_records_stand_beside_those_of_events(built: Project) -> None:
    """The latest counts, and whatever has a time is later than what has none."""
    assert _rows(
        built,
        "select profiles.user_id, profiles.email, trait_name, trait_value, source, message_id, "
        "cast(occurred_at as varchar) from user_traits inner join profiles "
        "using (canonical_profile_id) order by all",
    ) == [
        ("ann", "ann@example.org", "first name", "Ann", "crm", "1", "2026-01-02 08:00:00"),
        ("ann", "ann@example.org", "newsletter", "true", "newsletter", "ann@example.org", None),
        ("ann", "ann@example.org", "plan", "trial", "web", "m1", "2026-02-01 00:00:00"),
        ("bob", None, "first name", "Robert", "web", "m3", "2026-02-01 00:00:00"),
        ("cho", None, "first name", "Cho", "crm", "3", "2026-01-04 10:00:00"),
        ("cho", None, "plan", "pro", "crm", "3", "2026-01-04 10:00:00"),
        (None, "zoe@example.org", "newsletter", "false", "newsletter", "zoe@example.org", None),
    ]


def test_bad_records_are_kept_and_counted(built: Project) -> None:
    """A key that repeats, no key, a placeholder, a number that is no time of now."""
    assert _rows(
        built,
        "select source, message_id, row_count from main_internal.int_identity__records "
        "where row_count > 1",
    ) == [("crm", "3", 2)]
    ((key,),) = _rows(
        built,
        "select message_id from main_internal.int_identity__records "
        "where identifiers like '%nobody%'",
    )
    assert key.startswith("no key ")
    assert _rows(
        built,
        "select identifier_value, rule, source, message_id from identity_decisions "
        "where decision = 'blocked'",
    ) == [("null", "blocked", "crm", "2")]
    assert _rows(
        built,
        "select message_id, cast(occurred_at as varchar) from main_internal.int_identity__records "
        "where source = 'ga4' order by message_id desc limit 1",
    ) == [("g2%2F1/1/page_view", "1970-01-01 00:00:00.000001")]


def test_explain_names_the_record_as_evidence(built: Project) -> None:
    result = CliRunner().invoke(
        cli,
        ["identity", "explain", "a@work.org", "ann", "--project-dir", str(built.folder),
         "--format", "ndjson"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    (hop,) = [json.loads(line) for line in result.stdout.splitlines()]
    assert (hop["source"], hop["message_id"]) == ("crm", "1")
