"""What image builds share that go on at a time in one run: what only one of them does at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rootless_build.backend.api import Engine, Image


class SharedWork:
    """Locks, and the images that nobody keeps."""

    def __init__(self) -> None:
        self.fetching = threading.Lock()
        self.judging = threading.Lock()
        self.publishing = threading.Lock()
        self._late: list[Image] | None = None

    def discard(self, image: Image, engine: Engine) -> None:
        """Discard an image that was made for its files alone; when builds go on at a time, which
        may have come to the same one, then when all have ended.
        """
        if self._late is None:
            engine.discard_image(image)
        else:
            self._late.append(image)

    @contextmanager
    def several(self, engine: Engine) -> Iterator[None]:
        """A context in which builds go on at a time."""
        late: list[Image] = []
        self._late = late
        try:
            yield
        finally:
            self._late = None
            for image in late:
                engine.discard_image(image)
