"""What a run of a plan would do: each step is looked at, none is done."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from rootless_build.backend.api import Engine, Image, manifest_lists
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.verdict import Dirty, Fresh, Verdict
from rootless_build.images.bases import substitutes
from rootless_build.images.platform_lists import is_of
from rootless_build.model import outputs
from rootless_build.model.plan import (
    BuildImage,
    Plan,
    PullImage,
    PullPolicy,
    RunContainer,
    TagImage,
    Unexpanded,
)
from rootless_build.model.platform_builds import builds_of, usual


class Forecast(Struct, frozen=True):
    """`done` says whether a step would be done, None where only the steps before it will tell.
    `why` is for a person, and empty for one that would not.
    """

    done: bool | None
    why: str = ""

    def __str__(self) -> str:
        """What a list of steps says of the step."""
        match self.done:
            case True:
                return f"would be done: {self.why}"
            case None:
                return f"may be done: {self.why}"
            case False:
                return "unchanged, would not be done"


_UNCHANGED = Forecast(False)
_EVERY_TIME = Forecast(True, "it is, every time")
_AFTER_ITS_IMAGE = Forecast(None, "its image is built first, and may come to the same")
_AFTER_A_LINE = Forecast(None, "a line before it is not known before its turn")


def forecast(plan: Plan, engine: Engine, freshness: PlanFreshness) -> Iterator[Forecast]:
    """The forecast of each step, as a run at this moment would do it."""
    built: dict[str, Image] = {}
    anew: set[str] = set()
    containers: Forecast | None = None
    open_ended = False

    def find(step: RunContainer) -> Image | None:
        return built.get(step.image) or substitutes.in_storage(step.image, engine)

    for step in plan.steps:
        if isinstance(step, BuildImage):
            verdict = _of_build(step, engine, freshness)
            if isinstance(verdict, Dirty):
                anew |= {*step.tags}
            elif verdict.image is not None:
                built |= dict.fromkeys(step.tags, verdict.image)
            certain = isinstance(verdict, Dirty) or not open_ended
            yield _of_verdict(verdict) if certain else _AFTER_A_LINE
        elif isinstance(step, RunContainer):
            if containers is None:
                containers = _of_verdict(freshness.containers.judge(find, piped=False))
                images = {other.image for other in plan.steps if isinstance(other, RunContainer)}
                if images & anew and not freshness.containers.must_run():
                    containers = _AFTER_ITS_IMAGE
            yield _AFTER_A_LINE if open_ended and not containers.done else containers
        elif isinstance(step, Unexpanded):
            open_ended = True
            yield Forecast(None, f"it is known when its turn comes, as it has {step.why} in it")
        elif isinstance(step, TagImage):
            yield _of_tag(step, engine, built, anew)
        elif isinstance(step, PullImage):
            yield _of_pull(step, engine)
        else:
            yield _EVERY_TIME


def _of_build(step: BuildImage, engine: Engine, freshness: PlanFreshness) -> Verdict:
    """The verdict on a build, for several platforms that of the first which has to be done."""
    if outputs.archives(step) or (len(step.platforms) > 1 and outputs.files(step)):
        return Dirty("what it writes is written each time")
    lists = manifest_lists(engine) if len(step.platforms) > 1 else None
    if lists is None:
        return freshness.images.judge(step, engine)
    found: dict[str, Image] = {}
    for one in builds_of(step):
        verdict = freshness.images.judge(one, engine)
        if isinstance(verdict, Dirty):
            return Dirty(f"for {one.platforms[0]}: {verdict.reason}")
        if verdict.image is not None:
            found[one.platforms[0]] = verdict.image
    if not is_of(step.tags, frozenset(image.id for image in found.values()), lists):
        return Dirty(f"{', '.join(step.tags)} is another image")
    return Fresh(0.0, usual(found))


def _of_verdict(verdict: Verdict) -> Forecast:
    return Forecast(True, verdict.reason) if isinstance(verdict, Dirty) else _UNCHANGED


def _of_tag(step: TagImage, engine: Engine, built: dict[str, Image], anew: set[str]) -> Forecast:
    """The forecast of a tag, whose name is from then on among those of `built` or `anew`."""
    if step.image in anew:
        anew.add(step.name)
        return _AFTER_ITS_IMAGE
    image = built.get(step.image) or substitutes.in_storage(step.image, engine)
    named = engine.find_image(step.name)
    if image is not None:
        built[step.name] = image
        if named is not None and named.id == image.id:
            return _UNCHANGED
    return Forecast(True, f"{step.name} is another image" if named else f"there is no {step.name}")


def _of_pull(step: PullImage, engine: Engine) -> Forecast:
    if step.pull is PullPolicy.ALWAYS:
        return Forecast(True, "--pull")
    there = substitutes.in_storage(step.image, engine) is not None
    return _UNCHANGED if there else Forecast(True, "it is not in storage")
