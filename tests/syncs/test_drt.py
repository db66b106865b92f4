"""`cdp sync export --drt`: what is written for drt. drt-core 1.2.1 loaded and ran these files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cdp.cli import cli
from cdp.errors import CdpError

from .harness import Shop

DESTINATIONS = """\
destinations:
  - {name: pg, type: postgres_table, live_on: [dev], settings: {dsn: env:PG_DSN, schema: crm}}
  - {name: my, type: mysql_table, live_on: [dev], settings: {dsn: env:MY_DSN, tls: required}}
  - {name: lines, type: jsonl_file, live_on: [dev], settings: {path: out}}
  - {name: whole, type: csv_file, live_on: [dev], settings: {path: out, write: snapshot}}
  - {name: columns, type: parquet_file, live_on: [dev], settings: {path: out}}
  - name: lake
    type: s3_file
    live_on: [dev]
    settings: {bucket: shop, path: /exports/, format: csv, access_key_id: env:KEY, endpoint: env:S3}
  - {name: glake, type: gcs_file, live_on: [dev], settings: {bucket: shop, format: parquet}}
  - name: hook
    type: webhook
    live_on: [dev]
    settings: {url: env:HOOK_URL, auth: bearer, token: env:HOOK_TOKEN, signing_secret: env:SIGN}
  - name: open_hook
    type: webhook
    live_on: [dev]
    settings: {url: "https://x.example", auth: basic, username: me, password: env:PASSWORD}
  - {name: hubspot, type: hubspot, live_on: [dev], settings: {access_token: env:HUBSPOT}}
  - {name: klaviyo, type: klaviyo, live_on: [dev], settings: {api_key: env:KLAVIYO}}
  - {name: sms, type: kafka, live_on: [dev], settings: {bootstrap_servers: k, security: ssl}}
"""
SYNC = """\
name: {0}
description: Customers.
from: {{model: customers}}
destination: {0}
key: email
{1}
fields:
  email: {{column: email}}
  spend: {{column: spend, type: decimal{2}}}
