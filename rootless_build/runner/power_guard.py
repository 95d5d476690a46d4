"""Refuses, before it is done, what of a plan has power over the host."""

from __future__ import annotations

import os

from rootless_build import runner as package
from rootless_build.backend.api import Engine
from rootless_build.model.plan import Plan
from rootless_build.runner.context import Context, make_context
from rootless_build.runner.options import Options
from rootless_build.runner.power_rules import Named, Rules


class PowerGuard:
    """Holds a plan that needs an engine to the rules under which the run stands (`host_power`)."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rules = _rules(context)

    def check_plan(self) -> None:
        """Raise HostError where a step of the plan asks for what is not to be had."""
        self._check(None)

    def check_step(self, number: int) -> None:
        """Raise HostError where a step whose turn has come asks for what is not to be had: one
        before it may have made a link of what it mounts.
        """
        self._check(number)

    def _check(self, number: int | None) -> None:
        rules = self._rules
        if rules is None or not rules.bind:
            return
        host_power = package.host_power
        ask = self._context.options.privileges.named
        named = ask() if ask else Named()
        plan = self._context.plan.now
        if number is None:
            asked = host_power.powers(plan, named, rules)
        else:
            asked = host_power.of_step(number, plan, named, rules)
        host_power.check(plan, asked, rules)


def check(plan: Plan, engine: Engine, options: Options) -> None:
    """Raise HostError for a plan that asks for what is not to be had, and that the engine's own
    command line does.
    """
    PowerGuard(make_context(plan, engine, options, lambda _: None, None)).check_plan()


def _rules(context: Context) -> Rules | None:
    """What a plan may not do here; None for a user who has no power to give away."""
    options = context.options.privileges
    if context.possible_engine is None:
        return None
    rootless, root = context.possible_engine.rootless, os.getuid() == 0
    if rootless and not root and not options.unprivileged:
        return None
    return Rules(rootless, root, options.rootful, options.unprivileged, options.isolated)
