"""What limits a sync: guards, plans that need approval, and alerts; as frozen specs.

Owns their closed reading. What they mean for a run is `cdp.syncs.plan`'s,
`cdp.syncs.approval`'s and `cdp.syncs.alerts`'.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cdp.errors import Location
from cdp.yamlfile import Section

DEFAULT_MAX_REMOVAL_RATIO = Decimal("0.5")


@dataclass(frozen=True)
class Guards:
    """A run that would remove, or change, more than this share of the rows held there stops."""

    max_removal_ratio: Decimal = DEFAULT_MAX_REMOVAL_RATIO
    max_change_ratio: Decimal | None = None


@dataclass(frozen=True)
class Alert:
    """Limits that somebody is told about when a sync breaks them; None where there is none.

    `notify` is the destination that is told, and `notify_fields` what its rows need
    besides a text, such as a channel.
    """

    max_rejected_ratio: Decimal | None = None
    max_hours_without_success: int | None = None
    max_size_change_ratio: Decimal | None = None
    notify: str = ""
    notify_location: Location | None = None
    notify_fields: tuple[tuple[str, str], ...] = ()


def read_approval(section: Section) -> int | None:
    """The most rows that are sent without asking; None where nothing is asked."""
    node = section.node("approval")
    if node is None:
        return None
    if isinstance(node.value, dict):
        one = Section(node, f"approval of {section.what}", section.problems)
        above = one.integer("above", required=True, minimum=0)
        one.finish()
        return above
    if node.value != "required":
        section.problems.add(
            "unknown-value",
            f"'approval' of {section.what} can be 'required' or say above how many rows",
            node.location,
            "write 'approval: required' or 'approval: {above: 1000}'",
        )
    return 0


def read_alert(section: Section) -> Alert | None:
    alert = section.section("alert", f"alert of {section.what}")
    if alert is None:
        return None
    hours = alert.integer("max_hours_without_success", minimum=1)
    told = alert.section("notify", f"'notify' of {alert.what}")
    name, place, fields = "", None, []
    if told is not None:
        name, place = told.name("destination"), told.place("destination")
        for key, node, _ in told.mapping("fields"):
            if isinstance(node.value, str):
                fields.append((key, node.value))
            else:
                told.wrong(key, node, "text")
        told.finish()
    found = Alert(
        _ratio(alert, "max_rejected_ratio"),
        hours or None,
        _ratio(alert, "max_size_change_ratio"),
        name,
        place,
        tuple(fields),
    )
    alert.finish()
    return found


def read_guards(section: Section) -> Guards:
    guards = section.section("guards", f"guards of {section.what}")
    if guards is None:
        return Guards()
    removal = _ratio(guards, "max_removal_ratio")
    change = _ratio(guards, "max_change_ratio")
    guards.finish()
    return Guards(DEFAULT_MAX_REMOVAL_RATIO if removal is None else removal, change)


def _ratio(guards: Section, name: str) -> Decimal | None:
    node = guards.node(name)
    if node is None:
        return None
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        guards.wrong(name, node, "a number from 0 to 1")
        return None
    if not 0 <= value <= 1:
        guards.problems.add(
            "out-of-range",
            f"'{name}' of {guards.what} is {value}",
            node.location,
            "use a number from 0 to 1",
        )
        return None
    return Decimal(value)
