"""`--filter` of docker's listing commands."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from rootless_build.docker_cli.listed import Container, Image, Network, Volume
from rootless_build.docker_cli.shapes.names import familiar
from rootless_build.model.go import parse_bool

T = TypeVar("T")
_STATES: Final = ("created", "running", "paused", "restarting", "removing", "exited", "dead")


class FilterError(Exception):
    """A filter that docker refuses: its words, without those of the daemon before them."""


class Filters(Struct, frozen=True):
    """What `--filter` was given: values by their names."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, words: Sequence[str]) -> Filters:
        """Of NAME=VALUE each."""
        found: dict[str, tuple[str, ...]] = {}
        for word in filter(None, words):
            name, _, value = word.partition("=")
            key = name.strip().lower()
            found[key] = (*found.get(key, ()), value.strip())
        return cls(found)

    def check(self, known: Sequence[str]) -> None:
        """Raises FilterError for a name that the command has not."""
        for name in self.values:
            if name not in known:
                raise FilterError(f"invalid filter '{name}'")

    def boolean(self, name: str) -> bool | None:
        """A filter that is true or false; None where it was not given."""
        values = self.values.get(name)
        if values is None:
            return None
        found = parse_bool(values[-1])
        if found is None:
            raise FilterError(f"invalid filter '{name}=[{' '.join(values)}]'")
        return found

    def labels(self, held: Mapping[str, str]) -> bool:
        """Whether all labels that are asked for are there."""
        return all(_has_label(held, each) for each in self.values.get("label", ()))

    def some(self, name: str, matches: Callable[[str], bool]) -> bool:
        """Whether one of a filter's values matches; true where it was not given."""
        values = self.values.get(name)
        return values is None or any(map(matches, values))


def _has_label(held: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in held and (not equals or held[name] == value)


def _matches_pattern(name: str) -> Callable[[str], bool]:
    def matches(pattern: str) -> bool:
        try:
            return bool(re.search(pattern, name))
        except re.error:
            return pattern in name

    return matches


# --- images -------------------------------------------------------------------------------------

IMAGE_FILTERS: Final = ("before", "dangling", "label", "reference", "since", "until")


def images(found: Sequence[Image], filters: Filters, place: Callable[[str], float]) -> list[Image]:
    """The images that filters leave; `place` gives the time at which an image was made."""
    filters.check(IMAGE_FILTERS)
    if "until" in filters.values:
        raise FilterError("invalid filter 'until': rbuild lists images without it")
    dangling = filters.boolean("dangling")
    before = [place(name) for name in filters.values.get("before", ())]
    since = [place(name) for name in filters.values.get("since", ())]
    kept = [
        image
        for image in found
        if (dangling is None or dangling == (not image.names))
        and filters.labels(image.labels)
        and all(image.created < moment for moment in before)
        and all(image.created > moment for moment in since)
    ]
    wanted = filters.values.get("reference")
    return kept if wanted is None else [each for each in _named(kept, wanted) if each.names]


def _named(found: Sequence[Image], patterns: Sequence[str]) -> list[Image]:
    return [image_named(image, patterns) for image in found]


def image_named(image: Image, patterns: Sequence[str]) -> Image:
    """An image with those of its names that a pattern matches."""
    names = tuple(name for name in image.names if any(_is_named(name, each) for each in patterns))
    return Image(
        image.id,
        names,
        image.digests,
        image.created,
        image.size,
        image.labels,
        image.containers,
        image.digest,
    )


def _is_named(name: str, pattern: str) -> bool:
    repository = name.rpartition(":")[0]
    wanted = familiar(pattern)
    # As path.Match: a star is within one part of a name.
    return any(
        each.count("/") == wanted.count("/") and fnmatch.fnmatchcase(each, wanted)
        for each in (name, repository)
    )


# --- containers ---------------------------------------------------------------------------------

_CONTAINER_FILTERS: Final = (
    *("ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label"),
    *("name", "network", "publish", "since", "status", "volume"),
)
_NOT_DONE: Final = ("expose", "isolation", "publish")


def containers(
    found: Sequence[Container], filters: Filters, place: Callable[[str], float]
) -> list[Container]:
    """The containers that filters leave; `place` gives the time at which one was made."""
    filters.check(_CONTAINER_FILTERS)
    for name in _NOT_DONE:
        if name in filters.values:
            raise FilterError(f"invalid filter '{name}': rbuild lists containers without it")
    _check_states(filters)
    codes = frozenset(map(_code, filters.values.get("exited", ())))
    before = [place(name) for name in filters.values.get("before", ())]
    since = [place(name) for name in filters.values.get("since", ())]
    tasks = filters.boolean("is-task")
    return [
        each
        for each in found
        if _matches(each, filters)
        and (not codes or (each.code in codes and each.state == "exited"))
        and all(each.created < moment for moment in before)
        and all(each.created > moment for moment in since)
        and tasks is not True
    ]


def _check_states(filters: Filters) -> None:
    for state in filters.values.get("status", ()):
        if state not in _STATES:
            words = f"invalid value for state ({state}): must be one of {', '.join(_STATES)}"
            raise FilterError(f"invalid filter 'status={state}': {words}")


def _code(value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        words = f'strconv.Atoi: parsing "{value}": invalid syntax'
        raise FilterError(f"invalid filter 'exited={value}': {words}") from error


def _matches(each: Container, filters: Filters) -> bool:
    named = _matches_pattern(each.name), _matches_pattern(f"/{each.name}")
    mounted = (*each.volumes, *each.binds)
    return (
        filters.labels(each.labels)
        and filters.some("id", each.id.startswith)
        and filters.some("name", lambda value: any(matches(value) for matches in named))
        and filters.some("status", lambda value: each.state == value)
        and filters.some("volume", lambda value: value in mounted)
        and filters.some("network", lambda value: value in each.networks)
        and filters.some("health", lambda value: (each.health or "none") == value)
        and filters.some("ancestor", lambda value: _is_of(each, value))
    )


def _is_of(each: Container, image: str) -> bool:
    wanted = familiar(image).removesuffix(":latest")
    identity = image.removeprefix("sha256:")
    by_id = len(identity) >= 4 and each.image_id.removeprefix("sha256:").startswith(identity)
    return each.image.removesuffix(":latest") == wanted or by_id


# --- volumes and networks -----------------------------------------------------------------------


def volumes(found: Sequence[Volume], filters: Filters) -> list[Volume]:
    """The volumes that filters leave."""
    filters.check(("dangling", "driver", "label", "name"))
    dangling = filters.boolean("dangling")
    return [
        each
        for each in found
        if filters.labels(each.labels)
        and (dangling is None or dangling != each.used)
        and filters.some("driver", each.driver.__eq__)
        and filters.some("name", _matches_pattern(each.name))
    ]


def networks(found: Sequence[Network], filters: Filters) -> list[Network]:
    """The networks that filters leave."""
    filters.check(("dangling", "driver", "id", "label", "name", "scope", "type"))
    if "dangling" in filters.values:
        raise FilterError("invalid filter 'dangling': rbuild lists networks without it")
    return [each for each in found if filters.labels(each.labels) and _is_wanted(each, filters)]


def _is_wanted(each: Network, filters: Filters) -> bool:
    kind = "builtin" if each.name in {"bridge", "host", "none"} else "custom"
    return (
        filters.some("driver", lambda value: each.driver == value)
        and filters.some("scope", lambda value: each.scope == value)
        and filters.some("id", each.id.startswith)
        and filters.some("name", _matches_pattern(each.name))
        and filters.some("type", lambda value: kind == value)
    )
