"""From a configured destination to the driver that writes to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cdp.destinations.delivery import Driver, Target
from cdp.destinations.spec import Destination


def open_driver(
    destination: Destination,
    project_folder: Path,
    sleep: Callable[[float], None] = time.sleep,
    target: Target | None = None,
    shared_folder: Path | None = None,
) -> Driver:
    """The driver, with its secrets resolved; close it after use.

    `shared_folder` is where what several syncs share is kept: the rate limits of
    an account. Raises RunError when a secret is missing.
    """
    driver = destination.manifest.driver
    if driver == "http":
        return _http(destination, sleep, target, shared_folder)
    if driver == "table":
        from cdp.destinations.tables import TableDriver

        return TableDriver(destination, project_folder, target)
    if driver == "redis":
        from cdp.destinations.redis_keys import RedisDriver

        return RedisDriver(destination, project_folder)
    if driver == "stream":
        from cdp.destinations.kafka import KafkaDriver

        return KafkaDriver(destination, project_folder)
    if driver == "mail":
        from cdp.destinations.mail import MailDriver

        return MailDriver(destination, project_folder)
    from cdp.destinations.files import FileDriver

    return FileDriver(destination, project_folder)


def _http(
    destination: Destination,
    sleep: Callable[[float], None],
    target: Target | None,
    shared_folder: Path | None,
) -> Driver:
    from cdp.destinations.http import HttpDriver

    http, limits = destination.manifest.http, None
    if shared_folder is not None and http is not None and http.limits:
        limits = shared_folder / f"{destination.name}.limits"
    return HttpDriver(destination, target, sleep, limits)
