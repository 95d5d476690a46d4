"""What a run of a plan would do: each step is looked at, none is done."""

from __future__ import annotations

from collections.abc import Iterator

from rootless_build.backend.api import Engine, Image
from rootless_build.freshness.verdict import Unchanged
from rootless_build.images.bases import substitutes
from rootless_build.model.data import dataclass
from rootless_build.model.plan import (
    BuildImage,
    Plan,
    PullImage,
    PullPolicy,
    RunContainer,
    TagImage,
    Unexpanded,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`done` says whether a step would be done, None where only the steps before it will tell.
    `why` is for a person, and empty for one that would not.
    """

    done: bool | None
    why: str = ""

    def __str__(self) -> str:
        """As it stands in a list of steps."""
        match self.done:
            case True:
                return f"would be done: {self.why}"
            case None:
                return f"may be done: {self.why}"
            case False:
                return "unchanged, would not be done"


_UNCHANGED = Verdict(False)
_EVERY_TIME = Verdict(True, "it is, every time")
_AFTER_ITS_IMAGE = Verdict(None, "its image is built first, and may come to the same")


_AFTER_A_LINE = Verdict(None, "a line before it is not known before its turn")


def judge(plan: Plan, engine: Engine, unchanged: Unchanged) -> tuple[Verdict, ...]:
    """The verdict on each step, as a run at this moment would come to it."""
    return tuple(_judged(plan, engine, unchanged))


def _judged(plan: Plan, engine: Engine, unchanged: Unchanged) -> Iterator[Verdict]:
    built: dict[str, Image] = {}
    anew: set[str] = set()
    containers: Verdict | None = None
    open_ended = False

    def find(step: RunContainer) -> Image | None:
        return built.get(step.image) or substitutes.in_storage(step.image, engine)

    for step in plan.steps:
        if isinstance(step, BuildImage):
            answer = unchanged.build(step, engine)
            if answer.why:
                anew |= {*step.tags}
            elif answer.image is not None:
                built |= dict.fromkeys(step.tags, answer.image)
            certain = answer.why or not open_ended
            yield Verdict(bool(answer.why), answer.why) if certain else _AFTER_A_LINE
        elif isinstance(step, RunContainer):
            if containers is None:
                answer = unchanged.run(find, piped=False)
                containers = Verdict(bool(answer.why), answer.why)
                images = {other.image for other in plan.steps if isinstance(other, RunContainer)}
                if images & anew and not unchanged.must_run():
                    containers = _AFTER_ITS_IMAGE
            yield _AFTER_A_LINE if open_ended and not containers.done else containers
        elif isinstance(step, Unexpanded):
            open_ended = True
            yield Verdict(None, f"it is known when its turn comes, as it has {step.why} in it")
        elif isinstance(step, TagImage):
            yield _of_tag(step, engine, built, anew)
        elif isinstance(step, PullImage):
            yield _of_pull(step, engine)
        else:
            yield _EVERY_TIME


def _of_tag(step: TagImage, engine: Engine, built: dict[str, Image], anew: set[str]) -> Verdict:
    """The verdict, and the name among those of images that are there, or are made anew."""
    if step.image in anew:
        anew.add(step.name)
        return _AFTER_ITS_IMAGE
    image = built.get(step.image) or substitutes.in_storage(step.image, engine)
    named = engine.find_image(step.name)
    if image is not None:
        built[step.name] = image
        if named is not None and named.id == image.id:
            return _UNCHANGED
    return Verdict(True, f"{step.name} is another image" if named else f"there is no {step.name}")


def _of_pull(step: PullImage, engine: Engine) -> Verdict:
    if step.pull is PullPolicy.ALWAYS:
        return Verdict(True, "--pull")
    there = substitutes.in_storage(step.image, engine) is not None
    return _UNCHANGED if there else Verdict(True, "it is not in storage")
