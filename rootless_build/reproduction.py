"""The same plan once more, in fresh containers of the same image, with empty volumes."""

from __future__ import annotations

import dataclasses

from rootless_build.bundles import provenance
from rootless_build.errors import UsageError
from rootless_build.plan import Plan, PullPolicy, RunContainer, VolumeMount


def plan_again(plan: Plan) -> Plan:
    """The plan's containers alone: of the image that made the bundles, as their provenance has
    it, else of the one of that name; volumes that keep something start empty.

    Raises UsageError when the plan makes no bundles, or there are none to compare with.
    """
    if plan.bundles is None or not plan.bundles.directory.is_dir():
        raise UsageError("there are no bundles to compare with", hint="build them: rbuild")
    images = provenance.images(plan.bundles.directory.resolve())
    steps = tuple(
        dataclasses.replace(
            step,
            image=images.get(step.image, step.image),
            pull=PullPolicy.NEVER,
            mounts=tuple(
                dataclasses.replace(mount, name=None) if isinstance(mount, VolumeMount) else mount
                for mount in step.mounts
            ),
        )
        for step in plan.steps
        if isinstance(step, RunContainer)
    )
    if not steps:
        raise UsageError("this target runs no container, so that nothing can be made again")
    return dataclasses.replace(plan, steps=steps)
