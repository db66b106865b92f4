"""Every command as a person meets it: help, messages, exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.dbt import run_dbt
from cdp.errors import CdpError, RunError
from cdp.project import Project
from tests.conftest import BuiltStore
from tests.projects import compile_here


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def _commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*words, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*words, name))


@pytest.mark.parametrize("words", [(), *_commands(cli)], ids=" ".join)  # type: ignore[arg-type]
def test_help_says_what_it_does_and_gives_an_example(words: tuple[str, ...]) -> None:
    result = invoke(*words, "--help")
    assert result.exit_code == 0
    assert "Example:" in result.output
    assert f"cdp {' '.join(words)}".strip() in result.output.split("Example:")[1]


def test_validate_counts_what_it_checked(project: Project) -> None:
    result = invoke("validate", "--project-dir", str(project.folder))
    assert result.exit_code == 0
    counts = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"definitions": "traits", "count": 12} in counts
    assert {"definitions": "audiences", "count": 5} in counts


def test_compile_check_tells_drift_with_exit_3(project: Project) -> None:
    folder = str(project.folder)
    assert invoke("compile", "--check", "--project-dir", folder).exit_code == 0
    model = project.models / "audiences" / "generated" / "audience__vip_customers.sql"
    model.write_text(model.read_text() + "-- edited by hand\n")
    (model.parent / "audience__forgotten.sql").write_text(model.read_text())
    result = invoke("compile", "--check", "--project-dir", folder)
    assert isinstance(result.exception, CdpError)
    assert result.exception.exit_code == 3
    texts = [problem.message for problem in result.exception.problems]
    assert texts == [
        "models/audiences/generated/audience__forgotten.sql has no definition any more",
        "models/audiences/generated/audience__vip_customers.sql does not match its definition",
    ]
    assert invoke("compile", "--project-dir", folder).exit_code == 0
    assert invoke("compile", "--check", "--project-dir", folder).exit_code == 0


def test_profile_show_finds_a_person_by_any_identifier(built_store: BuiltStore) -> None:
    folder = str(built_store.project.folder)
    by_email = invoke(
        "profile",
        "show",
        " Zoe.Okafor352@mail.example",
        "--project-dir",
        folder,
        "--format",
        "json",
    )
    assert by_email.exit_code == 0, by_email.output
    facts = json.loads(by_email.stdout)
    assert {"kind": "identifier", "name": "user_id", "value": "u_00352"}.items() <= next(
        fact for fact in facts if fact["value"] == "u_00352"
    ).items()
    assert {"identifier", "trait", "computed trait", "event"} <= {fact["kind"] for fact in facts}
    profile_id = by_email.stderr.split()[1]
    by_id = invoke("profile", "show", profile_id, "--project-dir", folder, "--format", "json")
    assert json.loads(by_id.stdout) == facts


def test_profile_show_names_the_accounts_of_a_profile(built_store: BuiltStore) -> None:
    folder = str(built_store.project.folder)
    shown = invoke(
        "profile", "show", "u_00359", "--project-dir", folder, "--format", "ndjson", "--events", "0"
    )
    accounts = [json.loads(line) for line in shown.stdout.splitlines() if '"account"' in line]
    assert [(one["name"], one["value"]) for one in accounts] == [("group_id", "acct_016")]


def test_profile_show_of_nobody_says_what_to_give(built_store: BuiltStore) -> None:
    result = invoke("profile", "show", "nobody", "--project-dir", str(built_store.project.folder))
    assert str(result.exception) == (
        "error[unknown-profile]: no profile has this identifier\n"
        "help: give an e-mail address, a user id, an anonymous id or a profile id as it stands "
        "in user_identifiers"
    )


def test_doctor_passes_on_a_built_project(built_store: BuiltStore) -> None:
    result = invoke("doctor", "--project-dir", str(built_store.project.folder), "--format", "json")
    checks = {check["check"]: check["status"] for check in json.loads(result.stdout)}
    assert result.exit_code == 0
    assert checks == {
        "installation": "ok",
        "dbt package": "ok",
        "definitions": "ok",
        "generated models": "ok",
        "secrets": "warning",
        "warehouse": "ok",
        "read copy": "warning",
    }


def test_doctor_fails_on_a_broken_definition(project: Project) -> None:
    (project.definitions / "audiences" / "vip_customers.yml").write_text("nam: vip\n")
    result = invoke("doctor", "--project-dir", str(project.folder), "--format", "json")
    checks = {check["check"]: check for check in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert checks["definitions"]["status"] == "failed"
    assert "has no 'name'" in checks["definitions"]["detail"]


def test_a_folder_without_a_project_is_said_so(tmp_path: Path) -> None:
    result = invoke("validate", "--project-dir", str(tmp_path))
    assert str(result.exception) == (
        f"error[no-project]: there is no cdp project in {tmp_path}\n"
        "help: run the command in the folder with cdp.yml, name it with --project-dir, "
        "or make a project with 'cdp init my-cdp'"
    )


def test_init_refuses_a_folder_with_files(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    result = invoke("init", str(tmp_path))
    assert str(result.exception) == (
        f"error[folder-not-empty]: {tmp_path} is not empty\n"
        "help: name a new folder, or refresh a project with 'cdp init --upgrade'"
    )
    assert (tmp_path / "precious.txt").read_text() == "mine"


def test_upgrade_refreshes_the_package_and_nothing_else(project: Project) -> None:
    package = project.folder / "dbt_packages" / "cdp"
    macro = package / "macros" / "cdp_as_of.sql"
    original = macro.read_text()
    macro.write_text("changed")
    trait = project.definitions / "traits" / "profile.yml"
    trait.write_text(trait.read_text() + "# mine\n")
    assert invoke("init", "--upgrade", str(project.folder)).exit_code == 0
    assert macro.read_text() == original
    assert trait.read_text().endswith("# mine\n")


def test_a_sync_of_a_model_that_does_not_exist_names_both(project: Project) -> None:
    (project.definitions / "syncs" / "stock.yml").write_text(
        "name: stock\ndescription: Stock.\nfrom: {model: no_such_model}\n"
        "destination: exports\nkey: sku\nfields: {sku: {column: sku}}\n"
    )
    compile_here(project)
    with pytest.raises(RunError) as caught:
        run_dbt(project, "parse", ["--quiet", "--log-level-file", "none"])
    assert str(caught.value) == (
        "error[unknown-model]: models/syncs/generated/sync__stock.sql reads the model "
        "'no_such_model', which does not exist\n"
        "help: name a model of the dbt project in the definition that this file is made from"
    )
