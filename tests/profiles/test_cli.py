"""`cdp profile history`: what a profile's traits were, for a person to read."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.conftest import BuiltStore


def test_the_history_ends_in_what_the_traits_are(built_store: BuiltStore) -> None:
    result = _history(built_store.project, "zoe.okafor352@mail.example", "--format", "json")
    assert result.exit_code == 0, result.output
    changes = json.loads(result.stdout)
    profile = result.stderr.split()[1]
    with open_warehouse(built_store.project, read_only=True) as warehouse:
        traits = warehouse.rows(
            "select trait_name, trait_value from main.user_traits "
            "where canonical_profile_id = cast(? as uuid) order by 1",
            [profile],
        )
    assert traits
    assert [(one["trait"], one["value"]) for one in changes if one["until"] is None] == traits
    assert set(changes[0]) == {"trait", "value", "before", "from", "until", "source", "message_id"}


def test_one_trait_alone(built_store: BuiltStore) -> None:
    result = _history(built_store.project, "u_00352", "--trait", "plan", "--format", "json")
    assert {one["trait"] for one in json.loads(result.stdout)} == {"plan"}


def test_a_trait_that_never_was_is_told_with_the_nearest(built_store: BuiltStore) -> None:
    result = _history(built_store.project, "u_00352", "--trait", "pan")
    assert str(result.exception) == (
        "error[unknown-trait]: the profile never had a trait 'pan'\nhelp: did you mean 'plan'?"
    )


def test_a_build_that_knew_no_history_is_told_to_build_again(project: Project) -> None:
    with open_warehouse(project) as warehouse:
        warehouse.execute(
            "create table main.identity_graph as "
            "select 'u1' as identifier_value, uuid() as canonical_profile_id"
        )
        warehouse.execute(
            "create table main.profile_merges as "
            "select canonical_profile_id as profile_id, canonical_profile_id from identity_graph"
        )
    assert str(_history(project, "u1").exception) == (
        "error[not-built]: the profile tables do not exist yet\nhelp: run 'cdp build' first"
    )


def _history(project: Project, *arguments: str) -> Result:
    return CliRunner().invoke(
        cli, ["profile", "history", *arguments, "--project-dir", str(project.folder)]
    )
