"""The normalisers of an identifier type: named steps, and one expression of its own.

Owns reading `normalize`. What the named steps are in SQL is `values`' business; which
expressions are allowed, `cdp.sql.expressions`'.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdp.errors import suggest
from cdp.sql.values import check_text
from cdp.yamlfile import Node, Section

NORMALIZERS = ("trim", "lower", "email", "phone")


@dataclass(frozen=True)
class SqlStep:
    """A checked expression over `value`, in DuckDB's SQL."""

    sql: str


Step = str | SqlStep


def read_normalize(section: Section) -> tuple[Step, ...]:
    """The steps: named ones in their own order, before and after the expression."""
    node = section.node("normalize")
    if node is None:
        return ("trim",)
    steps: list[Step] = []
    for item in node.value if isinstance(node.value, tuple) else (node,):
        step = _read_step(section, item)
        if isinstance(step, SqlStep) and any(isinstance(one, SqlStep) for one in steps):
            section.problems.add(
                "duplicate-key",
                f"{section.what} has two expressions",
                item.location,
                "write them as one",
            )
        elif step is not None:
            steps.append(step)
    at = next((place for place, one in enumerate(steps) if isinstance(one, SqlStep)), len(steps))
    return (*_named(steps[:at]), *steps[at : at + 1], *_named(steps[at + 1 :]))


def _named(steps: list[Step]) -> tuple[str, ...]:
    return tuple(name for name in NORMALIZERS if name in steps)


def _read_step(section: Section, node: Node) -> Step | None:
    if isinstance(node.value, dict):
        return _read_sql(section, node)
    if not isinstance(node.value, str):
        section.wrong("normalize", node, "a normalizer, or {sql: ...}")
        return None
    if node.value in NORMALIZERS:
        return node.value
    section.problems.add(
        "unknown-value",
        f"'{node.value}' is not a normalizer",
        node.location,
        suggest(node.value, NORMALIZERS),
    )
    return None


def _read_sql(section: Section, node: Node) -> SqlStep | None:
    # What reads definitions without an expression need not load a parser of SQL.
    from cdp.sql.expressions import ALLOWED, NotAllowedError, checked

    inner = Section(node, f"normalize of {section.what}", section.problems)
    text, place = inner.text("sql", required=True).strip(), inner.place("sql")
    inner.finish()
    if not text or not check_text(text, inner.what, Node(text, place), section.problems):
        return None
    try:
        return SqlStep(checked(text))
    except NotAllowedError as error:
        section.problems.add(
            "invalid-expression",
            f"the sql of {section.what} {error}",
            place,
            f"use {ALLOWED}",
        )
        return None
