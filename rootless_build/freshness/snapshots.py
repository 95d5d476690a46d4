"""Snapshots of what goes into the image builds of a plan: files are looked at once, for as long as
nothing is done in which they may change.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rootless_build.freshness import fingerprints
from rootless_build.freshness.fingerprints import Fingerprint, Unknown
from rootless_build.images.own_files import OwnFiles
from rootless_build.model.plan import BuildImage, Plan
from rootless_build.process.background import Background


class Snapshots:
    """The fingerprints of a plan's image builds, each taken once until they are forgotten.

    `cache` is the project's own directory, for the indexes of files. `own` are the places of
    rbuild's own files, which do not count.
    """

    def __init__(self, plan: Plan, cache: Path, own: OwnFiles | None = None) -> None:
        self.cache = cache
        self._plan = plan
        self._own = own or OwnFiles.of(plan, ())
        self._known: dict[BuildImage, Fingerprint] = {}

    def follow(self, plan: Plan) -> None:
        """Take up another plan, in which more of the steps are known."""
        self._plan = plan
        own = OwnFiles.of(plan, self._own.whole)
        if own != self._own:
            self._own = own
            self.forget()

    def look_ahead(self) -> None:
        """Take the snapshot that the first step will need, while something else is waited for."""
        first = next(iter(self._plan.steps), None)
        if isinstance(first, BuildImage):
            self.of_build(first)

    def of_build(self, step: BuildImage) -> Fingerprint | Unknown:
        """The snapshot of a build since files may have changed last."""
        known = self._known.get(step)
        if known is not None:
            return known
        taken = self.take(step)
        if isinstance(taken, Fingerprint):
            self._known[step] = taken
        return taken

    def take(self, step: BuildImage) -> Fingerprint | Unknown:
        """Look at all that goes into a build now, whatever is known."""
        # Where the image's id goes is empty while it is built.
        own = self._own.and_file(step.image_id_file)
        return fingerprints.of_build(step, self.cache, own)

    def forget(self) -> None:
        """Drop the snapshots: files may have changed since they were taken."""
        self._known.clear()


class LateSnapshot:
    """A snapshot that is taken in the background once nothing reads the files any more, or when it
    is asked for.
    """

    def __init__(self, take: Callable[[], Fingerprint | Unknown]) -> None:
        self._take = take
        self._taken: Fingerprint | None = None
        self._background: Background | None = None

    def start(self) -> None:
        """Begin to take it, if nobody has."""
        if self._background is None:
            self._background = Background(self._keep, "rbuild-look")
            self._background.start()

    def result(self) -> Fingerprint | Unknown:
        """Wait for the snapshot, or take it now."""
        self.wait()
        return self._taken or self._take()

    def forget(self) -> None:
        """Take it anew when it is wanted again."""
        self.wait()
        self._taken = self._background = None

    def wait(self) -> None:
        """Wait until no files are looked at any more."""
        if self._background is not None:
            self._background.wait()

    def _keep(self) -> None:
        taken = self._take()
        # `result` tries again, and says why it can't be told.
        if isinstance(taken, Fingerprint):
            self._taken = taken
