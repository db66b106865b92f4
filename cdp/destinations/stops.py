"""Why a run must stop, in words for the person who has to act.

Owns the messages of what failed for every row. They name the destination and a
status, never an address, a body or a secret.
"""

from __future__ import annotations

from cdp.destinations.auth import TokenRefused
from cdp.destinations.delivery import RETRY, Outcome, Stop
from cdp.destinations.reply import FatalReply
from cdp.destinations.transport import BadAddress, BadProxy, RedirectRefused


def stop_for(error: Exception, name: str) -> Stop:
    """The end of the run that an exception of a request means; `name` is the destination's."""
    if isinstance(error, FatalReply):
        return _stop(
            name,
            "destination-refused",
            f"refused the run with status {error.status}",
            "check its address and its credentials",
            error.code,
        )
    if isinstance(error, TokenRefused):
        return _stop(
            name,
            "token-refused",
            f"gave no token (status {error.status})",
            "check the client's id, its secret and the refresh token; they may be revoked",
            "token",
        )
    if isinstance(error, RedirectRefused):
        return _stop(
            name,
            "redirect-refused",
            f"answered with a redirect ({error.status}) that is not followed",
            "redirects to another host would carry the data and the secrets there; "
            "configure the final address",
            "redirect",
        )
    if isinstance(error, BadProxy):
        return _stop(
            name,
            "proxy-unusable",
            "is behind a proxy of the environment that cannot be used",
            "HTTP_PROXY, HTTPS_PROXY or ALL_PROXY must be an http or https address; "
            "or list the destination's host in NO_PROXY",
            "bad_request",
        )
    assert isinstance(error, BadAddress)
    return _stop(
        name,
        "destination-misconfigured",
        "has an address or a header that cannot be sent",
        "check its url and the values of its secrets",
        "bad_request",
    )


def quota_exhausted(name: str, wait_s: float) -> Stop:
    """The account's own limit allows nothing more for a long time."""
    return _stop(
        name,
        "quota-exhausted",
        f"allows no further request for {wait_s / 60:,.0f} minutes",
        "run the sync again then; nothing is lost",
        "quota",
    )


def unavailable(name: str, batches: int, attempts: int, outcome: Outcome) -> Stop:
    """Several batches in a row got no answer; `outcome` is the last one's."""
    return Stop(
        "destination-unavailable",
        f"destination '{name}' failed {batches} batches in a row, "
        f"the last with {outcome.code}, after {attempts} tries each",
        "run the sync again when the destination is back; nothing is lost",
        outcome,
    )


def _stop(name: str, slug: str, what: str, help: str, code: str) -> Stop:
    return Stop(slug, f"destination '{name}' {what}", help, Outcome(RETRY, code, what))
