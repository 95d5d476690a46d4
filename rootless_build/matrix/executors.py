"""Where cells are done: executors, each from a factory that an entry point names.

The group is `rootless_build.executors`. What an entry point names is called once in a run, with the
options that the user gives for it (`--executor-option`), and returns a Factory.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Final, cast

from rootless_build.matrix.placement import Factory, MakeFactory, Options
from rootless_build.model.errors import UsageError
from rootless_build.model.nearest import USUAL, nearest
from rootless_build.model.text import shown

GROUP: Final = "rootless_build.executors"
LOCAL: Final = "local"
NODES: Final = "nodes"
_OWN: Final = MappingProxyType(
    {
        LOCAL: "rootless_build.matrix.local:LocalFactory",
        NODES: "rootless_build.matrix.nodes:NodesFactory",
    }
)
"""The group's entries of rbuild's own distribution, which has no need to look them up."""


def names() -> tuple[str, ...]:
    """The executors there are."""
    return tuple(sorted(_all()))


def factory(name: str, options: Options) -> Factory:
    """The factory of that name. Raises UsageError where there is none, where what it needs is not
    installed, or for options that it does not take.
    """
    points = _OWN if name in _OWN else _all()
    if name not in points:
        near = nearest(name, points, USUAL)
        meant = f"did you mean {near}? " if near else ""
        raise UsageError(
            f"there is no executor {shown(name)}", hint=f"{meant}known are: {', '.join(names())}"
        )
    module, _, attribute = points[name].partition(":")
    try:
        make = cast("MakeFactory", getattr(import_module(module), attribute))
    except (ImportError, AttributeError) as error:
        raise UsageError(f"the executor {name} can't be imported: {error}") from error
    return make(options)


def _all() -> Mapping[str, str]:
    # Only plug-ins of others need it.
    from importlib.metadata import entry_points  # noqa: PLC0415

    return {point.name: point.value for point in entry_points(group=GROUP)} | _OWN
