"""buildah as an engine (`rootless_build.backend.api.Engine`)."""

from __future__ import annotations

import contextlib
import functools
import json
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

from rbuild_buildah import rootfs
from rbuild_buildah.command import CHROOT, PROGRAM, Buildah, isolation_arguments, own_words
from rbuild_buildah.container import WorkingContainer, remove, working_container
from rbuild_buildah.store import Store
from rbuild_containers import (
    image_files,
    manifest_lists,
    mapped_images,
    stored_images,
    told_place,
)
from rbuild_containers.build import build_arguments, mount_arguments
from rbuild_containers.build_log import BuildLog
from rbuild_containers.builds import Builds
from rbuild_containers.id_maps import id_maps
from rbuild_containers.image_config import image_from_config
from rbuild_containers.image_removal import pruned_with, remove_together
from rbuild_containers.killing import is_mounted
from rbuild_containers.pulling import of_platform, pull
from rbuild_containers.runtime_state import RuntimeStates
from rbuild_containers.storage_options import with_buildahs
from rbuild_containers.temporary import build_directory, own_bundles
from rbuild_containers.working import Storage, bundle_directories, size
from rootless_build.backend import (
    ALL_KINDS,
    LABEL_PROCESS,
    BuildImage,
    DockerCommands,
    EngineSettings,
    Image,
    ImageBuildError,
    ImageSaver,
    Json,
    Leftover,
    LeftoverKind,
    ManifestLists,
    Pairs,
    RbuildError,
    RunContainer,
    StepFailedError,
    StepReporter,
    StoredImage,
    StoredImages,
    UserNamespace,
    identities,
    ownership,
    private_directories,
    programs,
    reason,
    replace,
)
from rootless_build.backend.partial import EngineDefaults

if TYPE_CHECKING:
    from rbuild_containers.image_store import ContainersStore
    from rbuild_containers.saved_images import SavedImages

_NOT_FOUND: Final = ("image not known", "does not resolve to an image ID")


