"""Mistakes in syncs, destinations and manifests, each with its whole text."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdp.destinations.manifest import load_manifests, read_manifest
from cdp.errors import DefinitionError, Problems

from .harness import Shop

GOOD = """\
name: customers
description: Customers.
from: {model: customers}
destination: hook
fields:
  email: {column: email}
"""


def problems_of(shop: Shop) -> str:
    """What loading the definitions says, with paths from the definitions folder."""
    with pytest.raises(DefinitionError) as caught:
        _ = shop.catalogue
    return str(caught.value).replace(f"{shop.folder.as_posix()}/definitions/", "")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "name: customers\n",
            "name: clients\n",
            (
                "error[name-mismatch]: the file customers.yml defines a sync named 'clients'\n"
                "  --> syncs/customers.yml:1:7\n"
                "   1 | name: clients\n"
                "help: name the file clients.yml, or the sync 'customers'"
            ),
        ),
        (
            "{model: customers}",
            "{model: customers, profiles: true}",
            (
                "error[ambiguous-source]: 'from' of sync 'customers' must name one source\n"
                "  --> syncs/customers.yml:3:7\n"
                "   3 | from: {model: customers, profiles: true}\n"
                "help: write one of 'audience: <name>', 'profiles: true', 'model: <name>', "
                "'entities: <name>' and 'events: <name>'"
            ),
        ),
        (
            "{model: customers}",
            "{audience: vips}",
            (
                "error[unknown-audience]: sync 'customers' sends audience 'vips', which is not "
                "defined\n"
                "  --> syncs/customers.yml:3:18\n"
                "   3 | from: {audience: vips}\n"
                "help: none is defined yet\n\n"
                "error[unknown-column]: sync 'customers' uses column 'email', which "
                "audience 'vips' "
                "does not have\n"
                "  --> syncs/customers.yml:6:19\n"
                "   6 |   email: {column: email}\n"
                "help: one of 'canonical_profile_id'"
            ),
        ),
        (
            "{model: customers}",
            "{modle: customers}",
            (
                "error[unknown-key]: 'from' of sync 'customers' has no setting 'modle'\n"
                "  --> syncs/customers.yml:3:8\n"
                "   3 | from: {modle: customers}\n"
                "help: did you mean 'model'?"
            ),
        ),
        (
            "destination: hook",
            "destination: hok",
            (
                "error[unknown-destination]: sync 'customers' writes to destination "
                "'hok', which is "
                "not defined\n"
                "  --> syncs/customers.yml:4:14\n"
                "   4 | destination: hok\n"
                "help: did you mean 'hook'?"
            ),
        ),
        (
            "{column: email}",
            "{trait: lifetme_value}",
            (
                "error[unknown-trait]: sync 'customers' uses trait 'lifetme_value', which is not "
                "defined\n"
                "  --> syncs/customers.yml:6:18\n"
                "   6 |   email: {trait: lifetme_value}\n"
                "help: none is defined yet"
            ),
        ),
        (
            "{column: email}",
            "{identifier: emial}",
            (
                "error[unknown-identifier]: sync 'customers' uses identifier 'emial', which "
                "identity.yml does not define\n"
                "  --> syncs/customers.yml:6:23\n"
                "   6 |   email: {identifier: emial}\n"
                "help: did you mean 'email'?"
            ),
        ),
        (
            "{column: email}",
            "{identifier: 'e; drop table x'}",
            (
                "error[invalid-name]: field 'email' of sync 'customers' has the identifier "
                "'e; drop table x'\n"
                "  --> syncs/customers.yml:6:23\n"
                "   6 |   email: {identifier: 'e; drop table x'}\n"
                "help: write a type of identity.yml, such as email"
            ),
        ),
        (
            "{column: email}",
            "{column: email, constant: 1}",
            (
                "error[ambiguous-field]: field 'email' of sync 'customers' must have "
                "exactly one of "
                "'identifier', 'trait', 'column', 'constant', 'template', 'object', 'array', "
                "'property' and 'context'\n"
                "  --> syncs/customers.yml:6:3\n"
                "   6 |   email: {column: email, constant: 1}\n"
                "help: keep one of column, constant"
            ),
        ),
        (
            "{column: email}",
            "{constant: '{% endraw %}'}",
            (
                "error[template-in-text]: field 'email' of sync 'customers' has a constant with "
                "template marks in it\n"
                "  --> syncs/customers.yml:6:21\n"
                "   6 |   email: {constant: '{% endraw %}'}\n"
                "help: constants are sent as they are; leave out '{{', '{%' and '{#'"
            ),
        ),
        (
            "email: {",
            "group: {",
            (
                "error[invalid-name]: sync 'customers' has a field 'group'\n"
                "  --> syncs/customers.yml:6:3\n"
                "   6 |   group: {column: email}\n"
                "help: use lower-case letters, digits and '_', starting with a letter, at most 60 "
                "characters, and no word of SQL"
            ),
        ),
        (
            "fields:",
            "key: emial\nfields:",
            (
                "error[unknown-key-field]: the key 'emial' of sync 'customers' is not one of its "
                "fields\n"
                "  --> syncs/customers.yml:5:6\n"
                "   5 | key: emial\n"
                "help: did you mean 'email'?"
            ),
        ),
        (
            "fields:",
            "guards: {max_removal_ratio: 2}\nfields:",
            (
                "error[out-of-range]: 'max_removal_ratio' of guards of sync 'customers' is 2\n"
                "  --> syncs/customers.yml:5:29\n"
                "   5 | guards: {max_removal_ratio: 2}\n"
                "help: use a number from 0 to 1"
            ),
        ),
    ],
)
def test_a_mistake_in_a_sync_is_explained(shop: Shop, old: str, new: str, expected: str) -> None:
    assert old in GOOD
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(GOOD.replace(old, new))
    assert problems_of(shop) == expected


def test_all_mistakes_of_a_sync_are_reported_together(shop: Shop) -> None:
    path = shop.folder / "definitions" / "syncs" / "customers.yml"
    path.write_text(
        "name: customers\nform: x\nfields: {email: [1], a: {column: 3}}\non_leave: no\n"
    )
    text = problems_of(shop)
    assert [line.split("]")[0] for line in text.splitlines() if line.startswith("error[")] == [
        "error[missing-key",
        "error[missing-key",
        "error[missing-key",
        "error[unknown-key",
        "error[wrong-type",
        "error[wrong-type",
        "error[unknown-value",
    ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "type: webhook",
            "type: webhok",
            (
                "error[unknown-destination-type]: destination 'hook' has the type 'webhok', which "
                "does not exist\n"
                "  --> destinations.yml:3:11\n"
                "   3 |     type: webhok\n"
                "help: did you mean 'webhook'?"
            ),
        ),
        (
            "token: env:HOOK_TOKEN",
            "token: abc-very-secret",
            (
                "error[plain-secret]: 'token' of settings of destination 'hook' (line 9) "
                "is a secret "
                "and must not stand in a file\n"
                "  --> destinations.yml\n"
                "help: write 'token: env:SOME_NAME' and set that environment variable"
            ),
        ),
        (
            "url: env:HOOK_URL",
            "url: https://user:abc-very-secret@x.example/",
            (
                "error[invalid-url]: 'url' of settings of destination 'hook' is not a "
                "plain http(s) "
                "address\n"
                "  --> destinations.yml\n"
                "help: write https://host/path or env:SOME_NAME; user names and passwords "
                "belong in "
                "'auth', not in the address"
            ),
        ),
        (
            "      token: env:HOOK_TOKEN\n",
            "",
            (
                "error[missing-key]: settings of destination 'hook' has no 'token'\n"
                "  --> destinations.yml:6:7\n"
                "   6 |       url: env:HOOK_URL\n"
                "help: add a line 'token: ...'"
            ),
        ),
        (
            "batch_size: 4",
            "batch_sise: 4",
            (
                "error[unknown-key]: settings of destination 'hook' has no setting 'batch_sise' "
                "(line 7)\n"
                "  --> destinations.yml\n"
                "help: did you mean 'batch_size'?"
            ),
        ),
        (
            "name: lines",
            "name: hook",
            (
                "error[duplicate-name]: there are two destinations 'hook'\n"
                "  --> destinations.yml:11:11\n"
                "  11 |   - name: hook\n"
                "help: rename one; the first is at destinations.yml:2:11"
            ),
        ),
        (
            "settings: {path: out}\n  - name: table",
            "\n  - name: table",
            (
                "error[missing-key]: destination 'lines' has no setting 'path'\n"
                "  --> destinations.yml:11:5\n"
                "  11 |   - name: lines\n"
                "help: add 'settings: {path: ...}'"
            ),
        ),
    ],
)
def test_a_mistake_in_a_destination_is_explained(
    shop: Shop, old: str, new: str, expected: str
) -> None:
    path = shop.folder / "definitions" / "destinations.yml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert problems_of(shop) == expected


def test_the_manifests_that_ship_are_valid() -> None:
    assert {"csv_file", "jsonl_file", "parquet_file", "webhook"} <= set(load_manifests())


def test_mistakes_in_a_manifest_are_explained(tmp_path: Path) -> None:
    path = tmp_path / "odd.yml"
    path.write_text(
        "version: 1\nname: odd\ntitle: Odd\ndriver: http\n"
        "settings:\n  url: {type: url, required: true}\n"
        "http: {idempotency: none}\n"
        "objects:\n  things:\n    operations:\n"
        "      - serves: [remove]\n        method: POST\n        url: '{{ settings.ulr }}'\n"
        "        body: {x: '{{ os.environ }}', y: '{{ row.key | eval }}'}\n"
    )
    problems = Problems()
    read_manifest(path, problems)
    with pytest.raises(DefinitionError) as caught:
        problems.raise_if_any()
    assert str(caught.value).replace(f"{tmp_path}/", "") == (
        "error[missing-key]: object 'things' has no 'kind'\n"
        "  --> odd.yml:10:5\n"
        "  10 |     operations:\n"
        "help: add a line 'kind: ...'\n\n"
        "error[unserved-operation]: 0 operations of object 'things' serve 'upsert'\n"
        "  --> odd.yml:11:7\n"
        "  11 |       - serves: [remove]\n"
        "help: name 'upsert' in the 'serves' of exactly one operation, and 'remove', 'update' and "
        "'archive' at most once\n\n"
        "error[unknown-placeholder]: 'settings.ulr' is not a setting of this manifest\n"
        "  --> odd.yml:13:14\n"
        "  13 |         url: '{{ settings.ulr }}'\n"
        "help: did you mean 'url'?\n\n"
        "error[unknown-placeholder]: 'os.environ' stands for nothing in a manifest\n"
        "  --> odd.yml:14:19\n"
        "  14 |         body: {x: '{{ os.environ }}', y: '{{ row.key | eval }}'}\n"
        "help: did you mean 'rows'?\n\n"
        "error[unknown-filter]: 'eval' is not a filter of templates\n"
        "  --> odd.yml:14:42\n"
        "  14 |         body: {x: '{{ os.environ }}', y: '{{ row.key | eval }}'}\n"
        "help: did you mean 'values'?"
    )
