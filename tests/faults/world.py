"""A project, storage of its own, and what must hold after a fault."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rootless_build.bundles.verification import verify
from rootless_build.testing.base_root import write_base_root
from tests.e2e.driver import Rbuild
from tests.e2e.made_bundles import BUILT, digests, listing
from tests.e2e.remains import remains
from tests.faults.strikes import Strike

PROJECT = Path(__file__).parent.parent / "data" / "project"
_PATIENCE = 180.0
"""Seconds after which a run hangs."""
_ENDS = {0, 1, 3, 4, 130, -signal.SIGKILL}


@dataclass
class World:
    """`events` is how many a run without faults has."""

    backend: str
    storage: Path
    rbuild: Rbuild
    events: int = 0
    container: int = 0
    """The event at which the container's step starts."""
    runs: int = 0
    hung: bool = False
    """Whether the last run had to be killed."""
    known: set[str] = field(default_factory=set)
    """What was left and has been told: once is enough."""

    @classmethod
    @contextlib.contextmanager
    def made(cls, storage: Path, backend: str) -> Iterator[World]:
        """A world in an empty directory."""
        with tempfile.TemporaryDirectory(prefix="rbuild-run-") as runtime:
            environment = {
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("CONTAINER", "DOCKER", "BUILDAH", "STORAGE", "RBUILD_"))
            }
            for name in ("CONFIG", "DATA", "CACHE"):
                environment[f"XDG_{name}_HOME"] = str(storage / name.lower())
                (storage / name.lower()).mkdir()
            (storage / "tmp").mkdir()
            environment |= {
                "XDG_RUNTIME_DIR": runtime,
                "TMPDIR": str(storage / "tmp"),
                "BINDDIR": "bundles",
                "RBUILD_BACKEND": backend,
                "NO_COLOR": "1",
            }
            world = cls(backend, storage, Rbuild(storage / "project", backend, environment))
            try:
                world.prepare()
                yield world
            finally:
                with contextlib.suppress(OSError, ValueError):
                    pause = Path(runtime) / "libpod" / "tmp" / "pause.pid"
                    os.kill(int(pause.read_text()), signal.SIGKILL)

    def prepare(self) -> None:
        """The project, its base image, and bundles of a first run."""
        self.copy_project(self.rbuild.project)
        archive = self.storage / "base.tar"
        write_base_root(archive)
        self.must("base", "--from", str(archive), "debian:bookworm")
        self.must(*self.words())
        log = self.must("--log-format", "json", *self.words())
        lines = log.splitlines()
        self.events = len(lines)
        self.container = max(n for n, line in enumerate(lines, 1) if "step-started" in line)

    def copy_project(self, project: Path) -> None:
        """The project, with moments at which its image build and its container can be hit."""
        shutil.copytree(PROJECT, project, symlinks=True)
        for path in (project, *project.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
        dockerfile = project / "Dockerfile"
        dockerfile.write_text(
            dockerfile.read_text() + "RUN echo one; sleep 0.3; echo two; echo three > /three\n"
        )
        script = project / "hack" / "make" / "binary"
        work = "echo writing; head -c 300000 /dev/urandom > $DEST/blob; sleep 0.3; echo written\n"
        script.write_text(work + script.read_text() + "\nsleep 0.2; rm $DEST/blob; echo done\n")

    def words(self) -> tuple[str, ...]:
        """A build whose image and bundles are not those of the last one."""
        self.runs += 1
        (self.rbuild.project / "COMMIT").write_text(f"{self.runs}\n")
        return self._words()

    def _words(self) -> tuple[str, ...]:
        return ("--network", "host", f"FLAVOR=run-{self.runs}", "binary")

    def must(self, *words: str) -> str:
        """Run rbuild; it has to succeed."""
        done = self.rbuild(*words)
        if done.returncode != 0:
            raise RuntimeError(f"rbuild {' '.join(words)}: {done.stderr}{done.stdout}")
        return done.stdout

    def strike(self, strike: Strike, event: int) -> list[str] | None:
        """Do a run, strike at that event, and judge; None when there was nobody to hit."""
        before = digests(self.rbuild.bundles)
        words = self.words()
        hit = False
        with self.started(*words) as running:
            assert running.stdout is not None
            said = []
            for number, line in enumerate(running.stdout, 1):
                said.append(line)
                if number == event:
                    hit = strike.hit(running.pid, str(self.storage))
        if not hit:
            return None
        return self.judge(before, running.returncode, b"".join(said).decode(errors="replace"))

    @contextlib.contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """rbuild with a JSON log, which holds its errors too."""
        with subprocess.Popen(
            [*self.rbuild.argv, "--log-format", "json", *words],
            cwd=self.rbuild.project,
            env=self.rbuild.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as running:
            self.hung = False
            timer = threading.Timer(_PATIENCE, self._end, [running])
            timer.start()
            try:
                yield running
                running.wait()
            finally:
                timer.cancel()

    def _end(self, running: subprocess.Popen[bytes]) -> None:
        self.hung = True
        running.kill()

    def judge(self, before: dict[str, str], status: int, said: str) -> list[str]:
        """What is wrong after a run; it ends with a good one."""
        lost = ["it did not end"] if self.hung else []
        if status not in _ENDS:
            lost.append(f"status {status}")
        if "Traceback" in said:
            lost.append("a traceback: " + said[said.index("Traceback") :][-600:])
        directory = self.rbuild.bundles
        if directory.exists():
            # What `rbuild bundles verify` does; a second for starting it adds up.
            lost += [f"bundles verify: {problem}" for problem in verify(directory).problems]
        else:
            done = self.rbuild("bundles", "verify")
            lost += [f"bundles verify: {done.stderr.strip()}"] if done.returncode else []
        lost += self._bundles(before, self.runs)
        done = self.rbuild(*self._words())
        if done.returncode != 0:
            lost.append(f"the next run failed: {done.stderr.strip()[-800:]}")
        else:
            lost += self._bundles({}, self.runs)
        left = set(remains(self.rbuild, expected=tuple(self.known)))
        lost += [f"left: {text}" for text in sorted(left - self.known)]
        if left - self.known:
            lost += [line for line in done.stderr.splitlines() if "warning" in line]
        self.known |= left
        return lost

    def _bundles(self, before: dict[str, str], run: int) -> list[str]:
        now = digests(self.rbuild.bundles)
        if now == before:
            return []
        daemon = self.rbuild.bundles / "latest" / "binary" / "projectd"
        new = f"flavour run-{run}"
        if listing(self.rbuild.bundles) == BUILT and new in daemon.read_text():
            return []
        return [f"bundles neither old nor new: {sorted(now)}"]
