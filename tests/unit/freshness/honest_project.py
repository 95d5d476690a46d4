"""A project that is edited at random, and an engine with an honest memory.

Its images and bundles are digests of what it was really given, worked out by code of its own: no
index, no combined patterns.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rootless_build.backend.api import Container, Exit, Image, Stdio
from rootless_build.files.tree import link_text
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.snapshots import Snapshots
from rootless_build.model.errors import ImageNotFoundError
from rootless_build.model.events import Event, StepReporter
from rootless_build.model.plan import BindMount, BuildImage, Bundles, Pairs, Plan, RunContainer
from rootless_build.model.structs import replace
from rootless_build.runner import run
from rootless_build.runner.options import Options
from tests.unit.backend.idle_engine import IdleEngine

BASE = "docker.io/library/debian:bookworm"
TAG = "project-dev"
PULLED = Image("b" * 64, layers=("pulled",))
"""What the registry has under the name of the base image."""


def sha(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()


# --- what building from scratch sees ------------------------------------------------------------


def listing(root: Path, ignored: Callable[[str], bool] = lambda _: False) -> str:
    """Every path below root that counts, with all that counts of it."""
    rows = []
    for directory, names, files in os.walk(root):
        for name in sorted((*names, *files)):
            path = Path(directory, name)
            below = path.relative_to(root).as_posix()
            if ignored(below):
                continue
            mode = path.lstat().st_mode
            content = (
                link_text(path)
                if stat.S_ISLNK(mode)
                else path.read_bytes().hex()
                if stat.S_ISREG(mode)
                else ""
            )
            rows.append((below, mode, content))
    return sha(sorted(rows))


def ignored_by(text: str) -> Callable[[str], bool]:
    """Only the patterns that the edits use: names, directories, `*.ext`, `**/name`, and `!name`."""

    def matches(pattern: str, path: str) -> bool:
        parts = path.split("/")
        parents = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        if pattern.startswith("**/"):
            return pattern[3:] in parts
        if pattern.startswith("*."):
            return parts[0].endswith(pattern[1:])
        return pattern in parents

    def ignored(path: str) -> bool:
        verdict = False
        for line in text.split():
            exception = line.startswith("!")
            if matches(line.removeprefix("!"), path):
                verdict = not exception
        return verdict

    return ignored


# --- the engine ---------------------------------------------------------------------------------


@dataclass
class HonestContainer:
    engine: HonestEngine
    step: RunContainer
    image: Image
    id: str = "c"

    def run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        bundles = [m.source for m in self.step.mounts if m.target == "/bundles"]  # type: ignore[union-attr]
        early = random.Random(self.engine.ran).random() < 0.5
        if not early:
            self.engine.meanwhile()
        made = self.engine.bundles_of(self.step, self.image)
        if early:
            self.engine.meanwhile()
        write_bundles(bundles[0], made)
        self.engine.ran += 1
        return Exit(0)

    def copy_out(self, path: str, destination: Path) -> bool:
        return False


def write_bundles(directory: Path, digest: str) -> None:
    for old in directory.iterdir():
        shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    (directory / "binary").mkdir()
    program = directory / "binary" / "dockerd"
    program.write_text(digest)
    program.chmod(0o755)
    (directory / "latest").symlink_to("binary")


@dataclass
class HonestEngine(IdleEngine):
    """Images by id, and the names they have."""

    images: dict[str, Image] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    built: int = 0
    ran: int = 0
    rootless: bool = True
    remote: bool = False
    meanwhile: Callable[[], None] = lambda: None

    def add(self, name: str, image: Image) -> Image:
        self.images[image.id] = image
        self.names[name] = image.id
        return image

    def find_image(self, reference: str) -> Image | None:
        return self.images.get(self.names.get(reference, reference))

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        return [self.find_image(reference) for reference in references]

    def warm_up(self) -> None:
        """Nothing to start."""

    def pull_image(
        self, reference: str, reporter: StepReporter, platform: str | None = None
    ) -> Image:
        if reference != BASE:
            raise ImageNotFoundError("gone", reference=reference)
        return self.add(BASE, PULLED)

    def layers_of(self, step: BuildImage) -> tuple[str, ...]:
        base = self.find_image(BASE) or PULLED
        file = step.context / "Dockerfile"
        ignore = step.context / "Dockerfile.dockerignore"
        if not ignore.exists():
            ignore = step.context / ".dockerignore"
        ignored = ignored_by(ignore.read_text() if ignore.exists() else "")
        arguments = sorted(dict(step.build_args).items())
        return (
            *base.layers,
            sha(base.id, file.read_text(), arguments, listing(step.context, ignored)),
        )

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        moment = random.Random(self.built).choice(["before", "between", "after"])
        if moment == "before":
            self.meanwhile()
        layers = self.layers_of(step)
        if moment == "between":
            self.meanwhile()
        for number, (name, value) in enumerate(step.labels, 1):
            reporter.instruction(number, len(step.labels), f'LABEL "{name}"="{value}"')
        if moment == "after":
            self.meanwhile()
        self.built += 1
        image = Image(sha(layers, step.labels), labels=step.labels, layers=layers)
        return self.add(TAG, image)

    def bundles_of(self, step: RunContainer, image: Image) -> str:
        mounted = [
            (m.target, listing(m.source))
            for m in step.mounts
            if isinstance(m, BindMount) and m.target != "/bundles"
        ]
        return sha(image.layers, sorted(dict(step.environment).items()), step.command, mounted)

    @contextmanager
    def container(self, step: RunContainer, image: Image) -> Iterator[Container]:
        yield HonestContainer(self, step, image)

    def copy_image(self, image: Image, labels: Pairs, destination: Path) -> None:
        (destination / "dockerd").write_text(sha(image.layers))

    def tag_image(self, image: Image, name: str) -> None:
        self.names[name] = image.id

    def discard_image(self, image: Image) -> None:
        """It takes no place."""


# --- the project and its edits ------------------------------------------------------------------


class Project:
    """A checkout, the words of the command line, and the engine's storage."""

    def __init__(self, place: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.root = place / "project"
        self.cache = place / "cache"
        self.engine = HonestEngine()
        self.engine.pull_image(BASE, StepReporter(lambda _: None, 1))
        self.environment = {"FLAVOR": "plain"}
        self.arguments = {"NOTE": "none"}
        self.taken_back: Callable[[], None] = lambda: None
        self.command = ["hack/make.sh", "binary"]
        self.events: list[Event] = []
        for name in ("src/main.go", "src/a/b.go", "src/a/c.go", "docs/x.md", "VERSION", "note.txt"):
            self.write(name, name)
        (self.root / "link").symlink_to("VERSION")
        (self.root / "empty").mkdir()
        self.write(".git/HEAD", "ref: refs/heads/master")
        self.write(".git/refs/heads/master", "1" * 40)
        self.write("Dockerfile", "FROM debian:bookworm\nCOPY . /src\n")
        self.write(".dockerignore", "bundles\n.git\n")

    @property
    def bundles(self) -> Path:
        return self.root / "bundles"

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    @property
    def build(self) -> BuildImage:
        return BuildImage(
            self.root, tags=(TAG,), build_args=tuple(self.arguments.items()), origin=None
        )

    @property
    def container(self) -> RunContainer:
        return RunContainer(
            TAG,
            command=tuple(self.command),
            environment=tuple(self.environment.items()),
            mounts=(
                BindMount(self.bundles, "/bundles"),
                BindMount(self.root / ".git", "/src/.git"),
            ),
        )

    def run(self) -> tuple[bool, bool]:
        """Whether rbuild built the image, and ran the container."""
        plan = Plan(self.root, (self.build, self.container), Bundles(self.bundles))
        before = self.engine.built, self.engine.ran
        events = self.events = []
        snapshots = Snapshots(plan, self.cache)
        snapshots.look_ahead()
        engine = (("the engine", "honest 1"),)
        freshness = PlanFreshness(plan, engine, self.cache, snapshots=snapshots)
        run.run(plan, self.engine, Options(), events.append, freshness)
        return self.engine.built > before[0], self.engine.ran > before[1]

    def needs_build(self) -> bool:
        """Whether the image of a build from scratch is another one than that in storage."""
        if self.engine.find_image(BASE) is None:
            return True
        image = self.engine.find_image(TAG)
        return image is None or image.layers != self.engine.layers_of(self.build)

    def scratch_bundles(self) -> str:
        """The bundles that building from scratch comes to."""
        made = Image("x", layers=self.engine.layers_of(self.build))
        expected = self.cache.parent / "expected"
        shutil.rmtree(expected, ignore_errors=True)
        expected.mkdir()
        write_bundles(expected, self.engine.bundles_of(self.container, made))
        return listing(expected)

    def is_right(self) -> bool:
        """Whether the bundles that are there are those."""
        made = self.scratch_bundles()
        return self.bundles.is_dir() and listing(self.bundles) == made

    # --- edits ----------------------------------------------------------------------------------

    def files(self) -> list[Path]:
        found = [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink()]
        kept = ("Dockerfile", ".dockerignore", "Dockerfile.dockerignore")
        return [
            path
            for path in found
            if path.name not in kept
            and not path.relative_to(self.root).parts[0].startswith(("bundles", ".bundles"))
        ]

    def some_file(self) -> Path:
        files = self.files()
        if not files:
            self.write("again", "x")
            files = self.files()
        return self.random.choice(files)

    def same_size_and_time(self) -> None:
        path = self.some_file()
        status = path.stat()
        content = bytes((byte + 1) % 128 for byte in path.read_bytes()) or b"x"
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def content(self) -> None:
        path = self.some_file()
        path.write_text(str(self.random.random()))

    def append(self) -> None:
        with self.some_file().open("a") as file:
            file.write("more")

    def mode(self) -> None:
        path = self.some_file()
        path.chmod(stat.S_IMODE(path.stat().st_mode) ^ 0o111)

    def mode_of_directory(self) -> None:
        path = self.random.choice([self.root / "src", self.root / "empty", self.root / "docs"])
        path.mkdir(exist_ok=True)
        path.chmod(stat.S_IMODE(path.stat().st_mode) ^ 0o005)

    def retarget(self) -> None:
        link = self.root / "link"
        target = link_text(link)
        link.unlink()
        link.symlink_to("VERSION" if target != "VERSION" else "src/gone")

    def link_becomes_file(self) -> None:
        link = self.root / "link2"
        if link.is_symlink():
            link.unlink()
            link.write_text("VERSION")
        else:
            link.unlink(missing_ok=True)
            link.symlink_to("VERSION")

    def touch(self) -> None:
        os.utime(self.some_file(), ns=(0, self.random.randrange(10**18)))

    def rewrite(self) -> None:
        """A new inode with the same content and mode, as editors and git write it."""
        path = self.some_file()
        other = path.with_name(".swap")
        shutil.copyfile(path, other)
        shutil.copymode(path, other)
        other.replace(path)

    def rename(self) -> None:
        path = self.some_file()
        path.rename(path.with_name(f"renamed-{self.random.randrange(5)}"))

    def exchange(self) -> None:
        """Two files take each other's names: no time of theirs but the change time moves."""
        one, other = self.some_file(), self.some_file()
        if one != other:
            between = self.root / ".between"
            one.rename(between)
            other.rename(one)
            between.rename(other)

    def add(self) -> None:
        self.write(f"src/new{self.random.randrange(6)}/file.{self.random.choice('abc')}", "new")

    def add_directory(self) -> None:
        (self.root / f"dir{self.random.randrange(4)}").mkdir(exist_ok=True)

    def delete(self) -> None:
        self.some_file().unlink()

    def delete_directory(self) -> None:
        shutil.rmtree(self.root / f"src/new{self.random.randrange(6)}", ignore_errors=True)

    def ignore(self) -> None:
        lines = ["bundles", ".git"]
        patterns = ["docs", "*.txt", "src/a", "**/main.go", "src/new1", "VERSION", "empty"]
        lines += self.random.sample(patterns, self.random.randrange(4))
        if self.random.random() < 0.3:
            lines += self.random.sample(["!src/a/b.go", "!VERSION", "!docs"], 1)
        self.write(".dockerignore", "\n".join(lines))

    def other_ignore_file(self) -> None:
        own = self.root / "Dockerfile.dockerignore"
        if own.exists():
            own.unlink()
        else:
            own.write_text("bundles\n.git\nsrc/a\n")

    def variable(self) -> None:
        self.environment[self.random.choice(["FLAVOR", "KEEP"])] = str(self.random.randrange(3))

    def variable_goes(self) -> None:
        self.environment.pop("KEEP", None)

    def argument(self) -> None:
        self.arguments["NOTE"] = str(self.random.randrange(3))

    def other_command(self) -> None:
        self.command[1] = self.random.choice(["binary", "dynbinary"])

    def dockerfile(self) -> None:
        line = self.random.choice(["RUN a", "RUN b", "# note"])
        self.write("Dockerfile", f"FROM debian:bookworm\nCOPY . /src\n{line}\n")

    def bundle_goes(self) -> None:
        (self.bundles / "binary" / "dockerd").unlink(missing_ok=True)

    def bundles_go(self) -> None:
        shutil.rmtree(self.bundles, ignore_errors=True)

    def bundle_altered(self) -> None:
        path = self.bundles / "binary" / "dockerd"
        if path.exists():
            status = path.stat()
            path.write_bytes(path.read_bytes()[::-1])
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    def bundle_mode(self) -> None:
        path = self.bundles / "binary" / "dockerd"
        if path.exists():
            path.chmod(0o700)

    def bundle_link(self) -> None:
        link = self.bundles / "latest"
        if link.is_symlink():
            link.unlink()
            link.symlink_to("elsewhere")

    def bundle_added(self) -> None:
        if self.bundles.is_dir():
            (self.bundles / "extra").write_text("x")

    def image_goes(self) -> None:
        self.engine.names.pop(TAG, None)

    def image_replaced(self) -> None:
        """Somebody else's image, made of ours: it has inherited the labels."""
        ours = self.engine.find_image(TAG)
        if ours is not None:
            layers = (*ours.layers, "theirs")
            self.engine.add(TAG, replace(ours, id=sha(layers), layers=layers))

    def base_moves(self) -> None:
        number = self.random.randrange(4)
        self.engine.add(BASE, Image(str(number) * 64, layers=(f"base {number}",)))

    def base_goes(self) -> None:
        self.engine.names.pop(BASE, None)

    def git(self) -> None:
        self.write(".git/refs/heads/master", str(self.random.randrange(3)) * 40)

    def index_goes(self) -> None:
        for file in self.cache.glob("*.index"):
            if self.random.random() < 0.5:
                file.unlink()

    def nothing(self) -> None:
        """Most runs find nothing changed."""

    def meanwhile_passing(self) -> None:
        """A change while the image is built, or the container runs, that is taken back later."""
        self.content() if self.random.random() < 0.7 else self.bundle_goes()
        waiting = [self.passing]
        self.engine.meanwhile = lambda: waiting.pop()() if waiting else None

    def meanwhile(self) -> None:
        """The next edit happens while a step is done."""
        edits = (self.content, self.add, self.delete, self.git, self.git, self.mode)
        edit = self.random.choice(edits)
        waiting = [self.random.randrange(2)]

        def now() -> None:
            if waiting and waiting.pop() == 0:
                edit()

        self.engine.meanwhile = now

    def passing(self) -> None:
        """A change that is taken back after the run."""
        path = self.some_file()
        head = self.root / ".git/HEAD"
        if self.random.random() < 0.5 and head.exists():
            path = head
        content = path.read_bytes()
        path.write_bytes(content + b"passing")
        self.taken_back = lambda: (path.write_bytes(content), None)[1]