"""
NAMED = ("hook", "open_hook", "hubspot", "klaviyo")
"""The destinations that take a field by another name."""
MIRROR = {"mode": "mirror", "mirror": {"strategy": "tracked"}}
DESTINATION = {
    "pg": {
        "type": "postgres",
        "connection_string_env": "PG_DSN",
        "table": "crm.pg",
        "upsert_key": ["sync_key"],
    },
    "my": {
        "type": "mysql",
        "connection_string_env": "MY_DSN",
        "table": "my",
        "upsert_key": ["sync_key"],
        "ssl": {"enabled": True},
    },
    "lines": {"type": "file", "path": "../out/lines.jsonl", "format": "jsonl"},
    "whole": {"type": "file", "path": "../out/whole.csv", "format": "csv"},
    "columns": {"type": "parquet", "path": "../out/columns.parquet", "compression": "zstd"},
    "lake": {
        "type": "s3",
        "bucket": "shop",
        "prefix": "exports/lake/",
        "format": "csv",
        "parquet_compression": "zstd",
        "region": "us-east-1",
        "aws_access_key_id_env": "KEY",
        "endpoint_url": "${S3}",
    },
    "glake": {
        "type": "gcs",
        "bucket": "shop",
        "prefix": "glake/",
        "format": "parquet",
        "parquet_compression": "zstd",
    },
    "hook": {
        "type": "rest_api",
        "url": "${HOOK_URL}",
        "method": "POST",
        "headers": {"Content-Type": "application/json"},
        "body_mode": "batch",
        "batch_template": (
            '{"sync": "hook", "destination": "hook", "rows": [{% for row in rows %}'
            '{"operation": "upsert", "key": {{ row.sync_key | tojson_safe }}, "fields": '
            '{"email": {{ row["email"] | tojson_safe }}, '
            '"Total Spend": {{ row["Total Spend"] | tojson_safe }}}}'
            "{% if not loop.last %}, {% endif %}{% endfor %}]}"
        ),
        "max_records_per_request": 100,
        "native_idempotency_key": "{{ request_id }}",
        "auth": {"type": "bearer", "token_env": "HOOK_TOKEN"},
    },
    "hubspot": {
        "type": "hubspot",
        "object_type": "contacts",
        "id_property": "email",
        "auth": {"type": "bearer", "token_env": "HUBSPOT"},
    },
    "klaviyo": {
        "type": "klaviyo",
        "api_key_env": "KLAVIYO",
        "email_field": "email",
        "list_id": "Y6nRLr",
    },
}
PROBLEMS = {
    "open_hook": "drt takes the user name from an environment variable only",
    "sms": "drt has no destination for 'kafka'",
}


@pytest.fixture
def many(shop: Shop) -> Shop:
    """A project with a sync to each destination, bearing its name."""
    definitions = shop.folder / "definitions"
    (definitions / "syncs" / "customers.yml").unlink()
    (definitions / "destinations.yml").write_text(DESTINATIONS)
    for name in (*DESTINATION, *PROBLEMS):
        more = "object: list_members\noptions: {list_id: Y6nRLr}" if name == "klaviyo" else ""
        (definitions / "syncs" / f"{name}.yml").write_text(
            SYNC.format(name, more, ", as: Total Spend" if name in NAMED else "")
        )
    return shop


def export(shop: Shop, *arguments: str) -> Result:
    where = ["--drt", str(shop.folder / "drt"), "--project-dir", str(shop.folder)]
    return CliRunner().invoke(cli, ["sync", "export", *arguments, *where])


def read(shop: Shop, name: str) -> Any:
    return yaml.safe_load((shop.folder / "drt" / "syncs" / f"{name}.yml").read_text())


def test_each_sync_is_written_in_the_words_of_drt(many: Shop) -> None:
    result = export(many)
    assert result.exit_code == 4, result.output
    assert {name: read(many, name)["destination"] for name in DESTINATION} == DESTINATION
    assert {name: read(many, name)["sync"] for name in DESTINATION} == {
        name: MIRROR if name in ("pg", "my") else {"mode": "full"} for name in DESTINATION
    }
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {one["sync"]: one["notes"] for one in rows if not one["file"]} == PROBLEMS
    assert "2 of 12 syncs cannot be written for drt" in result.stderr
    assert f"cdp:\n  type: duckdb\n  database: {many.warehouse}\n" in result.stderr
    project = yaml.safe_load((many.folder / "drt" / "drt_project.yml").read_text())
    assert project == {"name": many.folder.name, "version": "0.1", "profile": "cdp"}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "{model: customers}\ndestination: pg\nkey: email",
            "{events: all, since: all}\ndestination: pg",
            "drt would send every event again and again",
        ),
        ("key: email", "key: email\nmode: archive", "drt has no mode 'archive'"),
    ],
)
def test_what_drt_has_no_words_for_is_not_written(
    many: Shop, old: str, new: str, problem: str
) -> None:
    path = many.folder / "definitions" / "syncs" / "pg.yml"
    text = path.read_text().replace(old, new)
    path.write_text(text.replace("column: email", "column: source").replace("spend,", "type,"))
    result = export(many, "pg")
    assert [json.loads(line)["notes"] for line in result.stdout.splitlines()] == [problem]


def test_the_query_has_every_valid_row_with_the_names_of_the_destination(many: Shop) -> None:
    export(many, "hubspot", "pg", "whole")
    for name in ("hubspot", "pg", "whole"):
        many.desire([("a", "a@x", 1), (None, "n", 1), ("d", "1", 1), ("d", "2", 1)], name)
    with many.connect() as connection:
        found = {}
        for name in ("hubspot", "pg", "whole"):
            cursor = connection.execute(read(many, name)["model"])
            found[name] = [one[0] for one in cursor.description or ()], cursor.fetchall()
    names = {name: columns for name, (columns, _) in found.items()}
    assert names == {
        "hubspot": ["email", "Total Spend"],
        "pg": ["sync_key", "email", "spend"],
        "whole": ["key", "email", "spend"],
    }
    assert {len(rows) for _, rows in found.values()} == {1}


def test_what_drt_does_otherwise_stands_in_the_file(many: Shop) -> None:
    assert export(many, "my").exit_code == 0
    text = (many.folder / "drt" / "syncs" / "my.yml").read_text()
    assert text.startswith(
        "# Written by 'cdp sync export --drt'; a later export replaces it.\n"
        "# drt does not make the table: it needs sync_key as its primary key\n"
    )
    assert export(many, "my").exit_code == 0


def test_documents_are_told_of_and_skipped_nulls_are_not_written(shop: Shop) -> None:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    head = path.read_text().split("fields:")[0]
    path.write_text(head + "fields: {a: {object: {b: {column: b}}}}\n")
    assert export(shop).exit_code == 0
    assert (
        "# objects and arrays are texts of JSON to drt\n"
        in (shop.folder / "drt" / "syncs" / "customers.yml").read_text()
    )
    path.write_text(head + "fields: {a: {column: b, when_null: skip}}\n")
    result = export(shop)
    assert (result.exit_code, json.loads(result.stdout)["notes"]) == (
        4,
        "drt sends nulls, and 'a' is skipped where it is null",
    )


def test_a_file_of_another_origin_is_left_alone(many: Shop) -> None:
    path = many.folder / "drt" / "syncs" / "my.yml"
    path.parent.mkdir(parents=True)
    path.write_text("name: my\n")
    result = export(many)
    assert isinstance(result.exception, CdpError)
    assert str(result.exception) == (
        f"error[file-in-the-way]: {path} was not written by this command\n"
        "help: choose another folder, or move the file away"
    )
    assert [one.name for one in Path(many.folder / "drt").rglob("*.yml")] == ["my.yml"]


def test_a_folder_that_cannot_be_written_to_is_said_so(many: Shop) -> None:
    (many.folder / "drt").mkdir()
    (many.folder / "drt" / "syncs").write_text("a file where a folder should be")
    result = export(many)
    assert isinstance(result.exception, CdpError)
    assert str(result.exception) == (
        f"error[folder-unwritable]: {many.folder / 'drt'} cannot be written to: File exists\n"
        "help: choose another folder, or let the user that runs cdp write there"
    )
