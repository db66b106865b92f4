"""The HTTP engine: any destination that a manifest describes.

Owns the order of things around one batch: shaping rows, rate limits, looking up
ids, the request, tries, a new token, reading the reply. Nothing in here knows a
vendor. Errors name the destination and a status, never an address, a body or a
secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import httpx
from orjson import Fragment

from cdp.destinations.auth import Auth, TokenRefused
from cdp.destinations.delivery import (
    REJECTED,
    REMOVE,
    RETRY,
    UNKNOWN,
    UPSERT,
    Batch,
    Outcome,
    Refused,
    Stop,
    Target,
)
from cdp.destinations.jobs import Exchange, Jobs
from cdp.destinations.limits import RateLimits
from cdp.destinations.lookup import find_ids
from cdp.destinations.manifest import ENDPOINT, Http, Object, Operation
from cdp.destinations.manifest.replies import Rule
from cdp.destinations.manifest.request import Request
from cdp.destinations.reply import (
    FatalReply,
    Outcomes,
    TokenExpired,
    check_answer,
    find_rule,
    parse_body,
    read_reply,
)
from cdp.destinations.request import LINES, Requests, with_lines
from cdp.destinations.retry import LONGEST_RETRY_AFTER_S, TryAgain, call_with_retries
from cdp.destinations.rows import Row, Shaper, UnshapedRows, batch_scope, idempotency_key
from cdp.destinations.secrets import Hidden, resolve_settings
from cdp.destinations.spec import Destination
from cdp.destinations.stops import quota_exhausted, stop_for, unavailable
from cdp.destinations.transport import (
    BadAddress,
    Call,
    Network,
    PrivateAddress,
    RedirectRefused,
    Transport,
)

GIVE_UP_AFTER = 3
MOST_RESENDS = 5
T = TypeVar("T")


class HttpDriver:
    """Sends batches as the destination's manifest says.

    `sleep` waits between tries, in seconds; `limits_file` is where the rate limits
    of an account are shared; `network` and `clock` (seconds since 1970) replace
    connections and the time in tests.
    """

    snapshot_format: str | None = None

    def __init__(
        self,
        destination: Destination,
        target: Target | None = None,
        sleep: Callable[[float], None] = time.sleep,
        limits_file: Path | None = None,
        network: Network | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        http = destination.manifest.http
        target = target or Target()
        shape = destination.manifest.object(target.object)
        assert http is not None
        assert shape is not None
        self._http: Http = http
        self._object: Object = shape
        self._name = destination.name
        settings = resolve_settings(destination)
        self._shaper = Shaper(shape, target)
        self._scope: dict[str, Any] = {
            "settings": settings,
            "destination": destination.name,
            "object": shape.name,
            "options": target.options,
            "key": self._shaper.key_scope,
        }
        self._secrets = [
            settings[name]
            for name, setting in destination.manifest.settings.items()
            if setting.type in ("secret", "url")
        ]
        self._sleep = sleep
        self._failed_in_a_row = 0
        self._may_have_written = False
        self._jobs: dict[int, Jobs] = {}
        self._transport = Transport(http.timeout_s, str(settings.get(ENDPOINT) or ""), network)
        self._auth = Auth(http.auth, self._scope, self._transport)
        self._requests = Requests(http, self._auth, self._scope)
        self._limits = RateLimits(http.limits, limits_file, clock)
        served = [UPSERT, REMOVE] if shape.removes(target.mode) else [UPSERT]
        self._serving = {name: shape.serving(name, target.mode) for name in served}
        self._operations = {
            name: one.filled(lambda path: str(self._requests.render(path, {})))
            for name, one in self._serving.items()
        }
        self._by_lines = {name: with_lines(http, one) for name, one in self._serving.items()}
        self.is_idempotent = shape.is_idempotent
        self.took_ms: list[float] = []

    def close(self) -> None:
        self._transport.close()
        self._limits.close()

    def lane(self, operation: str) -> int:
        return self._object.operations.index(self._serving[operation])

    def limits(self, operation: str) -> tuple[int, int]:
        serving = self._serving[operation]
        return int(self._requests.render(serving.max_items, {})), serving.max_bytes

    def send(self, batch: Batch) -> Sequence[Outcome] | Refused:
        """Raises Stop on a refusal that holds for every row, and when the destination is gone."""
        name = batch.rows[0].operation
        operation = self._operations[name]
        self._may_have_written = False
        try:
            request = self._by_lines[name]
            rows = self._shaper.unshaped(batch) if request else None
            if request and rows:
                return self._send_all(operation, request, rows, batch)
            return self._send_shaped(operation, batch)
        except Stop as stop:
            if self._may_have_written:
                stop.outcome = stop.outcome.doubted()
            raise

    def _send_shaped(self, operation: Operation, batch: Batch) -> Sequence[Outcome] | Refused:
        shaped = self._shaper.shape_all(batch)
        rows = [one for one in shaped if not isinstance(one, Outcome)]
        sent = self._send_rows(operation, rows, batch) if rows else []
        if isinstance(sent, Refused):
            return sent
        outcomes = iter(sent)
        return [one if isinstance(one, Outcome) else next(outcomes) for one in shaped]

    def ping(self) -> int:
        """The status of the destination's harmless request, negative when it says no.

        Raises Stop when it cannot be sent, TryAgain when there was no answer.
        """
        ping = self._http.ping
        assert ping is not None

        def once() -> int:
            response = self._exchange(self._call(ping.request, [], {}, ""), 0)
            status = response.status_code
            if status == 401 and self._auth.can_refresh:
                raise TokenExpired
            rule = find_rule((*ping.rules, *self._http.rules), response, parse_body(response))
            is_fine = status in ping.ok and (rule is None or rule.then == "ok")
            return status if is_fine else -status

        return self._tried(once, stop_when=lambda: True)

    def log_in(self) -> None:
        """Get a token where one is needed. Raises Stop and TryAgain."""
        self._tried(self._auth.prepare, stop_when=lambda: True)

    def settle(self, batch: Batch) -> Sequence[Outcome]:
        """What became of the rows of a job; see `delivery.Staging`. Raises Stop."""
        operation = self._operations[batch.rows[0].operation]
        jobs = self._jobs_of(operation)
        rows = [self._shaper.recognised(row) for row in batch.rows]
        return jobs.settle(rows, batch.job, self._hidden(batch))

    def _jobs_of(self, operation: Operation) -> Jobs:
        job = operation.job
        assert job is not None
        if id(job) not in self._jobs:
            render = self._requests.render
            exchange = Exchange(
                self._ask, self._tried, self._sleep, lambda one: str(render(one, {}))
            )
            self._jobs[id(job)] = Jobs(job, operation.max_bytes, exchange, job.within_s)
        return self._jobs[id(job)]

    def _hidden(self, batch: Batch) -> Hidden:
        """What no text may show: secrets and the values that are sent."""
        return Hidden(batch.rows, lambda: (*self._secrets, *self._auth.secrets()))

    def _stage(
        self, operation: Operation, rows: list[Row], batch: Batch
    ) -> Sequence[Outcome] | Refused:
        """Rows into a job."""
        try:
            started = self._jobs_of(operation).start(rows, batch, self._hidden(batch))
        except TryAgain as error:
            outcome = Outcome(RETRY, error.code, "no job could be made for it")
            return self._count_failure(outcome, len(rows))
        self._failed_in_a_row = 0
        return started

    def _send_rows(
        self, operation: Operation, rows: list[Row], batch: Batch
    ) -> Sequence[Outcome] | Refused:
        """Look up ids where that is needed, then send what is to be sent, by request."""
        if operation.lookup is None:
            return self._send_all(operation, operation.request, rows, batch)
        found = find_ids(operation.lookup, rows, self._lookup(operation, batch))
        if isinstance(found, Outcome):
            return self._count_failure(found, len(rows))
        if isinstance(found, Refused):
            return found
        outcomes: dict[int, Outcome] = dict(found.settled)
        for request, part in ((operation.request, found.known), (operation.create, found.missing)):
            if not part or request is None:
                continue
            sent = self._send_all(operation, request, [rows[i] for i in part], batch)
            if isinstance(sent, Refused):
                was_sent = len(outcomes) > len(found.settled)
                return replace(sent, may_have_arrived=sent.may_have_arrived or was_sent)
            outcomes.update(zip(part, sent, strict=True))
        return [outcomes[index] for index in range(len(rows))]

    def _lookup(
        self, operation: Operation, batch: Batch
    ) -> Callable[[Request, list[Row]], httpx.Response | Outcome]:
        def ask(request: Request, rows: list[Row]) -> httpx.Response | Outcome:
            def once() -> httpx.Response:
                return self._ask(request, rows, {"sync": batch.sync}, 0, operation.rules)

            try:
                return self._tried(once)
            except TryAgain as error:
                return Outcome(RETRY, error.code, "no answer to the look-up")

        return ask

    def _send_all(
        self, operation: Operation, request: Request, rows: Sequence[Row], batch: Batch
    ) -> Sequence[Outcome] | Refused:
        """Send rows; those that a refusal did not name are sent again without the named ones."""
        if operation.job is not None and operation.job.filling is not None:
            return self._stage(operation, list(rows), batch)
        outcomes: dict[int, Outcome] = {}
        waiting = list(range(len(rows)))
        for resend in range(MOST_RESENDS + 1):
            part = [rows[i] for i in waiting] if resend else rows
            key = idempotency_key(batch, part, resend, self._object)
            reply = self._deliver(operation, request, part, batch, key)
            if isinstance(reply, Refused):
                if outcomes:
                    again = Outcome(RETRY, reply.code, reply.reason)
                    outcomes.update(dict.fromkeys(waiting, again))
                    break
                return reply
            for index, outcome in zip(waiting, reply, strict=True):
                if outcome is not None:
                    outcomes[index] = outcome
            waiting = [index for index in waiting if index not in outcomes]
            if not waiting:
                break
        late = Outcome(RETRY, "refused", "other rows of its batch were refused again and again")
        return [outcomes.get(index, late) for index in range(len(rows))]

    def _deliver(
        self, operation: Operation, request: Request, rows: Sequence[Row], batch: Batch, key: str
    ) -> Outcomes | Refused:
        """One request for some rows, tried as often as it may be."""
        may_have_arrived = False
        hidden, is_idempotent = self._hidden(batch), self.is_idempotent
        scope = {"sync": batch.sync}

        def once() -> Outcomes | Refused:
            nonlocal may_have_arrived
            try:
                call = self._call(request, rows, scope, key)
                if len(call.body or b"") > operation.max_bytes:
                    return _too_large(len(rows), operation.max_bytes)
                response = self._exchange(call, len(rows))
                reply = read_reply(response, self._http, operation, rows, hidden)
            except TryAgain as error:
                may_have_arrived = may_have_arrived or error.may_have_arrived
                self._may_have_written = self._may_have_written or error.may_have_arrived
                raise
            self._may_have_written = self._may_have_written or not isinstance(reply, Refused)
            return reply

        try:
            reply = self._tried(once, stop_when=lambda: may_have_arrived and not is_idempotent)
        except PrivateAddress:
            why = "its address is not a public https address that answers itself"
            return [Outcome(REJECTED, "private_address", why)] * len(rows)
        except TryAgain as error:
            outcome = Outcome(
                UNKNOWN if may_have_arrived else RETRY, error.code, "no answer that says so"
            )
            return list(self._count_failure(outcome, len(rows)))
        self._failed_in_a_row = 0
        if not may_have_arrived:
            return reply
        if isinstance(reply, Refused):
            return replace(reply, may_have_arrived=True)
        return [one and one.doubted() for one in reply]

    def _tried(self, once: Callable[[], T], stop_when: Callable[[], bool] = lambda: False) -> T:
        """The result after waiting and one new token where that helps.

        Raises TryAgain when all tries failed, and Stop.
        """

        def with_token() -> T:
            try:
                return once()
            except TokenExpired:
                if not self._auth.can_refresh:
                    raise FatalReply(401, "http_401") from None
            self._auth.refresh()
            try:
                return once()
            except TokenExpired:
                raise FatalReply(401, "http_401") from None

        try:
            return call_with_retries(with_token, self._http.retry, self._sleep, stop_when)
        except (FatalReply, TokenRefused, BadAddress, RedirectRefused) as error:
            raise stop_for(error, self._name) from None

    def _ask(
        self,
        request: Request,
        rows: Sequence[Row],
        scope: Mapping[str, Any],
        longest_reply: int,
        rules: Sequence[Rule] = (),
    ) -> httpx.Response:
        """A reply that is an answer. Raises TryAgain, TokenExpired and FatalReply."""
        call = self._call(request, rows, dict(scope), "")
        if longest_reply:
            call = replace(call, longest_reply=longest_reply)
        response = self._exchange(call, len(rows))
        check_answer(response, self._http, rules)
        return response

    def _call(self, request: Request, rows: Sequence[Row], scope: dict[str, Any], key: str) -> Call:
        """One request, complete; a token is got where there is none."""
        self._auth.prepare()
        if isinstance(rows, UnshapedRows):
            lines = {LINES: Fragment(rows.text), "batch": {"key": key}}
            return self._requests.build(request, {**scope, **lines})
        batch = batch_scope(rows, self._object, key)
        row = rows[0] if rows else {}
        return self._requests.build(request, {**scope, "rows": rows, "row": row, "batch": batch})

    def _exchange(self, call: Call, rows: int) -> httpx.Response:
        """One reply, when it is our turn."""
        self._wait_for_turn(rows)
        began = time.monotonic()
        try:
            return self._transport.send(call)
        finally:
            self.took_ms.append(1_000 * (time.monotonic() - began))

    def _wait_for_turn(self, rows: int) -> None:
        wait = self._limits.reserve(rows)
        if wait > LONGEST_RETRY_AFTER_S:
            raise quota_exhausted(self._name, wait)
        if wait > 0:
            self._sleep(wait)

    def _count_failure(self, outcome: Outcome, count: int) -> Sequence[Outcome]:
        """The outcome for each row; the third failure in a row stops the run."""
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= GIVE_UP_AFTER:
            raise unavailable(self._name, GIVE_UP_AFTER, self._http.retry.attempts, outcome)
        return [outcome] * count


def _too_large(rows: int, most: int) -> Outcomes | Refused:
    """Nothing was sent: a batch is halved, a single row is rejected."""
    if rows > 1:
        return Refused("too_large", "the batch has too many bytes")
    return [Outcome(REJECTED, "too_large", f"it needs more than {most:,} bytes")]
