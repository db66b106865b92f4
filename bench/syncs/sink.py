"""A local HTTP endpoint that takes whatever is posted, as fast as one process can.

python -m bench.syncs.sink PORT_FILE: listens on loopback and writes its port to the file. A POST is
answered with `{}`; a GET tells what was received since the last GET, as JSON: requests,
bytes, rows (each has one `"operation"`), and the sum of the bodies' checksums, which is the
same for the same bodies in any order. It has no framework, so that it limits no side.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import zlib
from pathlib import Path

REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
_LENGTH = b"content-length:"


class Tally:
    """What was received since it was last asked for."""

    def __init__(self) -> None:
        self.requests = self.bytes = self.rows = self.checksum = 0

    def add(self, body: bytes) -> None:
        self.requests += 1
        self.bytes += len(body)
        self.rows += body.count(b'"operation"')
        self.checksum += zlib.crc32(body)


class Connection(asyncio.Protocol):
    """One connection, kept open between requests."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._received = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            at = head.find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            body = bytes(self._received[end + 4 : end + 4 + length])
            del self._received[: end + 4 + length]
            self._transport.write(self._tell() if head.startswith(b"get ") else self._take(body))

    def _take(self, body: bytes) -> bytes:
        self._tally.add(body)
        return REPLY

    def _tell(self) -> bytes:
        text = json.dumps(vars(self._tally)).encode()
        self._tally.__init__()  # type: ignore[misc]
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


async def serve(port_file: Path) -> None:
    tally = Tally()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(tally), "127.0.0.1", 0
    )
    port_file.write_text(str(server.sockets[0].getsockname()[1]))
    await server.serve_forever()


if __name__ == "__main__":
    gc.disable()
    asyncio.run(serve(Path(sys.argv[1])))
