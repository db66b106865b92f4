"""From outgoing rows to what a manifest's templates see: `row` and `batch`.

Owns names at the vendor, normalising and hashing, null policy, ids of rows, and
the refusal of rows that must not be sent (they become rejected, with a code, and
never leave this machine). Pure.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, overload

from cdp.destinations.delivery import REJECTED, REMOVE, Batch, Outcome, OutgoingRow, Target
from cdp.destinations.manifest import Object
from cdp.destinations.normalize import ValueRule, as_text, prepare
from cdp.destinations.spooled import SpooledRows

Row = dict[str, Any]
_NO_RULE = ValueRule()


class Shaper:
    """Shapes the rows of one sync for one object."""

    def __init__(self, shape: Object, target: Target) -> None:
        self._object = shape
        self._key = target.key
        self._skips = target.skips
        rules = {**shape.fields, **shape.identifiers}
        self._sent_as = {name: rule.sent_as for name, rule in rules.items()}
        for name, sent_as in target.sent_as.items():
            if name not in shape.identifiers:
                self._sent_as[name] = sent_as
        self._rules = {name: rule.value for name, rule in rules.items() if not rule.value.is_plain}
        self._required = [name for name, rule in shape.fields.items() if rule.is_required]
        self._key_rule = self._rules.get(target.key, _NO_RULE)
        self._has_plain_key = self._key_rule.is_plain
        self.key_scope = {"name": target.key, "as": self._sent_as.get(target.key, target.key)}
        self._is_plain = not (
            rules
            or self._sent_as
            or self._skips
            or shape.nulls != "send"
            or shape.max_row_bytes
            or not shape.takes_any_key
        )

    def unshaped(self, batch: Batch) -> UnshapedRows | None:
        """The rows of a batch, where they are sent with the very keys and fields of the spool."""
        if not isinstance(batch.rows, SpooledRows) or not self._changes_nothing(batch):
            return None
        text = batch.rows.text()
        return None if text is None else UnshapedRows(self, batch, text)

    def _changes_nothing(self, batch: Batch) -> bool:
        return (
            self._is_plain
            and self._has_plain_key
            and self._object.idempotency != "key_field"
            and not self._object.appends
            # A key that is a field is sent as the text that it is as a key.
            and dict(batch.columns).get(self._key, "VARCHAR") == "VARCHAR"
        )

    def shape_all(self, batch: Batch) -> list[Row | Outcome]:
        """Every row of a batch; a second row whose key becomes the same is refused."""
        seen: set[str] = set()
        found: list[Row | Outcome] = []
        for index, row in enumerate(batch.rows):
            shaped = self.shape(row, index, batch)
            if not isinstance(shaped, Outcome):
                if shaped["key"] in seen:
                    shaped = Outcome(REJECTED, "duplicate_key", "another row has the same key")
                else:
                    seen.add(shaped["key"])
            found.append(shaped)
        return found

    def shape(self, row: OutgoingRow, index: int, batch: Batch) -> Row | Outcome:
        """What templates see as `row`, or why the row must not be sent."""
        key = row.key if self._has_plain_key else prepare(row.key, self._key_rule)
        if not key:
            return Outcome(REJECTED, "invalid_key", "its key is not of the form that is needed")
        shaped: Row = {
            "operation": row.operation,
            "key": key,
            "fields": row.fields,
            "attributes": row.fields,
            "known": {},
            "identifiers": {},
            "remote_id": row.remote_id or None,
            "ref": f"r{index}",
            "index": index,
        }
        if not self._is_plain or self._key in row.fields:
            problem = self._fill(shaped, row, key)
            if problem is not None:
                return problem
        self._name(shaped, batch)
        return shaped

    def recognised(self, row: OutgoingRow) -> Row:
        """As much of a row as tells whose it is: its key as it was sent, and its id."""
        key = prepare(row.key, self._key_rule)
        return {"key": row.key if key is None else key, "remote_id": row.remote_id or None}

    def _fill(self, shaped: Row, row: OutgoingRow, key: str) -> Outcome | None:
        values = {name: self._value(name, value, key) for name, value in row.fields.items()}
        if row.operation != REMOVE:
            missing = [name for name in self._required if values.get(name) is None]
            if missing:
                return Outcome(REJECTED, "missing_field", f"it has no usable {missing[0]}")
        identifiers = self._object.identifiers
        known = {**values, self._key: key}
        shaped["identifiers"] = {
            rule.sent_as: known[name]
            for name, rule in identifiers.items()
            if known.get(name) is not None
        }
        fields = self._object.fields
        shaped["fields"] = self._named(values)
        shaped["known"] = {
            rule.sent_as: values[name]
            for name, rule in fields.items()
            if values.get(name) is not None
        }
        own = {*identifiers, *fields, self._key}
        shaped["attributes"] = self._named(
            {name: value for name, value in values.items() if name not in own}
        )
        most = self._object.max_row_bytes
        if most and len(json.dumps(shaped["fields"], ensure_ascii=False).encode()) > most:
            return Outcome(REJECTED, "too_large", f"it has more than {most:,} bytes")
        return None

    def _value(self, name: str, value: Any, key: str) -> Any:
        if name == self._key:
            return key
        rule = self._rules.get(name)
        if rule is not None:
            return prepare(value, rule)
        return as_text(value) if name in self._object.identifiers else value

    def _named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        named = {
            self._sent_as.get(name, name): value
            for name, value in values.items()
            if value is not None or name not in self._skips
        }
        if self._object.nulls == "omit":
            return {name: value for name, value in named.items() if value is not None}
        if self._object.nulls == "empty":
            return {name: "" if value is None else value for name, value in named.items()}
        return named

    def _name(self, shaped: Row, batch: Batch) -> None:
        """Ids of the row: the same whenever the same row is sent again.

        An appended row has one for ever; another row has one for each time that it
        is sent anew, so that going back to an earlier value is not taken for a repeat.
        """
        if self._object.idempotency != "key_field":
            return
        whole = f"{batch.sync}\n{shaped['key']}"
        if not self._object.appends:
            whole += f"\n{batch.idempotency_key}\n{shaped['index']}"
        shaped["id"] = hashlib.sha256(whole.encode()).hexdigest()[:32]
        shaped["uuid"] = str(uuid.UUID(shaped["id"], version=5))


class UnshapedRows(Sequence[Row]):
    """Rows that are sent as they are spooled, `text`; shaped when somebody looks at one."""

    def __init__(self, shaper: Shaper, batch: Batch, text: bytes) -> None:
        self.text = text
        self._shaper = shaper
        self._batch = batch

    def __len__(self) -> int:
        return len(self._batch.rows)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        return self._shaped[index]

    @cached_property
    def _shaped(self) -> list[Row]:
        shaped = self._shaper.shape_all(self._batch)
        return [one for one in shaped if not isinstance(one, Outcome)]


def batch_scope(rows: Sequence[Row], shape: Object, key: str) -> dict[str, Any]:
    """What templates see as `batch`; gives each row its `values`, aligned with `batch.columns`."""
    order = [rule.sent_as for rule in shape.identifiers.values()]
    columns = [name for name in order if any(name in row["identifiers"] for row in rows)]
    for row in rows:
        row["values"] = [row["identifiers"].get(name, "") for name in columns]
    return {
        "key": key,
        "columns": columns,
        "keys": [row["key"] for row in rows],
        "remote_ids": [row["remote_id"] for row in rows],
        "count": len(rows),
    }


def idempotency_key(batch: Batch, rows: Sequence[Row], resend: int, shape: Object) -> str:
    """The same whenever the same rows are sent again.

    What is appended once keeps its key in later runs too; anything else gets a
    new one in each run, so that going back to an earlier value is not a repeat.
    """
    if shape.appends:
        keys = "\n".join(str(row["key"]) for row in rows)
        return hashlib.sha256(f"{batch.sync}\n{keys}".encode()).hexdigest()
    return batch.idempotency_key + (f"-{resend}" if resend else "")
