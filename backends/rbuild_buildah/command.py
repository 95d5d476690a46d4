"""The buildah program: every command of this backend goes through here."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

from rbuild_containers import go
from rootless_build.backend import (
    EngineSettings,
    StepFailedError,
    StepReporter,
    UserNamespace,
    programs,
    replace,
    terminal,
)

PROGRAM: Final = "buildah"
CHROOT: Final = "chroot"
"""The isolation that has no namespaces of its own but for mounts and the host name."""
# -I -S: the standard library alone, 6 ms, and nothing of the user's is imported.
_PYTHON: Final = (sys.executable, "-I", "-S")
_REAPER: Final = (*_PYTHON, str(Path(__file__).with_name("reaper.py")))


def with_isolation(settings: EngineSettings) -> EngineSettings:
    """The settings with the isolation that buildah itself would read from BUILDAH_ISOLATION."""
    environment = {**os.environ, **dict(settings.environment)}
    isolation = settings.isolation or environment.get("BUILDAH_ISOLATION") or None
    return replace(settings, isolation=isolation)


def isolation_arguments(settings: EngineSettings) -> tuple[str, ...]:
    """`--isolation`, for `build`, `from` and `run`."""
    return ("--isolation", settings.isolation) if settings.isolation else ()


class Buildah:
    """Runs buildah with the environment of `settings`."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._environment = {**go.environment(), **dict(settings.environment)}

    def capture(
        self,
        *arguments: str,
        directory: Path | None = None,
        stdin: bytes = b"",
        environment: programs.Environment | None = None,
    ) -> programs.Completed:
        """Run a command with little output; its status is the caller's to judge. `environment` is
        laid over the settings'.
        """
        return programs.capture(
            [PROGRAM, *arguments],
            environment={**self._environment, **(environment or {})},
            directory=directory,
            stdin=stdin,
        )

    def ask(self, failure: str, *arguments: str, directory: Path | None = None) -> str:
        """Run a command that has to succeed; returns its output without the last newline.

        Raises StepFailedError, status 125, with the message `failure` and buildah's words.
        """
        done = self.capture(*arguments, directory=directory)
        if done.status:
            raise StepFailedError(failure, status=125, engine_words=own_words(done))
        return done.text.rstrip("\n")

    def stream(
        self,
        arguments: Sequence[str],
        on_output: programs.OnOutput,
        *,
        stdin: int = DEVNULL,
        temporary: Path | None = None,
    ) -> int:
        """Run a command and hand its output over as it appears. `temporary` is its TMPDIR.

        No process that it started outlives it.
        """
        return programs.stream(
            (*_REAPER, PROGRAM, *arguments),
            on_output,
            environment=self._with(temporary),
            stdin=stdin,
        )

    def attach(
        self, arguments: Sequence[str], reporter: StepReporter, *, temporary: Path
    ) -> terminal.Attached:
        """Run buildah on rbuild's own terminal."""
        return terminal.attach(
            (*_REAPER, PROGRAM, *arguments), reporter, environment=self._with(temporary)
        )

    @property
    def user_namespace(self) -> UserNamespace:
        """The user's own; real root needs none."""
        command = (PROGRAM, "unshare", "--") if self.settings.rootless else ()
        return UserNamespace(command, self.settings.environment)

    def as_owner(self, *argv: str) -> programs.Completed:
        """Run a program as root of the user's own namespace: subordinate uids are its files."""
        return programs.capture(
            [*self.user_namespace.command, *argv], environment=self._environment
        )

    def in_root(self, container: str, script: Path, stdin: bytes) -> programs.Completed:
        """Run a Python script with RBUILD_ROOT naming the container's mounted root file system."""
        argv = (*_PYTHON, str(script))
        if self.settings.rootless:
            mount = f"RBUILD_ROOT={container}"
            return self.capture("unshare", "--mount", mount, "--", *argv, stdin=stdin)
        root = self.ask(f"the container {container} could not be mounted", "mount", container)
        try:
            environment = {**self._environment, "RBUILD_ROOT": root}
            return programs.capture(argv, environment=environment, stdin=stdin)
        finally:
            self.capture("umount", container)

    def remove_tree(self, directory: Path) -> None:
        """Remove a directory in which subordinate uids may own files.

        Raises StepFailedError when something of it stays.
        """
        with contextlib.suppress(OSError):
            shutil.rmtree(directory)
        if not directory.exists():
            return
        done = self.as_owner("rm", "-rf", "--", str(directory))
        if done.status:
            raise StepFailedError(f"{directory} could not be removed", engine_words=done.words)

    def _with(self, temporary: Path | None) -> dict[str, str]:
        if temporary is None:
            return self._environment
        return {**self._environment, "TMPDIR": str(temporary)}


def own_words(done: programs.Completed) -> str:
    """buildah's error without its `Error: `."""
    return done.words.removeprefix("Error: ")
