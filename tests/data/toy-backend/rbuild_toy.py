"""A backend over unshare(1): images are directories, containers copies of them, and no more."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Never

from rootless_build.backend import (
    EngineSettings,
    Exit,
    HostCommand,
    Image,
    Pairs,
    Probe,
    RunContainer,
    Stdio,
    StepReporter,
    UnsupportedError,
    programs,
)
from rootless_build.backend import plan as plans

NAMESPACE = ("unshare", "--map-auto", "--map-root-user")
INSIDE = (
    'mount --rbind /dev "$0/dev" && cd / && exec chroot "$0" sh -c \'cd "$0" && exec "$@"\' "$@"'
)
PATH = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")


def refuse(what: str) -> Never:
    raise UnsupportedError(f"the toy can't do {what}", status=125, hint="podman can")


@dataclass
class ToyContainer:
    step: RunContainer
    root: Path
    id: str

    def run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        command = self.step.command or ("sh",)
        if "/" in command[0]:
            found = self.root / command[0].lstrip("/")
        else:
            places = [self.root / place / command[0] for place in PATH]
            found = next((place for place in places if place.is_symlink()), places[0])
        if not (found.is_symlink() or found.exists()):
            return Exit(127, f"{command[0]}: not found")
        if found.is_dir() or not (found.is_symlink() or found.stat().st_mode & 0o111):
            return Exit(126, f"{command[0]}: not executable")
        argv = [*NAMESPACE, "--mount", "--pid", "--fork", "--kill-child"]
        argv += ["sh", "-c", INSIDE, str(self.root), self.step.working_directory or "/"]
        argv += ["env", "-i", "PATH=/bin", *(f"{n}={v}" for n, v in self.step.environment)]
        if stdio is Stdio.TERMINAL:
            status = subprocess.run([*argv, *command], check=False).returncode
        else:
            given = 0 if stdio is Stdio.PIPED else subprocess.DEVNULL
            status = programs.stream([*argv, *command], reporter.output, stdin=given)
        return Exit(status if status >= 0 else 128 - status)

    def copy_out(self, path: str, destination: Path) -> bool:
        refuse("copies out of a container")


class ToyEngine:
    rootless, remote, user_namespace = True, False, None

    def __init__(self, settings: EngineSettings) -> None:
        self.place = settings.data_directory / "toy"
        self.storage = str(self.place)
        self.place.mkdir(parents=True, exist_ok=True)

    def import_root(self, archive: Path, reference: str, labels: Pairs) -> Image:
        made = Image(hashlib.sha256(reference.encode()).hexdigest(), labels=labels)
        (self.place / made.id).mkdir()
        unpack = ["tar", "-C", str(self.place / made.id), "-xf", str(archive)]
        subprocess.run([*NAMESPACE, *unpack], check=True)
        return made

    def find_image(self, reference: str) -> Image | None:
        named = hashlib.sha256(reference.encode()).hexdigest()
        for found in (reference, named):
            if found and (self.place / found).is_dir():
                return Image(found)
        return None

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        return [self.find_image(reference) for reference in references]

    def warm_up(self) -> None:
        """Nothing is slow to start."""

    @contextmanager
    def container(self, step: RunContainer, image: Image) -> Iterator[ToyContainer]:
        plain = RunContainer(
            step.image,
            step.command,
            environment=step.environment,
            working_directory=step.working_directory,
            interactive=step.interactive,
            tty=step.tty,
        )
        if step != plain:
            refuse("more than a command in an image")
        root = self.place / f"container-{id(step)}"
        copy = ["cp", "-a", str(self.place / image.id), str(root)]
        subprocess.run([*NAMESPACE, *copy], check=True)
        try:
            yield ToyContainer(step, root, root.name)
        finally:
            subprocess.run([*NAMESPACE, "rm", "-rf", str(root)], check=True)

    def __getattr__(self, name: str) -> Callable[..., Never]:
        return lambda *_, **__: refuse(name)


class ToyBackend:
    name = "toy"

    def probe(self, settings: EngineSettings) -> Probe:
        if programs.which("unshare") is None:
            return Probe(None, "unshare is not there", "install util-linux")
        return Probe("1")

    @contextmanager
    def open(self, settings: EngineSettings) -> Iterator[ToyEngine]:
        yield ToyEngine(settings)

    def commands(self, step: plans.Step, settings: EngineSettings) -> tuple[tuple[str, ...], ...]:
        return () if isinstance(step, HostCommand) else refuse("commands to paste")
