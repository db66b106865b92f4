"""Jobs of a simulated destination: begun, and done some questions later.

Owns the jobs' state and the answers to their requests: of those that are made, filled
and closed, and of those that a writing request begins. Rows are applied when a job is
done.
"""

from __future__ import annotations

import copy
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cdp.destinations.manifest.jobs import Job, JobResults
from cdp.destinations.simulate.replies import REFUSAL, Reply, example, plain, put
from cdp.destinations.simulate.routes import Match, Route

QUESTIONS = (0, 2, 9)
"""How often jobs are asked about before they are done, in turn."""
Row = dict[str, Any]
Apply = Callable[["HeldJob"], dict[int, str]]
"""Carries out a job; the codes of rows that are refused, by position."""


@dataclass
class HeldJob:
    """A job; `match` is the request that made it, and knows the object and its options."""

    match: Match
    questions: int
    state: str = "open"
    rows: list[Row] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


@dataclass
class HeldJobs:
    """All jobs of a destination, by id."""

    jobs: dict[str, HeldJob] = field(default_factory=dict)

    def answer(
        self,
        match: Match,
        again: Callable[[Route], Match | None],
        apply: Apply,
        render: Callable[[Any, HeldJob], str],
    ) -> Reply:
        """The reply to a request about a job.

        `again` understands the request as another route: jobs of two operations have
        the same addresses, and only the job itself tells which of them it is of.
        """
        if match.route.part == "job_create":
            return self._make(match)
        held = self.jobs.get(str(match.bindings.get("job.id")))
        if held is None:
            return plain(404, {"message": "there is no such job"})
        if match.route.part == "job_close":
            return _close(held)
        if match.route.part == "job_status":
            return _ask(held, apply)
        if match.route.part == "job_upload":
            route = held.match.route
            own = again(replace(route, request=route.operation.request, part="job_upload"))
            return _fill(held, own.rows) if own else plain(400, {"message": "no rows of this job"})
        url = match.route.request.url
        results = next(one for one in _job(held).results if one.request.url == url)
        if results.list:
            return plain(200, _listed(held, results, render))
        return 200, {"Content-Type": "text/csv"}, _written(held, results, render)

    def begin(self, match: Match, sample: Any, status: int) -> Reply:
        """A job with the rows of the request that begins it."""
        job_id, held = self._add(match)
        held.rows, held.state = match.rows, "running"
        body: dict[str, Any] = copy.deepcopy(sample) if isinstance(sample, dict) else {}
        put(body, _job(held).id, job_id)
        return plain(status, body)

    def _make(self, match: Match) -> Reply:
        job_id, held = self._add(match)
        body: dict[str, Any] = {}
        put(body, _job(held).id, job_id)
        return plain(200, body)

    def _add(self, match: Match) -> tuple[str, HeldJob]:
        job_id = f"job{len(self.jobs)}"
        held = HeldJob(match, QUESTIONS[len(self.jobs) % len(QUESTIONS)])
        self.jobs[job_id] = held
        return job_id, held


def _job(held: HeldJob) -> Job:
    job = held.match.route.operation.job
    assert job is not None
    return job


def _fill(held: HeldJob, rows: list[Row]) -> Reply:
    if held.state != "open" or held.rows:
        return plain(400, {"message": "the job has its rows"})
    held.rows = rows
    return plain(201)


def _close(held: HeldJob) -> Reply:
    if held.state != "open":
        return plain(400, {"message": "the job is closed"})
    held.state = "running"
    return plain(200, {"state": "closed"})


def _ask(held: HeldJob, apply: Apply) -> Reply:
    if held.state == "running" and held.questions == 0:
        held.refused = apply(held)
        held.state = "done"
    elif held.state == "running":
        held.questions -= 1
    states = _job(held).states
    conditions = {"open": states.open, "running": states.running, "done": states.done}[held.state]
    body: dict[str, Any] = {}
    for path, wanted in conditions.items():
        put(body, path, example(wanted))
    if states.refused:
        put(body, states.refused, len(held.refused))
    return plain(200, body)


def _listed(
    held: HeldJob, results: JobResults, render: Callable[[Any, HeldJob], str]
) -> dict[str, Any]:
    """The rows that were refused, as items of a list."""
    items = []
    for index, code in held.refused.items():
        item: dict[str, Any] = {}
        put(item, render(results.match, held), held.rows[index]["identifiers"])
        if results.reason:
            put(item, results.reason, f"{code}:{REFUSAL}:--")
        items.append(item)
    body: dict[str, Any] = {}
    put(body, results.list, items)
    return body


def _written(held: HeldJob, results: JobResults, render: Callable[[Any, HeldJob], str]) -> bytes:
    """A result file: the rows that are as it says."""
    says = {"accepted": False, "rejected": True}.get(results.says)
    lines: list[Sequence[Any]] = []
    for index, row in enumerate(held.rows):
        if held.state == "done" and (index in held.refused) is says:
            code = held.refused.get(index)
            name = row.get("remote_id") if results.by == "remote_id" else row.get("key")
            reason = f"{code}:{REFUSAL}:--" if code else ""
            lines.append((row.get("remote_id") or "", reason, name))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = (results.remote_id or "id", results.reason or "reason", render(results.match, held))
    writer.writerows([head, *lines])
    return text.getvalue().encode()
