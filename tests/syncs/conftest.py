"""Fixtures of the sync tests: a shop and the destination that it writes to."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .harness import DESTINATIONS, IDENTITY, SIGNING, TOKEN, Server, Shop


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def shop(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Shop:
    definitions = tmp_path / "definitions"
    (definitions / "syncs").mkdir(parents=True)
    shutil.copy(IDENTITY, definitions / "identity.yml")
    (definitions / "destinations.yml").write_text(DESTINATIONS)
    (tmp_path / "cdp.yml").write_text("dialects: [duckdb]\n")
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(
        "shop:\n  target: dev\n  outputs:\n"
        "    dev: {type: duckdb, path: warehouse.duckdb, schema: main}\n"
        "    staging: {type: duckdb, path: warehouse.duckdb, schema: main}\n"
    )
    monkeypatch.setenv("HOOK_URL", server.url)
    monkeypatch.setenv("HOOK_TOKEN", TOKEN)
    monkeypatch.setenv("HOOK_SIGNING", SIGNING)
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    shop = Shop(tmp_path)
    shop.sync()
    return shop
