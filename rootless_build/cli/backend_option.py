"""The backend that the command line, the environment or a configuration file names."""

from __future__ import annotations

import os

from rootless_build.backend import discovery
from rootless_build.cli.command import Command
from rootless_build.model.errors import UsageError
from rootless_build.model.nearest import nearest


def check_backend(command: Command) -> None:
    """Raises UsageError or ConfigError, which say where it is asked for, for an unknown backend."""
    name = backend_name(command)
    if name in {discovery.AUTO, *discovery.PREFERENCE} or name in discovery.names():
        return
    known = (discovery.AUTO, *discovery.names())
    near = nearest(name, known)
    meant = f"did you mean {near}? " if near else ""
    hint = f"{meant}known are: {', '.join(known)}"
    for said, given in (
        (f"--backend {name}", command.option("backend")),
        (f"RBUILD_BACKEND={name}", os.environ.get("RBUILD_BACKEND")),
    ):
        if given:
            raise UsageError(f"{said}: there is no such backend", hint=hint)
    raise command.config_error(("defaults", "backend"), f"there is no backend {name!r}", hint)


def backend_name(command: Command) -> str:
    """--backend, RBUILD_BACKEND, the configuration, auto: the first of these that is given."""
    return (
        command.option("backend")
        or os.environ.get("RBUILD_BACKEND")
        or command.config.defaults.backend
        or discovery.AUTO
    )
