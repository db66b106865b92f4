"""A local HTTP endpoint that plays the store's CRM: it keeps the rows it is sent.

Loopback only, standard library only. It answers as a well-behaved webhook does;
`cdp sync` knows nothing of it but its URL.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Receiver:
    """What the endpoint holds: fields by key; and the numbers of requests and rows so far."""

    url: str = ""
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: int = 0
    rows: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, batch: dict[str, Any]) -> None:
        """Apply one batch: upserts and removals by key."""
        with self.lock:
            self.requests += 1
            for row in batch["rows"]:
                self.rows += 1
                if row["operation"] == "remove":
                    self.held.pop(row["key"], None)
                else:
                    self.held[row["key"]] = row["fields"]


@contextmanager
def receive() -> Iterator[Receiver]:
    """An endpoint on a free port of the loopback, for as long as the block lasts."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            receiver.take(json.loads(self.rfile.read(length)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet: the demo says what arrived."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/people"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
