"""The host as the project on the command line meets it, for the doctor and after a failure."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rootless_build.backend import discovery
from rootless_build.cli.backend_option import backend_name
from rootless_build.cli.checkout import bundles_directory
from rootless_build.cli.command import Command
from rootless_build.host.engine_settings import engine_settings
from rootless_build.host.examination import examine
from rootless_build.host.facts import EngineAnswer, Facts
from rootless_build.host.finding import Finding
from rootless_build.host.survey import survey
from rootless_build.model.errors import HostError
from rootless_build.model.structs import replace


def survey_host(command: Command, facts: Facts) -> Facts:
    """`facts` with all that can be known of this host without the network and without a container.

    Raises ConfigError.
    """
    bundles = bundles_directory(command)
    found = survey(facts, os.environ, command.project, bundles, lambda: _answers(facts))
    if backend_name(command) != discovery.AUTO:
        return found
    return replace(found, unreachable=_unreachable(facts))


def findings(command: Command, facts: Facts) -> Sequence[Finding]:
    """What is to be said of this host, the worst first. Raises ConfigError."""
    return tuple(examined.finding for examined in examine(survey_host(command, facts)))


def _unreachable(facts: Facts) -> str:
    try:
        with engine_settings(facts) as settings:
            silent = discovery.unreachable(settings)
    except HostError:
        return ""  # a finding says why there are no settings
    return silent.message if silent else ""


def _answers(facts: Facts) -> tuple[EngineAnswer, ...] | None:
    try:
        with engine_settings(facts) as settings:
            return tuple(
                EngineAnswer(found.name, found.probe.version, found.probe.problem, found.probe.hint)
                for found in discovery.survey(settings)
            )
    except HostError:
        # There are no settings to ask them with, of which a finding of its own says why.
        return None
