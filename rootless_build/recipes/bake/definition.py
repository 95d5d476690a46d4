"""Groups and targets of all files together: inheritance, overrides, links.

Source: bake/bake.go of buildx.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from rootless_build.model.errors import RecipeError, UnknownTargetError
from rootless_build.model.structs import replace
from rootless_build.recipes.bake.overrides import Overrides, overridden
from rootless_build.recipes.bake.source import Place, nearest, refused
from rootless_build.recipes.bake.target import Group, Target, merge_targets, normal

_WILD: Final = re.compile(r"[*?\[\]]")
_LINK: Final = "target:"
DEFAULT: Final = "default"


class Definition(Struct, frozen=True):
    """All groups, and all targets, each name once.

    `notes` are about the files as a whole; `empty` are blocks whose matrix makes no target.
    """

    groups: tuple[Group, ...]
    targets: Mapping[str, Target]
    notes: tuple[str, ...] = ()
    empty: Mapping[str, Place] = {}


class Chosen(Struct, frozen=True):
    """The targets to build, each after those it links to.

    `asked` are those that were asked for, `named` those of them by their own name and no group's.
    """

    targets: Mapping[str, Target]
    asked: tuple[str, ...]
    named: tuple[str, ...] = ()


def united(
    groups: Iterable[Group],
    targets: Iterable[Target],
    notes: tuple[str, ...] = (),
    empty: Mapping[str, Place] | None = None,
) -> Definition:
    """One definition: targets of one name are merged, of groups of one name the first stays."""
    together: dict[str, Target] = {}
    for target in targets:
        before = together.get(target.name)
        together[target.name] = merge_targets(before, target) if before else target
    return Definition(tuple(groups), together, notes, empty or {})


def chosen(definition: Definition, names: Sequence[str], overrides: Overrides) -> Chosen:
    """What is to be built for these names (none: `default`). Raises RecipeError."""
    wanted: dict[str, None] = {}
    named: list[str] = []
    for name in names or (DEFAULT,):
        for one in _matching(definition, name.replace(".", "_")):
            members = _members(definition, one, (), {})
            wanted |= dict.fromkeys(members)
            if members == (one,):
                named.append(one)
    resolution = _Resolution(definition, overrides)
    made: dict[str, Target] = {}
    for name in wanted:
        resolution.add(name, made, ())
    return Chosen(made, tuple(wanted), tuple(named))


def link(context: str) -> str | None:
    """The target that a named context is; None when it is none."""
    return context.removeprefix(_LINK) if context.startswith(_LINK) else None


def matches(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern of Go's path.Match."""
    return fnmatchcase(name, pattern.replace("[^", "[!"))


def _matching(definition: Definition, pattern: str) -> list[str]:
    if not _WILD.search(pattern):
        return [pattern]
    names = [group.name for group in definition.groups] + list(definition.targets)
    found = [name for name in dict.fromkeys(names) if matches(name, pattern)]
    if not found:
        raise RecipeError(f"the bake file has no target like {pattern!r}")
    return found


def _members(
    definition: Definition, name: str, above: tuple[str, ...], known: dict[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """The targets behind a name; `known` are those of other groups."""
    if name in known:
        return known[name]
    group = next((group for group in definition.groups if group.name == name), None)
    if group is None:
        return (name,)
    if name in above:
        # A target may have the name of a group that it is in: a matrix makes such ones.
        if name in definition.targets:
            return (name,)
        raise refused(group.place, f"the group {name} contains itself")
    found: dict[str, None] = {}
    for one in group.targets:
        found |= dict.fromkeys(_members(definition, one, (*above, name), known))
    known[name] = tuple(found)
    return known[name]


class _Resolution(Struct):
    definition: Definition
    overrides: Overrides
    resolved: dict[str, Target] = {}

    def add(self, name: str, made: dict[str, Target], visited: tuple[str, ...]) -> None:
        """Put a target, and before it those it links to, into `made`."""
        target = self._target(name)
        for where in (target.contexts or {}).values():
            other = link(where)
            if other is None:
                continue
            if other == name or other in visited:
                raise refused(
                    target.placed("contexts"), f"the target {name} is built from itself ({other})"
                )
            if other not in made:
                self.add(other, made, (*visited, name))
            inner = made[other]
            if len(target.platforms or ()) > 1 and len(inner.platforms or ()) > 1:
                missing = [p for p in target.platforms or () if p not in (inner.platforms or ())]
                if missing:
                    raise refused(
                        target.placed("platforms"),
                        f"{name} is built for {', '.join(missing)}, and {other}, which it is "
                        "built from, is not",
                    )
        made.setdefault(name, target)

    def _target(self, name: str) -> Target:
        if name not in self.resolved:
            found = self._inherited(name, {})
            assert found is not None  # only a cycle gives none, below the first
            self.resolved[name] = replace(found, inherits=())
        return self.resolved[name]

    def _inherited(self, name: str, visited: dict[str, Target | None]) -> Target | None:
        if name in visited:
            return visited[name]
        visited[name] = None
        own = self.definition.targets.get(name)
        if own is None and name in self.definition.empty:
            place = self.definition.empty[name]
            raise refused(place, f"the matrix of {name} is empty, so there is no target {name}")
        if own is None:
            known = [*self.definition.targets, *(group.name for group in self.definition.groups)]
            message = f"the bake file has no target {name}"
            # A misspelt block is passed over, and is what is missing then.
            notes = "\n".join(self.definition.notes)
            hint = nearest(name, known)
            raise UnknownTargetError(message, name, hint=hint, engine_words=notes)
        if own.error is not None:
            raise own.error
        base = Target(name, own.place)
        for parent in own.inherits or ():
            inherited = self._inherited(parent, visited)
            if inherited is not None:
                base = replace(merge_targets(base, inherited), inherits=())
        made = normal(overridden(merge_targets(base, own), self.overrides.for_target(name)))
        visited[name] = made
        return made
