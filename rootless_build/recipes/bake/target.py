"""A target's attributes as a table: what each holds, and how it is merged and overridden.

Source: docs/bake-reference.md of buildx, and bake.go for what merges and what replaces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final, cast

import msgspec
from msgspec import Struct

from rootless_build.model.structs import replace
from rootless_build.recipes.bake import entries
from rootless_build.recipes.bake.entries import BadEntryError, Entry
from rootless_build.recipes.bake.hcl.values import (
    Value,
    ValueTypeError,
    plain,
    to_bool,
    to_map,
    to_text,
    to_tuple,
)
from rootless_build.recipes.bake.source import BakeError, Place, nearest, refused

Words = tuple[str, ...]
Names = Mapping[str, str]
Entries = tuple[Entry, ...]


class Group(Struct, frozen=True):
    """Targets and groups under one name."""

    name: str
    targets: Words
    place: Place
    description: str = ""


class Target(Struct, frozen=True):
    """One build. None is an attribute that was not set; `places` say where each was.

    `notes` tell what is passed over. A target with an `error` can't be read, which matters where it
    is asked for.
    """

    name: str
    place: Place
    inherits: Words = ()
    description: str | None = None
    annotations: Words | None = None
    attest: Entries | None = None
    context: str | None = None
    contexts: Names | None = None
    dockerfile: str | None = None
    dockerfile_inline: str | None = None
    args: Names | None = None
    labels: Names | None = None
    tags: Words | None = None
    cache_from: Entries | None = None
    cache_to: Entries | None = None
    target: str | None = None
    secret: Entries | None = None
    ssh: Entries | None = None
    platforms: Words | None = None
    output: Entries | None = None
    pull: bool | None = None
    no_cache: bool | None = None
    network: str | None = None
    no_cache_filter: Words | None = None
    shm_size: str | None = None
    ulimits: Words | None = None
    resources: Names | None = None
    call: str | None = None
    entitlements: Words | None = None
    extra_hosts: Names | None = None
    policy: Entries | None = None
    places: Mapping[str, Place] = {}
    notes: Words = ()
    error: BakeError | None = None

    def placed(self, attribute: str) -> Place:
        """Where an attribute was set, else where the target is."""
        return self.places.get(attribute, self.place)


class Kind(Enum):
    """What an attribute holds."""

    TEXT = "a string"
    SWITCH = "a bool"
    WORDS = "a list of strings"
    NAMES = "a map of strings"
    ENTRIES = "a list of objects or strings"


class Attribute(Struct, frozen=True):
    """A row of the table.

    `adds`: what comes later is added to what was there, instead of replacing it. `parse` reads an
    entry's text; of entries with the same `identity` the last one stays.
    """

    name: str
    kind: Kind
    adds: bool = False
    parse: Callable[[str], list[Entry]] | None = None
    identity: str = ""

    @property
    def field(self) -> str:
        """The field of Target."""
        return self.name.replace("-", "_")


def _rows() -> tuple[Attribute, ...]:
    text, switch, words, names, several = Kind
    return (
        Attribute("inherits", words, adds=True),
        Attribute("description", text),
        Attribute("annotations", words, adds=True),
        Attribute("attest", several, adds=True, parse=entries.attestations, identity="type"),
        Attribute("context", text),
        Attribute("contexts", names, adds=True),
        Attribute("dockerfile", text),
        Attribute("dockerfile-inline", text),
        Attribute("args", names, adds=True),
        Attribute("labels", names, adds=True),
        Attribute("tags", words),
        Attribute("cache-from", several, adds=True, parse=entries.caches),
        Attribute("cache-to", several, parse=entries.caches),
        Attribute("target", text),
        Attribute("secret", several, adds=True, parse=entries.secrets, identity="id"),
        Attribute("ssh", several, adds=True, parse=entries.keys, identity="id"),
        Attribute("platforms", words),
        Attribute("output", several, parse=entries.outputs),
        Attribute("pull", switch),
        Attribute("no-cache", switch),
        Attribute("network", text),
        Attribute("no-cache-filter", words, adds=True),
        Attribute("shm-size", text),
        Attribute("ulimits", words, adds=True),
        Attribute("resources", names, adds=True),
        Attribute("call", text),
        Attribute("entitlements", words, adds=True),
        Attribute("extra-hosts", names, adds=True),
        Attribute("policy", several, adds=True, parse=entries.attestations),
    )


ATTRIBUTES: Final[Mapping[str, Attribute]] = {row.name: row for row in _rows()}
OF_BLOCKS: Final = ("matrix", "name")
"""What a target's block has besides: it makes several targets of one."""


