"""A small project with a desired state in a DuckDB file, and a destination that can misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb

from cdp.catalogue import Catalogue, load_catalogue
from cdp.project import Project
from cdp.syncs.run import RunOptions, SyncResult, run_sync

IDENTITY = Path(__file__).parents[2] / "dbt_project" / "definitions" / "identity.yml"
SYNC = """\
name: {name}
description: Customers.
from: {{model: customers}}
destination: {destination}
{more}
fields:
  email: {{column: email}}
  spend: {{column: spend, type: decimal}}
"""
DESTINATIONS = """\
destinations:
  - name: hook
    type: webhook
    live_on: [dev]
    settings:
      url: env:HOOK_URL
      batch_size: 4
      auth: bearer
      token: env:HOOK_TOKEN
      signing_secret: env:HOOK_SIGNING
  - name: lines
    type: jsonl_file
    live_on: [dev]
    settings: {path: out}
  - name: table
    type: csv_file
    live_on: [dev]
    settings: {path: out}
  - name: columns
    type: parquet_file
    live_on: [dev]
    settings: {path: out}
  - name: whole
    type: csv_file
    live_on: [dev]
    settings: {path: out, write: snapshot}
"""
TOKEN = "tok-3f9a7b51c2"
SIGNING = "sign-77aa66bb55"
Rows = dict[str, Any]


class Server:
    """A destination that keeps state by key, honours Idempotency-Key and injects faults.

    `faults` are used up one a request. A fault is a status, a (status, headers,
    body) triple, `lose-before` or `lose-after` (the connection ends before or
    after the batch is applied), `hang-before` or `hang-after` (no answer until
    the server is closed), or a function from the body to a triple or None.
    """

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.raw: list[bytes] = []
        self.faults: list[Any] = []
        self.always: Callable[[dict[str, Any]], Any] | None = None
        self.repeated_keys = 0
        self.arrived = threading.Event()
        self.released = threading.Event()
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        # A client that was killed waits for no answer.
        self._http.handle_error = lambda *arguments: None  # type: ignore[method-assign]
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/hook"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def rows_received(self) -> int:
        return sum(len(body["rows"]) for body in self.bodies)

    def _handler(server: Server) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                server.answer(self, raw)

            def log_message(self, *arguments: Any) -> None:
                pass

        return Handler

    def answer(self, request: BaseHTTPRequestHandler, raw: bytes) -> None:
        body = json.loads(raw)
        with self._lock:
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
            self.raw.append(raw)
            fault = self.faults.pop(0) if self.faults else None
        if callable(fault):
            fault = fault(body)
        if fault is None and self.always is not None:
            fault = self.always(body)
        if fault == "hang-before":
            self.arrived.set()
            self.released.wait(20)
        if fault in ("lose-before", "hang-before"):
            request.close_connection = True
            return
        if fault is None or fault in ("lose-after", "hang-after"):
            self._apply(request, body)
        if fault == "hang-after":
            self.arrived.set()
            self.released.wait(20)
        if fault in ("lose-after", "hang-after"):
            request.close_connection = True
            return
        status, headers, text = _reply(fault)
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def _apply(self, request: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        with self._lock:
            key = request.headers["Idempotency-Key"]
            if key in self._seen:
                self.repeated_keys += 1
                return
            self._seen.add(key)
            self.apply_rows(body["rows"])

    def apply_rows(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["operation"] == "remove":
                self.state.pop(row["key"], None)
            else:
                self.state[row["key"]] = row["fields"]


def _reply(fault: Any) -> tuple[int, dict[str, str], bytes]:
    if fault is None:
        return 200, {}, b"{}"
    if isinstance(fault, int):
        return fault, {}, b""
    status, headers, body = fault
    return status, headers, body if isinstance(body, bytes) else json.dumps(body).encode()


@dataclass
class Shop:
    """A project whose syncs read tables that the tests write directly."""

    folder: Path
    waits: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @property
    def project(self) -> Project:
        return Project(self.folder)

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def catalogue(self) -> Catalogue:
        return load_catalogue(self.project)

    def sync(self, name: str = "customers", destination: str = "hook", more: str = "") -> None:
        """Define a sync."""
        text = SYNC.format(name=name, destination=destination, more=more)
        (self.folder / "definitions" / "syncs" / f"{name}.yml").write_text(text)

    def desire(self, rows: Rows | list[tuple[Any, ...]], name: str = "customers") -> None:
        """Write the desired state: key to email (spend is 10), or (key, email, spend) rows."""
        if isinstance(rows, dict):
            rows = [(key, email, 10) for key, email in rows.items()]
        with self.connect() as connection:
            connection.execute(
                f"create or replace table main.sync__{name} "
                "(sync_key varchar, email varchar, spend decimal(38, 6))"
            )
            if rows:
                connection.executemany(f"insert into main.sync__{name} values (?, ?, ?)", rows)  # noqa: S608

    def run(self, name: str = "customers", **options: Any) -> SyncResult:
        options.setdefault("sleep", self.waits.append)
        options.setdefault("say", self.said.append)
        return run_sync(self.project, self.catalogue, name, RunOptions(**options))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = duckdb.connect(str(self.warehouse))
        try:
            yield connection
        finally:
            connection.close()

    @property
    def spool(self) -> Path:
        return self.folder / "warehouse.duckdb.spool" / "main_ops"

    def spooled(self) -> list[str]:
        """What is left in the spool folder besides the lock files."""
        return sorted(one.name for one in self.spool.iterdir() if one.suffix != ".lock")


def wait_for(event: threading.Event) -> None:
    assert event.wait(20), "the destination was never reached"


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("the condition never came true")
