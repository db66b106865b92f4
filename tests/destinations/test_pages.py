"""The pages of docs/destinations are what the manifests say. Write them with --update-golden."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.destinations.manifest import load_manifests
from cdp.destinations.page import example_of, pages, sync_example
from cdp.destinations.spec import read_destinations
from cdp.errors import Problems
from cdp.syncs.check_target import check_target
from cdp.syncs.spec import read_sync


def test_the_pages_are_current(repository: Path, request: pytest.FixtureRequest) -> None:
    folder = repository / "docs" / "destinations"
    if request.config.getoption("--update-golden"):
        folder.mkdir(exist_ok=True)
        for name, text in pages(load_manifests()).items():
            (folder / name).write_text(text, encoding="utf-8")
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")} == pages(
        load_manifests()
    )


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (manifest.name, name)
        for manifest in load_manifests().values()
        if manifest.http
        for name in manifest.http.objects
    ],
)
def test_the_examples_of_a_page_are_valid(tmp_path: Path, name: str, shape: str) -> None:
    manifest = load_manifests()[name]
    found = manifest.object(shape)
    assert found is not None
    problems = Problems()
    (tmp_path / "destinations.yml").write_text(example_of(manifest))
    destinations = read_destinations(tmp_path / "destinations.yml", problems)
    path = tmp_path / f"customers_to_{name}.yml"
    path.write_text(sync_example(manifest, found))
    sync = read_sync(path, problems)
    assert sync is not None, problems.found
    check_target(sync, destinations[name], problems)
    assert [problem.render() for problem in problems.found] == []
