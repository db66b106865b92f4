"""What the definitions need computed from events: each distinct feature once.

Owns the list of features, event tables and their column names that all traits and
audiences share. Computing them belongs to `traits.compile`; text only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path, PurePosixPath

from cdp.audiences.conditions import Did, leaves, queries
from cdp.audiences.spec import Audience
from cdp.sql.events import Elements, EventQuery, Filter, Property
from cdp.sql.filters import StepValue, TraitValue
from cdp.sql.names import digest, slug, unique_names
from cdp.sql.tables import Table
from cdp.sql.types import STRING
from cdp.sql.windows import Duration
from cdp.traits.aggregates import Option
from cdp.traits.spec import FormulaTrait, ProfileTrait, Trait

# Days since an event are told from its time, where the trait is shown.
SINCE = {"days_since_first": "first_time", "days_since_last": "last_time"}
LONGEST_EVENT_SLUG = 45
# The steps that compute a feature are named after it, with an ending of seven characters.
LONGEST_FEATURE = 54


@dataclass(frozen=True)
class Feature:
    """One value a profile: an aggregate over the events of a query."""

    query: EventQuery
    aggregate: str
    measured: Property | None = None
    option: Option = None

    @property
    def key(self) -> str:
        """What tells features apart, independent of where they are defined."""
        query = self.query
        asked = (self.aggregate, self.measured, self.option)
        return repr((query.event, query.filters, query.window, *asked))


@dataclass(frozen=True)
class ProfileFeature:
    """A trait that identify calls gave a profile (`user_traits`), read as a type."""

    name: str
    type: str


@dataclass(frozen=True)
class FeaturePlan:
    """The names of everything that is computed before traits and audiences.

    Tables stand beside events under their `table_key`. `users` maps each to the definition
    files that use it, relative to the project.
    """

    traits: Mapping[str, Trait]
    features: Mapping[Feature, str]
    profile_features: Mapping[ProfileFeature, str]
    account_features: Mapping[Feature, str]
    account_traits: Mapping[ProfileFeature, str]
    event_slugs: Mapping[str, str]
    columns: Mapping[str, Mapping[Property, str]]
    users: Mapping[str, tuple[PurePosixPath, ...]]
    tables: Mapping[str, Table]
    files: tuple[PurePosixPath, ...]

    def of(self, level: str) -> Mapping[Feature, str]:
        """The features over events of profiles, or of accounts."""
        return self.features if level == "profile" else self.account_features

    def events_of(self, level: str) -> list[str]:
        """The events and tables that features of a level are computed from, sorted."""
        return sorted({one.query.event for one in self.of(level)})

    def traits_of(self, level: str) -> Mapping[ProfileFeature, str]:
        """The traits of identify calls that are read, or those of group calls."""
        return self.profile_features if level == "profile" else self.account_traits

    def event_model(self, event: str) -> str:
        """The name of the typed table of an event, or of the typed view of a table."""
        kind = "table" if event in self.tables else "event"
        return f"{kind}__{self.event_slugs[event]}"


def trait_feature(trait: Trait) -> Feature | ProfileFeature | None:
    """The feature that a trait shows; None for a formula, which reads other traits."""
    if isinstance(trait.origin, FormulaTrait):
        return None
    if isinstance(trait.origin, ProfileTrait):
        return ProfileFeature(trait.origin.name, trait.type)
    origin = trait.origin
    aggregate = SINCE.get(origin.aggregate, origin.aggregate)
    return Feature(origin.query, aggregate, origin.property, origin.option)


def did_feature(did: Did) -> Feature:
    """The feature that a did or did_not condition counts."""
    return Feature(did.query, "count")


def plan_features(traits: Mapping[str, Trait], audiences: Mapping[str, Audience]) -> FeaturePlan:
    """The plan for all definitions of a catalogue; depends on nothing but them."""
    asked: dict[str, dict[Feature, None]] = {"profile": {}, "account": {}}
    read: dict[str, dict[ProfileFeature, str]] = {"profile": {}, "account": {}}
    users: dict[str, set[PurePosixPath]] = {}
    used: dict[str, set[Property]] = {}
    for trait in traits.values():
        feature = trait_feature(trait)
        if isinstance(feature, ProfileFeature):
            name = f"{trait.level}_trait__{slug(feature.name)}{_suffix(feature.type)}"
            read[trait.level][feature] = name
        elif feature is not None:
            asked[trait.level][feature] = None
            users.setdefault(feature.query.event, set()).add(definition_path(trait.location.path))
    for audience in audiences.values():
        for leaf in leaves(audience.who):
            if isinstance(leaf, Did):
                asked["profile"][did_feature(leaf)] = None
            for query, properties in queries(leaf):
                users.setdefault(query.event, set()).add(definition_path(audience.path))
                filtered = (one.property for one in query.filters)
                used.setdefault(query.event, set()).update(properties, filtered)
    every = [*asked["profile"], *asked["account"]]
    tables = {one.query.event: one.query.table for one in every if one.query.table is not None}
    slugs = _event_slugs({one: tables[one].name if one in tables else one for one in users})
    files = {path for paths in users.values() for path in paths}
    files |= {definition_path(trait.location.path) for trait in traits.values()}
    return FeaturePlan(
        traits=traits,
        features=_feature_names(asked["profile"], slugs),
        profile_features=_trait_names(read["profile"]),
        account_features=_feature_names(asked["account"], slugs),
        account_traits=_trait_names(read["account"]),
        event_slugs=slugs,
        columns={one: _columns(one, every, used.get(one, set())) for one in sorted(users)},
        tables=tables,
        users={event: tuple(sorted(paths)) for event, paths in users.items()},
        files=tuple(sorted(files)),
    )


def _feature_names(features: Iterable[Feature], slugs: Mapping[str, str]) -> dict[Feature, str]:
    wanted = {one: _feature_name(one, slugs[one.query.event]) for one in features}
    return unique_names(wanted, {one: one.key for one in wanted}, longest=LONGEST_FEATURE)


def _trait_names(wanted: Mapping[ProfileFeature, str]) -> dict[ProfileFeature, str]:
    return unique_names(wanted, {one: repr(one) for one in wanted})


@cache
def definition_path(path: Path) -> PurePosixPath:
    """A definition file relative to its project: definitions/<folder>/<file>."""
    return PurePosixPath("definitions", path.parent.name, path.name)


def _event_slugs(names: Mapping[str, str]) -> dict[str, str]:
    """A slug for each event or table, by its name; of several that want the same, one keeps it.

    Events go first, those in Title Case, the standard spelling of Segment's spec, before
    others, so that a misspelt event that starts to be used cannot rename an existing table.
    """
    taken: dict[str, str] = {}
    slugs: dict[str, str] = {}

    def rank(event: str) -> tuple[bool, bool, str]:
        return names[event] != event, event != event.title(), event

    for event in sorted(names, key=rank):
        plain = slug(names[event])
        if not plain or plain in taken or len(plain) > LONGEST_EVENT_SLUG:
            plain = f"{plain[: LONGEST_EVENT_SLUG - 9]}_{digest(event)}"
        if not plain[0].isalpha():
            # Names of tables and columns start with a letter.
            plain = f"event_{plain.lstrip('_')}"
        taken[plain] = event
        slugs[event] = plain
    return slugs


def _columns(event: str, features: list[Feature], used: set[Property]) -> dict[Property, str]:
    """The columns of an event's table; `used` are those that audiences read."""
    used = set(used)
    for one in features:
        if one.query.event == event:
            used.update(filter_.property for filter_ in one.query.filters)
            used.update([one.measured] if one.measured else [])
    in_order = sorted(used, key=lambda one: (one.path, one.type, repr(one)))
    wanted = {one: _column_name(one) for one in in_order}
    return unique_names(wanted, {one: repr(one) for one in wanted})


