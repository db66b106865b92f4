"""Every model is documented and contracted, and every sync is an exposure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import BuiltStore


@pytest.fixture(scope="module")
def manifest(built_store: BuiltStore) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        (built_store.project.folder / "target" / "manifest.json").read_text()
    )
    return found


def test_every_model_is_documented_and_contracted(manifest: dict[str, Any]) -> None:
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    assert len(models) > 25
    for model in models:
        assert model["description"], model["name"]
        assert model["config"]["contract"]["enforced"], model["name"]
        for column in model["columns"].values():
            assert column["data_type"], f"{model['name']}.{column['name']}"
            assert column["description"], f"{model['name']}.{column['name']}"


def test_every_sync_is_an_exposure_of_its_desired_state(manifest: dict[str, Any]) -> None:
    syncs = {
        node["name"].removeprefix("sync__")
        for node in manifest["nodes"].values()
        if node["name"].startswith("sync__")
    }
    exposures = {one["name"]: one["depends_on"]["nodes"] for one in manifest["exposures"].values()}
    assert set(exposures) == syncs == {"cart_abandoners_to_crm", "vip_customers_to_csv"}
    for name, nodes in exposures.items():
        assert [node.rsplit(".", 1)[-1] for node in nodes] == [f"sync__{name}"]


def test_anonymous_usage_statistics_are_off(built_store: BuiltStore) -> None:
    for folder in (".", "dbt_packages/cdp"):
        text = (built_store.project.folder / folder / "dbt_project.yml").read_text()
        assert "send_anonymous_usage_stats: false" in text
