"""The images that a build takes from outside: in storage, their stand-ins, or pulled."""

from __future__ import annotations

from typing import Final

from rootless_build.backend.api import Engine, Image
from rootless_build.images.at_once import AtOnce
from rootless_build.images.bases.substitutes import stand_in
from rootless_build.images.foreign_stages import is_of
from rootless_build.images.segments.limits import IMAGES
from rootless_build.model import references
from rootless_build.model.errors import ImageNotFoundError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, PullPolicy

_HOSTS_ALONE: Final = (
    "rbuild base makes images of this host's platform; one of another comes from a registry, or"
    " from an archive that the engine loads"
)


class Images:
    """Finds images by what a containerfile calls them; one that is not in storage is pulled, or has
    a stand-in, as the step's PullPolicy has it.
    """

    def __init__(
        self, step: BuildImage, engine: Engine, reporter: StepReporter, at_once: AtOnce
    ) -> None:
        self._engine = engine
        self._pull = step.pull
        self._at_once = at_once
        self._reporter = reporter
        self._others = {
            references.canonical(name): _without_scheme(value) for name, value in step.substitutes
        }
        self._contexts = {
            references.canonical(name): _without_scheme(value)
            for name, value in step.build_contexts
        }
        self._found: dict[tuple[str, str | None], Image] = {}

    def context_of(self, name: str) -> str | None:
        """The full name of the build context that a name stands for; None where there is none.

        A name in capitals is none (docker 29).
        """
        full = references.canonical(name)
        return full if name == name.lower() and full in self._contexts else None

    def find(self, name: str, platform: str | None = None) -> Image:
        """The image, of a platform if one is wanted.

        Raises ImageNotFoundError, and RecipeError for what can be no image's name.
        """
        key = (name, platform)
        if key not in self._found:
            with self._at_once.pulling():
                self._found[key] = self._find(name, platform)
        return self._found[key]

    def _find(self, name: str, platform: str | None) -> Image:
        wanted = self._reference(name, platform)
        image = self._engine.find_image(wanted)
        if image is None:
            image = self._engine.pull_image(wanted, self._reporter, platform)
        if platform is None or is_of(image, platform):
            return image
        return self._pull_other(name, wanted, image, platform)

    def _pull_other(self, name: str, wanted: str, found: Image, platform: str) -> Image:
        """The image of another platform than that of the one in storage, whose name it gets."""
        stand_in = wanted != references.canonical(name) and self.context_of(name) is None
        what = "its stand-in" if stand_in else "the one there"
        message = (
            f"the image {name} is not in storage for {platform}: {what} is for {found.platform}"
        )
        local = references.is_id(wanted) or wanted.startswith(f"{references.LOCAL}/")
        if local or self._pull is PullPolicy.NEVER:
            hint = _HOSTS_ALONE if stand_in else ""
            raise ImageNotFoundError(message, reference=name, hint=hint)
        try:
            image = self._engine.pull_image(wanted, self._reporter, platform)
        except ImageNotFoundError as error:
            words = error.engine_words
            raise ImageNotFoundError(message, reference=name, engine_words=words) from error
        if not is_of(image, platform):
            raise ImageNotFoundError(message, reference=name)
        return image

    def _reference(self, name: str, platform: str | None) -> str:
        """What the engine knows it as."""
        context = self.context_of(name)
        wanted = name if context is None else self._contexts[context]
        if not references.is_id(wanted):
            full = references.canonical(wanted)
            # What only a trigger names was not looked for before the build.
            other = self._others.get(full) or stand_in(
                wanted, self._pull, self._engine, self._reporter, platform
            )
            wanted = other or full
        return wanted


def _without_scheme(value: str) -> str:
    for scheme in IMAGES:
        value = value.removeprefix(scheme)
    return value
