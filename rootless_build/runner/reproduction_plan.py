"""The plan that makes once more what is there, so that both can be compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from rootless_build.bundles import provenance
from rootless_build.files.tree import real
from rootless_build.model import outputs
from rootless_build.model.errors import ImageNotFoundError, UsageError
from rootless_build.model.plan import (
    BuildImage,
    BuildOutput,
    Plan,
    PullPolicy,
    RunContainer,
    VolumeMount,
)
from rootless_build.model.structs import replace
from rootless_build.model.text import shell_joined


class Role(Struct, frozen=True):
    """What a build of the plan again is for. `first`: an image to compare the next one with."""

    name: str
    tag: str = ""
    image: bool = False
    first: bool = False


class ReproductionPlan:
    """The plan of `rbuild reproduce`, made from that of a build of the same targets.

    `place` is an empty directory for what goes elsewhere than to the bundles; `elsewhere` are such
    results, each with what it is compared with. `roles` are those of the image builds, in order.

    Raises UsageError when the plan leaves nothing that could be compared, or nothing is there.
    """

    def __init__(self, plan: Plan, place: Path) -> None:
        self._place = place
        self._ids: dict[str, str] = {}
        self._built: frozenset[str] = frozenset()
        self.build_command = shell_joined(("rbuild", *plan.targets))
        self.roles: list[Role] = []
        self.elsewhere: list[tuple[Path, Path]] = []
        self.plan = self._again(plan)

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
            raise UsageError(
                "there are no bundles to compare with", hint=f"build: {self.build_command}"
            )
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
                raise UsageError(what, hint=f"build: {self.build_command}")
        if not keeps and not written:
            return
        moved = tuple(
            output if outputs.is_inside(output, plan.bundles) else self._moved(output)
            for output in written
        )
        others = outputs.written(step)
        kept = tuple(output for output in step.outputs if output not in others)
        tag = step.tags[0] if step.tags else ""
        if keeps and not tag:
            self.roles.append(Role(name, image=True, first=True))
            yield replace(step, outputs=kept)
        self.roles.append(Role(name, tag, image=keeps))
        pull = PullPolicy.MISSING if step.pull is PullPolicy.ALWAYS else step.pull
        yield replace(
            step, tags=(), outputs=(*kept, *moved), no_cache=True, pull=pull, image_id_file=None
        )

    def _moved(self, output: BuildOutput) -> BuildOutput:
        """What goes elsewhere than to the bundles goes to a place of its own."""
        there = outputs.destination(output)
        here = self._place / str(len(self.elsewhere))
        if output.type == "tar":
            here /= there.name
        self.elsewhere.append((here, there))
        return BuildOutput(output.type, (("dest", str(here)),))

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
            forced = shell_joined(("rbuild", "--force", *self.plan.targets))
            # Without --force an image of the same files would do, and the bundles stay as they are.
            error.hint = f"{forced}, and reproduce compares with what that makes"


def _name(step: BuildImage) -> str:
    """The image's, or that of the target that has none."""
    target = step.origin.target if step.origin else ""
    return step.tags[0] if step.tags else target or step.target or step.context.name
