"""What goes into the image builds of a plan: the files are looked at once, for as long as nothing
is done in which they may change.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from rootless_build.freshness import fingerprints
from rootless_build.freshness.fingerprints import Fingerprint, UnknownInputError
from rootless_build.images.own_files import OwnFiles
from rootless_build.model.plan import BuildImage, Plan


class Looks:
    """`cache` is the project's own directory (`rootless_build.freshness.fingerprints.of_build`).

    `own` are the places of rbuild's own files, which do not count.
    """

    def __init__(self, plan: Plan, cache: Path, own: OwnFiles | None = None) -> None:
        self._plan = plan
        self._cache = cache
        self._own = own or OwnFiles.of(plan, ())
        self._known: dict[BuildImage, Fingerprint] = {}

    def take(self, plan: Plan) -> None:
        """The plan is another one: more of its steps are known."""
        self._plan = plan
        own = OwnFiles.of(plan, self._own.whole)
        if own != self._own:
            self._own = own
            self.forget()

    def ahead(self) -> None:
        """Look at what the first step will need, while something else is waited for."""
        first = next(iter(self._plan.steps), None)
        if isinstance(first, BuildImage):
            # Whoever needs to know it says why it can't be told.
            with contextlib.suppress(UnknownInputError):
                self.of_build(first)

    def of_build(self, step: BuildImage) -> Fingerprint:
        """What goes into it. Raises UnknownInputError."""
        if step not in self._known:
            self._known[step] = self.anew(step)
        return self._known[step]

    def anew(self, step: BuildImage) -> Fingerprint:
        """The same, whatever is known. Raises UnknownInputError."""
        # Where the image's id goes is empty while it is built.
        own = self._own.and_file(step.image_id_file)
        return fingerprints.of_build(step, self._cache, own)

    def forget(self) -> None:
        """Something was done, and took its time."""
        self._known.clear()


class LookAfter:
    """A look that is made in the background once it can't be wrong any more, or when its result is
    asked for.
    """

    def __init__(self, look: Callable[[], Fingerprint]) -> None:
        self._look = look
        self._found: Fingerprint | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """It can be made now."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._make, name="rbuild-look", daemon=True)
            self._thread.start()

    def result(self) -> Fingerprint:
        """Waits for it. Raises UnknownInputError."""
        self.end()
        return self._found or self._look()

    def end(self) -> None:
        """Wait until nothing is looked at any more."""
        # A signal may have struck before it was started.
        if self._thread is not None and self._thread.is_alive():
            self._thread.join()

    def _make(self) -> None:
        # `result` tries again, and says why.
        with contextlib.suppress(UnknownInputError):
            self._found = self._look()
