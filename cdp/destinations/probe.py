"""`cdp destination test`: does a destination answer, with these credentials, without writing?

Owns the harmless request that a manifest names, and what its absence means.
Nothing is ever written at a destination.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdp.destinations.delivery import Answering, Stop, Target
from cdp.destinations.manifest import Http
from cdp.destinations.retry import TryAgain
from cdp.destinations.spec import Destination
from cdp.destinations.transport import Network
from cdp.errors import RunError, TransientError


@dataclass(frozen=True)
class Probe:
    """What a test found; `was_asked` is false where nothing can be asked without writing."""

    destination: str
    was_asked: bool
    detail: str


def probe(destination: Destination, project_folder: Path, network: Network | None = None) -> Probe:
    """Test a configured destination.

    Raises RunError for a missing secret, and when the destination says no or nothing.
    """
    http = destination.manifest.http
    if http is None:
        return _probe_driver(destination, project_folder)
    try:
        return _probe_http(destination, http, network)
    except Stop as stop:
        raise RunError(
            stop.slug, stop.message, location=destination.location, help=stop.help
        ) from None
    except TryAgain as error:
        raise TransientError(
            "destination-unavailable",
            f"destination '{destination.name}' did not answer ({error.code})",
            location=destination.location,
            help="try again; check its address, and whether this machine may reach it",
        ) from None


def _probe_http(destination: Destination, http: Http, network: Network | None) -> Probe:
    from cdp.destinations.http import HttpDriver

    target = Target(next(iter(http.objects)))
    driver = HttpDriver(destination, target, network=network)
    try:
        if http.ping is None:
            driver.log_in()
            return Probe(
                destination.name,
                False,
                "its settings are complete; it has no request that would change nothing",
            )
        status = driver.ping()
    finally:
        driver.close()
    if status > 0:
        return Probe(destination.name, True, f"it answers (status {status})")
    raise RunError(
        "destination-refused",
        f"destination '{destination.name}' refused its test request with status {-status}",
        location=destination.location,
        help="check its address and its credentials",
    )


def _probe_driver(destination: Destination, project_folder: Path) -> Probe:
    from cdp.destinations.drivers import open_driver

    driver = open_driver(destination, project_folder)
    assert isinstance(driver, Answering)
    try:
        what = driver.ask()
    except Stop as stop:
        raise RunError(
            stop.slug, stop.message, location=destination.location, help=stop.help
        ) from None
    finally:
        driver.close()
    return Probe(destination.name, True, what)
