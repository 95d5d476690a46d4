"""The interface of a backend, and nothing else: a plug-in imports this, `plan`, `events`,
`errors` and `process`, and is found through the entry-point group `rootless_build.backends`.

A backend is a class with the methods of `Backend`; it is made without arguments, and making it
does nothing. `tests/contract` is the suite each must pass.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Final, Protocol, Self

from msgspec import Struct

from rootless_build.model.errors import ContainerLeftError, RbuildError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, Json, Pairs, RunContainer, Step

__all__ = [
    "ALL_KINDS",
    "LABEL_BASE",
    "LABEL_BUILD",
    "LABEL_IMAGE",
    "LABEL_PLAN",
    "LABEL_PREFIX",
    "LABEL_PROCESS",
    "LABEL_PROJECT",
    "LABEL_SEGMENT",
    "LABEL_UNFINISHED",
    "PASSING_CACHE",
    "Adaptation",
    "Backend",
    "BuildMounting",
    "Container",
    "DockerCommands",
    "Engine",
    "EngineSettings",
    "Exit",
    "Image",
    "ImageContent",
    "ImageLabel",
    "ImageSaver",
    "ImageStore",
    "Leftover",
    "LeftoverKind",
    "ManifestLists",
    "Node",
    "Probe",
    "Stdio",
    "StoredImage",
    "StoredImages",
    "UserNamespace",
    "Witness",
    "build_mounting",
    "docker_commands",
    "fill",
    "image_saver",
    "image_store",
    "manifest_lists",
    "removed_at_end",
    "saved_images",
    "witness",
]

LABEL_PREFIX = "io.rbuild."
"""Every container, volume and image that rbuild makes carries labels with this prefix."""
LABEL_PROJECT = LABEL_PREFIX + "project"
LABEL_BUILD = LABEL_PREFIX + "build"
LABEL_PLAN = LABEL_PREFIX + "plan"
LABEL_PROCESS = LABEL_PREFIX + "process"
"""On a container: the rbuild it belongs to, as `rootless_build.process.identities.of_this`."""
LABEL_IMAGE = LABEL_PREFIX + "image"
"""On an image that a build made: see `ImageLabel`."""
LABEL_SEGMENT = LABEL_PREFIX + "segment"
"""Of a step that is a part of a build: its project, for what tells whose containers are. An image
need not have it.
"""
PASSING_CACHE = "rbuild-passing-"
"""Begins the id of a cache of `RUN --mount=type=cache` that nobody wants after its build."""
LABEL_UNFINISHED = LABEL_PREFIX + "unfinished"
"""On a container or image of which an engine was killed before it noted anything: when it was made,
in seconds since 1970. No engine can use it, and whose it is only the time tells."""
LABEL_BASE = LABEL_PREFIX + "base"
"""On an image made by `rbuild base`: the reference it stands in for."""


class ImageLabel(Struct, frozen=True):
    """What an image says of the build that made it: for which project, and out of what
    (`rootless_build.freshness`, 64 hex digits; empty where that can't be told).

    One label for both, because engines commit each as an instruction of its own: 0.03 s with
    podman 4.3.1, and 0.1 s where storage holds 600 images.
    """

    project: str
    fingerprint: str = ""

    @property
    def pair(self) -> tuple[str, str]:
        """Name and value."""
        return (LABEL_IMAGE, f"{self.fingerprint or '-'} {self.project}")

    @classmethod
    def of(cls, labels: Pairs) -> Self | None:
        """The label among those of an image; None for one that no build of rbuild's made."""
        value = dict(labels).get(LABEL_IMAGE)
        if value is None:
            return None
        fingerprint, _, project = value.partition(" ")
        return cls(project, fingerprint.removeprefix("-"))


class Adaptation(Struct, frozen=True):
    """A setting that rbuild chose for this host: what, to which value, and why.

    `fact` is what it was computed from, empty for a setting that is the same on every host.
    """

    setting: str
    value: str
    reason: str
    fact: str = ""

    def __str__(self) -> str:
        """`fact -> setting = value: reason`."""
        words = f"{self.setting} = {self.value}: {self.reason}"
        return f"{self.fact} -> {words}" if self.fact else words


class Node(Struct, frozen=True):
    """Another machine, on which this run's engine is: what the user calls it, its address, and the
    socket here at which the service there answers.
    """

    name: str
    url: str
    socket: Path


class EngineSettings(Struct, frozen=True):
    """How engines are started for this run (design: computed by `rootless_build.host`).

    `environment` is set for every engine command, over the process's own. `network` is the mode
    for steps that name none (None: the engine's own default). `isolation` is buildah's
    (`rootless`, `oci`, `chroot`; None: its default). `rootless` is false when rbuild runs as
    real root. `runtime_directory` is private to this run (0700, on a path short enough for a
    socket) and removed at its end; `data_directory` is the user's and lasts. `identity` stands for
    those settings, the user's own included, that can change what an engine makes.
    `subordinate_ids` are the sizes of the ranges of uids and of gids that the user has beside the
    own ones, in the order in which engines take them.
    """

    runtime_directory: Path
    data_directory: Path
    environment: Pairs = ()
    network: str | None = None
    isolation: str | None = None
    rootless: bool = True
    adaptations: tuple[Adaptation, ...] = ()
    identity: str = ""
    subordinate_ids: tuple[tuple[int, ...], tuple[int, ...]] = ((65536,), (65536,))
    node: Node | None = None
    """Where the engine is, for one on another machine: the settings are in force there."""


class UserNamespace(Struct, frozen=True):
    """How a program is run as root of the user namespace in which an engine's containers are.

    There 0 is the caller, and subordinate uids can be changed. `command` comes before the
    program's own words; it is empty for real root. `environment` is laid over rbuild's own.
    `process` is one that is in it and in its mount namespace, for who can enter these by itself
    (`process.namespaces`); it may have ended. None where there is no such.
    """

    command: tuple[str, ...]
    environment: tuple[tuple[str, str | None], ...] = ()
    process: int | None = None


class Probe(Struct, frozen=True):
    """A backend's own answer to "can you run here?".

    `version` is None when the engine is not installed. `problem` is empty when it can run, else
    one sentence for a person; `hint` is what to do about it. `builder` is what reads containerfiles
    where that is not the engine by its own name, with its version: `docker-classic 20.10.24`.
    """

    version: str | None
    problem: str = ""
    hint: str = ""
    builder: str = ""

    @property
    def usable(self) -> bool:
        """Whether the backend can be chosen."""
        return not self.problem


class Image(Struct, frozen=True):
    """An image in the engine's storage, as its configuration has it.

    `id` is the full id (64 hex digits, no `sha256:`). `layers` are the digests of its root file
    system's layers, `platform` is `OS/ARCHITECTURE[/VARIANT]`; both empty where an engine does not
    say.
    """

    id: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Pairs = ()
    working_directory: str = "/"
    user: str = ""
    labels: Pairs = ()
    volumes: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    platform: str = ""


class ImageContent(Struct, frozen=True):
    """What an image in the engine's storage is made of, as it lies on this host.

    `configuration` is the JSON whose sha256 is the image's id, docker's or OCI's. `layers` are the
    directories that its files are in, the top one first: those of its layers, to be laid over each
    other by the store's `mount_program`, or one that has them all; none for an image without files.
    Subordinate uids own what is in them: see `Engine.user_namespace`. Where the store has
    `archives` they are the tar archives of its layers instead, and the user's own.
    """

    configuration: bytes
    layers: tuple[Path, ...]


class ImageStore(Protocol):
    """Images of an engine, read where they lie and handed to it layer by layer."""

    @property
    def archives(self) -> bool:
        """Whether layers are archives: of an engine whose storage nobody can read from here."""

    @property
    def mount_program(self) -> str:
        """The fuse-overlayfs that lays layers over each other here; empty for the kernel."""

    @property
    def layout_transport(self) -> str:
        """What a FROM has before the directory that `add` would take, for a build that takes the
        image by itself; empty where no build does.
        """

    def content(self, image: Image) -> ImageContent | None:
        """What an image is made of, by its id. It starts no program, but where the store has
        `archives`: there the engine writes the image to a file, once.

        None for one that is not there, and for one whose layers are not all of this storage.
        """

    def has_layers(self, digests: Sequence[str]) -> bool:
        """Whether layers with these sha256, 64 hex digits each, are there upon each other, the
        lowest first; starts no program.
        """

    def add(self, layout: Path) -> Image:
        """Take the image that `rootless_build.images.layers.handover` wrote into a directory.

        It gets no name. The engine may use the directory for files of its own. Raises
        ImageBuildError with the engine's words.
        """


class ImageSaver(Protocol):
    """Writes images of an engine's storage to files."""

    def save(self, image: Image, place: Path) -> Path:
        """Write an image, by its id, into a directory in `place`, which is empty, and give that: it
        is as `ImageStore.add` takes it, with all layers, which may be compressed by gzip.

        The engine may use `place` for files of its own. Raises StepFailedError with its words.
        """


class ManifestLists(Protocol):
    """Images of several platforms in an engine's storage: each is a list of images."""

    def find(self, name: str) -> str | None:
        """The id of the list of that name; None where there is none, or an image."""

    def images(self, identity: str) -> frozenset[str]:
        """The ids of the images that the list of that id is of."""

    def make(self, images: Sequence[Image], names: Sequence[str]) -> str:
        """Put these images together, under these names, and give the id of the list.

        A name is taken from what had it before. Raises ImageBuildError with the engine's words.
        """

    def name(self, identity: str, name: str) -> None:
        """Give the list of that id one more name, as `make` does. Raises ImageBuildError."""


class Stdio(StrEnum):
    """What the container's standard streams are connected to.

    CLOSED: no input, output to the reporter. PIPED: rbuild's own standard input is passed on, to
    its end; output to the reporter. TERMINAL: all three are rbuild's own terminal, raw; window
    size and Ctrl-C reach the container; nothing goes to the reporter.
    """

    CLOSED = "closed"
    PIPED = "piped"
    TERMINAL = "terminal"


class Exit(Struct, frozen=True):
    """How a container ended.

    `status` is the command's own (128 + N after signal N); 127 command not found, 126 not
    executable, as docker run has it; 125 the engine could not start it. `engine_words` says why
    for those three. `out_of_memory`: the kernel killed it for memory.
    """

    status: int
    engine_words: str = ""
    out_of_memory: bool = False


class Container(Protocol):
    """A container that exists; it is removed when its context ends, whatever happened. Where the
    step says that it is not to be removed it stays once it has been run to its end.

    The end of the context raises ContainerLeftError when it stays, unless an exception ends it.
    """

    @property
    def id(self) -> str:
        """The engine's full id."""

    def run(self, reporter: StepReporter, stdio: Stdio) -> Exit:
        """Start it, hand its output over as it appears, and wait for its end.

        The reporter is flushed then: a last line may have no end. On KeyboardInterrupt or another
        exception the container is stopped before the exception goes on.
        """

    def copy_out(self, path: str, destination: Path) -> bool:
        """Copy what is in the directory `path` of the ended container into `destination`.

        `destination` exists. Owner of the copies is the caller; modes, times and links are kept.
        False when there is no such directory in the container.
        """


def fill(container: Container, source: Path, path: str) -> bool:
    """Have what is in the directory `source` in the directory `path` of a container that was not
    run yet, by its method `copy_in`, which it need not have. False where it has none.
    """
    copy_in: Callable[[Path, str], None] | None = getattr(container, "copy_in", None)
    if copy_in is None:
        return False
    copy_in(source, path)
    return True


@contextmanager
def removed_at_end(
    remove: Callable[[], None], stays: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """The context of a `Container`, for a backend whose `remove` raises an RbuildError when
    something stays. `stays` says at its end whether nothing is to be removed.

    Raises ContainerLeftError then, unless an exception ends the context: that is the one to tell.
    """
    try:
        yield
    except BaseException:
        if not stays():
            with suppress(RbuildError):
                remove()
        raise
    if stays():
        return
    try:
        remove()
    except RbuildError as error:
        raise ContainerLeftError(error.message, engine_words=error.engine_words) from error


class StoredImage(Struct, frozen=True):
    """An image in an engine's storage, whoever made it.

    `id` has 64 hex digits. `names` are all of its names. `labels` are without an `ImageLabel` that
    it has of an image it was made from, where that can be told. `layers` are what its files are
    kept in; images that share a layer keep it once. `copies` are those of the layers that hold all
    of its files with other owners, for containers whose user is the caller. `ancestors` are the ids
    of the images in storage that it was made from, `containers` the names of all containers that
    were made from it. `needed` says what else in storage needs it, empty for nothing.
    `label_proves`: its history shows that the build which gave it its `ImageLabel` made it, and
    that nobody called it otherwise since.
    """

    id: str
    names: tuple[str, ...] = ()
    labels: Pairs = ()
    layers: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    ancestors: frozenset[str] = frozenset()
    containers: tuple[str, ...] = ()
    needed: str = ""
    label_proves: bool = False


class StoredImages(Struct, frozen=True):
    """All images of an engine's storage. `held` are layers that something else keeps."""

    images: tuple[StoredImage, ...]
    held: frozenset[str] = frozenset()


class LeftoverKind(StrEnum):
    """What an earlier run can leave in an engine's storage."""

    CONTAINER = "container"
    VOLUME = "volume"
    BROKEN_IMAGE = "broken image"
    """One that an engine had no room to finish, or was killed while it did. No engine can use it,
    and podman 4.3.1 and buildah 1.28.2 list no images at all while it is there."""


ALL_KINDS: Final = frozenset(LeftoverKind)


class Leftover(Struct, frozen=True):
    """Something in the engine's storage that carries `io.rbuild.*` labels.

    `size` is in bytes, None where the engine does not say.
    """

    kind: LeftoverKind
    id: str
    name: str
    labels: Pairs
    size: int | None = None


class Engine(Protocol):
    """An open connection to an engine. All errors raised are `RbuildError`s."""

    @property
    def rootless(self) -> bool:
        """False when a privileged container of this engine has power over the host."""

    @property
    def remote(self) -> bool:
        """True when the engine does not see this host's files: nothing can be bind-mounted."""

    @property
    def user_namespace(self) -> UserNamespace | None:
        """Where files of its containers' users can be changed; None where only a daemon of another
        user could, or where they are on another host.
        """

    def find_image(self, reference: str) -> Image | None:
        """The image of that name or id in storage; never asks a registry."""

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        """The images of these names or ids, as `find_image` gives each.

        For a run that changes nothing this is all that an engine does, so it should cost one
        command and start no service.
        """

    def warm_up(self) -> None:
        """Containers will be needed: start, without waiting, what is slow to start."""

    def pull_image(
        self, reference: str, reporter: StepReporter, platform: str | None = None
    ) -> Image:
        """Fetch an image, for a platform if one is named; it has the name then.

        Raises ImageNotFoundError with the engine's words.
        """

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        """Build and tag. Raises ImageBuildError with the engine's words."""

    def copy_size(self, step: RunContainer, image: Image) -> int | None:
        """Bytes of the copy of `image` that `container` has to make first, for the `caller_ids` of
        the step. None where it needs none.
        """

    def container(self, step: RunContainer, image: Image) -> AbstractContextManager[Container]:
        """Make a container of `image` (never another, whatever `step.image` says).

        Raises StepFailedError with status 125 when the engine refuses, UnsupportedError
        for what this backend can't do.
        """

    def copy_image(self, image: Image, labels: Pairs, destination: Path) -> None:
        """Copy the files of an image into the existing directory `destination`.

        Owner of the copies is the caller; modes, times and links are kept. `labels` are for a
        container that lives meanwhile. Raises StepFailedError, and ContainerLeftError where that
        container stays.
        """

    def tag_image(self, image: Image, name: str) -> None:
        """Give an image one more name, which another may have had. Raises StepFailedError."""

    def discard_image(self, image: Image) -> None:
        """Remove an image that has no name. One that has, or that is used, stays: no error."""

    @property
    def storage(self) -> str:
        """What stands for the place of its images: the same for engines that share one."""

    def image_ids(self) -> frozenset[str]:
        """The ids of all images in storage, those without a name included: 64 hex digits each."""

    def stored_images(self) -> StoredImages:
        """All images in storage, and what keeps each."""

    def layer_sizes(self, images: Collection[StoredImage]) -> Mapping[str, int]:
        """Bytes in storage of each layer of these images and, by its id, of what each keeps
        beside. What is not there is not known.
        """

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        """Remove images, with the names that are given, without force, and no others.

        Those that are made of others come first. Returns why some stay, by their ids: one has
        another name now, or is used. What is gone already is no error.
        """

    def import_root(self, archive: Path, reference: str, labels: Pairs) -> Image:
        """Make an image of a root file system in a tar archive, tagged `reference`."""

    def remove_volume(self, name: str) -> bool:
        """Remove a named volume; False when there was none."""

    def give_back(self, directory: Path) -> None:
        """Make everything below `directory` the property of the user who runs rbuild.

        Containers of a non-root user leave files of subordinate uids there.
        """

    def leftovers(self, kinds: Collection[LeftoverKind] = ALL_KINDS) -> Sequence[Leftover]:
        """Everything of these kinds in this engine's storage that carries `io.rbuild.*` labels.

        The containers in which an image is built are among them, where a killed build leaves any.
        """

    def remove(self, leftover: Leftover) -> None:
        """Remove one of them: a container by force, with its processes; a volume only where no
        container has it.
        """


def image_store(engine: Engine) -> ImageStore | None:
    """Where an engine has its property `image_store`, which it need not have.

    None where images can't be read as they lie or not be handed over: a daemon's, another host's,
    those of a storage driver that lays them out in a way of its own.
    """
    found: ImageStore | None = getattr(engine, "image_store", None)
    return found


def saved_images(engine: Engine) -> ImageStore | None:
    """Where an engine has its property `saved_images`, which it need not have.

    The same images as in `image_store`, with archives for layers: for what can't be read where it
    lies. None for an engine that has no other way to read them.
    """
    found: ImageStore | None = getattr(engine, "saved_images", None)
    return found


def image_saver(engine: Engine) -> ImageSaver | None:
    """Where an engine has its property `image_saver`, which it need not have; None where it writes
    no images.
    """
    found: ImageSaver | None = getattr(engine, "image_saver", None)
    return found


def manifest_lists(engine: Engine) -> ManifestLists | None:
    """Where an engine has its property `manifest_lists`, which it need not have.

    None where the engine itself builds an image for several platforms, or can't have one.
    """
    found: ManifestLists | None = getattr(engine, "manifest_lists", None)
    return found


BuildMounting = Callable[[BuildImage, Pairs, StepReporter], Image]
"""`Engine.build_image`, whose RUNs have more mounted: files and directories of this host, each with
its path in the container. Nothing of them is in the image.
"""


def build_mounting(engine: Engine) -> BuildMounting | None:
    """Where an engine has its property `build_mounting`, which it need not have; None where a RUN
    has nothing that its instruction does not name.
    """
    found: BuildMounting | None = getattr(engine, "build_mounting", None)
    return found


class DockerCommands(Protocol):
    """Docker's commands that are no steps, done by an engine for a script that calls docker."""

    @property
    def keeps_containers(self) -> bool:
        """Whether there are containers that outlive their command, networks and volumes."""

    @property
    def is_docker(self) -> bool:
        """True for docker itself: whole command lines are passed on to it, and nothing is asked."""

    def command(self, words: Sequence[str]) -> tuple[Sequence[str], Mapping[str, str | None]]:
        """The engine's own command line for words that it takes as docker does, and what is laid
        over the environment for it.
        """

    def ask(
        self, method: str, path: str, query: Mapping[str, str] = ..., body: Json = ...
    ) -> tuple[int, Json]:
        """An answer of the interface that is docker's (`/containers/json`), or the engine's own
        (`/libpod/containers/json`): the status of HTTP, and what was said.

        Raises BackendUnavailableError where nobody answers.
        """

    def create(self, step: RunContainer, image: Image) -> str:
        """Make a container as `Engine.container` does, which stays; its id. It is not started.

        Raises what `Engine.container` does.
        """


def docker_commands(engine: Engine) -> DockerCommands | None:
    """Where an engine has its property `docker_commands`, which it need not have.

    None for one that can do nothing in docker's place but steps.
    """
    found: DockerCommands | None = getattr(engine, "docker_commands", None)
    return found


class Backend(Protocol):
    """A plug-in."""

    name: ClassVar[str]

    def probe(self, settings: EngineSettings) -> Probe:
        """Whether this backend can run here. Starts no container; under 100 ms."""

    def open(self, settings: EngineSettings) -> AbstractContextManager[Engine]:
        """Connect, starting a private service where one is needed; it ends with the context.

        Raises BackendUnavailableError.
        """

    def commands(self, step: Step, settings: EngineSettings) -> tuple[tuple[str, ...], ...]:
        """The step as argument lists that can be pasted into a shell; needs no engine.

        Empty for a HostCommand, and for what is not expanded.
        """


class Witness(Protocol):
    """Says without the engine whether it would answer as it did: what its answers depend on, read
    in files. Whoever is in doubt says nothing, and the engine is asked.
    """

    @property
    def setup(self) -> str:
        """Which program answers, with which settings and of which storage: with the same text it
        has the same version, and looks for images in the same place.
        """

    def place(self, store: ImageStore | None) -> str | None:
        """Where the images of the engine are on record; `store` is its `image_store`. None where it
        may know of others too. With the same `setup` it is the same.
        """

    def tell(self, place: str) -> None:
        """Have an engine that is opened with the same settings know the place."""

    def records(self, place: str, before: int | None = None) -> str | None:
        """What changes with every image that comes, goes or is named anew in a place; None where
        that can't be told. With `before`, in nanoseconds since 1970, it was the same then.
        """

    def parts(self, store: ImageStore | None, image: Image) -> tuple[str, ...]:
        """What `image` has to be given of an image that the engine has just found; empty where
        nothing of it can be looked at.
        """

    def image(self, identity: str, parts: tuple[str, ...]) -> Image | None:
        """The image of that id, if it is still there as a whole; else None."""


def witness(backend: Backend, settings: EngineSettings) -> Witness | None:
    """Where a backend has its method `witness`, which it need not have; None where what its engine
    answers can't be told from outside.
    """
    find: Callable[[EngineSettings], Witness | None] | None = getattr(backend, "witness", None)
    return find(settings) if find is not None else None
