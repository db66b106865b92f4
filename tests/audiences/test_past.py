"""Members at another moment: the oracle with another clock, and the commands that print them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from cdp.audiences.compile import compile_audiences
from cdp.audiences.members import broken_alerts, check_built, size_history
from cdp.audiences.past import members_at, members_query, read_moment
from cdp.catalogue import load_catalogue
from cdp.cli import cli
from cdp.errors import RunError
from cdp.sql.text import sql_text
from cdp.traits.compile import compile_traits
from cdp.warehouse import Warehouse, open_for_reading, open_warehouse
from tests.audiences import stub_warehouse
from tests.audiences.oracle import World
from tests.audiences.strategies import AS_OF, Case, cases
from tests.audiences.test_oracle import PROFILE, evaluate
from tests.conftest import BuiltStore
from tests.definitions import write_definitions

NAME = ("members", "cart_abandoners")


@settings(PROFILE, max_examples=15)
@given(cases(), st.integers(-60 * 24, 30 * 24))
def test_the_data_of_today_tell_of_a_moment_what_the_oracle_tells(case: Case, hours: int) -> None:
    world, found, connection = evaluate(case)
    moment = AS_OF + timedelta(hours=hours)
    then = World(list(world.profiles.values()), world.events, moment, found.traits, found.audiences)
    models = [*compile_traits(found), *compile_audiences(found)]  # type: ignore[arg-type]
    with connection:
        for audience in found.audiences.values():
            query = members_query(models, audience, moment, exp.to_table)
            rows = connection.execute(sql_text(query, "duckdb")).fetchall()
            expected = sorted(map(stub_warehouse.identifier, then.members(audience)))
            assert sorted(row[0] for row in rows) == expected, (audience, moment)


def call(store: BuiltStore, *arguments: str) -> Result:
    options = ["--project-dir", str(store.project.folder), "--format", "json"]
    return CliRunner().invoke(cli, ["audience", *arguments, *options])


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


@pytest.fixture
def warehouse(built_store: BuiltStore) -> Iterator[Warehouse]:
    with open_warehouse(built_store.project, read_only=True) as found:
        yield found


def test_at_the_clock_of_the_build_the_members_are_those_of_the_build(
    built_store: BuiltStore, warehouse: Warehouse
) -> None:
    project, catalogue = built_store.project, load_catalogue(built_store.project)
    moment = warehouse.value("select max(as_of) from main_internal.int_features")
    for name, audience in catalogue.audiences.items():
        built = warehouse.rows(
            "select cast(canonical_profile_id as varchar) from main.audience_memberships "
            "where audience_name = ? order by 1",
            [name],
        )
        found = members_at(warehouse, project, catalogue, audience, moment)
        assert found == [one for (one,) in built], name


def test_what_the_data_tell_and_what_the_runs_saw_are_two_questions(
    built_store: BuiltStore,
) -> None:
    # The capture ends in August, when people still fill carts; the only run was later.
    moment = ("--as-of", "2026-08-15T00:00Z")
    told = call(built_store, "members", "cart_abandoners", *moment)
    assert len(rows(told)) > 0
    assert "as of 2026-08-15 00:00:00 UTC, as today's data tell it" in told.stderr
    seen = call(built_store, "members", "cart_abandoners", *moment, "--as-seen")
    assert rows(seen) == []
    assert "has 0 members, as the runs until 2026-08-15 00:00:00 UTC saw it" in seen.stderr


def test_changes_lead_from_the_members_of_one_moment_to_those_of_the_other(
    built_store: BuiltStore,
) -> None:
    moments = ("2026-07-15", "2026-08-15")
    first, second = (
        {row["canonical_profile_id"] for row in rows(call(built_store, *NAME, "--as-of", one))}
        for one in moments
    )
    changed = rows(call(built_store, *NAME, "--changes-between", *moments))
    by_kind = {
        kind: {row["canonical_profile_id"] for row in changed if row["change"] == kind}
        for kind in ("entered", "exited")
    }
    assert by_kind == {"entered": second - first, "exited": first - second}
    assert by_kind["entered"]


def test_members_are_those_of_the_last_run_with_their_entry(built_store: BuiltStore) -> None:
    found = rows(call(built_store, "members", "lapsed_buyers"))
    assert found
    later = rows(
        call(built_store, "members", "lapsed_buyers", "--as-of", "2999-01-01", "--as-seen")
    )
    assert later == found
    (size,) = rows(call(built_store, "sizes", "lapsed_buyers"))
    assert (size["members"], size["entered"], size["exited"]) == (len(found), len(found), 0)
    assert {row["entered_at"] for row in found} == {size["as_of"]}


def test_an_overlap_counts_everybody_once(built_store: BuiltStore) -> None:
    found = rows(call(built_store, "overlap", "lapsed_buyers", "premium_browsers"))
    own = rows(call(built_store, "overlap", "lapsed_buyers", "lapsed_buyers"))
    members = own[0]["members"]
    assert [row["members"] for row in own] == [members, 0, 0]
    assert found[0]["members"] + found[1]["members"] == members


def test_show_says_who_uses_an_audience_and_how_members_are_known(
    built_store: BuiltStore,
) -> None:
    found = rows(call(built_store, "show", "vip_customers"))
    users = [row["value"] for row in found if row["what"] == "used by"]
    assert users == ["audience lapsed_buyers", "sync vip_customers_to_csv"]
    known = {row["what"]: row["value"] for row in rows(call(built_store, "show", "lapsed_buyers"))}
    assert 0 < known["members with user_id"] <= known["members"]


def test_every_audience_within_its_limits_is_no_alert(built_store: BuiltStore) -> None:
    result = call(built_store, "alerts")
    assert rows(result) == []
    assert "every audience is within its limits" in result.stderr


def test_what_no_build_has_made_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("empty")
    with duckdb.connect(":memory:") as connection:
        for ask in (
            lambda empty: size_history(empty, "main", None),
            lambda empty: broken_alerts(empty, "main"),
            lambda empty: check_built(empty, "main", "audience_sizes"),
        ):
            with pytest.raises(RunError) as raised:
                ask(Warehouse(connection, folder))
            assert raised.value.problems[0].slug == "not-built"
    assert str(raised.value) == (
        "error[not-built]: no build has made audience_sizes yet\nhelp: run 'cdp build' first"
    )


def test_a_definition_that_was_not_built_has_no_past_yet(
    built_store: BuiltStore, warehouse: Warehouse, tmp_path: Path
) -> None:
    new = "name: new\ndescription: New.\nwho: {did: Order Refunded, at_least: 2}\n"
    catalogue = load_catalogue(write_definitions(tmp_path, {"audiences/new.yml": new}))
    with pytest.raises(RunError) as raised:
        members_at(warehouse, built_store.project, catalogue, catalogue.audiences["new"], AS_OF)
    assert str(raised.value) == (
        "error[not-built]: the last build did not make what the definition needs: "
        "there is no table event__order_refunded\n"
        "help: run 'cdp build', then ask again"
    )


def test_a_moment_that_is_none_is_named() -> None:
    with pytest.raises(RunError) as raised:
        read_moment("yesterday")
    assert str(raised.value) == (
        "error[invalid-moment]: 'yesterday' is not a moment\n"
        "help: write it as 2026-05-01 or 2026-05-01T12:00:00Z"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--as-seen"], "--as-seen needs --as-of"),
        (
            ["--changes-between", "2026-05-31", "2026-05-01"],
            "--changes-between takes the earlier moment first",
        ),
        (
            ["--as-of", "2026-05-01", "--changes-between", "2026-04-01", "2026-05-01"],
            "--as-of and --changes-between exclude each other",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    built_store: BuiltStore, options: list[str], message: str
) -> None:
    result = call(built_store, *NAME, *options)
    assert result.exit_code == 2
    assert message in result.stderr


def test_an_audience_that_never_was_is_answered_with_the_nearest_name(
    built_store: BuiltStore,
) -> None:
    result = call(built_store, "overlap", "vip_customer", "lapsed_buyers")
    assert "there is no audience 'vip_customer'" in str(result.exception)
    with open_for_reading(built_store.project) as found:
        assert len(size_history(found, "main", None)) == 5
