"""Several syncs at once: one run a sync, each in a thread of its own.

Sending is mostly waiting, so threads suffice. The warehouse is opened by one
run at a time (`RunOptions.gate`); leases, journals and rate limits are those of
single runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from cdp.catalogue import Catalogue
from cdp.errors import CdpError
from cdp.project import Project
from cdp.syncs.run import RunOptions, SyncResult, run_sync

DEFAULT_THREADS = 4


def run_syncs(
    project: Project,
    catalogue: Catalogue,
    names: Sequence[str],
    options: Callable[[str], RunOptions],
    threads: int = DEFAULT_THREADS,
) -> list[SyncResult | CdpError]:
    """The result of each sync, or the error with which it could not begin, in the order of names.

    `options` gives those of a sync; they share a gate and a halt. A sync that fails
    stops no other; what is no CdpError stops all after their requests, and is raised.
    """

    def run(name: str) -> SyncResult | CdpError:
        mine = options(name)
        try:
            return run_sync(project, catalogue, name, mine)
        except CdpError as error:
            return error
        except BaseException:
            mine.halt.ask()
            raise

    if threads == 1 or len(names) <= 1:
        return [run(name) for name in names]
    with ThreadPoolExecutor(min(threads, len(names)), thread_name_prefix="sync") as pool:
        return list(pool.map(run, names))
