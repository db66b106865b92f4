"""The figure as a table for a person and as JSON for later.

Owns which of our steps and models stand beside which phase of the script. dbt runs
two models at a time: the seconds of a group are its share of the time in which the
warehouse was at work, so that the groups add up to the wall.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.measure import Phases

if TYPE_CHECKING:
    from bench.pipeline import Runs

PACKAGES = ("duckdb", "dbt-core", "dbt-duckdb")
NODES_SHOWN = 12
TESTS = "dbt test"
NODE_WORK = "dbt's work beside the SQL"
START = "dbt's start-up"
# Our steps, the prefixes of our models, and the script's phases, in the table's order.
GROUPS = (
    ("read the files", ("load",), (), ()),
    ("events", (), ("stg_",), ("events",)),
    (
        "identity",
        (),
        (
            "int_identity__",
            "identity_graph",
            "identity_decisions",
            "identity_quality",
            "identity_overrides",
            "profile_merges",
            "profile_id_changes",
            "user_identifiers",
        ),
        ("identity", "identity graph"),
    ),
    ("accounts, entities", (), ("account", "entity_", "int_entities__"), ()),
    ("profiles", (), ("profile", "int_profiles__", "user_traits", "consent"), ("profiles",)),
    ("traits", (), ("event__", "int_features", "traits__", "computed_traits"), ("traits",)),
    (
        "audiences",
        (),
        ("audience", "int_audiences__", "int_conditions", "int_rankings", "sync__"),
        ("audiences",),
    ),
    ("sync to a CSV file", ("sync vip_customers_to_csv",), (), ("sync csv",)),
    ("sync over HTTP", ("sync cart_abandoners_to_crm",), (), ("sync http",)),
    ("make the project, compile", ("init", "compile"), (), ()),
    ("publish the read copy", ("publish",), (), ()),
)


def ours_by_group(run: Phases) -> dict[str, float]:
    """Wall seconds of one run of ours by the table's rows; they add up to the run."""
    steps = {step.name: step.wall_s for step in run.steps}
    dbt = run.notes["dbt"]
    share = dbt["busy_s"] / sum(node["sql_s"] for node in dbt["nodes"])
    found = {}
    for name, of_steps, prefixes, _ in GROUPS:
        in_models = sum(
            node["sql_s"] for node in dbt["nodes"] if _group_of(node["name"]) == name and prefixes
        )
        found[name] = sum(steps[step] for step in of_steps) + in_models * share
    found[NODE_WORK] = dbt["span_s"] - dbt["busy_s"]
    found[START] = steps["import dbt"] + steps["dbt run"] - dbt["span_s"]
    return found


def by_hand_by_group(run: Phases) -> dict[str, float]:
    """Wall seconds of one run of the script by the table's rows."""
    steps = {step.name: step.wall_s for step in run.steps}
    return {name: sum(steps[phase] for phase in phases) for name, _, _, phases in GROUPS}


def _group_of(model: str) -> str:
    for name, _, prefixes, _ in GROUPS:
        # The exact names first: identity_graph and profile_merges are identity's.
        if model in prefixes:
            return name
    for name, _, prefixes, _ in GROUPS:
        if model.startswith(prefixes or ("\0",)):
            return name
    raise AssertionError(f"bench: the model {model} is in no group of bench/report.py")


def summary(runs: Runs) -> dict[str, Any]:
    """Medians by row, the totals and the ratios."""
    ours = [ours_by_group(run) for run in runs.ours]
    by_hand = [by_hand_by_group(run) for run in runs.by_hand]
    rows = {
        name: (median(one[name] for one in ours), median(one.get(name, 0.0) for one in by_hand))
        for name in ours[0]
    }
    hand = median(sum(one.values()) for one in by_hand)
    totals = {
        "all": median(sum(one.values()) for one in ours),
        "without dbt's start-up": median(_sum(one, START) for one in ours),
        "without dbt at all": median(_sum(one, START, NODE_WORK) for one in ours),
    }
    return {
        "rows": rows,
        "by_hand_s": hand,
        "ours_s": totals,
        "ratios": {name: seconds / hand for name, seconds in totals.items()},
        # Waits less on whoever else uses the machine than the wall does.
        "cpu_s": {"ours": _cpu(runs.ours), "by hand": _cpu(runs.by_hand)},
        "peak_mb": {"ours": _peak(runs.ours), "by hand": _peak(runs.by_hand)},
        "dbt_test_s": [s.wall_s for run in runs.ours for s in run.steps if s.name == TESTS],
        "nodes": _nodes(runs.ours),
    }


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def print_report(runs: Runs) -> None:
    """The table, as Markdown, to stdout."""
    found = summary(runs)
    lines = [
        f"{runs.deliveries:,} deliveries of {runs.people:,} people, "
        f"{'gzip' if runs.packed else 'plain'}; median of {len(runs.ours)}; "
        + ", ".join(f"{name} {value}" for name, value in machine().items()),
        "",
        *table(
            ("seconds", "ours", "by hand"),
            [
                *((name, *map(_number, pair)) for name, pair in found["rows"].items()),
                ("**all**", _number(found["ours_s"]["all"]), _number(found["by_hand_s"])),
                ("processor time of all threads", *map(_number, found["cpu_s"].values())),
                ("peak memory, MB", *(f"{one:,.0f}" for one in found["peak_mb"].values())),
            ],
        ),
        "",
        *table(
            ("ours / by hand", "seconds", "ratio"),
            [
                (name, _number(seconds), f"{found['ratios'][name]:.1f}")
                for name, seconds in found["ours_s"].items()
            ],
        ),
        "",
        *table(
            ("model", "in the warehouse, s", "with dbt's work, s"),
            [(name, _number(sql), _number(wall)) for name, sql, wall in found["nodes"]],
        ),
        *(f"\ndbt test, not counted: {one:.1f} s" for one in found["dbt_test_s"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def write_results(folder: Path, runs: Runs) -> Path:
    """Everything that was measured, in a file named for the time."""
    return write_json(folder, "", {"summary": summary(runs), **asdict(runs)})


def write_json(folder: Path, prefix: str, found: Mapping[str, Any]) -> Path:
    """What was found and on which machine, in a file named for the time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{prefix}{datetime.now(timezone.utc):%Y-%m-%dT%H%M%S}.json"
    path.write_text(json.dumps({"machine": machine(), **found}, indent=1), encoding="utf-8")
    return path


def _sum(run: dict[str, float], *without: str) -> float:
    return sum(seconds for name, seconds in run.items() if name not in without)


def _cpu(runs: Iterable[Phases]) -> float:
    return median(sum(step.cpu_s for step in run.steps if step.name != TESTS) for run in runs)


def _peak(runs: Iterable[Phases]) -> float:
    return median(max(step.peak_mb for step in run.steps if step.name != TESTS) for run in runs)


def _nodes(runs: Sequence[Phases]) -> list[tuple[str, float, float]]:
    """The slowest models: seconds in the warehouse, and with dbt's work around it."""
    found = []
    for node in runs[0].notes["dbt"]["nodes"]:
        same = [
            one for run in runs for one in run.notes["dbt"]["nodes"] if one["name"] == node["name"]
        ]
        sql = median(one["sql_s"] for one in same)
        found.append((node["name"], sql, median(one["wall_s"] for one in same)))
    return sorted(found, key=lambda row: -row[1])[:NODES_SHOWN]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|---" + "|---:" * (len(head) - 1) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _number(seconds: float) -> str:
    return f"{seconds:,.2f}" if seconds < 10 else f"{seconds:,.1f}"
