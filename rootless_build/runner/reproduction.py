"""The same plan once more, and what it came to compared with what is there.

Containers are run again in the image that made the bundles, with empty volumes. A recipe that runs
none builds its images again, every layer, from what it built them from before: the files that it
writes are compared with those that are there, and an image that it keeps with the one of its name.
An image without a name is built twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from rootless_build.bundles import provenance
from rootless_build.bundles.comparison import Comparison, compare
from rootless_build.files.tree import real
from rootless_build.model import outputs
from rootless_build.model.errors import ImageNotFoundError, UsageError
from rootless_build.model.plan import (
    BuildImage,
    BuildOutput,
    Pairs,
    Plan,
    PullPolicy,
    RunContainer,
    VolumeMount,
)
from rootless_build.model.structs import replace
from rootless_build.model.text import shell_joined
from rootless_build.runner import exports, image_comparison
from rootless_build.runner.results import NewBundles

if TYPE_CHECKING:
    from rootless_build.backend.api import Image


class Storage(Protocol):
    """What of an engine (`rootless_build.backend.api.Engine`) images are compared with."""

    def find_image(self, reference: str) -> Image | None:
        """The image of that name."""

    def copy_image(self, image: Image, labels: Pairs, destination: Path) -> None:
        """Its files."""

    def discard_image(self, image: Image) -> None:
        """It has no name, and is not needed any more."""


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


class _Role(Struct, frozen=True):
    """What a build of the plan again is for. `first`: an image to compare the next one with."""

    name: str
    tag: str = ""
    image: bool = False
    first: bool = False


class Reproduction:
    """Compares what the plan comes to when it is done again (`results.Results`).

    `plan` is what to do; `place` is an empty directory, outside of the project, that is gone
    afterwards. `tell` is called with each difference.

    Raises UsageError when the plan leaves nothing that could be compared, or nothing is there.
    """

    supersede: Final = False

    def __init__(self, plan: Plan, place: Path, tell: Callable[[Difference], None]) -> None:
        self._place = place
        self._tell = tell
        self._roles: deque[_Role] = deque()
        self._role = _Role("")
        self._before: Image | None = None
        self._twice = False
        self._elsewhere: list[tuple[Path, Path]] = []
        self._ids: dict[str, str] = {}
        self._build = shell_joined(("rbuild", *plan.targets))
        self._forced = shell_joined(("rbuild", "--force", *plan.targets))
        self._built: frozenset[str] = frozenset()
        self.same = 0
        self.differing = 0
        self.images: list[ComparedImage] = []
        self.plan = self._again(plan)

    # --- the plan -------------------------------------------------------------------------------

    def _again(self, plan: Plan) -> Plan:
        if any(isinstance(step, RunContainer) for step in plan.steps):
            return self._containers(plan)
        builds = [step for step in plan.steps if isinstance(step, BuildImage)]
        steps = tuple(made for step in builds for made in self._builds(step, plan))
        if not steps:
            raise UsageError("this target leaves nothing that could be compared")
        return replace(plan, steps=steps)

    def _containers(self, plan: Plan) -> Plan:
        if plan.bundles is None or not plan.bundles.directory.is_dir():
            raise UsageError("there are no bundles to compare with", hint=f"build: {self._build}")
        self._ids = provenance.images(real(plan.bundles.directory))
        builds = (step for step in plan.steps if isinstance(step, BuildImage))
        self._built = frozenset(tag for step in builds for tag in step.tags)
        steps = tuple(
            replace(
                step,
                image=self._ids.get(step.image, step.image),
                pull=PullPolicy.NEVER,
                mounts=tuple(
                    replace(mount, name=None) if isinstance(mount, VolumeMount) else mount
                    for mount in step.mounts
                ),
            )
            for step in plan.steps
            if isinstance(step, RunContainer)
        )
        return replace(plan, steps=steps)

    def _builds(self, step: BuildImage, plan: Plan) -> Iterator[BuildImage]:
        name = _name(step)
        keeps = outputs.keeps_image(step)
        written = outputs.files(step)
        for output in written:
            place = outputs.destination(output)
            if not place.exists():
                what = f"there is nothing in {place} to compare with"
                raise UsageError(what, hint=f"build: {self._build}")
        if not keeps and not written:
            return
        moved = tuple(
            output if outputs.is_inside(output, plan.bundles) else self._moved(output)
            for output in written
        )
        kept = tuple(output for output in step.outputs if output not in written)
        tag = step.tags[0] if step.tags else ""
        if keeps and not tag:
            self._roles.append(_Role(name, image=True, first=True))
            yield replace(step, outputs=kept)
        self._roles.append(_Role(name, tag, image=keeps))
        pull = PullPolicy.MISSING if step.pull is PullPolicy.ALWAYS else step.pull
        yield replace(
            step, tags=(), outputs=(*kept, *moved), no_cache=True, pull=pull, image_id_file=None
        )

    def _moved(self, output: BuildOutput) -> BuildOutput:
        """What goes elsewhere than to the bundles goes to a place of its own."""
        there = outputs.destination(output)
        here = self._place / str(len(self._elsewhere))
        if output.type == "tar":
            here /= there.name
        self._elsewhere.append((here, there))
        return BuildOutput(output.type, (("dest", str(here)),))

    # --- what it comes to -----------------------------------------------------------------------

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
                    hint=f"build: {self._build}",
                )
            self._before, self._twice = found, False

    def take_image(self, image: Image, labels: Pairs, engine: Storage) -> None:
        """Compare the image of a build; `labels` are for containers that are made of it."""
        role = self._role
        if not role.image:
            return
        if role.first:
            self._before, self._twice = image, True
            return
        assert self._before is not None  # noqa: S101 - begin_build() or the build before has found it
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
        for made, there in self._elsewhere:
            roots = (made, there) if made.is_dir() else (made.parent, there.parent)
            self._count(compare(roots[0], {}, real(roots[1])), *roots, within=str(roots[1]))

    def explain(self, error: ImageNotFoundError) -> None:
        """Say of an image that the project builds itself what became of it, and what to do."""
        name = next((name for name, known in self._ids.items() if known == error.reference), "")
        if name:
            error.message = (
                f"the image {name} ({error.reference[:12]}) that the bundles were made in is gone: "
                "it was removed, or another took its place"
            )
        elif error.reference in self._built:
            error.message = f"the image {error.reference} that the bundles were made in is gone"
        if name or error.reference in self._built:
            # Without --force an image of the same files would do, and the bundles stay as they are.
            error.hint = f"{self._forced}, and reproduce compares with what that makes"

    def _count(self, found: Comparison, made: Path, there: Path, within: str = "") -> None:
        self.same += found.same
        self.differing += len(found.differences)
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
        self.same += same
        self.differing += differing + len(settings)
        self.images.append(
            ComparedImage(
                name,
                layers,
                not layers and not differing,
                self._twice,
                same,
                differing,
                len(settings),
            )
        )


def _name(step: BuildImage) -> str:
    """The image's, or that of the target that has none."""
    target = step.origin.target if step.origin else ""
    return step.tags[0] if step.tags else target or step.target or step.context.name
