"""What helps a plug-in that needs, or does, little: what an engine does by itself, and refuses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Final, Never

import msgspec

from rootless_build.backend.api import Engine, Image, UserNamespace
from rootless_build.model.errors import UnsupportedError
from rootless_build.model.plan import Limits, RunContainer

_HINT: Final = "podman can: --backend podman"
_OF_THE_RUNNER: Final = frozenset(
    {"image", "interactive", "tty", "remove", "pull", "always", "caches", "labels", "origin"}
)
"""Fields of a step that ask nothing of its container."""
_FLAGS: Final = {
    "caller_ids": "user",
    "devices": "device",
    "environment": "env",
    "labels": "label",
    "mounts": "mount",
    "security_options": "security-opt",
    "sysctls": "sysctl",
    "ulimits": "ulimit",
    "working_directory": "workdir",
}
"""docker's flags that are not called as the field is."""


class EngineDefaults:
    """What an engine without a service, and without copies of images for a user, does: nothing."""

    def warm_up(self) -> None:
        """Nothing is slow to start."""

    def copy_size(self, step: RunContainer, image: Image) -> int | None:  # noqa: ARG002
        """No container needs a copy of its image."""
        return None


class PartialEngine(EngineDefaults):
    """An engine of this user and on this host that does a part.

    What `Engine` has and a subclass has not raises an UnsupportedError, which says a way out.
    """

    rootless = True
    remote = False
    user_namespace: UserNamespace | None = None
    find_image: Callable[[str], Image | None]

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        """The images of these names or ids, one after the other."""
        return [self.find_image(reference) for reference in references]

    def __getattr__(self, name: str) -> Never:
        if name not in vars(Engine):
            raise AttributeError(name)
        what = name.replace("_", " ")
        raise UnsupportedError(f"{type(self).__name__} can't do this: {what}", hint=_HINT)


def refuse_others(step: RunContainer, known: Collection[str], backend: str) -> None:
    """Raise an UnsupportedError where a step asks more of a container than its fields `known` say.

    It names docker's flags for the rest.
    """
    asked = [flag for name, flag in _asked(step) if name not in {*known, *_OF_THE_RUNNER}]
    if asked:
        raise UnsupportedError(f"{backend} can't do {', '.join(asked)}", hint=_HINT)


def _asked(data: RunContainer | Limits) -> Iterator[tuple[str, str]]:
    """Names of fields that have another value than without a flag, each with that flag."""
    for field in msgspec.structs.fields(type(data)):
        value = getattr(data, field.name)
        if isinstance(value, Limits):
            yield from _asked(value)
        elif field.default is not msgspec.NODEFAULT and value != field.default:
            yield field.name, f"--{_FLAGS.get(field.name, field.name).replace('_', '-')}"
