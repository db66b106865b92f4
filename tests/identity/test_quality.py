"""`identity_quality`: what each run saw of the graph, kept, compared and warned of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdp.dbt import run_dbt
from cdp.project import Project
from cdp.warehouse import open_warehouse
from tests.projects import compile_here, load, new_project, run

PEOPLE, KIOSK_USERS = 30, 120


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Thirty people; a second run, in which a crowd has used one kiosk; a full refresh."""
    folder = tmp_path_factory.mktemp("quality")
    project = new_project(folder / "shop")
    (project.definitions / "identity.yml").write_text(
        "identifiers:\n  - {type: user_id, paths: [userId], limit: {count: 1000000}}\n"
        "  - {type: email, paths: [traits.email], limit: {count: 1000000}}\n"
        "  - {type: anonymous_id, paths: [anonymousId], limit: {count: 1000000}}\n"
    )
    compile_here(project)
    people = [(f"u{number}", f"a{number}") for number in range(PEOPLE)]
    crowd = [(f"k{number}", "kiosk") for number in range(KIOSK_USERS)]
    for name, pairs in (("first", people), ("second", crowd)):
        load(project, "web", [_write(folder / f"{name}.ndjson", pairs)])
        run(project, "--select", "+identity_quality")
    run(project, "--select", "identity_quality", "--full-refresh")
    return project


def test_each_run_stays_and_stands_beside_the_one_before(measured: Project) -> None:
    """Also through a full refresh, which measures once more and forgets nothing."""
    assert _history(measured, "profiles", "all") == [(30, None), (31, 30), (31, 31)]
    assert _history(measured, "largest_profile", "all") == [(2, None), (121, 2), (121, 121)]
    assert _history(measured, "most_values", "user_id") == [(1, None), (120, 1), (120, 120)]


def test_a_run_has_one_row_a_measure(measured: Project) -> None:
    with open_warehouse(measured, read_only=True) as warehouse:
        repeated = warehouse.rows(
            "select run_id, measure, identifier_type, bucket from main.identity_quality "
            "group by all having count(*) > 1"
        )
        runs = warehouse.value("select count(distinct run_id) from main.identity_quality")
    assert repeated == []
    assert runs == 3


def test_profiles_by_size_add_up(measured: Project) -> None:
    with open_warehouse(measured, read_only=True) as warehouse:
        rows = warehouse.rows(
            "select bucket, cast(measured as bigint) from main.identity_quality "
            "where measure = 'profiles_by_size' and measured_at = "
            "(select max(measured_at) from main.identity_quality) order by bucket"
        )
    assert rows == [("101-1000", 1), ("2", 30)]


def test_limits_warn_and_never_stop_a_build(measured: Project, tmp_path: Path) -> None:
    """The kiosk breaks the limits on size; nothing vanished."""
    assert _tests(measured) == {
        "identity_quality_largest_profile": "warn",
        "identity_quality_several_user_ids": "pass",
        "identity_quality_largest_profile_grew": "pass",
        "identity_quality_profiles_vanished": "pass",
    }
    load(
        measured,
        "web",
        [_write(tmp_path / "third.ndjson", [(f"k{n}", f"a{n}") for n in range(30)])],
    )
    run(measured, "--select", "+identity_quality")
    assert _tests(measured) == {
        "identity_quality_largest_profile": "warn",
        "identity_quality_several_user_ids": "warn",
        "identity_quality_largest_profile_grew": "pass",
        "identity_quality_profiles_vanished": "warn",
    }


def _history(project: Project, measure: str, kind: str) -> list[tuple[int, int | None]]:
    with open_warehouse(project, read_only=True) as warehouse:
        return warehouse.rows(
            "select cast(measured as bigint), cast(previous_measured as bigint) "
            "from main.identity_quality where measure = ? and identifier_type = ? "
            "and bucket = 'all' order by measured_at limit 3",
            [measure, kind],
        )  # type: ignore[return-value]


def _tests(project: Project) -> dict[str, str]:
    """The outcome of each warning; run_dbt raises when dbt itself does not succeed."""
    words = ["--select", "identity_quality,test_name:identity_quality_limit", "--quiet"]
    run_dbt(project, "test", [*words, "--log-level-file", "none"])
    results = json.loads((project.folder / "target" / "run_results.json").read_text())["results"]
    return {one["unique_id"].split(".")[2]: one["status"] for one in results}


def _write(file: Path, pairs: list[tuple[str, str]]) -> Path:
    with file.open("w") as out:
        for number, (user, cookie) in enumerate(pairs):
            message = {
                "messageId": f"{file.stem}-{number}",
                "type": "track",
                "event": "Seen",
                "timestamp": "2026-01-01T00:00:00Z",
                "receivedAt": "2026-01-01T00:00:00Z",
                "userId": user,
                "anonymousId": cookie,
            }
            out.write(json.dumps(message) + "\n")
    return file
