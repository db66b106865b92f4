"""Where a file destination's files appear: a folder of this machine, whole or not at all.

Owns durable, atomic writing under a name. `buckets` does the same in object storage.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from cdp.destinations.delivery import RETRY

WriteFile = Callable[[Path], None]
"""Writes a whole file under the path that it is given."""


class Place(Protocol):
    """Somewhere for files. `help` is for a person, when it cannot be written to."""

    help: str

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What `publish` may raise."""
        ...

    def publish(self, name: str, write: WriteFile) -> None:
        """Let a file appear under a name (with slashes) at once, in the place of an older one."""
        ...

    def describe(self, error: Exception) -> str:
        """An error without what it quotes."""
        ...

    def state_after(self, error: Exception) -> str:
        """`retry` when the file surely did not appear, else `unknown`."""
        ...

    def ask(self) -> str:
        """What answered, in words. Raises one of `errors`."""
        ...


class LocalFolder:
    """A folder; it is made when the first file is written."""

    help = "check that the folder exists, may be written to and has space"
    # The second of a path that no file can have.
    errors = (OSError, ValueError)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def publish(self, name: str, write: WriteFile) -> None:
        """Write beside the target, make it durable, then let it appear at once."""
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        write(fresh)
        with fresh.open("rb+") as written:
            os.fsync(written.fileno())
        fresh.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def describe(self, error: Exception) -> str:
        return getattr(error, "strerror", None) or type(error).__name__

    def state_after(self, error: Exception) -> str:
        return RETRY

    def ask(self) -> str:
        nearest = next(one for one in (self._folder, *self._folder.parents) if one.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise OSError(0, str(self._folder))
        return "the folder can be written to"
