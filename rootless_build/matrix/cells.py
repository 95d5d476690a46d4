"""The cells of a matrix: every combination of what its axes have, without what is excluded."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct

from rootless_build.model import platforms
from rootless_build.model.errors import UsageError
from rootless_build.model.nearest import USUAL, nearest
from rootless_build.model.plan import Pairs
from rootless_build.model.text import shown

TREE: Final = "."
"""The ref that is none: the working tree as it is, uncommitted changes included."""
MOST: Final = 10_000
"""Cells of a matrix."""
_MOST_LOOKED_AT: Final = 1_000_000
"""Combinations, excluded ones too."""
_LONGEST: Final = 120
"""Characters of a name; of a longer one the rest is a digest."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._=+]+")
_OWN_KEYS: Final = ("ref", "target", "platform", "backend")


class Axes(Struct, frozen=True):
    """What is combined. A target is words of the command line; an empty axis has no say.

    `variables` are NAME and its values. An exclude has keys (`ref`, `target`, `platform`, `backend`
    or a variable's name) and patterns as a shell has them for files; a cell that all of them match
    is none.
    """

    targets: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    variables: tuple[tuple[str, tuple[str, ...]], ...] = ()
    refs: tuple[str, ...] = ()
    backends: tuple[str, ...] = ()
    excludes: tuple[Pairs, ...] = ()


class Cell(Struct, frozen=True):
    """One combination. `name` is that of its directory: no separator in it, no dot before it.

    `platform` and `backend` are empty where there is no such axis.
    """

    name: str
    ref: str
    targets: tuple[str, ...]
    platform: str
    backend: str
    variables: Pairs


def cells(axes: Axes) -> tuple[Cell, ...]:
    """The cells, in the order of the axes.

    Raises UsageError where there is none, or more than MOST, where two have the same directory, or
    an axis or an exclude makes no sense.
    """
    axes = _checked(axes)
    found = []
    for cell in _combined(axes):
        if not _is_excluded(cell, axes.excludes):
            found.append(cell)
        if len(found) > MOST:
            raise _too_many(f"over {MOST}")
    if not found:
        raise UsageError(
            "the matrix has no cell: all of them are excluded",
            hint="rbuild matrix --dry-run lists the cells",
        )
    _check_names(found)
    return tuple(found)


def _checked(axes: Axes) -> Axes:
    named = (axes.targets, axes.platforms, axes.variables, axes.refs, axes.backends)
    if not any(named):
        raise UsageError(
            "the matrix has no cell: nothing is to be combined",
            hint="name targets, --refs, --platforms, --backends or --variable, or have [matrix] in"
            " rbuild.toml",
        )
    for name, values in axes.variables:
        if not values:
            raise UsageError(f"the matrix has no cell: {shown(name)} has no value")
        if name in _OWN_KEYS or not name or "=" in name:
            raise UsageError(f"{shown(name)} can't be a variable of the matrix")
    looked_at = math.prod(max(len(values), 1) for values in (*named[:2], *named[3:]))
    looked_at *= math.prod(len(values) for _, values in axes.variables)
    if looked_at > _MOST_LOOKED_AT:
        raise _too_many(str(looked_at))
    known = (*_OWN_KEYS, *(name for name, _ in axes.variables))
    for key in itertools.chain(*(dict(exclude) for exclude in axes.excludes)):
        if key not in known:
            near = nearest(key, known, USUAL)
            meant = f"did you mean {near}? " if near else ""
            raise UsageError(
                f"the matrix excludes by {shown(key)}, which no cell has",
                hint=f"{meant}known are: {', '.join(known)}",
            )
    for each in (*axes.refs, *axes.backends):
        if not each or each.startswith("-"):
            raise UsageError(f"{shown(each) or 'an empty word'}: no ref or backend is called so")
    try:
        normal = tuple(map(platforms.normal, axes.platforms))
    except platforms.BadPlatformError as error:
        raise UsageError(f"the matrix: {error}", hint=error.hint) from error
    return Axes(axes.targets, normal, axes.variables, axes.refs, axes.backends, axes.excludes)


def _too_many(number: str) -> UsageError:
    return UsageError(
        f"the matrix has {number} cells; {MOST} is the most",
        hint="exclude some, or build it in parts",
    )


def _combined(axes: Axes) -> Iterator[Cell]:
    names = [name for name, _ in axes.variables]
    for ref, target, platform, backend, *values in itertools.product(
        axes.refs or (TREE,),
        axes.targets or ("",),
        axes.platforms or ("",),
        axes.backends or ("",),
        *(values for _, values in axes.variables),
    ):
        variables = tuple(zip(names, values, strict=True))
        parts = [
            *(["tree" if ref == TREE else ref] if axes.refs else []),
            *([target or "default"] if axes.targets else []),
            *filter(None, (platform, backend)),
            *(f"{name}={value}" for name, value in variables),
        ]
        yield Cell(_safe(parts), ref, _words(target), platform, backend, variables)


def _words(target: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(target))
    except ValueError as error:
        raise UsageError(f"target {shown(target)} of the matrix: {error}") from error
    for word in words:
        if word.startswith("-") or not word:
            raise UsageError(
                f"target {shown(target)} of the matrix: {shown(word) or 'an empty word'} is no"
                " target",
                hint="options for every cell are those of the command line: --options",
            )
    return words


def _safe(parts: Sequence[str]) -> str:
    """A name for a directory, and for a worktree of git's, of words that anybody wrote."""
    name = "-".join(_UNSAFE.sub("_", part) for part in parts)
    name = re.sub(r"\.\.+", "_", name)
    name = re.sub(r"^[.\-]|\.$|(\.lock)$", "_", name)
    if len(name) > _LONGEST:
        digest = hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()
        name = f"{name[:_LONGEST]}-{digest[:12]}"
    return name


def _is_excluded(cell: Cell, excludes: Sequence[Pairs]) -> bool:
    if not excludes:
        return False
    has: Mapping[str, str] = {
        **dict(cell.variables),
        "ref": cell.ref,
        "target": shlex.join(cell.targets),
        "platform": cell.platform,
        "backend": cell.backend,
    }
    return any(
        all(_matches(key, has[key], pattern) for key, pattern in exclude)
        for exclude in excludes
        if exclude
    )


def _matches(key: str, value: str, pattern: str) -> bool:
    if fnmatchcase(value, pattern):
        return True
    try:
        return key == "platform" and platforms.normal(pattern) == value
    except platforms.BadPlatformError:
        return False


def _check_names(found: Sequence[Cell]) -> None:
    """Raises UsageError for two of the same name, on file systems without case too."""
    seen: dict[str, Cell] = {}
    for cell in found:
        other = seen.setdefault(cell.name.lower(), cell)
        if other is not cell:
            raise UsageError(
                f"two cells of the matrix have the same directory, {shown(cell.name)}:"
                f" {described(other)}, and {described(cell)}",
                hint="exclude one of them, or name one otherwise",
            )


def described(cell: Cell) -> str:
    """The cell in words of the command line."""
    words = (
        *cell.targets,
        *(f"{name}={value}" for name, value in cell.variables),
        *filter(None, (cell.platform, cell.backend)),
    )
    at = "the working tree" if cell.ref == TREE else cell.ref
    return shown(f"{' '.join(words) or 'the default target'} of {at}")
