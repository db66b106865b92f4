"""Identifiers that share a code: the contraction notices, and takes other codes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cdp.errors import RunError
from cdp.project import Project
from tests.identity.oracle import START, Event, resolve
from tests.identity.test_graph import graph_of, write_events
from tests.projects import lift_limits, load, run

WEAK = """\
{{% macro duckdb__cdp_node_code(id, attempt) %}}
    {{{{ return('cast(hash(' ~ id ~ ') % ' ~ {modulus} ~ ' as bigint)') }}}}
{{% endmacro %}}
"""
EVENTS = [
    Event(START + timedelta(minutes=n), {"user_id": f"u{n}", "anonymous_id": f"a{n // 2}"})
    for n in range(40)
]


def test_with_a_code_for_several_identifiers_another_one_is_taken(
    project: Project, tmp_path: Path
) -> None:
    lift_limits(project)
    load(project, "web", [write_events(tmp_path / "all.ndjson", EVENTS)])
    weaken(project, "(20, 9999999999)[attempt]")
    run(project, "--select", "+identity_graph")
    assert graph_of(project) == resolve(EVENTS)


def test_a_graph_whose_identifiers_share_codes_for_good_stops_the_build(
    project: Project, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    load(project, "web", [write_events(tmp_path / "all.ndjson", EVENTS)])
    weaken(project, "20")
    with pytest.raises(RunError, match="int_identity__components"):
        run(project, "--select", "+int_identity__components")
    assert (
        "error[identity-codes-collide]: two identifiers of the graph share a code "
        "in each of 5 attempts" in " ".join(capfd.readouterr().out.split())
    )


def weaken(project: Project, modulus: str) -> None:
    """Give the project a macro of its own for codes, with few of them."""
    macros = project.folder / "macros"
    macros.mkdir(exist_ok=True)
    (macros / "weak_codes.sql").write_text(WEAK.format(modulus=modulus))
