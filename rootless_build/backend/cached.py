"""An engine that is asked for an image once: a question is a process, 0.05 s of podman's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from rootless_build.backend.api import (
    ALL_KINDS,
    BuildMounting,
    Container,
    DockerCommands,
    Engine,
    Image,
    ImageContent,
    ImageSaver,
    ImageStore,
    Leftover,
    LeftoverKind,
    ManifestLists,
    StoredImage,
    StoredImages,
    UserNamespace,
    build_mounting,
    docker_commands,
    image_saver,
    image_store,
    manifest_lists,
    saved_images,
)
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage, Pairs, RunContainer
from rootless_build.model.references import check as check_name


class _ForgettingStore:
    """See `rootless_build.backend.api.ImageStore`."""

    def __init__(self, store: ImageStore, changed: Callable[[], AbstractContextManager[None]]):
        self._store = store
        self._changed = changed

    @property
    def archives(self) -> bool:
        return self._store.archives

    @property
    def mount_program(self) -> str:
        return self._store.mount_program

    @property
    def layout_transport(self) -> str:
        return self._store.layout_transport

    def content(self, image: Image) -> ImageContent | None:
        return self._store.content(image)

    def has_layers(self, digests: Sequence[str]) -> bool:
        return self._store.has_layers(digests)

    def add(self, layout: Path) -> Image:
        with self._changed():
            return self._store.add(layout)


class _ForgettingLists:
    """See `rootless_build.backend.api.ManifestLists`."""

    def __init__(
        self, lists: ManifestLists, changed: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._lists = lists
        self._changed = changed

    def find(self, name: str) -> str | None:
        return self._lists.find(name)

    def images(self, identity: str) -> frozenset[str]:
        return self._lists.images(identity)

    def make(self, images: Sequence[Image], names: Sequence[str]) -> str:
        with self._changed():
            return self._lists.make(images, names)

    def name(self, identity: str, name: str) -> None:
        with self._changed():
            self._lists.name(identity, name)


class RememberingEngine:
    """See `rootless_build.backend.api.Engine`.

    What it knows of images holds until it does something that changes them or that takes time, in
    which others may change them; `changed` is called then. `known` gives what was found out before;
    it may take its time.
    """

    def __init__(
        self,
        engine: Engine,
        known: Callable[[], Mapping[str, Image | None]],
        changed: Callable[[], None] | None = None,
    ) -> None:
        self._engine = engine
        self._changed = changed
        self._first: Callable[[], Mapping[str, Image | None]] | None = known
        self._known: dict[str, Image | None] = {}

    @property
    def rootless(self) -> bool:
        """The engine's own answer, as everywhere below."""
        return self._engine.rootless

    @property
    def remote(self) -> bool:
        return self._engine.remote

    @property
    def user_namespace(self) -> UserNamespace | None:
        return self._engine.user_namespace

    @property
    def image_store(self) -> ImageStore | None:
        store = image_store(self._engine)
        return _ForgettingStore(store, self._forgetting) if store is not None else None

    @property
    def saved_images(self) -> ImageStore | None:
        store = saved_images(self._engine)
        return _ForgettingStore(store, self._forgetting) if store is not None else None

    @property
    def image_saver(self) -> ImageSaver | None:
        return image_saver(self._engine)

    @property
    def docker_commands(self) -> DockerCommands | None:
        # A call of docker is a process of its own: what is remembered there ends with it.
        return docker_commands(self._engine)

    @property
    def manifest_lists(self) -> ManifestLists | None:
        lists = manifest_lists(self._engine)
        return _ForgettingLists(lists, self._forgetting) if lists is not None else None

    def find_image(self, reference: str) -> Image | None:
        return self.find_images((reference,))[0]

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        first, self._first = self._first, None
        if first is not None:
            self._known = dict(first())
        # Another thread may change images meanwhile: what is found here is forgotten then.
        known = self._known
        new = tuple(name for name in dict.fromkeys(references) if name not in known)
        for name in new:
            check_name(name)
        if len(new) == 1:
            known[new[0]] = self._engine.find_image(new[0])
        elif new:
            known |= zip(new, self._engine.find_images(new), strict=True)
        return [known[name] for name in references]

    def warm_up(self) -> None:
        self._engine.warm_up()

    def pull_image(
        self, reference: str, reporter: StepReporter, platform: str | None = None
    ) -> Image:
        with self._forgetting():
            if platform is None:
                # A plug-in of before 0.2.0 knows no more.
                return self._engine.pull_image(reference, reporter)
            return self._engine.pull_image(reference, reporter, platform)

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        with self._forgetting():
            return self._engine.build_image(step, reporter)

    @property
    def build_mounting(self) -> BuildMounting | None:
        mounting = build_mounting(self._engine)
        if mounting is None:
            return None

        def build(step: BuildImage, mounts: Pairs, reporter: StepReporter) -> Image:
            with self._forgetting():
                return mounting(step, mounts, reporter)

        return build

    def copy_size(self, step: RunContainer, image: Image) -> int | None:
        return self._engine.copy_size(step, image)

    @contextmanager
    def container(self, step: RunContainer, image: Image) -> Iterator[Container]:
        with self._forgetting(), self._engine.container(step, image) as container:
            yield container

    def copy_image(self, image: Image, labels: Pairs, destination: Path) -> None:
        with self._forgetting():
            self._engine.copy_image(image, labels, destination)

    def tag_image(self, image: Image, name: str) -> None:
        with self._forgetting():
            self._engine.tag_image(image, name)

    def discard_image(self, image: Image) -> None:
        with self._forgetting():
            self._engine.discard_image(image)

    @property
    def storage(self) -> str:
        return self._engine.storage

    def image_ids(self) -> frozenset[str]:
        return self._engine.image_ids()

    def stored_images(self) -> StoredImages:
        return self._engine.stored_images()

    def layer_sizes(self, images: Collection[StoredImage]) -> Mapping[str, int]:
        return self._engine.layer_sizes(images)

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        with self._forgetting():
            return self._engine.remove_images(images)

    def import_root(self, archive: Path, reference: str, labels: Pairs) -> Image:
        with self._forgetting():
            return self._engine.import_root(archive, reference, labels)

    def remove_volume(self, name: str) -> bool:
        return self._engine.remove_volume(name)

    def give_back(self, directory: Path) -> None:
        self._engine.give_back(directory)

    def leftovers(self, kinds: Collection[LeftoverKind] = ALL_KINDS) -> Sequence[Leftover]:
        return self._engine.leftovers(kinds)

    def remove(self, leftover: Leftover) -> None:
        with self._forgetting():
            self._engine.remove(leftover)

    def forget(self) -> None:
        """Look for images anew: something else than this engine may have changed them."""
        self._known, self._first = {}, None
        if self._changed is not None:
            self._changed()

    @contextmanager
    def _forgetting(self) -> Iterator[None]:
        try:
            yield
        finally:
            self.forget()
