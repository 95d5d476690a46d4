"""The docker command line: how it is called, which daemon it talks to, what its errors mean."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Final, cast

from msgspec import Struct

from rootless_build.backend import (
    BackendUnavailableError,
    EngineSettings,
    Json,
    StepFailedError,
    programs,
    user_directories,
)

PATIENCE: Final = 20.0
"""Seconds a daemon has to say who it is."""
GONE: Final = "no such "
"""In docker's words, in small letters, when something is not there."""
_NOBODY_THERE: Final = re.compile(
    r"cannot connect to the docker daemon|connection refused", re.IGNORECASE
)
_FORBIDDEN: Final = re.compile(r"permission denied", re.IGNORECASE)


class Diagnosis(Struct, frozen=True):
    """Why a daemon does not answer, in one sentence, and what to do about it."""

    problem: str
    hint: str = ""


class Client:
    """Calls the docker client that is on PATH, with the settings of this run."""

    def __init__(self, settings: EngineSettings) -> None:
        self.environment: dict[str, str | None] = dict(settings.environment)
        configuration = _without_proxies(settings.runtime_directory)
        if configuration is not None:
            self.environment["DOCKER_CONFIG"] = str(configuration)

    def capture(
        self, *arguments: str, timeout: float | None = None, stdin: bytes = b""
    ) -> programs.Completed:
        """Run `docker ARGUMENTS`; see `rootless_build.process.programs.capture`."""
        return programs.capture(
            ["docker", *arguments], environment=self.environment, timeout=timeout, stdin=stdin
        )

    def answer(self, what: str, *arguments: str, status: int | None = None) -> str:
        """What `docker ARGUMENTS` prints. Raises StepFailedError: `what` could not be done."""
        done = self.capture(*arguments)
        if done.status != 0:
            raise StepFailedError(what, status=status, engine_words=done.words)
        return done.text

    def remove(self, what: str, *arguments: str) -> bool:
        """Run `docker ARGUMENTS`, which removes `what`; False when it was not there.

        Raises StepFailedError when it stays.
        """
        done = self.capture(*arguments)
        if done.status == 0:
            return True
        if GONE in done.words.lower():
            return False
        raise StepFailedError(f"{what} could not be removed", engine_words=done.words)

    @cached_property
    def endpoint(self) -> str:
        """The daemon's address: DOCKER_HOST, the current context's, or the default socket."""
        found = self.capture("context", "inspect", "--format", "{{.Endpoints.docker.Host}}")
        return found.text.strip() or os.environ.get("DOCKER_HOST", "")

    @cached_property
    def info(self) -> dict[str, Json]:
        """What `docker info` says. Raises BackendUnavailableError."""
        try:
            done = self.capture("info", "--format", "{{json .}}", timeout=PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise self.unavailable(self.silence()) from error
        # Client 20.10 ends with status 0 when nobody answered.
        info = cast("dict[str, Json]", json.loads(done.text or "{}"))
        if done.status != 0 or not info.get("ServerVersion"):
            errors = cast("list[str] | None", info.get("ServerErrors")) or []
            words = "\n".join(errors) or done.words
            raise self.unavailable(self.diagnosis(words), words)
        return info

    @cached_property
    def has_bridge(self) -> bool:
        """False for a daemon started with `--bridge=none`: it has no network of its own."""
        names = self.answer(
            "docker did not list its networks", "network", "ls", "--format", "{{.Name}}"
        )
        return "bridge" in names.split()

    @property
    def security_options(self) -> tuple[str, ...]:
        """Names such as `rootless`, `seccomp`, `selinux`: what the daemon's containers have."""
        options = cast("list[str] | None", self.info.get("SecurityOptions")) or []
        fields = (field for option in options for field in option.split(","))
        return tuple(f.removeprefix("name=") for f in fields if f.startswith("name="))

    @property
    def rootless(self) -> bool:
        """Whether the daemon runs as an ordinary user."""
        return "rootless" in self.security_options

    def unavailable(self, why: Diagnosis, words: str = "") -> BackendUnavailableError:
        """The error for a daemon that does not answer."""
        return BackendUnavailableError(
            why.problem, finding="docker-unusable", hint=why.hint, engine_words=words
        )

    def silence(self) -> Diagnosis:
        """The daemon took longer than `PATIENCE`."""
        return Diagnosis(
            f"the docker daemon at {self.endpoint} did not answer within {PATIENCE:.0f} s",
            "look at its log, or point DOCKER_HOST at another one",
        )

    def diagnosis(self, words: str) -> Diagnosis:
        """What the client's complaint about its daemon means."""
        if _FORBIDDEN.search(words):
            return Diagnosis(
                f"this user may not talk to the docker daemon at {self.endpoint}",
                "start a rootless one (dockerd-rootless.sh) and point DOCKER_HOST at its socket; "
                "to be in the group `docker` is to be root",
            )
        if _NOBODY_THERE.search(words):
            return Diagnosis(
                f"no docker daemon is running at {self.endpoint}",
                "start one (without root: dockerd-rootless.sh), or point DOCKER_HOST at one",
            )
        return Diagnosis(f"docker does not answer: {words}")


def _without_proxies(runtime_directory: Path) -> Path | None:
    """The user's docker configuration without `proxies`, None where it has none.

    The client sets these variables in every container and build, and has no flag against it
    (docker CLI, "Configure the CLI to use a proxy"). Everything else is carried over: logins,
    contexts, plug-ins.
    """
    own = user_directories.docker_config()
    try:
        configuration = json.loads((own / "config.json").read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(configuration, dict) or "proxies" not in configuration:
        return None
    private = runtime_directory / "docker-config"
    private.mkdir(mode=0o700, exist_ok=True)
    for entry in own.resolve().iterdir():
        if entry.name != "config.json":
            with contextlib.suppress(FileExistsError):
                (private / entry.name).symlink_to(entry)
    del configuration["proxies"]
    file = private / "config.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(configuration))
    return private
