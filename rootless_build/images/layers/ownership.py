"""`--chown`, and the owner of a WORKDIR: numbers, or names of the image's own passwd and group."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from rootless_build.images.layers.destination import resolved
from rootless_build.images.layers.image_tree import ImageTree
from rootless_build.images.layers.problems import RefusedError

_NUMBER: Final = re.compile(r"[-+]?[0-9]+")
_LARGEST: Final = 2**31 - 1


class Owner(Struct, frozen=True):
    """To whom files are given."""

    uid: int
    gid: int


def looked_up(tree: ImageTree, text: str) -> Owner | None:
    """The owner that `USER[:GROUP]` names; None where it says nothing.

    As with BuildKit, a user's number is the group's too, an unknown user is root, and an unknown
    group that of the user. Raises RefusedError, OSError.
    """
    if not text:
        return None
    user, colon, group = text.partition(":")
    number = _number(user)
    owner = Owner(number, number) if number is not None else _named_user(tree, user)
    if not colon:
        return owner
    number = _number(group)
    gid = number if number is not None else _named_group(tree, group)
    return owner if gid is None else Owner(owner.uid, gid)


def _number(name: str) -> int | None:
    if name in {"", "root"}:
        return 0
    if not _NUMBER.fullmatch(name):
        return None
    number = int(name)
    if not -_LARGEST - 1 <= number <= _LARGEST:
        return None
    # To the kernel -1 is nobody: what root has made stays root's.
    return 0 if number == -1 else number % 2**32


def _named_user(tree: ImageTree, name: str) -> Owner:
    for fields in _lines(tree, "/etc/passwd", name):
        return Owner(_field(fields, 2), _field(fields, 3))
    return Owner(0, 0)


def _named_group(tree: ImageTree, name: str) -> int | None:
    for fields in _lines(tree, "/etc/group", name):
        return _field(fields, 2)
    return None


def _lines(tree: ImageTree, path: str, name: str) -> list[list[str]]:
    """The lines of that name."""
    if tree.is_empty:
        raise RefusedError(f"there is no file system yet in which {name} could be looked up")
    text = (tree.read(resolved(tree, path)) or b"").decode(errors="surrogateescape")
    lines = (line.strip().split(":") for line in text.split("\n"))
    return [fields for fields in lines if fields[0] == name]


def _field(fields: list[str], at: int) -> int:
    """A number of a line; what is none counts as 0."""
    text = fields[at] if at < len(fields) else ""
    return int(text) if _NUMBER.fullmatch(text) else 0
