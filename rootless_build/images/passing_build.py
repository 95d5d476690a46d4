"""A build that is made for what it does and prints: no image of it stays."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rootless_build.backend.api import Engine
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import Event, OutputLine, StepReporter
from rootless_build.model.plan import BuildImage


def build_and_forget(engine: Engine, step: BuildImage, reporter: StepReporter) -> list[str]:
    """The lines that a build prints. Its images go on the record of the build that needs it, so
    that those of one that is killed are found. Raises RbuildError where it fails.
    """
    listener = _Listener(reporter)
    with _without_images(engine, listener):
        listener.image(engine.build_image(step, listener).id)
    listener.flush()
    return listener.lines


@contextlib.contextmanager
def _without_images(engine: Engine, listener: _Listener) -> Iterator[None]:
    """Remove the images that are made meanwhile."""
    before = engine.image_ids()
    try:
        yield
    finally:
        with contextlib.suppress(RbuildError):
            made = [
                image
                for image in engine.stored_images().images
                if image.id not in before and listener.has_made(image.id)
            ]
            made.sort(key=lambda image: -len(image.ancestors))
            if made:
                engine.remove_images(made)


class _Listener(StepReporter):
    """Keeps what a build prints."""

    def __init__(self, outer: StepReporter) -> None:
        super().__init__(self._take, 1)
        self._outer = outer
        self._images: list[str] = []
        self.lines: list[str] = []

    def _take(self, event: Event) -> None:
        if isinstance(event, OutputLine):
            self.lines.append(event.data.decode(errors="replace").rstrip("\n"))

    def image(self, identity: str) -> None:
        """The engine has made one."""
        self._images.append(identity.removeprefix("sha256:"))
        self._outer.image(identity)

    def has_made(self, identity: str) -> bool:
        """Whether that image was told; engines cut ids off."""
        return any(identity.startswith(each) for each in self._images if each)
