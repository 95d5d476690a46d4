"""A project's targets, as they are listed for people: `rbuild targets`."""

from __future__ import annotations

from msgspec import Struct


class ListedTarget(Struct, frozen=True):
    """A target, or a group of `targets`; `description` is the project's own, on one line."""

    name: str
    description: str = ""
    targets: tuple[str, ...] = ()


class Listing(Struct, frozen=True):
    """The targets of a recipe: `recipe` is its file, `default` the target that is built when none
    is named, empty where that is not known. `elsewhere` are files that may have more of them.
    """

    recipe: str
    targets: tuple[ListedTarget, ...]
    default: str = ""
    elsewhere: tuple[str, ...] = ()
