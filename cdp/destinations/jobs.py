"""Rows that travel by a job: made, filled and closed now, done some time later.

Owns the order of a job's requests and the reading of its result files. The id of a
job is made durable before the job is closed, and nothing is applied before that: so a
run that died finds its job again, and never fills a second one beside it. Knows no
vendor; waits by the driver's own sleep.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import httpx

from cdp.destinations.delivery import (
    REJECTED,
    RETRY,
    STAGED,
    UNKNOWN,
    Batch,
    Outcome,
    Refused,
    Stop,
)
from cdp.destinations.manifest.jobs import Job, JobResults
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

    def start(
        self, rows: Sequence[Row], batch: Batch, hidden: Sequence[Any]
    ) -> list[Outcome] | Refused:
        """Put rows into a job and close it. Raises TryAgain while nothing has been applied."""
        if batch.job and self._state(batch.job)[0] not in ("open", "gone"):
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

    def settle(self, rows: Sequence[Row], job_id: str, hidden: Sequence[Any]) -> list[Outcome]:
        """What became of the rows of a job; still staged when it is not done in time."""
        try:
            state, why = self._awaited(job_id)
            if state == "open":
                lost = Outcome(RETRY, "job_open", "its job was never closed")
                return [lost] * len(rows)
            if state == "gone":
                return [Outcome(UNKNOWN, "job_gone", "its job is gone")] * len(rows)
            if state == "running":
                return self._staged(rows, job_id)
            return self._read(rows, job_id, redact(why, hidden), hidden)
        except TryAgain:
            return self._staged(rows, job_id)

    def _staged(self, rows: Sequence[Row], job_id: str) -> list[Outcome]:
        return [
            Outcome(STAGED, "job", remote_id=str(row["remote_id"] or ""), job=job_id)
            for row in rows
        ]

    def _filled(self, rows: Sequence[Row], hidden: Sequence[Any]) -> str | Refused:
        """A new job with the rows in it. What an earlier try left open is never applied."""
        made = self._ask(self.job.create)
        if not 200 <= made.status_code < 300:
            raise FatalReply(made.status_code, f"http_{made.status_code}")
        job_id = look_up(parse_body(made), self.job.id)
        if not isinstance(job_id, (str, int)) or job_id == "":
            raise TryAgain("malformed_body", may_have_arrived=False)
        filled = self._ask(self.job.upload, rows, str(job_id))
        if not 200 <= filled.status_code < 300:
            return Refused(f"http_{filled.status_code}", redact(filled.text, hidden))
        return str(job_id)

    def _closed(self, job_id: str, hidden: Sequence[Any]) -> Refused | None:
        closed = self._ask(self.job.close, (), job_id)
        # A job that an earlier try closed can refuse to be closed again.
        if 200 <= closed.status_code < 300 or self._state(job_id)[0] != "open":
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

    def _awaited(self, job_id: str) -> tuple[str, str]:
        """The state of a job, running when the time is over, and why it failed."""
        wait = self.job.every_s
        state, why = self._state(job_id)
        while state == "running" and self.left_s > 0:
            wait = min(wait, self.left_s)
            self.exchange.sleep(wait)
            self.left_s -= wait
            wait = min(2 * wait, LONGEST_WAIT_S)
            state, why = self._state(job_id)
        return state, why

    def _state(self, job_id: str) -> tuple[str, str]:
        """open, running, done, failed or gone, and why it failed."""
        response = self.exchange.tried(lambda: self._ask(self.job.status, (), job_id))
        if response.status_code == 404:
            return "gone", ""
        body, states = parse_body(response), self.job.states
        if body is None or not 200 <= response.status_code < 300:
            return "running", ""
        if states.failed and holds(body, states.failed):
            return "failed", str(look_up(body, states.reason) or "") if states.reason else ""
        named = {"open": states.open, "done": states.done}
        return next(
            (name for name, one in named.items() if one and holds(body, one)), "running"
        ), ""

    def _read(
        self, rows: Sequence[Row], job_id: str, why: str, hidden: Sequence[Any]
    ) -> list[Outcome]:
        """What the result files say; `why` is the reason of a job that failed."""
        found: dict[int, Outcome] = {}
        for results in self.job.results:
            response = self.exchange.tried(partial(self._fetch, results, job_id))
            named = self._named(results, response, rows, hidden)
            if named is None:
                why = "a result file of its job cannot be read or names other rows"
                return [Outcome(UNKNOWN, "malformed_results", why)] * len(rows)
            found.update(named)
        unnamed = Outcome(UNKNOWN, "unaccounted", why or "no result file of its job names it")
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
        hidden: Sequence[Any],
    ) -> dict[int, Outcome] | None:
        """The outcomes that a result file has, by position; None when it is not to be believed."""
        is_whole = 200 <= response.status_code < 300 and len(response.content) <= self._longest
        lines = _lines(response.content) if is_whole else None
        column = self.exchange.render(results.match)
        if lines is None or (lines.fieldnames and column not in lines.fieldnames):
            return None
        at = {str(row[results.by]).casefold(): index for index, row in enumerate(rows)}
        found: dict[int, Outcome] = {}
        for line in lines:
            index = at.get(str(line[column]).casefold())
            if index is None:
                return None
            found[index] = _outcome(results, line, hidden)
        return found


def _scope(job_id: str) -> dict[str, Any]:
    return {"job": {"id": job_id}}


def _lines(content: bytes) -> csv.DictReader[str] | None:
    """The lines of a result file; None for what is none."""
    text = content.decode("utf-8-sig", "replace")
    if text.lstrip().startswith("<"):
        return None
    return csv.DictReader(io.StringIO(text, newline=""))


def _outcome(results: JobResults, line: Mapping[str, Any], hidden: Sequence[Any]) -> Outcome:
    reason = str(line.get(results.reason) or "") if results.reason else ""
    match = re.search(results.code, reason) if results.code else None
    code = match[0] if match else ""
    state = results.codes.get(code, results.says)
    remote_id = str(line.get(results.remote_id) or "") if results.remote_id else ""
    if state in (REJECTED, RETRY):
        named = redact(code, hidden) or (NOT_PROCESSED if state == RETRY else REJECTED)
        return Outcome(state, named, redact(reason, hidden))
    return replace(Outcome(state), remote_id=remote_id)
