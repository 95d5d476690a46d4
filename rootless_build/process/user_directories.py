"""The user's directories, as the XDG Base Directory Specification (0.8) has them.

A variable with a relative path counts as unset, which the specification asks for: rbuild's records
and locks would go with the working directory. (The library platformdirs knows the same, but only of
its own process's environment, and it would cost each run 4 ms.)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

Environment = Mapping[str, str]


def home(environment: Environment = os.environ) -> Path:
    """The user's own."""
    return Path(environment.get("HOME") or "~").expanduser()


def data(environment: Environment = os.environ) -> Path:
    """Where programs keep what is to stay."""
    return _given("XDG_DATA_HOME", environment) or home(environment) / ".local/share"


def state(environment: Environment = os.environ) -> Path:
    """Where the user keeps what is to outlive a run: histories, records."""
    return _given("XDG_STATE_HOME", environment) or home(environment) / ".local/state"


def cache(environment: Environment = os.environ) -> Path:
    """Where the user keeps what can be had again."""
    return _given("XDG_CACHE_HOME", environment) or home(environment) / ".cache"


def config(environment: Environment = os.environ) -> Path:
    """Where the user's settings are."""
    return _given("XDG_CONFIG_HOME", environment) or home(environment) / ".config"


def runtime(environment: Environment = os.environ) -> Path:
    """Where sockets and locks of a login are. It may not be there."""
    return _given("XDG_RUNTIME_DIR", environment) or Path(f"/run/user/{os.getuid()}")


def docker_config(environment: Environment = os.environ) -> Path:
    """Where docker's client has its settings, logins and contexts; no directory of XDG's."""
    return Path(environment.get("DOCKER_CONFIG") or home(environment) / ".docker")


def is_given(variable: str, environment: Environment = os.environ) -> bool:
    """Whether a variable names a directory. Programs of others may take a relative one for one."""
    return environment.get(variable, "").startswith("/")


def _given(variable: str, environment: Environment) -> Path | None:
    return Path(environment[variable]) if is_given(variable, environment) else None