def _column_name(one: Property) -> str:
    if isinstance(one, Elements):
        every = "every_element" if one.every else "elements"
        return "__".join([f"{every}_{slug(one.dotted)}", *map(_filter_name, one.filters)])
    return f"property_{slug(one.dotted)}{_suffix(one.type)}"


def _suffix(kind: str) -> str:
    return "" if kind == STRING else f"__{kind}"


def _feature_name(feature: Feature, event_slug: str) -> str:
    parts = [event_slug, feature.aggregate]
    if feature.measured is not None:
        kind = feature.measured.type
        plain = kind in (STRING, "decimal")
        parts[-1] += f"_{slug(feature.measured.dotted)}" + ("" if plain else f"_{kind}")
    parts[-1] += _option_name(feature)
    return query_name(feature.query, *parts)


def query_name(query: EventQuery, *parts: str) -> str:
    """A name for what is computed over the events of a query, which says which events."""
    named = [*parts, *(f"where_{_filter_name(one)}" for one in query.filters)]
    return "__".join([*named, query.window.short] if query.window is not None else named)


def _option_name(feature: Feature) -> str:
    option = feature.option
    if option is None:
        return ""
    if isinstance(option, Duration):
        return f"_{option.short}"
    if isinstance(option, Decimal):
        return "_" + slug(format(option.normalize(), "f"))
    return f"_at_least_{option}" if isinstance(option, int) else f"_{option}"


def _filter_name(one: Filter) -> str:
    values = one.value if isinstance(one.value, tuple) else (one.value,)
    operator = "" if one.operator in ("equals", "one_of") else f"{one.operator}_"
    text = "_or_".join(slug(_value_name(value)) for value in values)
    inner = one.property.filters if isinstance(one.property, Elements) else ()
    subject = "_".join([slug(one.property.dotted), *map(_filter_name, inner)])
    return f"{subject}_{operator}{text}".strip("_")


def _value_name(value: object) -> str:
    if isinstance(value, TraitValue):
        return value.name
    return value.property.dotted if isinstance(value, StepValue) else str(value)
