"""The store capture, from files to profiles: what the documentation promises of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.demo.quality import measure_quality
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.conftest import BuiltStore
from tests.projects import compile_here, lift_limits, load, run


def test_each_message_of_a_source_is_one_row(built_store: BuiltStore) -> None:
    """20,868 deliveries hold 20,646 message ids; 96 of them came through both sources."""
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        assert warehouse.value("select count(*) from raw.events") == 20_868
        assert warehouse.value("select count(*) from raw.rejected") == 0
        assert warehouse.rows(
            "select count(*), count(distinct message_id), count(distinct (source, message_id)) "
            "from main_internal.stg_events"
        ) == [(20_742, 20_646, 20_742)]


def test_history_keeps_its_own_time(built_store: BuiltStore) -> None:
    """The capture is imported history: sent in November, happened from May to August."""
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        first, last, fallbacks = warehouse.rows(
            "select min(occurred_at), max(occurred_at), "
            "sum(case when is_clock_fallback then 1 else 0 end) from main_internal.stg_events"
        )[0]
    assert (first.year, first.month) == (2026, 5)
    assert last.month < 11
    assert fallbacks == 0


def test_limits_keep_people_apart_who_share_a_kiosk(built_store: BuiltStore) -> None:
    """Plain components glue 147 identifiers into one profile and are right on 27% of pairs."""
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        quality = measure_quality(built_store.project, warehouse, built_store.data / "truth.csv.gz")
    assert quality.largest_profile == 7
    assert quality.precision == pytest.approx(0.9897, abs=5e-5)
    assert quality.recall == pytest.approx(0.9864, abs=5e-5)


def test_plain_components_are_glued_by_kiosks(project: Project, store_data: Path) -> None:
    """Without limits: what the limits are for."""
    lift_limits(project)
    for source in ("web", "app"):
        load(project, source, [store_data / source])
    run(project, "--select", "+identity_graph")
    with open_warehouse(project, read_only=True) as warehouse:
        quality = measure_quality(project, warehouse, store_data / "truth.csv.gz")
    assert quality.largest_profile == 147
    assert round(quality.precision, 2) == 0.27
    assert quality.recall == 1.0


def test_a_shared_cookie_that_joins_nothing_makes_every_pair_right(
    project: Project, store_data: Path
) -> None:
    """The rule: an anonymous id that was seen with two or more user ids joins nothing."""
    identity = project.definitions / "identity.yml"
    paths = "    paths: [anonymousId]\n"
    rule = "    shared: {with: user_id, more_than: 1}\n"
    identity.write_text(identity.read_text().replace(paths, paths + rule))
    compile_here(project)
    for source in ("web", "app"):
        load(project, source, [store_data / source])
    run(project, "--select", "+identity_graph", "+profile_merges")
    with open_warehouse(project, read_only=True) as warehouse:
        quality = measure_quality(project, warehouse, store_data / "truth.csv.gz")
        alone = warehouse.value(
            "select count(*) from main_internal.int_identity__shared as s "
            "inner join main.identity_graph as g using (identifier_id) "
            "inner join main.identity_graph as others using (canonical_profile_id)"
        )
        shared = warehouse.value("select count(*) from main_internal.int_identity__shared")
    assert quality.precision == 1.0
    assert quality.recall == pytest.approx(0.9858, abs=5e-5)
    assert alone == shared > 0


def test_no_placeholder_and_no_account_is_an_identifier(built_store: BuiltStore) -> None:
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        assert (
            warehouse.rows(
                "select identifier_type, identifier_value from main.identity_graph "
                "where identifier_type = 'group_id' or lower(identifier_value) in ('null', '') "
                "or identifier_value <> trim(identifier_value)"
            )
            == []
        )
        assert warehouse.value("select count(*) from raw.events where user_id = 'null'") > 0
        assert warehouse.value("select count(*) from raw.events where group_id is not null") == 430


def test_every_profile_has_its_events_and_no_event_has_two(built_store: BuiltStore) -> None:
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        events, distinct = warehouse.rows(
            "select count(*), count(distinct event_id) from main.profile_events"
        )[0]
        assert events == distinct
        assert events == warehouse.value("select sum(event_count) from main.profiles")
        assert (
            warehouse.value(
                "select count(*) from main.profile_events as e "
                "left join main.profiles as p using (canonical_profile_id) "
                "where p.canonical_profile_id is null"
            )
            == 0
        )
