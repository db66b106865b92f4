"""How a store's messages arrive: mostly at once, some late, some twice, some broken.

Owns clocks of sending and receiving, the order of arrival and the files. What the
messages say is the store's.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

SHARE_LATE = 0.02
SHARE_TWICE = 0.01
_EPOCH = datetime(1970, 1, 1)
_SOURCES = ("web", "app")
# A cut line, a track without event, a message of nobody, a number as an id.
_BROKEN = (
    '{"type":"track","event":"Product Viewed","anonymousId":"cut-o',
    '{"type":"track","anonymousId":"device-1","properties":{}}',
    '{"type":"track","event":"Product Viewed","properties":{}}',
    '{"type":"identify","userId":4711,"traits":{}}',
)


@dataclass(frozen=True)
class Message:
    """A message as the client makes it: `at` in seconds since 1970, `body` an unclosed object."""

    source: str
    at: float
    message_id: str
    person: int
    body: str


@dataclass(frozen=True)
class Truth:
    """What was written, and who did it. `files` are by source; `path` is the truth's CSV."""

    path: Path
    files: dict[str, tuple[Path, ...]]
    person_count: int
    message_count: int
    delivery_count: int
    broken_count: int


class Delivery:
    """Takes messages and puts them into files in the order of arrival."""

    def __init__(self, random: Random, end: float) -> None:
        self._random = random
        self._end = end
        self._arrived: dict[str, list[tuple[float, str]]] = {source: [] for source in _SOURCES}
        self._truth: list[tuple[str, int]] = []

    def send(self, message: Message) -> None:
        """Deliver a message once or twice; nothing is received after the end."""
        random = self._random
        self._truth.append((message.message_id, message.person))
        delay = random.uniform(0.05, 5)
        if random.random() < SHARE_LATE:
            delay = random.uniform(3_600, 4 * 86_400)
        self._receive(message, delay)
        if random.random() < SHARE_TWICE:
            self._receive(message, delay + random.uniform(1, 7_200))

    def _receive(self, message: Message, delay: float) -> None:
        received = min(message.at + delay, self._end)
        line = (
            f'{message.body},"timestamp":"{iso_time(message.at)}",'
            f'"sentAt":"{iso_time(max(message.at, received - 0.08))}",'
            f'"receivedAt":"{iso_time(received)}"}}\n'
        )
        self._arrived[message.source].append((received, line))

    def write(self, folder: Path, people: int, files_per_source: int, packed: bool) -> Truth:
        """Write everything that was sent, and the truth."""
        folder.mkdir(parents=True, exist_ok=True)
        deliveries = sum(map(len, self._arrived.values()))
        files = {}
        for source, arrived in self._arrived.items():
            arrived.sort()
            for number, line in enumerate(_BROKEN):
                place = len(arrived) * (number + 1) // (len(_BROKEN) + 1)
                arrived.insert(place, (0.0, line + "\n"))
            files[source] = _write_source(folder / source, arrived, files_per_source, packed)
            arrived.clear()
        truth = folder / "truth.csv"
        with truth.open("w", encoding="utf-8", newline="") as text:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(("message_id", "person"))
            writer.writerows(self._truth)
        broken = len(_BROKEN) * len(_SOURCES)
        return Truth(truth, files, people, len(self._truth), deliveries, broken)


def _write_source(
    folder: Path, arrived: list[tuple[float, str]], count: int, packed: bool
) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        part = arrived[len(arrived) * number // count : len(arrived) * (number + 1) // count]
        path = folder / f"events-{number:02d}.ndjson{'.gz' if packed else ''}"
        _write_lines(path, part, packed)
        paths.append(path)
    return tuple(paths)


def _write_lines(path: Path, part: list[tuple[float, str]], packed: bool) -> None:
    with path.open("wb") as raw:
        if not packed:
            raw.writelines(line.encode() for _, line in part)
            return
        # No time and no name in the header: the same seed gives the same bytes.
        with gzip.GzipFile("", "wb", compresslevel=3, fileobj=raw, mtime=0) as stream:
            for start in range(0, len(part), 10_000):
                stream.write("".join(line for _, line in part[start : start + 10_000]).encode())


def iso_time(seconds: float) -> str:
    """Seconds since 1970 as an ISO time in UTC, to the millisecond."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="milliseconds") + "Z"
