"""Every manifest sends exactly what its vendor documents, and reads its replies row by row."""

from __future__ import annotations

import pytest

from cdp.destinations.manifest import load_manifests
from cdp.destinations.manifest.objects import SERVED

from .play import Case, Vendor, cases, play

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_manifest_keeps_to_its_cases(case: Case) -> None:
    vendor = Vendor(case.exchange)
    outcomes = play(case, vendor)
    assert vendor.asked == [one["request"] for one in case.exchange]
    assert outcomes == case.outcomes


def test_every_operation_of_every_manifest_has_a_case() -> None:
    covered = {
        (case.manifest, case.object, case.mode or row.get("operation", "upsert"))
        for case in CASES
        for row in case.rows
    }
    missing = []
    for manifest in load_manifests().values():
        objects = manifest.http.objects if manifest.http else {}
        for name, shape in objects.items():
            for operation in SERVED:
                said = {(manifest.name, name, operation)}
                if len(objects) == 1:
                    said.add((manifest.name, "", operation))
                if shape.serves(operation) and not said & covered:
                    missing.append(f"{manifest.name} {name} {operation}")
    assert missing == []


def test_every_manifest_says_where_its_facts_are_from() -> None:
    silent = [
        one.name
        for one in load_manifests().values()
        if one.http is not None and one.http.base_url and not one.facts
    ]
    assert silent == []
