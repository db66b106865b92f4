"""A local Spark that runs what is printed for it, over the rows of the stub warehouse.

Owns the session's settings and how a model's query becomes a table that the next ones read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

from cdp.sql.text import sql_text
from tests.audiences import stub_warehouse
from tests.audiences.oracle import World

SESSIONS = (("UTC", "true"), ("America/New_York", "false"))
"""Zones and ANSI modes: the default of Spark 4, and a zone whose clocks change with Spark 3's."""
_TYPES = {
    "uuid": "string",
    "text": "string",
    "timestamp": "timestamp_ntz",
    "timestamp with time zone": "timestamp",
    "double precision": "double",
}
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    # Queries of a few rows: compiling each to bytecode takes longer than interpreting it.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
}


def start(folder: Path) -> Any:
    """A session of two threads whose files are in a folder."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("cdp")
    for name, value in _SETTINGS.items():
        builder = builder.config(name, value)
    found = builder.config("spark.sql.warehouse.dir", str(folder)).getOrCreate()
    found.sparkContext.setLogLevel("ERROR")
    return found


def arrange(session: Any, zone: str, ansi: str) -> None:
    """Sets what must not matter."""
    session.conf.set("spark.sql.session.timeZone", zone)
    session.conf.set("spark.sql.ansi.enabled", ansi)


def build(session: Any, world: World, catalogue: Any, more: Iterable[Any] = ()) -> None:
    """Make every table that the world's definitions compile to, in the order of the models.

    `more` are further tables to read: what has a name, columns and rows.
    """
    for name, found in stub_warehouse.rows(world).items():
        columns = stub_warehouse.TABLES[name].split(", ")
        table(session, name, dict(one.split(" ", 1) for one in columns), found)
    for one in more:
        table(session, one.name, one.columns, one.rows)
    for model in stub_warehouse.models(catalogue):
        made = session.sql(sql_text(model.body("spark"), "spark"))
        if model.config["materialized"] != "view":
            # The plan ends here, as it does where dbt makes a table.
            made = made.localCheckpoint()
        made.createOrReplaceTempView(model.name)


def table(
    session: Any, name: str, columns: Mapping[str, str], found: Iterable[Sequence[Any]]
) -> None:
    """A table of rows; the types of the columns are named as DuckDB and PostgreSQL do."""
    schema = ", ".join(f"{column} {_TYPES.get(kind, kind)}" for column, kind in columns.items())
    rows = [
        [_value(one, *column) for one, column in zip(row, columns.items(), strict=True)]
        for row in found
    ]
    session.createDataFrame(rows, schema).createOrReplaceTempView(name)


def _value(value: Any, column: str, kind: str) -> Any:
    if column == "identifier_id" and isinstance(value, UUID):
        # Spark has no UUIDs: the key of an identifier is its hash as it is.
        return value.hex
    if isinstance(value, datetime) and kind == "timestamp with time zone":
        return value.replace(tzinfo=timezone.utc)
    return str(value) if isinstance(value, UUID) else value
