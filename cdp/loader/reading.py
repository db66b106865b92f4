"""Bytes of a landed file: finding out how it is packed, hashing, cutting into lines.

Owns decompression (by the first bytes, never by the name), the content hash and
exact physical line numbers. Does not know what a line means.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import zstandard

from cdp.errors import Location, RunError

BLOCK_BYTES = 4 * 1024 * 1024
PACKED_BYTES = 256 * 1024
# Unpacked pieces that wait in memory while the warehouse is busy: 64 MB.
PIECES_AHEAD = 16
# A line that is longer is no message (32 KB) and no batch body (500 KB); its rest is skipped.
LONGEST_LINE_BYTES = 64 * 1024 * 1024
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Landed:
    """A file to load: where it is, its size in bytes and the SHA-256 of its bytes, in hex."""

    path: Path
    byte_count: int
    sha256: str


@dataclass(frozen=True)
class Lines:
    """Whole lines of a file, with their ends; `first` is the number of the first, from 1."""

    first: int
    data: bytes


class _Counting(io.RawIOBase):
    """Raw bytes on their way to a decompressor: counted and hashed."""

    def __init__(self, raw: IO[bytes], progress: Progress | None) -> None:
        self._raw = raw
        self._progress = progress
        self.hash = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self.hash.update(data)
        if self._progress and data:
            self._progress(len(data))
        return len(data)


def inspect(path: Path) -> Landed:
    """The size and the content hash of a file.

    Raises RunError (`unreadable-file`) when it cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as raw:
            while block := raw.read(BLOCK_BYTES):
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from None
    return Landed(path, size, digest.hexdigest())


def blocks(landed: Landed, progress: Progress | None = None) -> Iterator[bytes]:
    """The unpacked content, a few megabytes at a time.

    Raises RunError when the file is damaged, or is not what `inspect` saw.
    """
    try:
        with landed.path.open("rb") as raw:
            counting = _Counting(raw, progress)
            yield from _unpack(io.BufferedReader(counting, PACKED_BYTES))
            while counting.read(BLOCK_BYTES):
                pass
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise _unreadable(landed.path, str(error)) from None
    if counting.hash.hexdigest() != landed.sha256:
        raise RunError(
            "file-changing",
            f"{landed.path.name} changed while it was being loaded; nothing was loaded",
            location=Location(landed.path),
            help="let its writer finish, then load it again",
        )


def lines(landed: Landed, progress: Progress | None = None) -> Iterator[Lines]:
    """The content cut after line feeds; a byte order mark at the start is dropped.

    What is longer than LONGEST_LINE_BYTES is given cut off, under its line number.
    """
    number, rest, skipping = 1, b"", False
    held: Lines | None = None
    for block in _without_mark(blocks(landed, progress)):
        end = block.rfind(b"\n") + 1
        if not end:
            rest, skipping = _grow(rest, block, skipping)
            continue
        start = block.find(b"\n") if skipping else 0
        data = rest + block[start:end]
        if held:
            yield held
        held = Lines(number, data)
        number += data.count(b"\n")
        rest, skipping = block[end:], False
    # A last line without an end belongs to the last block: a small file is one piece.
    if held or rest:
        yield Lines(held.first, held.data + rest) if held else Lines(1, rest)


def ahead(pieces: Iterator[Lines]) -> Iterator[Lines]:
    """The same pieces, the next ones made in a thread while the last one is being worked on.

    An error comes where its piece would have come.
    """
    with ThreadPoolExecutor(1) as maker:
        made = deque(maker.submit(next, pieces, None) for _ in range(PIECES_AHEAD))
        try:
            while piece := made.popleft().result():
                made.append(maker.submit(next, pieces, None))
                yield piece
        finally:
            for one in made:
                one.cancel()


def _grow(rest: bytes, block: bytes, skipping: bool) -> tuple[bytes, bool]:
    if skipping or len(rest) + len(block) > LONGEST_LINE_BYTES:
        return rest, True
    return rest + block, False


def _without_mark(source: Iterator[bytes]) -> Iterator[bytes]:
    first = next(source, b"")
    yield first[3:] if first.startswith(codecs.BOM_UTF8) else first
    yield from source


def _unpack(stream: io.BufferedReader) -> Iterator[bytes]:
    magic = stream.peek(4)[:4]
    if magic == _ZSTD:
        yield from _unpack_zstd(stream)
        return
    plain = gzip.GzipFile(fileobj=stream) if magic.startswith(_GZIP) else stream
    while block := plain.read(BLOCK_BYTES):
        yield block


def _unpack_zstd(stream: io.BufferedReader) -> Iterator[bytes]:
    """Frame by frame, because the library's own reader takes a cut frame for the end."""
    frame = None
    while packed := stream.read(PACKED_BYTES):
        while packed:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            if block := frame.decompress(packed):
                yield block
            packed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame:
        raise EOFError("the last zstd frame is cut off")


def _unreadable(path: Path, why: str) -> RunError:
    return RunError(
        "unreadable-file",
        f"{path.name} cannot be read: {why}; nothing was loaded",
        location=Location(path),
        help="check that the file is complete and that you may read it",
    )
