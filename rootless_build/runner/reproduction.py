"""A plan done once more, and what it came to compared with what is there.

Containers are run again in the image that made the bundles, with empty volumes. A recipe that runs
none builds its images again, every layer, from what it built them from before: the files that it
writes are compared with those that are there, and an image that it keeps with the one of its name.
An image without a name is built twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from rootless_build.bundles.comparison import Comparison, compare
from rootless_build.files.tree import real
from rootless_build.model.errors import ImageNotFoundError
from rootless_build.model.plan import (
    Pairs,
    Plan,
)
from rootless_build.runner import exports, image_comparison
from rootless_build.runner.reproduction_plan import ReproductionPlan, Role
from rootless_build.runner.results import NewBundles

if TYPE_CHECKING:
    from rootless_build.backend.api import Image


class Storage(Protocol):
    """What of an engine (`rootless_build.backend.api.Engine`) images are compared with."""

    def find_image(self, reference: str) -> Image | None:
        """The image of that name."""

    def copy_image(self, image: Image, labels: Pairs, destination: Path) -> None:
        """Copy the image's files into the directory."""

    def discard_image(self, image: Image) -> None:
        """Remove an image that has no name, and is not needed any more."""


class Difference(Struct, frozen=True):
    """`image` is the one in which the file is, empty for one that was written; `path` is empty for
    a setting of the image. `text` is a sentence. `both` are the two files, where there are two.
    """

    image: str
    path: str
    text: str
    both: tuple[Path, Path] | None = None


class ComparedImage(Struct, frozen=True):
    """`layers`: they are the same, so that no file was looked at. `times`: they are not, and the
    files are. `twice`: it was built twice, since no name leads to an earlier one.
    """

    name: str
    layers: bool
    times: bool
    twice: bool
    files: int
    differing: int
    settings: int


class Tally(Struct):
    """What was compared: files that are the same, files and settings that differ, and images."""

    same: int = 0
    differing: int = 0
    images: list[ComparedImage] = []


class Reproduction:
    """Compares what the plan comes to when it is done again (`results.Results`).

    `plan` is what to do; `place` is an empty directory, outside of the project, that is gone
    afterwards. `tell` is called with each difference.

    Raises UsageError when the plan leaves nothing that could be compared, or nothing is there.
    """

    supersede: Final = False
    side_by_side: Final = False

    def __init__(self, plan: Plan, place: Path, tell: Callable[[Difference], None]) -> None:
        self._again = ReproductionPlan(plan, place)
        self._place = place
        self._tell = tell
        self._roles = deque(self._again.roles)
        self._role = Role("")
        self._before: Image | None = None
        self.tally = Tally()

    @property
    def plan(self) -> Plan:
        """What to do once more."""
        return self._again.plan

    def begin_build(self, engine: Storage) -> None:
        """Find the image that the one of the build that is about to begin is compared with.

        Raises ImageNotFoundError when there is no image to compare its own with.
        """
        self._role = self._roles.popleft()
        if self._role.tag:
            found = engine.find_image(self._role.tag)
            if found is None:
                raise ImageNotFoundError(
                    f"there is no image {self._role.tag} to compare with: it was not built, or was "
                    "removed",
                    reference=self._role.tag,
                    hint=f"build: {self._again.build_command}",
                )
            self._before = found

    def take_image(self, image: Image, labels: Pairs, engine: Storage) -> None:
        """Compare the image of a build; `labels` are for containers that are made of it."""
        role = self._role
        if not role.image:
            return
        if role.first:
            self._before = image
            return
        assert self._before is not None  # it was found, or built first
        try:
            self._compare(role.name, self._before, image, labels, engine)
        finally:
            engine.discard_image(image)

    def take_bundles(self, new: NewBundles) -> None:
        """Compare new bundles, which are not published."""
        staging = new.staging
        made = compare(staging.path, staging.before, staging.directory)
        self._count(made, staging.path, staging.directory)

    def compare_rest(self) -> None:
        """Compare what went to a place of its own, when all is done."""
        for made, there in self._again.elsewhere:
            roots = (made, there) if made.is_dir() else (made.parent, there.parent)
            self._count(compare(roots[0], {}, real(roots[1])), *roots, within=str(roots[1]))

    def explain(self, error: ImageNotFoundError) -> None:
        """Say of an image that the project builds itself what became of it, and what to do."""
        self._again.explain(error)

    def _count(self, found: Comparison, made: Path, there: Path, within: str = "") -> None:
        self.tally.same += found.same
        self.tally.differing += len(found.differences)
        for one in found.differences:
            path = str(Path(within, one.path)) if within else one.path
            both = (there / one.path, made / one.path) if one.both else None
            self._tell(Difference("", path, one.text, both))

    def _compare(
        self, name: str, before: Image, again: Image, labels: Pairs, engine: Storage
    ) -> None:
        settings = tuple(image_comparison.settings(before, again))
        for one in settings:
            self._tell(Difference(name, "", one.text))
        same, differing = 0, 0
        layers = image_comparison.same_layers(before, again)
        if not layers:
            with exports.place_near(self._place / "images") as place:
                trees = (place / "before", place / "again")
                for image, tree in zip((before, again), trees, strict=True):
                    tree.mkdir()
                    engine.copy_image(image, labels, tree)
                same, found = image_comparison.files(*trees)
                differing = len(found)
                for one in found:
                    both = (trees[0] / one.path, trees[1] / one.path) if one.readable else None
                    self._tell(Difference(name, one.path, one.text, both))
        self.tally.same += same
        self.tally.differing += differing + len(settings)
        self.tally.images.append(
            ComparedImage(
                name,
                layers,
                not layers and not differing,
                not self._role.tag,
                same,
                differing,
                len(settings),
            )
        )