def known(name: str, place: Place) -> Attribute:
    """The attribute of that name. Raises BakeError."""
    if name not in ATTRIBUTES:
        raise refused(
            place,
            f"a target has no attribute {name!r} that rbuild knows",
            nearest(name, (*ATTRIBUTES, *OF_BLOCKS)),
        )
    return ATTRIBUTES[name]


def decoded(attribute: Attribute, value: Value, place: Place) -> object:
    """The value as the target's field holds it; None for null. Raises BakeError."""
    if value is None:
        return None
    try:
        match attribute.kind:
            case Kind.TEXT:
                return to_text(value)
            case Kind.SWITCH:
                return to_bool(value)
            case Kind.WORDS:
                return tuple(to_text(item) for item in to_tuple(value))
            case Kind.NAMES:
                items = to_map(value).items()
                return {name: to_text(item) for name, item in items if item is not None}
            case Kind.ENTRIES:
                return tuple(
                    entry for item in to_tuple(value) for entry in _entries(attribute, item)
                )
    except (ValueTypeError, BadEntryError) as error:
        raise refused(place, f"{attribute.name} is {attribute.kind.value}: {error}") from error


def _entries(attribute: Attribute, item: Value) -> Sequence[Entry]:
    assert attribute.parse is not None  # every row of this kind has one
    if item is None or item == "":
        return ()
    if not isinstance(item, str):
        made = entries.from_object(item)
        typed = (entries.outputs, entries.caches, entries.attestations)
        return (entries.typed(str(item), made) if attribute.parse in typed else made,)
    return attribute.parse(item)


def value_of(target: Target, attribute: Attribute) -> Value:
    """The attribute as an expression sees it."""
    held = getattr(target, attribute.field)
    if held is None and attribute.kind is Kind.ENTRIES:
        return ()
    return plain(held)


def merge_targets(first: Target, second: Target) -> Target:
    """The first target with what the second one sets."""
    changes: dict[str, object] = {}
    for attribute in ATTRIBUTES.values():
        later = getattr(second, attribute.field)
        if later is None:
            continue
        before = getattr(first, attribute.field)
        changes[attribute.field] = _together(attribute, before, later)
    changes["notes"] = (*first.notes, *second.notes)
    changes["error"] = first.error or second.error
    return _replaced(first, changes, places={**first.places, **second.places})


def _together(attribute: Attribute, before: object, later: object) -> object:
    if not attribute.adds or before is None:
        return later
    if attribute.kind is Kind.NAMES:
        return {**cast("Names", before), **cast("Names", later)}
    return (*cast("tuple[object, ...]", before), *cast("tuple[object, ...]", later))


def normal(target: Target) -> Target:
    """The target with repetitions taken out, as it is built."""
    changes: dict[str, object] = {}
    for attribute in ATTRIBUTES.values():
        held = getattr(target, attribute.field)
        if held is None:
            continue
        if attribute.kind is Kind.WORDS and attribute.name != "inherits":
            changes[attribute.field] = tuple(dict.fromkeys(filter(None, held)))
        elif attribute.kind is Kind.ENTRIES:
            changes[attribute.field] = _without_repetitions(held, attribute.identity)
    if target.contexts:
        changes["contexts"] = {name: where for name, where in target.contexts.items() if where}
    return _replaced(target, changes)


def _without_repetitions(held: Entries, identity: str) -> Entries:
    found: dict[object, Entry] = {}
    for entry in held:
        key = entry.get(identity, "") if identity else tuple(sorted(entry.items()))
        if not identity and key in found:
            continue
        found[key] = entry
    return tuple(found.values())


def changed(target: Target, attribute: Attribute, held: object, place: Place | None) -> Target:
    """The target with one attribute set."""
    places = {**target.places, attribute.name: place} if place else target.places
    return _replaced(target, {attribute.field: held}, places=places)


def _replaced(
    target: Target, changes: Mapping[str, object], places: Mapping[str, Place] | None = None
) -> Target:
    # The names are those of the table, and decoded() makes the values by its kinds.
    made = msgspec.structs.replace(target, **changes)
    return made if places is None else replace(made, places=places)
