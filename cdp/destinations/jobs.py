"""Rows that travel by a job: made, filled and closed now, done some time later.

Owns the order of a job's requests and the reading of its results. The id of a job that
is filled is made durable before the job is closed, and nothing is applied before that: so
a run that died finds its job again, and never fills a second one beside it. A job that
the writing request itself begins is only asked about here. Knows no vendor; waits by the
driver's own sleep.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import httpx

from cdp.destinations.delivery import (
    ACCEPTED,
    REJECTED,
    RETRY,
    STAGED,
    UNKNOWN,
    Batch,
    Outcome,
    Refused,
    Stop,
)
from cdp.destinations.manifest.jobs import Filling, Job, JobResults
from cdp.destinations.manifest.replies import holds
from cdp.destinations.manifest.request import Request
from cdp.destinations.reply import FatalReply, parse_body
from cdp.destinations.retry import TryAgain
from cdp.destinations.rows import Row
from cdp.destinations.secrets import redact
from cdp.destinations.template import look_up

LONGEST_WAIT_S = 30.0
NOT_PROCESSED = "not_processed"


@dataclass(frozen=True)
class Standing:
    """How a job is: open, running, done, failed or gone; why it failed; how many rows it refused.

    `refused` is None where the destination does not count.
    """

    state: str
    why: str = ""
    refused: int | None = None


@dataclass(frozen=True)
class Line:
    """What results say of a row; it is the one that bears one of `names`."""

    names: frozenset[str]
    reason: str
    remote_id: str


@dataclass(frozen=True)
class Exchange:
    """What a job needs of its driver.

    `ask` makes one request and returns a reply that is an answer; it raises TryAgain,
    TokenExpired and FatalReply. `tried` gives the result of a function after as many tries
    as are due; it raises TryAgain and Stop. `render` fills in a template in the sync's scope.
    """

    ask: Callable[[Request, Sequence[Row], Mapping[str, Any], int], httpx.Response]
    tried: Callable[[Callable[[], Any]], Any]
    sleep: Callable[[float], None]
    render: Callable[[Any], str]


@dataclass
class Jobs:
    """The jobs of one operation in one run. `left_s` is how long the run may still wait."""

    job: Job
    max_bytes: int
    exchange: Exchange
    left_s: float

    @property
    def _filling(self) -> Filling:
        assert self.job.filling is not None
        return self.job.filling

    def start(
        self, rows: Sequence[Row], batch: Batch, hidden: Iterable[Any]
    ) -> list[Outcome] | Refused:
        """Put rows into a job and close it. Raises TryAgain while nothing has been applied."""
        if batch.job and self._state(batch.job).state not in ("open", "gone"):
            return self._staged(rows, batch.job)
        filled: str | Refused = self.exchange.tried(lambda: self._filled(rows, hidden))
        if isinstance(filled, Refused):
            return filled
        job_id = filled
        batch.keep_job(job_id)
        try:
            refused: Refused | None = self.exchange.tried(lambda: self._closed(job_id, hidden))
        except TryAgain:
            # Closed or not: the next question says.
            refused = None
        except Stop as stop:
            stop.outcome = Outcome(STAGED, "job", job=job_id)
            raise
        return refused or self._staged(rows, job_id)

    def settle(self, rows: Sequence[Row], job_id: str, hidden: Iterable[Any]) -> list[Outcome]:
        """What became of the rows of a job; still staged when it is not done in time."""
        try:
            standing = self._awaited(job_id)
            if standing.state == "open":
                lost = Outcome(RETRY, "job_open", "its job was never closed")
                return [lost] * len(rows)
            if standing.state == "gone":
                return [Outcome(UNKNOWN, "job_gone", "its job is gone")] * len(rows)
            if standing.state == "running":
                return self._staged(rows, job_id)
            return self._read(rows, job_id, standing, hidden)
        except TryAgain:
            return self._staged(rows, job_id)

    def _staged(self, rows: Sequence[Row], job_id: str) -> list[Outcome]:
        return [
            Outcome(STAGED, "job", remote_id=str(row["remote_id"] or ""), job=job_id)
            for row in rows
        ]

    def _filled(self, rows: Sequence[Row], hidden: Iterable[Any]) -> str | Refused:
        """A new job with the rows in it. What an earlier try left open is never applied."""
        made = self._ask(self._filling.create)
        if not 200 <= made.status_code < 300:
            raise FatalReply(made.status_code, f"http_{made.status_code}")
        job_id = look_up(parse_body(made), self.job.id)
        if not isinstance(job_id, (str, int)) or job_id == "":
            raise TryAgain("malformed_body", may_have_arrived=False)
        filled = self._ask(self._filling.upload, rows, str(job_id))
        if not 200 <= filled.status_code < 300:
            return Refused(f"http_{filled.status_code}", redact(filled.text, hidden))
        return str(job_id)

    def _closed(self, job_id: str, hidden: Iterable[Any]) -> Refused | None:
        closed = self._ask(self._filling.close, (), job_id)
        # A job that an earlier try closed can refuse to be closed again.
        if 200 <= closed.status_code < 300 or self._state(job_id).state != "open":
            return None
        return Refused(f"http_{closed.status_code}", redact(closed.text, hidden))

    def _ask(self, request: Request, rows: Sequence[Row] = (), job_id: str = "") -> httpx.Response:
        try:
            response = self.exchange.ask(request, rows, _scope(job_id), 0)
        except TryAgain as error:
            # Nothing is applied by a job that is not closed, and closing is asked about.
            raise TryAgain(
                error.code, may_have_arrived=False, retry_after_s=error.retry_after_s
            ) from None
        if response.content and parse_body(response) is None:
            raise TryAgain("malformed_body", may_have_arrived=False)
        return response

    def _awaited(self, job_id: str) -> Standing:
        """How a job is; running when the time is over."""
        wait = self.job.every_s
        standing = self._state(job_id)
        while standing.state == "running" and self.left_s > 0:
            wait = min(wait, self.left_s)
            self.exchange.sleep(wait)
            self.left_s -= wait
            wait = min(2 * wait, LONGEST_WAIT_S)
            standing = self._state(job_id)
        return standing

    def _state(self, job_id: str) -> Standing:
        response = self.exchange.tried(lambda: self._ask(self.job.status, (), job_id))
        if response.status_code == 404:
            return Standing("gone")
        body, states = parse_body(response), self.job.states
        if body is None or not 200 <= response.status_code < 300:
            return Standing("running")
        if states.failed and holds(body, states.failed):
            return Standing("failed", str(look_up(body, states.reason) or ""))
        named = {"open": states.open, "done": states.done}
        state = next((name for name, one in named.items() if one and holds(body, one)), "running")
        refused = look_up(body, states.refused)
        return Standing(state, refused=refused if isinstance(refused, int) else None)

    def _read(
        self, rows: Sequence[Row], job_id: str, standing: Standing, hidden: Iterable[Any]
    ) -> list[Outcome]:
        """What the results say."""
        found: dict[int, Outcome] = {}
        why = redact(standing.why, hidden)
        for results in self.job.results if standing.refused != 0 else ():
            response = self.exchange.tried(partial(self._fetch, results, job_id))
            named = self._named(results, response, rows, hidden)
            if named is None:
                why = "the results of its job cannot be read or name other rows"
                return [Outcome(UNKNOWN, "malformed_results", why)] * len(rows)
            found.update(named)
        unnamed = Outcome(UNKNOWN, "unaccounted", why or "no result of its job names it")
        if standing.state == "done" and standing.refused == len(found):
            unnamed = Outcome(ACCEPTED)
        outcomes = [found.get(index, unnamed) for index in range(len(rows))]
        if not why:
            return outcomes
        return [
            replace(one, code="job_failed", reason=why) if one.code == NOT_PROCESSED else one
            for one in outcomes
        ]

    def _fetch(self, results: JobResults, job_id: str) -> httpx.Response:
        return self.exchange.ask(results.request, (), _scope(job_id), self._longest)

    @property
    def _longest(self) -> int:
        """Result files repeat the rows, with a reason each."""
        return 4 * self.max_bytes

    def _named(
        self,
        results: JobResults,
        response: httpx.Response,
        rows: Sequence[Row],
        hidden: Iterable[Any],
    ) -> dict[int, Outcome] | None:
        """The outcomes that results have, by position; None when they are not to be believed."""
        if not 200 <= response.status_code < 300 or len(response.content) > self._longest:
            return None
        match = self.exchange.render(results.match)
        read = _items if results.list else _lines
        lines = read(response, results, match)
        if lines is None:
            return None
        at = {str(row[results.by]).casefold(): index for index, row in enumerate(rows)}
        found: dict[int, Outcome] = {}
        for line in lines:
            named = {at[text] for text in line.names if text in at}
            if len(named) != 1:
                return None
            found[named.pop()] = _outcome(results, line, hidden)
        return found


def _scope(job_id: str) -> dict[str, Any]:
    return {"job": {"id": job_id}}


def _lines(response: httpx.Response, results: JobResults, match: str) -> list[Line] | None:
    """The lines of a result file; None for what is none."""
    text = response.content.decode("utf-8-sig", "replace")
    if text.lstrip().startswith("<"):
        return None
    lines = csv.DictReader(io.StringIO(text, newline=""))
    if lines.fieldnames and match not in lines.fieldnames:
        return None
    return [
        Line(
            frozenset({str(line[match]).casefold()}),
            str(line.get(results.reason) or ""),
            str(line.get(results.remote_id) or ""),
        )
        for line in lines
    ]


def _items(response: httpx.Response, results: JobResults, match: str) -> list[Line] | None:
    """The items of a list in a JSON body; None where there is none."""
    items = look_up(parse_body(response), results.list)
    if not isinstance(items, list):
        return None
    return [
        Line(
            frozenset(_texts(look_up(item, match))),
            str(look_up(item, results.reason) or ""),
            str(look_up(item, results.remote_id) or ""),
        )
        for item in items
    ]


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, whatever its shape."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif value is not None:
        yield str(value).casefold()


def _outcome(results: JobResults, line: Line, hidden: Iterable[Any]) -> Outcome:
    reason = line.reason
    match = re.search(results.code, reason) if results.code else None
    code = match[0] if match else ""
    state = results.codes.get(code, results.says)
    if state in (REJECTED, RETRY):
        named = redact(code, hidden) or (NOT_PROCESSED if state == RETRY else REJECTED)
        return Outcome(state, named, redact(reason, hidden))
    return Outcome(state, remote_id=line.remote_id)