class BuildahEngine(EngineDefaults):
    """The user's own storage, seen through buildah; nothing stays open between two commands.
    `opened` ends with the engine.
    """

    def __init__(self, settings: EngineSettings, opened: contextlib.ExitStack) -> None:
        self._settings = settings
        self._opened = opened
        self._buildah = Buildah(settings)
        self._store = Store.of(settings)
        self._builds = Builds(self._end_builds)
        self._left_bundles: set[str] = set()

    @property
    def rootless(self) -> bool:
        """False for real root."""
        return self._settings.rootless

    @property
    def docker_commands(self) -> DockerCommands:
        """See `rootless_build.backend.api.docker_commands`: those for images."""
        from rbuild_buildah.docker_commands import BuildahCommands  # noqa: PLC0415 - for scripts

        return BuildahCommands(self._buildah)

    @property
    def remote(self) -> bool:
        """Never: buildah has no service."""
        return False

    def find_image(self, reference: str) -> Image | None:
        """The image of that name or id in storage."""
        # As podman it takes a shortened id only without its prefix (1.28).
        name = reference.removeprefix("sha256:")
        done = self._buildah.capture("inspect", "--type", "image", name)
        if done.status:
            if any(words in done.words for words in _NOT_FOUND):
                return None
            message = f"the image {reference} could not be looked up"
            raise StepFailedError(message, status=125, engine_words=own_words(done))
        return _image(json.loads(done.text))

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        """See `rootless_build.backend.api.Engine.find_images`: buildah takes one name at a time, so
        several are asked at once.
        """
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(self.find_image, references))

    def pull_image(
        self, reference: str, reporter: StepReporter, platform: str | None = None
    ) -> Image:
        """Fetch an image; buildah's progress goes to the reporter."""
        return pull(
            reference,
            reporter,
            lambda take: self._buildah.stream(["pull", *of_platform(platform), reference], take),
            self.find_image,
        )

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        """Build with a cache of layers, and tag."""
        return self.build_mounting(step, (), reporter)

    def build_mounting(self, step: BuildImage, mounts: Pairs, reporter: StepReporter) -> Image:
        """See `rootless_build.backend.api.build_mounting`."""
        # Where it is to write the id into a file, buildah 1.28 tells no ids of instructions.
        command, *arguments = build_command(replace(step, image_id_file=None), self._settings)
        arguments = [command, *mount_arguments(mounts), *arguments]
        log = BuildLog(reporter)
        status = None
        with build_directory(step, self._buildah.remove_tree) as temporary, self._builds.one():
            try:
                status = self._buildah.stream(arguments, log.feed, temporary=temporary)
            finally:
                if status != 0:
                    # Their directories are gone when the states are removed that they are of.
                    self._left_bundles.update(own_bundles())
                    self._builds.leave()
        log.finish(succeeded=status == 0)
        if status:
            raise log.failure(step, status)
        image = self._built(log.result) if log.result else None
        if image is None:
            raise log.failure(step, status)
        if step.image_id_file is not None:
            _write_id(image, step.image_id_file)
        return image

    def _built(self, identity: str) -> Image | None:
        """An image that was just built, where it lies if it can be read there: no command."""
        found = (
            self.image_store.find(identity.removeprefix("sha256:")) if self.image_store else None
        )
        return found or self.find_image(identity)

    def copy_size(self, step: RunContainer, image: Image) -> int | None:
        """See `rootless_build.backend.api.Engine.copy_size`."""
        if step.caller_ids is None:
            return None
        return mapped_images.copy_size(
            self._storage, image.id, id_maps(step.caller_ids, self._settings)
        )

    def container(
        self, step: RunContainer, image: Image
    ) -> AbstractContextManager[WorkingContainer]:
        """Make a working container of `image`."""
        return working_container(self._buildah, self._store, step, image)

    copy_image = image_files.copy_image

    def tag_image(self, image: Image, name: str) -> None:
        """Give an image one more name."""
        done = self._buildah.capture("tag", image.id, name)
        if done.status:
            message = f"buildah could not give the image the name {name}"
            raise StepFailedError(message, engine_words=own_words(done))

    def discard_image(self, image: Image) -> None:
        """Remove an image that has no name, and the layers that were its alone (buildah 1.28)."""
        names = self._buildah.capture(
            "images", "--no-trunc", "--format", "{{.ID}} {{.Name}}:{{.Tag}}"
        )
        ours = [line for line in names.text.splitlines() if image.id in line.partition(" ")[0]]
        if ours and all(line.endswith(" <none>:<none>") for line in ours):
            self._buildah.capture("rmi", image.id)

    @functools.cached_property
    def image_store(self) -> ContainersStore | None:
        """See `rootless_build.backend.api.image_store`."""
        from rbuild_containers.image_store import containers_store  # noqa: PLC0415 - builds

        return containers_store(self._storage, self._buildah.capture)

    @functools.cached_property
    def saved_images(self) -> SavedImages:
        """See `rootless_build.backend.api.saved_images`."""
        from rbuild_buildah.saved_images import saved_images  # noqa: PLC0415 - builds

        place = self._opened.enter_context(private_directories.large_directory())
        return saved_images(self._buildah.capture, place, self.find_image)

    @property
    def image_saver(self) -> ImageSaver | None:
        """See `rootless_build.backend.api.image_saver`."""
        return self.image_store

    @property
    def manifest_lists(self) -> ManifestLists:
        """See `rootless_build.backend.api.manifest_lists`."""
        return manifest_lists.StoredLists(self._storage, self._buildah.capture)

    @property
    def storage(self) -> str:
        """See `rootless_build.backend.api.Engine.storage`."""
        return stored_images.name_of(self._storage)

    def image_ids(self) -> frozenset[str]:
        """The ids of all images in storage."""
        return stored_images.image_ids(self._storage)

    def stored_images(self) -> StoredImages:
        """All images in storage, and what keeps each."""
        return stored_images.stored_images(self._storage)

    def layer_sizes(self, images: Collection[StoredImage]) -> Mapping[str, int]:
        """See `rootless_build.backend.api.Engine.layer_sizes`."""
        return stored_images.layer_sizes(self._storage, images, self._buildah.as_owner)

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        """See `rootless_build.backend.api.Engine.remove_images`."""
        stored = self.stored_images()
        with contextlib.ExitStack() as stack:
            # buildah 1.28 removes those that they were made from too, whoever's they are.
            for image in pruned_with(images, stored):
                stack.enter_context(self._held(image))
            return remove_together(images, stored, self._rmi, self.image_ids, self._remove_image)

    def _rmi(self, names: Sequence[str]) -> programs.Completed:
        return manifest_lists.remove(self._storage, names, ("rmi",), self._buildah.capture)

    def _remove_image(self, name: str) -> str:
        """buildah's words where something stays."""
        done = self._rmi((name,))
        if not done.status or any(words in done.words for words in _NOT_FOUND):
            return ""
        # That one of those it was made from stays is an error too.
        return own_words(done) if name in self.image_ids() else ""

    def _held(self, image: StoredImage) -> AbstractContextManager[WorkingContainer]:
        """An image that can't be removed meanwhile: it has a container."""
        ours = ((LABEL_PROCESS, identities.of_this()),)
        step = RunContainer(image.id, ("true",), labels=ours)
        return self.container(step, Image(id=image.id))

    def _end_builds(self) -> None:
        """What builds that were interrupted or killed did not remove themselves.

        What stays is for the next run; how a build ended is what is to be told.
        """
        with contextlib.suppress(RbuildError, OSError):
            for made in (*self._storage.own_containers(), *self._states.of_own_builds()):
                self.remove(made)
            for name in self._left_bundles:
                self._states.remove(name)

    def import_root(self, archive: Path, reference: str, labels: Pairs) -> Image:
        """Make an image of one layer out of a tar archive (plain, gzip, xz or bzip2)."""
        failure = f"{archive} could not be made an image"
        with tempfile.TemporaryDirectory(dir=self._settings.runtime_directory) as place:
            # Up to 1.31 buildah names the image after the path it is given; a short relative one
            # is valid.
            name = "rbuild-import"
            rootfs.write_layout(Path(place, name), archive, labels)
            pulled = self._buildah.ask(
                failure, "pull", "--quiet", f"oci:{name}", directory=Path(place)
            )
        image_id = pulled.splitlines()[-1]
        self._buildah.ask(failure, "tag", image_id, reference)
        if self.find_image(given := f"localhost/{name}:latest") is not None:
            self._buildah.ask(failure, "rmi", given)
        image = self.find_image(image_id)
        if image is None:
            raise StepFailedError(failure, engine_words=pulled)
        return image

    def remove_volume(self, name: str) -> bool:
        """Remove a named volume."""
        directory = self._store.volume(name).directory
        if not directory.exists():
            return False
        self._buildah.remove_tree(directory)
        return True

    @property
    def user_namespace(self) -> UserNamespace:
        """The user namespace of this user's buildah."""
        return self._buildah.user_namespace

    def give_back(self, directory: Path) -> None:
        """Make `directory` and everything in it the user's."""
        ownership.give_back(directory, self.user_namespace)

    def leftovers(self, kinds: Collection[LeftoverKind] = ALL_KINDS) -> Sequence[Leftover]:
        """The containers and volumes on record, and the images, that have rbuild's labels."""
        return tuple(self._labelled(kinds))

    def _labelled(self, kinds: Collection[LeftoverKind]) -> Iterator[Leftover]:
        if LeftoverKind.CONTAINER in kinds:
            for record in self._store.containers():
                if record.labels:
                    own = size(record.directory) + (self._storage.size(record.id) or 0)
                    yield Leftover(
                        LeftoverKind.CONTAINER, record.id, record.name, record.labels, own
                    )
            yield from self._storage.working_containers()
            yield from self._states.of_builds()
        if LeftoverKind.VOLUME in kinds:
            for volume in self._store.volumes():
                if volume.labels:
                    own = size(volume.directory)
                    yield Leftover(
                        LeftoverKind.VOLUME, volume.name, volume.name, volume.labels, own
                    )
        if LeftoverKind.BROKEN_IMAGE in kinds:
            yield from self._storage.broken_images()

    def remove(self, leftover: Leftover) -> None:
        """Remove one of them, by force."""
        match leftover.kind:
            case LeftoverKind.CONTAINER:
                self._remove_container(leftover)
            case LeftoverKind.VOLUME:
                # A mount table has the path from the mount point on that it is below.
                if is_mounted(f"/{leftover.id}/{self._store.volume(leftover.id).data.name} "):
                    message = f"the volume {leftover.name} could not be removed"
                    raise StepFailedError(message, engine_words="a container has it")
                self.remove_volume(leftover.id)
            case LeftoverKind.BROKEN_IMAGE:
                failure = f"the {leftover.kind} {leftover.name} could not be removed"
                self._buildah.ask(failure, "rmi", "--force", leftover.id)
            case _:
                assert_never(leftover.kind)

    def _remove_container(self, leftover: Leftover) -> None:
        recorded = [record for record in self._store.containers() if record.id == leftover.id]
        for record in recorded:
            remove(self._buildah, record)
        if leftover.id in {state.id for state in self._states.of_builds()}:
            self._states.remove(leftover.id)
            return
        for directory in bundle_directories(leftover.id):
            self._buildah.remove_tree(directory)
            self._states.remove(directory.name)
        if not recorded:
            self._storage.end_processes(leftover.id)
            gone = self._buildah.capture("rm", leftover.id)
            if gone.status and "container not known" not in gone.words:
                raise StepFailedError(
                    f"the container {leftover.name} could not be removed",
                    engine_words=own_words(gone),
                )

    @property
    def _states(self) -> RuntimeStates:
        return RuntimeStates(self._settings)

    @functools.cached_property
    def _storage(self) -> Storage:
        known = told_place.told(self._settings, PROGRAM)
        if known is not None:
            return known
        told = json.loads(self._buildah.ask("buildah did not say where its storage is", "info"))
        store = told["store"]
        storage = Storage(
            Path(store["GraphRoot"]), store["GraphDriverName"], Path(store["RunRoot"])
        )
        return with_buildahs(storage, store.get("GraphOptions"))


