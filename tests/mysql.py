"""A MySQL or MariaDB for tests, where CDP_TEST_MYSQL names a server."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import pytest

# Tests run side by side, each worker in a database of its own.
DATABASE = f"cdp_test_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


def address() -> str:
    """The address of this worker's database."""
    return f"{os.environ['CDP_TEST_MYSQL'].rpartition('/')[0]}/{DATABASE}"


def connect() -> Any:
    """A connection to this worker's database on the server, emptied; skips without a server."""
    if "CDP_TEST_MYSQL" not in os.environ:
        pytest.skip("CDP_TEST_MYSQL names no server")
    pymysql = pytest.importorskip("pymysql")
    parts = urlsplit(os.environ["CDP_TEST_MYSQL"])
    connection = pymysql.connect(
        host=parts.hostname,
        port=parts.port,
        user=parts.username,
        password=parts.password or "",
        autocommit=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(f"drop database if exists {DATABASE}")
        cursor.execute(f"create database {DATABASE}")
    connection.select_db(DATABASE)
    return connection
