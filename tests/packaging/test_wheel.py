"""A wheel is enough: `cdp init` gives a working project without a clone."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel's content, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_dbt_project_is_inside_and_nothing_private_is(installed: Path) -> None:
    shipped = installed / "cdp" / "dbt_project"
    assert (shipped / "dbt_project.yml").is_file()
    assert (shipped / "definitions" / "identity.yml").is_file()
    assert (shipped / "macros" / "connected_components.sql").is_file()
    assert (shipped / "models" / "staging" / "stg_events.sql").is_file()
    assert (shipped / "profiles.yml.example").is_file()
    assert not [path.name for path in shipped.rglob("*") if path.name in {"target", "logs"}]
    assert not list(shipped.rglob("*.duckdb"))


@pytest.mark.slow
def test_init_from_the_wheel_gives_a_project_that_builds(installed: Path, tmp_path: Path) -> None:
    """With the wheel's code, in another folder: load one message, then `dbt build` alone."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "DO_NOT_TRACK": "1"}

    def cdp(*words: str, folder: Path = tmp_path) -> None:
        code = "from cdp.cli import main; main()"
        subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )

    cdp("init", "my-cdp")
    project = tmp_path / "my-cdp"
    event = (
        '{"messageId": "m1", "type": "track", "event": "Order Completed", "userId": "u1", '
        '"properties": {"revenue": 12.5, "currency": "EUR"}, '
        '"timestamp": "2026-05-01T10:00:00Z", "receivedAt": "2026-05-01T10:00:01Z"}\n'
    )
    (tmp_path / "events.ndjson").write_text(event)
    cdp("load", str(tmp_path / "events.ndjson"), "--source", "web", folder=project)
    code = "from dbt.cli.main import cli; cli()"
    built = subprocess.run(
        [sys.executable, "-c", code, "build", "--quiet"],
        cwd=project,
        env={**os.environ, "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout
    cdp("audience", "list", folder=project)
    cdp("compile", "--check", folder=project)