def _write_id(image: Image, file: Path) -> None:
    """Write the image's id to the file as `buildah build --iidfile` does."""
    try:
        file.write_text(f"sha256:{image.id}", encoding="utf-8")
    except OSError as error:
        message = f"the image's id can't be written into {file}: {reason(error)}"
        raise ImageBuildError(message) from error


def build_command(step: BuildImage, settings: EngineSettings) -> tuple[str, ...]:
    """`buildah build`, without the program's name. Raises UnsupportedError."""
    network = step.network
    if settings.isolation == CHROOT and network in {None, "default"}:
        network = "host"  # it has no other
    arguments = build_arguments(replace(step, network=network), settings)
    # "'rm' and 'force-rm' can only be set with either 'layers' or 'no-cache'": 1.28.2
    layers = ("--layers",) if step.squash else ()
    return ("build", *layers, *isolation_arguments(settings), *arguments)


def _image(inspected: Mapping[str, Json]) -> Image:
    config = inspected.get("OCIv1")
    whole = config if isinstance(config, dict) else {}
    inner, root = whole.get("config"), whole.get("rootfs")
    return image_from_config(
        str(inspected["FromImageID"]),
        inner if isinstance(inner, dict) else {},
        root.get("diff_ids") if isinstance(root, dict) else None,
        (whole.get("os"), whole.get("architecture"), whole.get("variant")),
    )
