"""Mistakes in record_sources.yml: each with its place and one fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.definitions import problems_of

CRM = "  - name: crm\n    model: contacts\n    key: id\n    identifiers: {user_id: number}\n"
MISTAKES = {
    "an identifier that is none": (
        CRM.replace("user_id", "userid"),
        (
            "error[unknown-identifier]: record source 'crm' gives 'userid', which is not a type "
            "of identifier\n"
            "  --> {file}:5:19\n   5 |     identifiers: {userid: number}\n"
            "help: did you mean 'user_id'?"
        ),
    ),
    "no identifiers": (
        CRM.replace("{user_id: number}", "{}"),
        (
            "error[empty-mapping]: 'identifiers' of record source 'crm' is empty\n"
            "  --> {file}:5:18\n   5 |     identifiers: {}\n"
            "help: name at least one, as 'type: column'"
        ),
    ),
    "an expression for a column": (
        CRM.replace("number}", '"lower(number)"}'),
        (
            "error[invalid-column]: 'identifiers' of record source 'crm' has 'lower(number)', "
            "which is not the name of a column\n"
            '  --> {file}:5:28\n   5 |     identifiers: {user_id: "lower(number)"}\n'
            "help: write a column's name, with dots into structs; whatever has to be computed, "
            "compute in a dbt model"
        ),
    ),
    "a key that is a number": (
        CRM.replace("key: id", "key: 1"),
        (
            "error[wrong-type]: 'key' of record source 'crm' must be the name of a column, "
            "not a number\n"
            "  --> {file}:4:10\n   4 |     key: 1\n"
            "help: write the name of a column"
        ),
    ),
    "a key of no column": (
        CRM.replace("key: id", "key: []"),
        (
            "error[empty-list]: 'key' of record source 'crm' is empty\n"
            "  --> {file}:4:10\n   4 |     key: []\n"
            "help: list at least one column"
        ),
    ),
    "a name that is a template": (
        CRM.replace("contacts", "\"{{ env_var('X') }}\""),
        (
            "error[invalid-name]: record source 'crm' has the model \"{{ env_var('X') }}\"\n"
            "  --> {file}:3:12\n   3 |     model: \"{{ env_var('X') }}\"\n"
            "help: use letters, digits and '_', starting with a letter"
        ),
    ),
    "a table with a quote in its name": (
        CRM.replace("model: contacts", 'table: {schema: "x\'", name: contacts}'),
        (
            "error[invalid-name]: table of record source 'crm' has the schema \"x'\"\n"
            '  --> {file}:3:21\n   3 |     table: {schema: "x\'", name: contacts}\n'
            "help: use letters, digits and '_', starting with a letter"
        ),
    ),
    "neither model nor table": (
        CRM.replace("    model: contacts\n", ""),
        (
            "error[missing-key]: record source 'crm' has neither 'model' nor 'table'\n"
            "  --> {file}:2:5\n   2 |   - name: crm\n"
            "help: name the dbt model, or the table as {schema: ..., name: ...}"
        ),
    ),
    "both model and table": (
        CRM.replace("contacts\n", "contacts\n    table: {schema: lake, name: contacts}\n"),
        (
            "error[conflicting-keys]: record source 'crm' has both 'model' and 'table'\n"
            "  --> {file}:4:12\n   4 |     table: {schema: lake, name: contacts}\n"
            "help: name the dbt model, or the table as {schema: ..., name: ...}"
        ),
    ),
    "a unit of nothing": (
        CRM + "    unit: seconds\n",
        (
            "error[useless-setting]: record source 'crm' has a unit but no occurred_at\n"
            "  --> {file}:6:11\n   6 |     unit: seconds\n"
            "help: add 'occurred_at', or remove this line"
        ),
    ),
    "a unit that is none": (
        CRM + "    occurred_at: at\n    unit: hours\n",
        (
            "error[unknown-value]: 'hours' is not a valid unit of record source 'crm'\n"
            "  --> {file}:7:11\n   7 |     unit: hours\n"
            "help: one of 'microseconds', 'milliseconds', 'seconds'"
        ),
    ),
    "a trait that ends the raw block": (
        CRM + "    traits: {'{% endraw %}': plan}\n",
        (
            "error[unsafe-text]: record source 'crm' has a text that cannot stand in a "
            "generated model\n"
            "  --> {file}:6:30\n   6 |     traits: {'{% endraw %}': plan}\n"
            "help: leave out line breaks, control characters and the word 'endraw'"
        ),
    ),
    "a name used twice": (
        CRM + CRM,
        (
            "error[duplicate-name]: record source 'crm' is also another record source\n"
            "  --> {file}:6:5\n   6 |   - name: crm\n"
            "help: rename one of the two: evidence is named by its source"
        ),
    ),
    "the name of a source of events": (
        CRM.replace("name: crm", "name: web"),
        (
            "error[duplicate-name]: record source 'web' is also a source of events\n"
            "  --> {file}:2:5\n   2 |   - name: web\n"
            "help: rename one of the two: evidence is named by its source"
        ),
    ),
    "a setting that is none": (
        CRM + "    where: id > 5\n",
        (
            "error[unknown-key]: record source 'crm' has no setting 'where'\n"
            "  --> {file}:6:5\n   6 |     where: id > 5\n"
            "help: one of 'identifiers', 'key', 'model', 'name', 'occurred_at', 'table', "
            "'traits', 'unit'"
        ),
    ),
}


@pytest.mark.parametrize("name", MISTAKES, ids=[name.replace(" ", "_") for name in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    text, expected = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    files = {
        "record_sources.yml": "record_sources:\n" + text,
        "sources.yml": "sources:\n  - {name: web}\n",
    }
    found = problems_of(tmp_path, files)
    assert found == expected.replace("{file}", "definitions/record_sources.yml")
