"""A backend over unshare(1): images are directories, containers are copies of them, and no more."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from rootless_build.backend import (
    BindMount,
    EngineSettings,
    Exit,
    HostCommand,
    Image,
    Pairs,
    Probe,
    RunContainer,
    Stdio,
    Step,
    StepFailedError,
    StepReporter,
    UnsupportedError,
    UserNamespace,
    platforms,
    programs,
    references,
)
from rootless_build.backend.bind_sources import make_sources
from rootless_build.backend.copying import unpack_output
from rootless_build.backend.ownership import give_back
from rootless_build.backend.partial import PartialEngine, refuse_others

NAMESPACE = ("unshare", "--map-auto", "--map-root-user")
KNOWN = ("command", "entrypoint", "environment", "mounts", "working_directory")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
INSIDE = """
import ctypes, json, os, pathlib, signal, subprocess, sys
root, words, directory, argv, environment, mounts = json.loads(sys.argv[1])
root, said = pathlib.Path(root), open(words, "w")
mounts.sort(key=lambda mount: mount[2].count("/"))
for how, source, target in (("rbind", "/dev", "/dev"), ("rbind", "/proc", "/proc"), *mounts):
    place = root / target.lstrip("/")
    kind = pathlib.Path.mkdir if os.path.isdir(source) else pathlib.Path.touch
    place.parent.mkdir(parents=True, exist_ok=True)
    kind(place, exist_ok=True)
    subprocess.run(["mount", f"--{how.split(',')[0]}", source, place], check=True)
    if how.endswith("ro"):
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
os.chroot(root)
os.makedirs(directory, exist_ok=True)
os.chdir(directory)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.SIG_DFL)
ctypes.CDLL(None).prctl(24, 21, 0, 0, 0)  # no CAP_SYS_ADMIN: nothing is mounted inside
try:
    os.execvpe(argv[0], argv, environment)
except OSError as error:
    said.write(f"{argv[0]}: {error.strerror}")
    sys.exit(126 if isinstance(error, PermissionError) else 127)
"""


class ToyContainer:
    def __init__(self, step: RunContainer, root: Path) -> None:
        self.step, self.root, self.id = step, root, root.name
        self.words = root.with_suffix(".words")

    def argv(self, command: tuple[str, ...], **more: str) -> tuple[str, ...]:
        step = self.step
        environment = {"PATH": PATH, "HOME": "/root", **more, **dict(step.environment)}
        mounts = [
            ("bind,ro" if mount.read_only else "bind", str(mount.source), mount.target)
            for mount in step.mounts
            if isinstance(mount, BindMount)
        ]
        what = [str(self.root), str(self.words), step.working_directory or "/"]
        told = json.dumps([*what, [*(step.entrypoint or ()), *command], environment, mounts])
        alone = ("--mount", "--pid", "--fork", "--kill-child")
        return (*NAMESPACE, *alone, sys.executable, "-I", "-c", INSIDE, told)

    def run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        command = self.step.command or ("sh",)
        if stdio is Stdio.TERMINAL:
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)
            status = subprocess.run(self.argv(command, TERM="xterm"), check=False).returncode
            signal.signal(signal.SIGINT, before)
        else:
            given = 0 if stdio is Stdio.PIPED else subprocess.DEVNULL
            status = programs.stream(self.argv(command), reporter.output, stdin=given)
            reporter.flush()
        return Exit(status if status >= 0 else 128 - status, self.words.read_text())

    def copy_out(self, path: str, destination: Path) -> bool:
        pack = self.argv(("tar", "-c", "-C", f"{path}/", "."))
        return unpack_output(pack, destination, {}).status == 0


class ToyEngine(PartialEngine):
    user_namespace = UserNamespace(NAMESPACE)

    def __init__(self, settings: EngineSettings) -> None:
        self.place = settings.data_directory / "toy"
        self.storage = str(self.place)
        self.place.mkdir(parents=True, exist_ok=True)

    def import_root(self, archive: Path, reference: str, labels: Pairs) -> Image:
        digest = hashlib.sha256(archive.read_bytes() + reference.encode()).hexdigest()
        made = Image(digest, labels=labels, layers=(digest,), platform=platforms.host())
        (self.place / digest).mkdir()
        self.as_root("tar", "-C", str(self.place / digest), "-xf", str(archive))
        for name in (digest, references.canonical(reference)):
            self.record(name).write_bytes(msgspec.json.encode(made))
        return made

    def record(self, name: str) -> Path:
        return self.place / f"{hashlib.sha256(name.encode()).hexdigest()}.json"

    def as_root(self, *argv: str) -> None:
        done = programs.capture([*NAMESPACE, *argv])
        if done.status != 0:
            raise StepFailedError(f"the toy failed: {argv[0]}", engine_words=done.words)

    def find_image(self, reference: str) -> Image | None:
        for name in (reference.removeprefix("sha256:"), references.canonical(reference)):
            if self.record(name).exists():
                return msgspec.json.decode(self.record(name).read_bytes(), type=Image)
        return None

    def give_back(self, directory: Path) -> None:
        give_back(directory, self.user_namespace)

    @contextmanager
    def container(self, step: RunContainer, image: Image) -> Iterator[ToyContainer]:
        refuse_others(step, KNOWN, "the toy")
        if not all(isinstance(mount, BindMount) for mount in step.mounts):
            raise UnsupportedError("the toy can't do --tmpfs and volumes", hint="podman can")
        make_sources(step)
        root = Path(tempfile.mkdtemp(prefix="container-", dir=self.place), "root")
        try:
            self.as_root("cp", "-a", str(self.place / image.id), str(root))
            yield ToyContainer(step, root)
        finally:
            self.as_root("rm", "-rf", str(root.parent))


class ToyBackend:
    name = "toy"

    def probe(self, settings: EngineSettings) -> Probe:
        if programs.which("unshare") is None:
            return Probe(None, "unshare is not there", "install util-linux")
        return Probe("1")

    @contextmanager
    def open(self, settings: EngineSettings) -> Iterator[ToyEngine]:
        yield ToyEngine(settings)

    def commands(self, step: Step, settings: EngineSettings) -> tuple[tuple[str, ...], ...]:
        if isinstance(step, HostCommand):
            return ()
        raise UnsupportedError("the toy has no commands to paste", hint="podman has")
