"""A destination that exists only here, made from a manifest alone.

Owns the answering of one request: authentication, documented limits, faults,
state and reply. It keeps what it was sent, so that the end of a run can be
compared with what should be there. It has no network of its own: `answer` is a
function from a request to a reply (see `serve` for a server).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdp.destinations.auth import Auth
from cdp.destinations.manifest import Http, Manifest, Operation
from cdp.destinations.simulate import faults as fault
from cdp.destinations.simulate.faults import Faults
from cdp.destinations.simulate.jobs import HeldJob, HeldJobs
from cdp.destinations.simulate.replies import REFUSAL, Reply, found_ids, plain, success
from cdp.destinations.simulate.routes import Match, Received, match_route, routes_of
from cdp.destinations.simulate.state import Place
from cdp.destinations.template import render

_NEEDS_JSON = (fault.MALFORMED, fault.HTML)


class Lost(Exception):  # noqa: N818
    """The connection ends without a reply."""


class TooSlow(Exception):  # noqa: N818
    """The reply does not come in time."""


@dataclass
class Simulator:
    """The state of one simulated destination.

    `settings` are what the client was configured with: with them, credentials are
    compared; without, they only have to be there. `poisoned` holds keys and values
    whose rows are always refused; `only` names the object that requests are about,
    where two of them look alike. `clock` gives seconds.
    """

    manifest: Manifest
    settings: Mapping[str, Any] | None = None
    faults: Faults = field(default_factory=Faults)
    poisoned: set[str] = field(default_factory=set)
    only: str = ""
    clock: Callable[[], float] = time.time
    places: dict[str, Place] = field(default_factory=dict)
    directory: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    problems: list[str] = field(default_factory=list)
    jobs: HeldJobs = field(default_factory=HeldJobs)
    _tokens: int = 0
    _is_expired: bool = False
    _begun: list[list[tuple[float, int]]] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def http(self) -> Http:
        assert self.manifest.http is not None
        return self.manifest.http

    def place(
        self, name: str, options: Mapping[str, Any] | None = None, make: bool = False
    ) -> Place:
        """What is at an object with its options, such as one list.

        A request that does not show all options is about the first place that fits.
        """
        wanted = {key: str(value) for key, value in (options or {}).items()}
        for key, place in self.places.items():
            at, *said = key.split(" ")
            known = dict(one.split("=", 1) for one in said)
            if at == name and all(known.get(one) == value for one, value in wanted.items()):
                return place
        key = " ".join([name, *(f"{one}={value}" for one, value in sorted(wanted.items()))])
        place = Place(prefix=f"id{len(self.places)}x")
        if make:
            self.places[key] = place
        return place

    def answer(self, received: Received) -> Reply:
        """The reply to a request. Raises Lost and TooSlow."""
        with self._lock:
            return self._answer(received)

    def _answer(self, received: Received) -> Reply:
        self.requests += 1
        if self._is_token_request(received):
            self._tokens += 1
            self._is_expired = False
            return plain(200, self._token())
        problem = self._check_auth(received)
        if problem is not None:
            return problem
        match = self._understand(received)
        if match is None:
            if self._is_ping(received):
                return plain(200, {"ok": True})
            self.problems.append(f"no request of the manifest is {received.method} {received.path}")
            return plain(400, {"message": "the simulator does not know this request"})
        return self._with_fault(match, received)

    def _with_fault(self, match: Match, received: Received) -> Reply:
        kind = self.faults.next(self._possible(match))
        if kind == fault.RATE_LIMITED:
            return plain(429, {"message": kind}, {"Retry-After": "1"})
        if kind == fault.REFUSED_BUSY:
            return plain(503, {"message": kind})
        if kind == fault.LOST_BEFORE:
            raise Lost
        if kind == fault.HTML:
            return 200, {"Content-Type": "text/html"}, b"<html><body>Sign in</body></html>"
        if kind == fault.EXPIRED:
            self._is_expired = True
            return plain(401, {"message": kind})
        limited = self._check_limits(match, received)
        if limited is not None:
            return limited
        reply = self._carry_out(match, received)
        if kind == fault.TWICE:
            reply = self._carry_out(match, received)
        if kind == fault.FAILED_AFTER:
            return plain(502, {"message": kind})
        if kind == fault.LOST_AFTER:
            raise Lost
        if kind == fault.SLOW:
            raise TooSlow
        if kind == fault.MALFORMED:
            return reply[0], reply[1], reply[2][: len(reply[2]) // 2] + b'{"'
        return reply

    def _possible(self, match: Match) -> list[str]:
        """A fault that could not be noticed, whatever the client did, is not injected."""
        is_json = match.route.operation.expects == "json"
        found = [one for one in fault.FAULTS if is_json or one not in _NEEDS_JSON]
        if self._auth_kind() != "oauth2":
            found.remove(fault.EXPIRED)
        if not match.route.object.is_idempotent:
            found.remove(fault.TWICE)
        if match.route.part == "lookup":
            found = [one for one in found if one not in _NEEDS_JSON]
        return found

    def _carry_out(self, match: Match, received: Received) -> Reply:
        if match.route.part.startswith("job_"):
            return self.jobs.answer(
                match,
                lambda route: match_route(self.http, route, received),
                self._do_job,
                self._for_job,
            )
        # A look-up and a removal may show less of where they are than the first write does.
        is_first = match.route.part != "lookup" and "upsert" in match.route.operation.serves
        place = self.place(match.route.object.name, match.options, make=is_first)
        scope = {
            "options": match.options,
            "settings": self.settings or {},
            "key": _key_scope(match),
        }
        if match.route.part == "lookup":
            return self._look_up(match, place)
        people = {issued: key for key, issued in self.directory.items()}
        for row in match.rows:
            if not row.get("key") and row.get("remote_id") in people:
                row["key"] = people[row["remote_id"]]
        operation = match.route.operation
        refused = self._refused(operation, match.rows, place)
        if operation.job is not None and (operation.job.results or not refused):
            return self.jobs.begin(match, operation.sample, operation.sample_status)
        whole = not operation.results or any(one.rest != "accepted" for one in operation.results)
        if refused and whole and not operation.results:
            return plain(400, {"message": REFUSAL})
        if not (refused and whole) and not self._is_repeat(received):
            for index, row in enumerate(match.rows):
                if index not in refused:
                    self._apply(match, place, row)
        for row in match.rows:
            entity = place.find(row)
            row["remote_id"] = entity.remote_id if entity else row.get("remote_id")
        return success(operation, match.rows, refused, scope)

    def _refused(
        self, operation: Operation, rows: list[dict[str, Any]], place: Place
    ) -> dict[int, str]:
        """The codes of rows that this destination does not take, by position."""
        found = {
            index: "SIMULATED"
            for index, row in enumerate(rows)
            if self.poisoned & {str(one) for one in _names(row, place)}
        }
        if "update" in operation.serves and operation.if_missing == "reject":
            found |= {index: "NOT_THERE" for index, row in enumerate(rows) if not place.find(row)}
        return found

    def _do_job(self, held: HeldJob) -> dict[int, str]:
        """Apply the rows of a job; the codes of those that are refused."""
        place = self.place(held.match.route.object.name, held.match.options, make=True)
        refused = self._refused(held.match.route.operation, held.rows, place)
        for index, row in enumerate(held.rows):
            if index not in refused:
                is_new = not row.get("remote_id")
                self._apply(held.match, place, row)
                entity = place.find(row)
                row["remote_id"] = entity.remote_id if is_new and entity else row.get("remote_id")
        return refused

    def _for_job(self, template: Any, held: HeldJob) -> str:
        return str(render(template, {"options": held.match.options, "settings": self.settings}))

    def _apply(self, match: Match, place: Place, row: dict[str, Any]) -> None:
        shape = match.route.object
        served = match.route.operation.serves
        operation = row.get("operation") or served[0]
        if shape.appends:
            event_id = row.get("id") or row.get("uuid")
            place.append(row, str(event_id) if event_id else None)
        elif operation == "remove":
            place.remove(row)
        elif operation != "update" or place.find(row):
            place.upsert(row)

    def _look_up(self, match: Match, place: Place) -> Reply:
        lookup = match.route.operation.lookup
        assert lookup is not None
        found = []
        for row in match.rows:
            entity = place.find(row)
            key = str(row.get("key") or (entity.key if entity else ""))
            if entity is not None:
                found.append((key, entity.remote_id))
            elif lookup.if_missing == "reject" and "update" not in match.route.operation.serves:
                # Members of a list are people whom the vendor knows already.
                issued = self.directory.setdefault(key, f"person{len(self.directory)}")
                found.append((key, issued))
        path = str(render(lookup.match, {"key": _key_scope(match), "options": match.options}))
        return found_ids(lookup, found, path)

    def _is_repeat(self, received: Received) -> bool:
        """Whether a batch with its idempotency key was taken before."""
        if self.http.idempotency != "key_header":
            return False
        key = received.headers.get(self.http.idempotency_header.lower(), "")
        is_repeat = key in self._seen
        self._seen.add(key)
        return is_repeat

    def _check_limits(self, match: Match, received: Received) -> Reply | None:
        operation = match.route.operation
        most = operation.max_items
        is_write = match.route.part in ("write", "job_upload")
        if isinstance(most, int) and is_write and len(match.rows) > most:
            self.problems.append(f"{len(match.rows)} rows in a request, {most} are allowed")
            return plain(413, {"message": "too many rows"})
        if len(received.body) > operation.max_bytes:
            self.problems.append(f"a body of {len(received.body)} bytes")
            return plain(413, {"message": "too many bytes"})
        now = self.clock()
        while len(self._begun) < len(self.http.limits):
            self._begun.append([])
        for limit, begun in zip(self.http.limits, self._begun, strict=True):
            begun[:] = [one for one in begun if one[0] > now - limit.per_s]
            begun.append((now, 1 if limit.requests else len(match.rows)))
            if sum(cost for _, cost in begun) > (limit.requests or limit.rows):
                self.problems.append(f"more than {limit} allows")
                return plain(429, {"message": "too many requests"}, {"Retry-After": "1"})
        return None

    def _understand(self, received: Received) -> Match | None:
        for route in routes_of(self.http):
            if self.only not in ("", route.object.name):
                continue
            match = match_route(self.http, route, received)
            if match is not None:
                return match
        return None

    def _auth_kind(self) -> str:
        kind = self.http.auth.get("kind", "none")
        return str(render(kind, {"settings": self.settings or {}}) or "none")

    def _token(self) -> dict[str, Any]:
        return {"access_token": f"simulated-token-{self._tokens}", "expires_in": 3600}

    def _is_token_request(self, received: Received) -> bool:
        return self._auth_kind() == "oauth2" and b"grant_type=" in received.body

    def _is_ping(self, received: Received) -> bool:
        ping = self.http.ping
        return ping is not None and received.method == ping.request.method

    def _check_auth(self, received: Received) -> Reply | None:
        scope = {"settings": self.settings or {}}
        with_token = Auth(self.http.auth, scope, None)
        with_token.token = self._token()
        for name, wanted in with_token.headers().items():
            given = received.headers.get(name.lower(), "")
            if not given or (self.settings is not None and given != wanted):
                return plain(401, {"message": "who are you?"})
        for name, wanted in with_token.query().items():
            given = str(received.query.get(name, ""))
            if not given or (self.settings is not None and given != wanted):
                return plain(401, {"message": "who are you?"})
        return plain(401, {"message": "expired"}) if self._is_expired else None


def _names(row: dict[str, Any], place: Place) -> list[Any]:
    """Everything that tells whose row it is."""
    names = [row.get("key"), row.get("id"), row.get("uuid")]
    names += (row.get("identifiers") or {}).values()
    for value in row["fields"].values():
        names += value if isinstance(value, list) else [value]
    entity = place.find(row) if row.get("remote_id") else None
    return names + ([entity.key] if entity else [])


def _key_scope(match: Match) -> dict[str, Any]:
    """`key` as the client's templates saw it, as far as the request tells."""
    known = match.bindings.get("key.as") or match.bindings.get("key.name")
    if known is None:
        rows = match.bindings.get("rows") or [{}]
        known = rows[0].get("key.as")
    return {"as": known or "key", "name": known or "key"}


def dump(simulator: Simulator) -> str:
    """What the simulated destination holds, as JSON."""
    return json.dumps(
        {
            name: {
                "entities": [vars(one) for one in place.entities.values()],
                "events": place.events,
            }
            for name, place in simulator.places.items()
        },
        ensure_ascii=False,
        indent=2,
    )
