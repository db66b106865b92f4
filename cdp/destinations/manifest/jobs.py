"""Jobs of a destination that takes rows first and says later what became of them.

Owns their specs and reading: the requests that make a job, fill it, close it, ask how
it is and fetch its results, and how the answers are read. Where a job is made, filled and
closed by requests of their own, nothing is applied before it is closed, so that making and
filling one may be begun anew. Other destinations begin a job with each request that
writes: there only its id is read, and what follows is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cdp.destinations.manifest.reading import seconds
from cdp.destinations.manifest.replies import ROW_STATES, read_conditions
from cdp.destinations.manifest.request import Request, read_request
from cdp.destinations.template import Template, from_node
from cdp.yamlfile import Section

MATCHES = ("key", "remote_id")


@dataclass(frozen=True)
class JobResults:
    """A result file (CSV with a header), or a `list` in a JSON body: the rows in it are `says`.

    The column `match` holds the key (or, with `by: remote_id`, the id) of a row;
    `remote_id` and `reason` are columns too. In JSON they are paths, and `match` may lead
    to a mapping that has the key somewhere in it. `code` is a pattern that is searched
    for in the reason, and `codes` maps what it finds to accepted, rejected or retry.
    """

    request: Request
    says: str
    match: Template
    by: str = "key"
    list: str = ""
    remote_id: str = ""
    reason: str = ""
    code: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobStates:
    """Conditions on the reply to the question how a job is; what fits none of them is running.

    open: it was never closed. failed: it ended before all of its rows were done.
    `reason` leads to why, `refused` to the number of rows that were refused: where it is
    that of the rows that results name, all others were accepted.
    """

    open: Mapping[str, Any]
    running: Mapping[str, Any]
    done: Mapping[str, Any]
    failed: Mapping[str, Any]
    reason: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Filling:
    """The requests that make a job, put rows into it, and close it."""

    create: Request
    upload: Request
    close: Request


@dataclass(frozen=True)
class Job:
    """How rows travel by jobs. Times in seconds.

    `id` leads to the job's id in the reply to `filling.create`, or, without a `filling`, to
    the request that writes. A run asks how its jobs are for up to `within_s` in all, at
    first after `every_s`.
    """

    id: str
    status: Request
    states: JobStates
    every_s: float
    within_s: float
    results: tuple[JobResults, ...]
    filling: Filling | None = None

    @property
    def requests(self) -> dict[str, Request]:
        """Every request but those that write and those of results, by what it does."""
        filling = self.filling
        own = (
            {
                "job_create": filling.create,
                "job_upload": filling.upload,
                "job_close": filling.close,
            }
            if filling
            else {}
        )
        return {**own, "job_status": self.status}


def read_job(operation: Section) -> Job | None:
    """The `job` of an operation, if rows travel by one."""
    one = operation.section("job", "job")
    if one is None:
        return None
    job_id, filling = _begun(one)
    asked = _part(one, "status", lambda part: (read_request(part), _states(part)))
    results = tuple(_results(part) for part in one.sections("results", "results"))
    every_s, within_s = seconds(one, "every_s", 5.0), seconds(one, "within_s", 120.0)
    one.finish()
    if asked is None:
        return None
    status, states = asked
    return Job(job_id, status, states, every_s, within_s, results, filling)


def _begun(one: Section) -> tuple[str, Filling | None]:
    """Where a job's id is, and the requests that fill it, if there are any."""
    if "create" not in one:
        return one.text("id", required=True), None
    made = _part(one, "create", lambda part: (read_request(part), part.text("id", default="id")))
    upload, close = _part(one, "upload", read_request), _part(one, "close", read_request)
    if made is None or upload is None or close is None:
        return "", None
    return made[1], Filling(made[0], upload, close)


def _part(section: Section, key: str, read: Callable[[Section], Any]) -> Any:
    one = section.section(key, key, required=True)
    if one is None:
        return None
    found = read(one)
    one.finish()
    return found


def _states(one: Section) -> JobStates:
    return JobStates(
        read_conditions(one, "open"),
        read_conditions(one, "running"),
        read_conditions(one, "done"),
        read_conditions(one, "failed"),
        one.text("reason"),
        one.text("refused"),
    )


def _results(one: Section) -> JobResults:
    code = one.text("code")
    try:
        re.compile(code)
    except re.error:
        one.problems.add(
            "invalid-pattern",
            f"the pattern of {one.what} is no regular expression",
            one.place("code"),
            "write a regular expression that finds the code in the reason",
        )
        code = ""
    found = JobResults(
        read_request(one),
        one.choice("says", ROW_STATES, required=True, default="accepted"),
        from_node(one.node("match", required=True)),
        one.choice("by", MATCHES, default="key"),
        one.text("list"),
        one.text("remote_id"),
        one.text("reason"),
        code,
        {name: str(node.value) for name, node, _ in one.mapping("codes")},
    )
    one.finish()
    return found
