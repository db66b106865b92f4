"""The package's vars: each changes what it says, and the shipped tests pass with it."""

from __future__ import annotations

from datetime import datetime
from hashlib import md5
from pathlib import Path
from uuid import UUID

from cdp.project import Project, find_project
from cdp.warehouse import open_warehouse
from tests.projects import build, load

MESSAGE = (
    '{"type": "track", "event": "Order Completed", "userId": "u1", "messageId": "m1", '
    '"timestamp": "2026-05-01T00:00:00Z", "receivedAt": "2026-05-01T00:00:01Z"}'
)


def test_salt_clock_and_raw_schema(project: Project, tmp_path: Path) -> None:
    settings = project.folder / "dbt_project.yml"
    text = settings.read_text()
    assert "cdp_raw_schema: raw\n" in text
    settings.write_text(
        text.replace(
            "cdp_raw_schema: raw\n",
            "cdp_raw_schema: landing\n  cdp_profile_id_salt: sea\n"
            "  cdp_as_of: 2026-06-01T00:30:00+02:00\n",
        )
    )
    file = tmp_path / "one.ndjson"
    file.write_text(MESSAGE)
    salted = find_project(project.folder)
    load(salted, "web", [file])
    build(salted)
    expected = UUID(md5(b"\x1f".join([b"profile", b"sea", b"user_id", b"u1"])).hexdigest())
    with open_warehouse(salted, read_only=True) as warehouse:
        assert warehouse.rows("select canonical_profile_id from main.profiles") == [(expected,)]
        assert warehouse.rows("select as_of from main_internal.int_features") == [
            (datetime(2026, 5, 31, 22, 30),)
        ]
        assert warehouse.exists("landing", "events")
        assert not warehouse.exists("raw", "events")
