"""Stopping runs cleanly: after the requests that are under way, with their outcomes folded.

Owns the wish to stop, which a signal or another thread may express, and waits
that it ends. Installs no signal handler and ends no process.
"""

from __future__ import annotations

import threading

from cdp.destinations.delivery import RETRY, Outcome, Stop

STOPPED = "sync-stopped"


class Halt:
    """Shared by the runs that are to stop together."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def is_asked(self) -> bool:
        return self._event.is_set()

    def ask(self) -> None:
        """Runs stop before their next request. Safe in a signal handler."""
        self._event.set()

    def check(self, sync: str) -> None:
        """Raises Stop when the runs are to stop."""
        if self.is_asked:
            raise _stopped(sync)

    def sleep(self, seconds: float, sync: str) -> None:
        """Wait, in seconds. Raises Stop when the runs are to stop."""
        if self._event.wait(seconds):
            raise _stopped(sync)


def _stopped(sync: str) -> Stop:
    return Stop(
        STOPPED,
        f"sync '{sync}' was stopped before it was done",
        "run it again; what was acknowledged is not sent twice",
        Outcome(RETRY, "stopped", "the run was stopped"),
    )
