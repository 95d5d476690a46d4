"""Runs of the project of honest_project, and what they did and said."""

from __future__ import annotations

from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.model.events import Event, Level, Notice
from rootless_build.model.plan import Bundles, Plan, Step
from rootless_build.runner import run as runner
from rootless_build.runner.options import Options
from tests.unit.freshness.honest_project import Project


def run(
    project: Project,
    *plan: Step,
    force: str = "",
    explain: bool = False,
    bundles: bool = True,
    about: str = "honest 1",
    builder: str = "",
) -> tuple[tuple[bool, bool], list[Event]]:
    """Whether something was built and run, and what was said."""
    wanted = Bundles(project.bundles) if bundles else None
    made = Plan(project.root, plan or (project.build, project.container), wanted)
    before = project.engine.built, project.engine.ran
    events: list[Event] = []
    about_engine = (("the engine", about),)
    freshness = PlanFreshness(made, about_engine, project.cache, builder=builder, force=force)
    options = Options(explain=explain)
    summary = runner.run(made, project.engine, options, events.append, freshness)
    done = (project.engine.built > before[0], project.engine.ran > before[1])
    assert summary.done or not any(done)
    return done, events


def reasons(events: list[Event]) -> list[str]:
    return [
        event.text.removeprefix("because: ")
        for event in events
        if isinstance(event, Notice) and event.code == "explain" and event.level is Level.INFO
    ]
