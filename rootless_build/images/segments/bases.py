"""The images that a build takes from outside: in storage, their stand-ins, or pulled."""

from __future__ import annotations

from rootless_build.backend.api import Engine, Image
from rootless_build.images.bases.substitutes import stand_in
from rootless_build.images.segments.limits import IMAGES
from rootless_build.model import references
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage


class Images:
    """Finds images by what a containerfile calls them; one that is not in storage is pulled, or has
    a stand-in, as the step's PullPolicy has it.
    """

    def __init__(self, step: BuildImage, engine: Engine, reporter: StepReporter) -> None:
        self._engine = engine
        self._pull = step.pull
        self._reporter = reporter
        self._others = {
            references.canonical(name): _without_scheme(value) for name, value in step.substitutes
        }
        self._contexts = {
            references.canonical(name): _without_scheme(value)
            for name, value in step.build_contexts
        }
        self._found: dict[str, Image] = {}

    def context_of(self, name: str) -> str | None:
        """The full name of the build context that a name stands for; None where there is none.

        A name in capitals is none (docker 29).
        """
        full = references.canonical(name)
        return full if name == name.lower() and full in self._contexts else None

    def find(self, name: str) -> Image:
        """The image. Raises ImageNotFoundError, and RecipeError for what can be no image's name."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> Image:
        context = self.context_of(name)
        wanted = name if context is None else self._contexts[context]
        if not references.is_id(wanted):
            full = references.canonical(wanted)
            # What only a trigger names was not looked for before the build.
            other = self._others.get(full) or stand_in(
                wanted, self._pull, self._engine, self._reporter
            )
            wanted = other or full
        image = self._engine.find_image(wanted)
        return image if image is not None else self._engine.pull_image(wanted, self._reporter)


def _without_scheme(value: str) -> str:
    for scheme in IMAGES:
        value = value.removeprefix(scheme)
    return value
