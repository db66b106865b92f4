"""Jobs of a destination that takes rows first and says later what became of them.

Owns their specs and reading: the requests that make a job, fill it, close it, ask how
it is and fetch its result files, and how the answers are read. Nothing is applied
before a job is closed, so that making and filling one may be begun anew.
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
    """A result file (CSV with a header): the rows in it are `says`.

    The column `match` holds the key (or, with `by: remote_id`, the id) of a row;
    `remote_id` and `reason` are columns too. `code` is a pattern that is searched for in
    the reason, and `codes` maps what it finds to accepted, rejected or retry.
    """

    request: Request
    says: str
    match: Template
    by: str = "key"
    remote_id: str = ""
    reason: str = ""
    code: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobStates:
    """Conditions on the reply to the question how a job is; what fits none of them is running.

    open: it was never closed. failed: it ended before all of its rows were done.
    `reason` leads to why.
    """

    open: Mapping[str, Any]
    running: Mapping[str, Any]
    done: Mapping[str, Any]
    failed: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True)
class Job:
    """How rows travel by jobs. Times in seconds.

    `id` leads to the job's id in the reply to `create`. A run asks how its jobs are for up
    to `within_s` in all, at first after `every_s`.
    """

    create: Request
    id: str
    upload: Request
    close: Request
    status: Request
    states: JobStates
    every_s: float
    within_s: float
    results: tuple[JobResults, ...]

    @property
    def requests(self) -> dict[str, Request]:
        """Every request but those of result files, by what it does."""
        return {
            "job_create": self.create,
            "job_upload": self.upload,
            "job_close": self.close,
            "job_status": self.status,
        }


def read_job(operation: Section) -> Job | None:
    """The `job` of an operation, if rows travel by one."""
    one = operation.section("job", "job")
    if one is None:
        return None
    made = _part(one, "create", lambda part: (read_request(part), part.text("id", default="id")))
    upload, close = _part(one, "upload", read_request), _part(one, "close", read_request)
    asked = _part(one, "status", lambda part: (read_request(part), _states(part)))
    results = tuple(_results(part) for part in one.sections("results", "results", required=True))
    every_s, within_s = seconds(one, "every_s", 5.0), seconds(one, "within_s", 120.0)
    one.finish()
    if made is None or upload is None or close is None or asked is None:
        return None
    (create, job_id), (status, states) = made, asked
    return Job(create, job_id, upload, close, status, states, every_s, within_s, results)


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
        one.text("remote_id"),
        one.text("reason"),
        code,
        {name: str(node.value) for name, node, _ in one.mapping("codes")},
    )
    one.finish()
    return found
