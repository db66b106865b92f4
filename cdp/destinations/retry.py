"""When a failed request is tried again, and how long to wait before.

Owns waiting: full-jitter exponential backoff, unless the destination names a
time with `Retry-After` (seconds or an HTTP date, RFC 9110 section 10.2.3).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from cdp.destinations.manifest import Retry

LONGEST_RETRY_AFTER_S = 300.0
T = TypeVar("T")


class TryAgain(Exception):  # noqa: N818
    """A request failed in a way that may pass. `may_have_arrived`: it may have been applied."""

    def __init__(
        self, code: str, *, may_have_arrived: bool, retry_after_s: float | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.may_have_arrived = may_have_arrived
        self.retry_after_s = retry_after_s


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait from now, never negative; None when the header says nothing usable."""
    if not text:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - now).total_seconds())


def parse_reset(text: str | None, form: str, now: datetime) -> float | None:
    """Seconds to wait according to a vendor's reset header; None when it says nothing usable."""
    if form == "http_date":
        return parse_retry_after(text, now)
    try:
        number = float(str(text).strip())
    except ValueError:
        return None
    if not 0 <= number < 1e14:
        return None
    if form == "delta_s":
        return number
    since = number / 1_000 if form == "epoch_ms" else number
    return max(0.0, since - now.timestamp())


def call_with_retries(
    call: Callable[[], T],
    retry: Retry,
    sleep: Callable[[float], None],
    stop_when: Callable[[], bool] = lambda: False,
) -> T:
    """The call's result after at most `retry.attempts` tries.

    Raises the last TryAgain when all failed, or at once when the destination
    asks for more than LONGEST_RETRY_AFTER_S, or when `stop_when` is true.
    """
    try:
        return call()
    except TryAgain as error:
        failed = [error]

    def again() -> T:
        """Its first try is the one that failed. What needs no second does not need tenacity."""
        if failed:
            raise failed.pop()
        return call()

    backoff = wait_random_exponential(multiplier=retry.base_s, max=retry.cap_s)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        named = error.retry_after_s if isinstance(error, TryAgain) else None
        return backoff(state) if named is None else named

    def is_too_long(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        named = error.retry_after_s if isinstance(error, TryAgain) else None
        return named is not None and named > LONGEST_RETRY_AFTER_S

    retrying = Retrying(
        stop=lambda state: (
            stop_after_attempt(retry.attempts)(state) or is_too_long(state) or stop_when()
        ),
        wait=wait,
        retry=retry_if_exception_type(TryAgain),
        sleep=sleep,
        reraise=True,
    )
    return retrying(again)
