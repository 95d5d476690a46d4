"""Looks for images in the background: those of the last run before anybody knows what this run
needs, and those of a step while its files are looked at.

An engine needs 0.05 s for an answer. Most runs ask what the last one asked, and have the plan to
make meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from rootless_build.backend import answers, discovery
from rootless_build.backend.answers import Answers
from rootless_build.backend.api import Engine, EngineSettings, Image, image_store
from rootless_build.backend.discovery import Choice
from rootless_build.model.errors import RbuildError
from rootless_build.process.background import Background


class Foresight:
    """A search for images that goes on in the background, in the storage of the backend that
    `wanted` will most likely come to (`rootless_build.backend.discovery.choose`).

    Nobody is asked where `earlier` are the answers that would be given.
    """

    def __init__(
        self,
        wanted: str,
        settings: EngineSettings,
        references: Sequence[str],
        earlier: Answers | None = None,
    ) -> None:
        self._backend = discovery.expected(wanted)
        self._settings = settings
        self._references = tuple(references)
        self._answers = earlier
        known = earlier.images(self._references) if earlier is not None else None
        self._found: Mapping[str, Image | None] = known or {}
        asks = bool(references) and known is None
        self._search = Background(self._look, "rbuild-foresight") if asks else None
        if self._search is not None:
            self._search.start()

    def found(self, choice: Choice) -> Mapping[str, Image | None]:
        """What is known of the storage of the backend that was chosen; waits for the answer."""
        self.end()
        return self._found if choice.backend.name == self._backend else {}

    def end(self) -> None:
        """Wait until the engine is no longer asked."""
        if self._search is not None:
            self._search.wait()

    def abandon(self) -> None:
        """End the programs that ask the engine, and wait until it is no longer asked."""
        if self._search is not None:
            self._search.abandon()

    def _look(self) -> None:
        try:
            with discovery.load(self._backend).open(self._settings) as engine:
                begun = answers.now()
                found = engine.find_images(self._references)
                self._found = dict(zip(self._references, found, strict=True))
                if self._answers is not None:
                    self._answers.learn(lambda: image_store(engine), begun, self._found)
        except (RbuildError, ImportError, OSError):
            # Whoever needs the engine gets the same error, and says it.
            return


class ImageSearch:
    """Asks an engine for images in the background, while its context lasts."""

    def __init__(self, engine: Engine, references: Sequence[str]) -> None:
        self._engine = engine
        self._references = tuple(dict.fromkeys(references))
        self._found: Mapping[str, Image | None] = {}
        self._error: RbuildError | OSError | None = None
        self._search = Background(self._look, "rbuild-find-images")

    def __enter__(self) -> Self:
        self._search.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._search.wait()

    def found(self) -> Mapping[str, Image | None]:
        """The images by reference, once the context has ended. Raises what the engine raised."""
        if self._error is not None:
            raise self._error
        return self._found

    def _look(self) -> None:
        try:
            images = self._engine.find_images(self._references)
        except (RbuildError, OSError) as error:
            self._error = error
        else:
            self._found = dict(zip(self._references, images, strict=True))
