"""Wall time, processor time and peak memory of the phases of one process.

Each side of the benchmark runs in a process of its own and writes its phases to a
file as JSON; this module owns that format. Linux only where the peak of a single
phase is wanted; elsewhere it is the peak of the process so far.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Phase:
    """One step: seconds of wall and of processor (all threads), peak resident megabytes."""

    name: str
    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass
class Phases:
    """The steps of one process in order, and whatever else it wants to say."""

    steps: list[Phase] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Time the block; a name that was used before adds to its phase."""
        _forget_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = _peak_mb()
        for step in self.steps:
            if step.name == name:
                step.wall_s += wall
                step.cpu_s += cpu
                step.peak_mb = max(step.peak_mb, peak)
                return
        self.steps.append(Phase(name, wall, cpu, peak))

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def read_phases(path: Path) -> Phases:
    """What `Phases.write` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return Phases([Phase(**step) for step in found["steps"]], found["notes"])


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _peak_mb() -> float:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
