"""One run a sync on one machine, and the private folder that its files live in.

Owns the spool folder (`<warehouse>.spool/<schema>/`, mode
0700) and a lock file for each
sync in it. The system lets go of a lock when its process dies, however it dies,
so that a stale lease needs no timeout.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cdp.clock import utc_now
from cdp.errors import RunError, TransientError


def spool_folder(warehouse: Path, schema: str) -> Path:
    """The private folder beside a warehouse for one schema's runs, made when it is missing.

    Raises RunError when it cannot be made.
    """
    root = warehouse.with_name(warehouse.name + ".spool")
    try:
        for folder in (root, root / schema):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
    except OSError as error:
        raise unwritable(root, error.strerror or type(error).__name__) from None
    return root / schema


def unwritable(spool: Path, what: str) -> RunError:
    """The error of a spool folder or a journal in it that cannot be written."""
    return RunError(
        "spool-unwritable",
        f"the private folder {spool} of the running syncs cannot be written to: {what}",
        help="make room, or let the user that runs cdp write there; run the sync again",
    )


def host_name() -> str:
    return socket.gethostname()


@contextmanager
def lease(spool: Path, sync: str) -> Iterator[None]:
    """Holds the sync for as long as the block lasts.

    Raises TransientError naming the process that holds it.
    """
    handle = os.open(spool / f"{sync}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(sync, os.pread(handle, 1_000, 0)) from None
        holder = {"pid": os.getpid(), "host": host_name(), "since": str(utc_now())[:19]}
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(handle)


def _held(sync: str, content: bytes) -> TransientError:
    try:
        holder = json.loads(content)
        who = f"process {holder['pid']} on {holder['host']} since {holder['since']} UTC"
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return TransientError(
        "sync-running",
        f"sync '{sync}' is being run by {who}",
        help="let it finish; one run of a sync at a time",
    )
