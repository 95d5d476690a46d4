"""JSON that somebody else wrote: what is not of the kind that is asked for is empty."""

from __future__ import annotations

from typing import Final

from rootless_build.docker_cli.templates.data import Json

_OWN_LABELS: Final = ("io.rbuild.", "io.buildah.")


def a_map(value: Json) -> dict[str, Json]:
    """An object."""
    return value if isinstance(value, dict) else {}


def a_list(value: Json) -> list[Json]:
    """An array."""
    return value if isinstance(value, list) else []


def text(value: Json) -> str:
    """A string."""
    return value if isinstance(value, str) else ""


def whole(value: Json) -> int:
    """A whole number."""
    return int(value) if isinstance(value, int | float) else 0


def texts(value: Json) -> tuple[str, ...]:
    """The strings of an array."""
    return tuple(each for each in a_list(value) if isinstance(each, str))


def labels(value: Json) -> dict[str, str]:
    """The labels of an object, without those that rbuild and its engine give for themselves."""
    return {
        name: each
        for name, each in a_map(value).items()
        if isinstance(each, str) and not name.startswith(_OWN_LABELS)
    }
