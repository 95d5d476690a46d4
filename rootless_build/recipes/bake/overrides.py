"""`--set PATTERN.KEY[.NAME][+]=VALUE`: what the command line changes in targets.

Source: docs/reference/buildx_bake.md, and newOverrides and AddOverrides of bake/bake.go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, cast

from msgspec import Struct

from rootless_build.model.errors import RecipeError
from rootless_build.recipes.bake import entries
from rootless_build.recipes.bake.entries import BadEntryError, Entry
from rootless_build.recipes.bake.source import nearest
from rootless_build.recipes.bake.target import ATTRIBUTES, Kind, Target, changed
from rootless_build.recipes.docker.values import BadValueError, boolean

_ATTRIBUTES: Final = {
    "platform": "platforms",
    "secrets": "secret",
    **{name: name for name in ATTRIBUTES if name not in {"platforms", "inherits", "description"}},
}
"""Keys of --set, and the attributes they mean."""
_ALWAYS_ADDED: Final = ("entitlements", "annotations", "attest")
_NAMED: Final = ("args", "contexts", "labels", "extra-hosts", "resources", "secret")
_SWITCHES: Final = ("load", "push")


class Override(Struct, frozen=True):
    """One `--set`, or several of one key: `values` in their order."""

    key: str
    name: str
    values: tuple[str, ...]
    adds: bool
    written: str


class Overrides(Struct, frozen=True):
    """All overrides (`--set`), by target."""

    by_target: Mapping[str, tuple[Override, ...]]

    def for_target(self, name: str) -> tuple[Override, ...]:
        """The overrides of one target."""
        return self.by_target.get(name, ())


def parse(
    words: Sequence[str], targets: Iterable[str], lookup: Callable[[str], str | None]
) -> Overrides:
    """The overrides that the words say. Raises RecipeError, which quotes the word."""
    names = tuple(targets)
    made: dict[str, dict[tuple[str, str], Override]] = {}
    for word in words:
        left, equals, value = word.partition("=")
        adds = left.endswith("+")
        pattern, _, rest = left.removesuffix("+").partition(".")
        key, _, name = rest.partition(".")
        one = _checked(word, key, name, value if equals else None, adds=adds)
        if one.key == "args" and not equals:
            given = lookup(name)
            if given is None:
                continue
            one = Override(key, name, (given,), adds, word)
        for target in _matching(pattern, names, word):
            of_target = made.setdefault(target, {})
            before = of_target.get((key, name))
            several = before is not None and _takes_several(key)
            values = (*before.values, *one.values) if before and several else one.values
            of_target[key, name] = Override(key, name, values, adds, word)
    return Overrides({target: tuple(found.values()) for target, found in made.items()})


def _checked(word: str, key: str, name: str, value: str | None, *, adds: bool) -> Override:
    if not key:
        raise _refused(word, "it is not TARGET.KEY=VALUE")
    if key not in _ATTRIBUTES and key not in _SWITCHES:
        raise _refused(word, f"there is no key {key!r}", nearest(key, [*_ATTRIBUTES, *_SWITCHES]))
    if value is None and key != "args":
        raise _refused(word, "it has no value")
    if key in _NAMED and not name:
        raise _refused(word, f"it is TARGET.{key}.NAME=VALUE")
    if key not in _NAMED and name:
        raise _refused(word, f"{key} has no {name!r} in it")
    if adds and not _takes_several(key):
        raise _refused(word, f"nothing can be added to {key}")
    return Override(key, name, (value or "",), adds, word)


def _takes_several(key: str) -> bool:
    if key in _SWITCHES or key in _NAMED:
        return False
    return ATTRIBUTES[_ATTRIBUTES[key]].kind in {Kind.WORDS, Kind.ENTRIES}


def _matching(pattern: str, names: Sequence[str], word: str) -> list[str]:
    if pattern in names:
        return [pattern]
    found = [name for name in names if fnmatchcase(name, pattern.replace("[^", "[!"))]
    if not found:
        raise _refused(word, f"no target is like {pattern!r}", nearest(pattern, names))
    return found


def _refused(word: str, message: str, hint: str = "") -> RecipeError:
    return RecipeError(f"--set {word}: {message}", hint=hint)


def overridden(target: Target, overrides: Sequence[Override]) -> Target:
    """The target with its overrides. Raises RecipeError."""
    for one in sorted(overrides, key=lambda one: one.key in _SWITCHES):
        try:
            target = _applied(target, one)
        except (BadEntryError, BadValueError) as error:
            raise _refused(one.written, str(error)) from error
    return target


def _applied(target: Target, one: Override) -> Target:
    if one.key in _SWITCHES:
        on = boolean(one.values[-1])
        made = _pushed(target, on=on) if one.key == "push" else _loaded(target, on=on)
        return changed(target, ATTRIBUTES["output"], made, None)
    if one.key == "secret":
        return _with_secret(target, one)
    attribute = ATTRIBUTES[_ATTRIBUTES[one.key]]
    before = getattr(target, attribute.field)
    held: object
    match attribute.kind:
        case Kind.TEXT:
            held = one.values[-1]
        case Kind.SWITCH:
            held = boolean(one.values[-1])
        case Kind.NAMES:
            held = {**(before or {}), one.name: one.values[-1]}
        case Kind.WORDS | Kind.ENTRIES:
            given: tuple[object, ...] = one.values
            if attribute.kind is Kind.ENTRIES:
                assert attribute.parse is not None  # every row of this kind has one
                texts = (text for text in one.values if text)
                given = tuple(entry for text in texts for entry in attribute.parse(text))
            adds = one.adds or one.key in _ALWAYS_ADDED
            held = (*(before or ()), *given) if adds else given
    return changed(target, attribute, held, None)


def _with_secret(target: Target, one: Override) -> Target:
    entry = entries.secrets(one.values[-1])[0]
    known = [secret.get("id", "") for secret in target.secret or ()]
    if one.name not in known:
        raise _refused(one.written, f"the target has no secret {one.name!r}")
    if entry.get("id", one.name) != one.name:
        raise _refused(one.written, f"it names another secret, {entry['id']!r}")
    new = {**entry, "id": one.name}
    held = tuple(new if s.get("id") == one.name else s for s in target.secret or ())
    return changed(target, ATTRIBUTES["secret"], held, None)


def _pushed(target: Target, *, on: bool) -> tuple[Entry, ...]:
    outputs = [cast("Entry", dict(output)) for output in target.output or ()]
    if not on:
        kept = [output for output in outputs if output["type"] != "registry"]
        return tuple(o | {"push": "false"} if o["type"] == "image" else o for o in map(dict, kept))
    made = tuple(o | {"push": "true"} if o["type"] == "image" else o for o in map(dict, outputs))
    if all(output["type"] == "docker" for output in made):
        return (*made, {"type": "image", "push": "true"})
    return made


def _loaded(target: Target, *, on: bool) -> tuple[Entry, ...]:
    outputs = tuple(target.output or ())
    if not on:
        return outputs
    for output in outputs:
        if output["type"] == "docker" and not output.get("dest"):
            return outputs
        if output["type"] not in {"docker", "image", "registry", "oci"}:
            return outputs
    return (*outputs, {"type": "docker"})
