"""What happens beside running syncs: progress bars, and stopping on a signal.

Both write to stderr. Knows nothing of what is sent.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cdp.cli.output import say

if TYPE_CHECKING:
    from cdp.syncs.halt import Halt

Update = Callable[[int, int], None]
EXIT_SIGNAL = 128


@contextmanager
def progress_bars() -> Iterator[Callable[[str], Update | None]]:
    """A bar for each name that is asked for, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def make(name: str) -> Update:
            task = bars.add_task(name, total=None)
            return lambda done, total: bars.update(task, completed=done, total=total)

        yield make


@contextmanager
def stop_on_signals(halt: Halt) -> Iterator[None]:
    """Ctrl-C and SIGTERM stop after the requests under way; the second one ends the process.

    Ending it at any moment is safe: the next run settles what was being sent.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: Any) -> None:
        if halt.is_asked:
            os._exit(EXIT_SIGNAL + number)
        halt.ask()
        say("stopping after the requests that are under way; once more to stop at once")

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {one: signal.signal(one, on_signal) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
