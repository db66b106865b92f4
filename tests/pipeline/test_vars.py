"""The package's vars: each changes what it says, and the shipped tests pass with it."""

from __future__ import annotations

import datetime as dates
import re
from datetime import datetime
from hashlib import md5
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn
from uuid import UUID

import jinja2
import pytest

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


class NoTime(Exception):  # noqa: N818
    """What the macro raises in dbt as an error of compiling."""


def utc(text: str) -> str:
    def refuse(message: str) -> NoReturn:
        raise NoTime(message)

    macros = Path(__file__).parents[2] / "dbt_project" / "macros" / "cdp_as_of.sql"
    names = {
        "modules": SimpleNamespace(re=re, datetime=dates),
        "exceptions": SimpleNamespace(raise_compiler_error=refuse),
    }
    template = jinja2.Environment().from_string(macros.read_text(), globals=names)
    return str(template.module.cdp_utc(text))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-05-01", "2026-05-01 00:00:00.000000"),
        ("2024-02-29 12:00", "2024-02-29 12:00:00.000000"),
        ("2026-05-01T12:00:00.123456+05:30", "2026-05-01 06:30:00.123456"),
        ("2026-12-31T23:59:59-0800", "2027-01-01 07:59:59.000000"),
    ],
)
def test_a_time_is_read_as_utc(given: str, moment: str) -> None:
    assert utc(given) == moment


@pytest.mark.parametrize(
    "given",
    [
        "soon",
        "2026-02-29",
        "2026-04-31",
        "2026-13-01",
        "2026-05-01T24:00",
        "2026-05-01T10:00+16:00",
    ],
)
def test_what_is_no_time_says_so_and_how_to_write_one(given: str) -> None:
    with pytest.raises(NoTime) as raised:
        utc(given)
    assert str(raised.value) == (
        f"cdp_as_of '{given}' is no time: write it as 2026-05-01 or 2026-05-01T12:00:00Z"
    )
