"""`cdp load` as a person or cron sees it: messages, exit codes, mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cdp.cli.load import command
from cdp.errors import CdpError
from tests.loader.conftest import message


def run(project: Path, *arguments: str | Path) -> Result:
    options = ["--project-dir", str(project), "--profiles-dir", str(project)]
    return CliRunner().invoke(command, [*map(str, arguments), *options])


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "landing"
    folder.mkdir()
    (folder / "a.ndjson").write_text(json.dumps(message()) + "\n")
    return folder


def test_a_load_and_the_same_again(loading_project: Path, landing: Path) -> None:
    first = run(loading_project, landing, "--source", "web")
    assert (first.exit_code, first.stdout) == (0, "")
    assert first.stderr == "load 1: 1 event from 1 file\n"
    again = run(loading_project, landing, "--source", "web")
    assert (again.exit_code, again.stderr) == (
        0,
        "a.ndjson: already loaded\nnothing to load: 1 file already loaded\n",
    )


def test_rejected_rows_are_counted_by_reason(loading_project: Path, landing: Path) -> None:
    run(loading_project, landing, "--source", "web")
    (landing / "b.ndjson").write_text("{}\n{}\n" + json.dumps(message(userId=...)) + "\n")
    (landing / "c.ndjson").write_bytes((landing / "a.ndjson").read_bytes())
    result = run(loading_project, landing, "--source", "web")
    assert result.exit_code == 4
    assert result.stderr == (
        "a.ndjson: already loaded\n"
        f"c.ndjson: already loaded, as {(landing / 'a.ndjson').resolve()}\n"
        "load 2: 0 events from 1 file (3 rejected, 2 files already loaded)\n"
        "        2  bad_request\n"
        "        1  no_user_anon_id\n"
        "their lines and reasons are in raw.rejected, load_id 2\n"
    )


def test_standard_input(loading_project: Path, landing: Path) -> None:
    options = ["--project-dir", str(loading_project), "--profiles-dir", str(loading_project)]
    text = (landing / "a.ndjson").read_bytes()
    for expected in ("load 1: 1 event from 1 file\n", "nothing to load: 1 file already loaded\n"):
        result = CliRunner().invoke(command, ["-", "--source", "web", *options], input=text)
        assert result.stderr.endswith(expected)


@pytest.mark.parametrize("limit", ["0", "50%"])
def test_a_limit_on_rejected_rows(loading_project: Path, landing: Path, limit: str) -> None:
    (landing / "b.ndjson").write_text("{}\n{}\n")
    result = run(loading_project, landing, "--source", "web", "--max-rejected", limit)
    assert isinstance(result.exception, CdpError)
    assert result.exception.problems[0].slug == "too-many-rejected"
    assert result.exception.exit_code == 1


@pytest.mark.parametrize("limit", ["many", "-1", "1.5", "nan%", "inf%"])
def test_a_limit_that_is_none(loading_project: Path, landing: Path, limit: str) -> None:
    result = run(loading_project, landing, "--source", "web", f"--max-rejected={limit}")
    assert result.exit_code == 2
    assert f"'{limit}' is neither a count nor a percentage; write 100 or 1%" in result.stderr


def test_the_help_has_an_example() -> None:
    assert "cdp load landing/ --source app" in CliRunner().invoke(command, ["--help"]).stdout
