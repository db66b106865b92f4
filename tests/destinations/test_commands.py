"""`cdp destination`: what it lists, shows, tests and simulates."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.destinations.manifest import load_manifests
from cdp.destinations.simulate.faults import LOST_AFTER, Faults
from cdp.destinations.simulate.serve import STATE, make_server
from cdp.destinations.simulate.vendor import Simulator
from cdp.errors import CdpError

IDENTITY = Path(__file__).parents[2] / "dbt_project" / "definitions" / "identity.yml"
DESTINATIONS = """\
destinations:
  - name: crm
    type: hubspot
    live_on: [dev]
    settings: {access_token: env:CRM_TOKEN, endpoint: env:CRM_ENDPOINT}
  - name: numbers
    type: ga4
    live_on: [dev]
    settings: {measurement_id: G-1, api_secret: env:CRM_TOKEN}
  - name: exports
    type: csv_file
    live_on: [dev]
    settings: {path: out}
"""


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(load_manifests()["hubspot"], settings={"access_token": "tok-8412"})


@pytest.fixture
def address(simulator: Simulator) -> Iterator[str]:
    server = make_server(simulator, 0, slow_s=0.0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "definitions").mkdir()
    shutil.copy(IDENTITY, tmp_path / "definitions" / "identity.yml")
    (tmp_path / "definitions" / "destinations.yml").write_text(DESTINATIONS)
    (tmp_path / "cdp.yml").write_text("dialects: [duckdb]\n")
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(
        "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: w.duckdb, schema: main}\n"
    )
    monkeypatch.setenv("CRM_TOKEN", "tok-8412")
    monkeypatch.setenv("CRM_ENDPOINT", address)
    monkeypatch.delenv("DBT_PROFILES_DIR", raising=False)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["destination", *arguments])


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def message(result: Result) -> str:
    assert isinstance(result.exception, CdpError)
    return str(result.exception)


def test_the_types_are_listed_with_their_objects(folder: Path) -> None:
    found = {one["type"]: one for one in rows(call("list", "--project-dir", str(folder)))}
    assert set(found) == set(load_manifests())
    assert found["customerio"] == {
        "type": "customerio",
        "title": "Customer.io",
        "objects": "people, segment_members, events",
        "removes": "segment_members",
    }


def test_the_configured_destinations_are_listed(folder: Path) -> None:
    found = rows(call("list", "--configured", "--project-dir", str(folder)))
    assert found[0] == {"destination": "crm", "type": "hubspot", "live_on": "dev"}
    assert [one["destination"] for one in found] == ["crm", "exports", "numbers"]


def test_a_type_is_shown_as_its_page() -> None:
    result = call("show", "hubspot")
    assert result.exit_code == 0
    assert result.stdout.startswith("# HubSpot\n")
    assert "A file appears whole or not at all" in call("show", "csv_file").stdout


def test_a_test_asks_without_writing(folder: Path, simulator: Simulator) -> None:
    result = call("test", "--project-dir", str(folder))
    assert result.exit_code == 0, result.output
    assert [(one["destination"], one["result"]) for one in rows(result)] == [
        ("crm", "ok"),
        ("exports", "ok"),
        ("numbers", "not asked"),
    ]
    assert simulator.places == {}


def test_wrong_credentials_are_found_and_not_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_TOKEN", "wrong-7731")
    result = call("test", "crm", "--project-dir", str(folder))
    place = folder / "definitions" / "destinations.yml"
    assert result.exit_code == 1
    assert result.stderr == (
        "error[destination-refused]: destination 'crm' refused its test request with status 401\n"
        f"  --> {place}:2:11\n   2 |   - name: crm\n"
        "help: check its address and its credentials\n"
    )


def test_a_destination_that_is_away_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_ENDPOINT", "http://127.0.0.1:1")
    result = call("test", "crm", "--project-dir", str(folder))
    place = folder / "definitions" / "destinations.yml"
    assert result.exit_code == 1
    assert result.stderr == (
        "error[destination-unavailable]: destination 'crm' did not answer (connection_failed)\n"
        f"  --> {place}:2:11\n   2 |   - name: crm\n"
        "help: try again; check its address, and whether this machine may reach it\n"
    )


def test_a_folder_that_cannot_be_made_is_found(folder: Path) -> None:
    (folder / "out").write_text("a file")
    result = call("test", "exports", "--project-dir", str(folder))
    place = folder / "definitions" / "destinations.yml"
    assert result.stderr == (
        f"error[destination-unwritable]: destination 'exports' cannot be written to: "
        f"{folder / 'out'}\n"
        f"  --> {place}:10:11\n  10 |   - name: exports\n"
        "help: check that the folder exists, may be written to and has space\n"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ("show", "hubspt"),
            (
                "error[unknown-destination-type]: there is no type of destination 'hubspt'\n"
                "help: did you mean 'hubspot'?"
            ),
        ),
        (
            ("simulate", "csv_file"),
            (
                "error[cannot-simulate]: 'csv_file' has no requests to simulate\n"
                "help: only what is reached over HTTP can be simulated"
            ),
        ),
        (
            ("simulate", "braze", "--object", "user"),
            "error[cannot-simulate]: Braze has no object 'user'\nhelp: did you mean 'users'?",
        ),
    ],
)
def test_a_mistake_is_explained(arguments: tuple[str, ...], expected: str) -> None:
    assert message(call(*arguments)) == expected


def test_an_unknown_destination_is_explained(folder: Path) -> None:
    result = call("test", "cmr", "--project-dir", str(folder))
    assert message(result) == (
        "error[unknown-destination]: there is no destination 'cmr'\nhelp: did you mean 'crm'?"
    )


def test_a_taken_port_is_explained(address: str) -> None:
    port = address.rpartition(":")[2]
    assert message(call("simulate", "hubspot", "--port", port)) == (
        f"error[port-taken]: port {port} of 127.0.0.1 is taken\nhelp: name another one with --port"
    )


def test_the_simulator_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "werkzeug.serving", None)
    assert message(call("simulate", "hubspot")) == (
        "error[simulator-not-installed]: the simulator needs a package that is not installed\n"
        "help: pip install 'cdp[simulator]'"
    )


def test_a_simulated_destination_keeps_state_over_real_sockets(
    address: str, simulator: Simulator
) -> None:
    body = {"inputs": [{"idProperty": "email", "id": "a@x", "objectWriteTraceId": "r0",
                        "properties": {"email": "a@x", "tier": "gold"}}]}  # fmt: skip
    url = f"{address}/crm/v3/objects/contacts/batch/upsert"
    refused = httpx.post(url, json=body)
    assert refused.status_code == 401
    taken = httpx.post(url, json=body, headers={"Authorization": "Bearer tok-8412"})
    assert taken.json()["results"] == [{"id": "id0x1", "properties": {"email": "a@x"}}]
    state = httpx.get(address + STATE).json()
    assert state["records object_type=contacts"]["entities"][0]["fields"]["tier"] == "gold"
    simulator.faults = Faults(seed=1, rate=1.0, kinds=[LOST_AFTER])
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(url, json=body, headers={"Authorization": "Bearer tok-8412"})
