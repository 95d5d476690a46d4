"""Sockets of docker's API in a plan: `runner.docker_socket`, loaded where there may be one."""

from __future__ import annotations

import os

from rootless_build.backend.discovery import Choice
from rootless_build.model.plan import BindMount, Plan, RunContainer
from rootless_build.runner import docker_socket


def with_docker_socket(plan: Plan, choice: Choice) -> tuple[Plan, str]:
    """The plan with sockets of docker's API that answer, and what is to be said of that.

    Raises HostError where a container has one mounted at which nobody answers.
    """
    mounted = (
        mount
        for step in plan.steps
        if isinstance(step, RunContainer)
        for mount in step.mounts
        if isinstance(mount, BindMount) and not mount.source.is_relative_to(plan.project)
    )
    if not any(mounted):
        return plan, ""
    return docker_socket.provide(plan, choice.backend.name, os.environ)
