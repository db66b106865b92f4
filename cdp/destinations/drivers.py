"""From a configured destination to the driver that writes to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cdp.destinations.delivery import Driver
from cdp.destinations.spec import Destination


def open_driver(
    destination: Destination, project_folder: Path, sleep: Callable[[float], None] = time.sleep
) -> Driver:
    """The driver, with its secrets resolved; close it after use.

    Raises RunError when a secret is missing.
    """
    if destination.manifest.http is not None:
        from cdp.destinations.http import HttpDriver

        return HttpDriver(destination, sleep)
    from cdp.destinations.files import FileDriver

    return FileDriver(destination, project_folder)
