"""A way to a server of this machine that is cut off, now and then, in the middle of anything."""

from __future__ import annotations

import random
import socket
import threading
from contextlib import suppress

CHUNK = 1_024
MOST_BYTES = 4_000


class CuttingProxy:
    """Passes bytes on between its port and a server's; the same seed, the same allowances.

    While `is_cutting`, seven of ten connections end after a random number of bytes
    in both directions together: before a request, inside it, or before its reply.
    """

    def __init__(self, host: str, port: int, seed: int) -> None:
        self._server = (host, port)
        self.seed = seed
        self._random = random.Random(seed)
        self.is_cutting = True
        self.cuts = 0
        self._passages: list[_Passage] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._door.close()
        for one in self._passages:
            one.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                allowance = self._random.randrange(MOST_BYTES)
                is_limited = self._random.random() < 0.7 and self.is_cutting
                server = socket.create_connection(self._server)
                self._passages.append(_Passage(self, client, server, allowance, is_limited))


class _Passage:
    """One connection. When it is limited, only `left` bytes pass."""

    def __init__(
        self,
        proxy: CuttingProxy,
        client: socket.socket,
        server: socket.socket,
        left: int,
        is_limited: bool,
    ) -> None:
        self._proxy = proxy
        self._ends = (client, server)
        self._left = left
        self._is_limited = is_limited
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._pump, args=ends, daemon=True)
            for ends in ((client, server), (server, client))
        ]
        for one in self._threads:
            one.start()

    def close(self) -> None:
        self._hang_up()
        for one in self._threads:
            one.join()
        for end in self._ends:
            end.close()

    def _hang_up(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                with self._lock:
                    passing = data[: max(self._left, 0)] if self._is_limited else data
                    self._left -= len(data)
                target.sendall(passing)
                if len(passing) < len(data):
                    self._proxy.cuts += 1
                    break
        self._hang_up()
