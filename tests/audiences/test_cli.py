"""`cdp validate` and `cdp audience`, on a project built from the store capture."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cdp.audiences.report import preview, sizes
from cdp.catalogue import load_catalogue
from cdp.cli import cli
from cdp.errors import CdpError, Problems, RunError
from cdp.project import Project
from cdp.traits.spec import read_traits
from cdp.warehouse import open_for_reading
from tests.conftest import BuiltStore
from tests.definitions import write_definitions


def call(project: Project, *arguments: str) -> Result:
    options = ["--project-dir", str(project.folder)]
    return CliRunner().invoke(cli, [*arguments, *options])


def rows(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_validate_counts_the_definitions(project: Project) -> None:
    result = call(project, "validate")
    counts = {row["definitions"]: row["count"] for row in rows(result)}
    assert counts["audiences"] == len(list((project.definitions / "audiences").glob("*.yml")))
    assert counts["traits"] > 0
    assert "all definitions are valid" in result.stderr


def test_validate_prints_every_problem_and_fails(project: Project) -> None:
    (project.definitions / "audiences" / "a.yml").write_text(
        "name: a\ndescription: A.\nwho: {audience: nobody}\nlimit: 5\n", encoding="utf-8"
    )
    (project.definitions / "traits" / "b.yml").write_text("traits: 5\n", encoding="utf-8")
    result = call(project, "validate")
    assert isinstance(result.exception, CdpError)
    slugs = {problem.slug for problem in result.exception.problems}
    assert slugs == {"unknown-key", "wrong-type"}


def test_list_before_the_first_build_has_no_sizes(project: Project) -> None:
    result = call(project, "audience", "list")
    assert {row["members"] for row in rows(result)} == {None}
    assert "run 'cdp build' to see sizes" in result.stderr


def test_list_shows_the_size_of_every_audience(built_store: BuiltStore) -> None:
    found = {row["audience"]: row for row in rows(call(built_store.project, "audience", "list"))}
    with open_for_reading(built_store.project) as warehouse:
        measured = sizes(warehouse, built_store.project)
    assert found["lapsed_buyers"]["members"] == measured["lapsed_buyers"].members > 0
    assert found["lapsed_buyers"]["entered"] == found["lapsed_buyers"]["members"]
    assert found["lapsed_buyers"]["exited"] == 0


def test_an_audience_that_nobody_is_in_has_no_members_rather_than_none(
    built_store: BuiltStore,
) -> None:
    found = {row["audience"]: row for row in rows(call(built_store.project, "audience", "list"))}
    # The capture ends months ago, so nobody did anything in the last 30 days.
    assert found["engaged_visitors"]["members"] == 0
    assert found["engaged_visitors"]["last_change_at"] is None


def test_show_names_the_definition_the_model_and_the_changes(built_store: BuiltStore) -> None:
    result = call(built_store.project, "audience", "show", "lapsed_buyers")
    found = {row["what"]: row["value"] for row in rows(result)}
    assert found["definition"] == "definitions/audiences/lapsed_buyers.yml"
    assert (built_store.project.folder / found["model"]).is_file()
    assert any(what.startswith("entered at ") for what in found)
    assert "before_last: 60 days" in result.stderr


def test_a_preview_is_what_the_build_made(built_store: BuiltStore) -> None:
    project, catalogue = built_store.project, load_catalogue(built_store.project)
    with open_for_reading(project) as warehouse:
        built = sizes(warehouse, project)
        for name, audience in catalogue.audiences.items():
            found = preview(warehouse, project, catalogue, audience, 3)
            assert found.members == (built[name].members if name in built else 0), name
            assert len(found.profiles) == min(3, found.members)


def test_a_preview_prints_some_profiles_and_the_number(built_store: BuiltStore) -> None:
    result = call(built_store.project, "audience", "preview", "lapsed_buyers", "--sample", "2")
    assert [list(row) for row in rows(result)] == [["canonical_profile_id"]] * 2
    assert "lapsed_buyers would have " in result.stderr


def test_a_preview_sees_a_definition_that_was_never_built(
    built_store: BuiltStore, tmp_path: Path
) -> None:
    project, catalogue = built_store.project, load_catalogue(built_store.project)
    text = (project.definitions / "traits" / "orders.yml").read_text(encoding="utf-8")
    changed = tmp_path / "traits" / "orders.yml"
    changed.parent.mkdir()
    changed.write_text(text.replace("default: 0", "default: 1000"), encoding="utf-8")
    traits = {one.name: one for one in read_traits(changed, Problems())}
    assert traits["lifetime_value"].default == Decimal(1000)
    richer = replace(catalogue, traits={**catalogue.traits, **traits})
    audience = catalogue.audiences["lapsed_buyers"]
    with open_for_reading(project) as warehouse:
        before = preview(warehouse, project, catalogue, audience, 0).members
        assert preview(warehouse, project, richer, audience, 0).members >= before


def test_a_preview_of_features_that_are_not_built_says_so(
    built_store: BuiltStore, tmp_path: Path
) -> None:
    new = "name: new\ndescription: New.\nwho: {did: Order Refunded, at_least: 2}\n"
    unbuilt = load_catalogue(write_definitions(tmp_path, {"audiences/new.yml": new}))
    with (
        open_for_reading(built_store.project) as warehouse,
        pytest.raises(RunError) as raised,
    ):
        preview(warehouse, built_store.project, unbuilt, unbuilt.audiences["new"], 1)
    assert str(raised.value) == (
        "error[features-not-built]: the warehouse has not computed order_refunded__count yet\n"
        "help: run 'cdp build', then preview again"
    )


def test_an_unknown_audience_is_answered_with_the_nearest_name(project: Project) -> None:
    result = call(project, "audience", "show", "vip_customer")
    folder = (project.definitions / "audiences").as_posix()
    assert str(result.exception) == (
        "error[unknown-audience]: there is no audience 'vip_customer'\n"
        f"  --> {folder}\n"
        "help: did you mean 'vip_customers'?"
    )


@pytest.mark.parametrize(
    "arguments", [["validate"], ["audience"], ["audience", "list"], ["audience", "preview"]]
)
def test_every_help_has_an_example(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, [*arguments, "--help"])
    assert "Example:" in result.output
