"""An open podman: images, containers, volumes."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, assert_never, cast
from urllib.parse import quote

from rbuild_containers import (
    image_files,
    manifest_lists,
    mapped_images,
    stored_images,
    told_place,
)
from rbuild_containers.builds import Builds
from rbuild_containers.id_maps import id_maps
from rbuild_containers.image_config import image_from_inspect, matched, names_with_local
from rbuild_containers.image_removal import remove_together
from rbuild_containers.killing import kill_containing
from rbuild_containers.pulling import of_platform, pull
from rbuild_containers.runtime_state import RuntimeStates
from rbuild_containers.storage_options import with_podmans
from rbuild_containers.temporary import build_directory, own_bundles
from rbuild_containers.working import Storage, bundle_directories, size
from rbuild_podman import connection, own_names, told_storage
from rbuild_podman.connection import Connection, engine_errors
from rbuild_podman.remote_images import described
from rootless_build.backend import (
    ALL_KINDS,
    LABEL_PREFIX,
    BackendUnavailableError,
    BuildImage,
    BuildMounting,
    Container,
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
    private_directories,
    programs,
    replace,
)

if TYPE_CHECKING:
    from rbuild_containers.image_store import ContainersStore
    from rbuild_containers.saved_images import SavedImages
    from rbuild_podman.container import Containers
    from rbuild_podman.service_lists import ServiceLists

_UNKNOWN = "image not known"
_LIST_AGAIN = (0.1, 0.5, 1.0)
"""Seconds between attempts."""


class PodmanEngine:
    """See `rootless_build.backend.api.Engine`. `opened` ends with the engine."""

    def __init__(
        self,
        connection: Connection,
        settings: EngineSettings,
        opened: contextlib.ExitStack,
    ) -> None:
        self._opened = opened
        self._connection = connection
        self._settings = settings
        self._builds = Builds(self._end_builds)
        self._left_layers: set[str] = set()
        self._left_bundles: set[str] = set()
        # Another engine of this run may have asked before.
        self._log = settings.runtime_directory / "podman-storage.log"

    @property
    def rootless(self) -> bool:
        """False when a privileged container has power over the host."""
        # Of a node it was asked when the settings were made.
        if self._connection.endpoint is None or self._settings.node is not None:
            return self._settings.rootless
        with engine_errors("podman did not say whether it is rootless"):
            return bool(self._connection.client.system.info()["host"]["security"]["rootless"])

    @property
    def remote(self) -> bool:
        """True when nothing of this host can be bind-mounted."""
        return self._connection.remote

    # --- images ---------------------------------------------------------------------------------

    def find_image(self, reference: str) -> Image | None:
        """The image of that name or id in storage."""
        # The CLI takes a shortened id only without its prefix. It needs no service: 0.03 s.
        name = reference.removeprefix("sha256:")
        if self._connection.ready:
            return self._ask(name)
        found = self._inspect(name)
        if found.status != 0:
            if _UNKNOWN in found.words or "no such image" in found.words.lower():
                return None
            raise StepFailedError(
                f"podman could not look for the image {reference}", engine_words=found.words
            )
        return image_from_inspect(cast("list[dict[str, Json]]", json.loads(found.text))[0])

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        """See `rootless_build.backend.api.Engine.find_images`: one command, 0.03 s."""
        if not references:
            return ()
        if self._connection.ready:
            return [self.find_image(reference) for reference in references]
        done = self._inspect(*references)
        try:
            inspected = cast("list[dict[str, Json]]", json.loads(done.text))
        except ValueError:
            inspected = []
        answers = matched(references, inspected, names_with_local)
        if answers is None or (done.status and _UNKNOWN not in done.words):
            return [self.find_image(reference) for reference in references]
        return [image_from_inspect(found) if found else None for found in answers]

    def _inspect(self, *names: str) -> programs.Completed:
        """Ask for images, and learn where the storage is: each build asks for its base first."""
        plain = ("image", "inspect", "--", *names)
        if self._connection.endpoint is not None or self._log.exists():
            return self._capture(*plain)
        done = self._capture(told_storage.ALOUD, *plain)
        with contextlib.suppress(OSError):
            self._log.write_bytes(done.stderr)
        # Then podman says more of an error than a person wants to know.
        known = done.status == 0 or _UNKNOWN in done.words
        return done if known else self._capture(*plain)

    def _ask(self, name: str) -> Image | None:
        """The image of that name, asked of podman's service; None where it has none."""
        with engine_errors(f"podman could not look for the image {name}"):
            # podman-py ends in a bare Exception where the answer is no object.
            answer = self._connection.client.api.get(f"/images/{quote(name, safe='')}/json")
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
            return image_from_inspect(cast("dict[str, Json]", answer.json()))

    def warm_up(self) -> None:
        """Start the service."""
        self._connection.start()

    def pull_image(
        self, reference: str, reporter: StepReporter, platform: str | None = None
    ) -> Image:
        """Fetch an image from its registry."""
        argv = self._connection.command("pull", *of_platform(platform), reference)
        environment = self._connection.environment
        return pull(
            reference,
            reporter,
            lambda take: programs.stream(argv, take, environment=environment),
            self.find_image,
        )

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        """Build and tag."""
        return self._build(step, (), reporter)

    @property
    def build_mounting(self) -> BuildMounting | None:
        """See `rootless_build.backend.api.build_mounting`; a service has another host's files."""
        return None if self.remote else self._build

    def _build(self, step: BuildImage, mounts: Pairs, reporter: StepReporter) -> Image:
        """Build and tag; RUNs have the mounts.

        With the CLI: podman 4.3.1's API ignores the network mode of a build, and podman-py packs
        the whole context before it starts and hands the log back when all is over.
        """
        # Many runs build nothing.
        from rbuild_containers import build, build_log, end_build  # noqa: PLC0415

        id_file = step.image_id_file or self._settings.runtime_directory / f"image-id-{os.getpid()}"
        arguments = build.build_arguments(replace(step, image_id_file=id_file), self._settings)
        arguments = (*build.mount_arguments(mounts), *arguments)
        log = build_log.BuildLog(reporter)
        ask = end_build.end_build(log)
        layers, bundles = self._left_layers, self._left_bundles

        def ask_to_end(pid: int) -> None:
            layers.update(self._storage.own_layers() if not layers else ())
            bundles.update(own_bundles())
            ask(pid)

        status = None
        with build_directory(step, self._remove_tree) as temporary, self._builds.one():
            own = {"TMPDIR": str(temporary)} if temporary else {}
            self._connection.import_client()
            try:
                status = programs.stream(
                    self._connection.command("build", *arguments),
                    log.feed,
                    environment={**self._connection.environment, **own},
                    ask_to_end=None if self.remote else ask_to_end,
                )
            finally:
                if status != 0:
                    # Their directories are gone when the states are removed that they are of.
                    bundles.update(own_bundles())
                    self._builds.leave()
        log.finish(succeeded=status == 0)
        if status != 0:
            raise log.failure(step, status)
        image = self._built(id_file.read_text().strip())
        if image is None:
            message = "podman built an image that is not in its storage"
            raise ImageBuildError(message)
        return image

    def _built(self, identity: str) -> Image | None:
        """An image that was just built, where it lies if it can be read there: no command."""
        found = (
            self._local_store.find(identity.removeprefix("sha256:")) if self._local_store else None
        )
        return found or self.find_image(identity)

    copy_image = image_files.copy_image

    def tag_image(self, image: Image, name: str) -> None:
        """Give an image one more name."""
        done = self._capture("tag", image.id, name)
        if done.status != 0:
            raise StepFailedError(
                f"podman could not give the image the name {name}", engine_words=done.words
            )

    def discard_image(self, image: Image) -> None:
        """Remove an image that has no name; layers below it stay, for the next build."""
        found = self._capture("image", "inspect", "--format", "{{len .RepoTags}}", "--", image.id)
        if found.status == 0 and found.text.strip() == "0":
            # Without --no-prune the layers would go too, which are the cache.
            self._capture("image", "rm", "--no-prune", "--", image.id)

    @functools.cached_property
    def image_store(self) -> ContainersStore | SavedImages | None:
        """See `rootless_build.backend.api.image_store`; a service may have another storage."""
        if self._connection.endpoint is None:
            return self._local_store
        return self.saved_images

    @functools.cached_property
    def saved_images(self) -> SavedImages:
        """See `rootless_build.backend.api.saved_images`."""
        from rbuild_podman.saved_images import saved_images  # noqa: PLC0415 - builds

        place = self._opened.enter_context(private_directories.large_directory())
        return saved_images(self._run, place, self.find_image)

    @property
    def image_saver(self) -> ImageSaver | None:
        """See `rootless_build.backend.api.image_saver`."""
        return self.image_store

    @functools.cached_property
    def _local_store(self) -> ContainersStore | None:
        if self._connection.endpoint is not None:
            return None
        from rbuild_containers.image_store import containers_store  # noqa: PLC0415 - builds

        return containers_store(self._storage, self._run)

    @property
    def manifest_lists(self) -> ManifestLists | None:
        """See `rootless_build.backend.api.manifest_lists`."""
        if self._connection.endpoint is not None:
            return self._service_lists
        return manifest_lists.StoredLists(self._storage, self._capture)

    @property
    def docker_commands(self) -> DockerCommands:
        """See `rootless_build.backend.api.docker_commands`."""
        from rbuild_podman.docker_commands import PodmanCommands  # noqa: PLC0415 - for scripts

        return PodmanCommands(self._connection, lambda: self._containers)

    @property
    def _service_lists(self) -> ServiceLists:
        from rbuild_podman.service_lists import ServiceLists  # noqa: PLC0415 - builds

        return ServiceLists(
            lambda: self._list("/images/json", {"all": True}),
            self._is_manifest_list,
            self._capture,
        )

    def _run(
        self, *arguments: str, environment: programs.Environment | None = None
    ) -> programs.Completed:
        return programs.capture(
            self._connection.command(*arguments),
            environment={**self._connection.environment, **(environment or {})},
        )

    @property
    def storage(self) -> str:
        """See `rootless_build.backend.api.Engine.storage`."""
        if self._connection.endpoint is not None:
            return f"podman {self._connection.place}"
        return stored_images.name_of(self._storage)

    def image_ids(self) -> frozenset[str]:
        """The ids of all images in storage."""
        if self._connection.endpoint is None:
            return stored_images.image_ids(self._storage)
        return frozenset(str(item["Id"]) for item in self._list("/images/json", {"all": True}))

    def stored_images(self) -> StoredImages:
        """All images in storage, and what keeps each."""
        if self._connection.endpoint is None:
            return stored_images.stored_images(self._storage)
        return described(
            self._list("/images/json", {"all": True}),
            self._list("/containers/json", {"all": True, "external": True}),
            self._service_lists.images,
        )

    def _is_manifest_list(self, image: str) -> bool:
        with engine_errors("podman could not tell whether an image is a manifest list"):
            # podman 4.3.1 answers 500 for what is an image.
            return bool(self._connection.client.manifests.exists(image))

    def layer_sizes(self, images: Collection[StoredImage]) -> Mapping[str, int]:
        """See `backend.api.Engine.layer_sizes`; another host's podman does not say."""
        if self._connection.endpoint is not None:
            return {}
        return stored_images.layer_sizes(self._storage, images, self._as_owner)

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        """See `rootless_build.backend.api.Engine.remove_images`."""
        return remove_together(
            images, self.stored_images(), self._image_rm, self.image_ids, self._remove_image
        )

    def _image_rm(self, names: Sequence[str]) -> programs.Completed:
        # Without --no-prune those that they were made from would go too, whoever's they are.
        rm = ("image", "rm", "--no-prune", "--")
        if self._connection.endpoint is not None:
            lists = [name for name in names if self._is_manifest_list(name)]
            others = [name for name in names if name not in lists]
            done = [self._capture("manifest", "rm", name) for name in lists]
            done += [self._capture(*rm, *others)] if others else []
            return next((each for each in done if each.status != 0), done[-1])
        return manifest_lists.remove(self._storage, names, rm, self._capture)

    def _remove_image(self, name: str) -> str:
        """podman's words where something stays."""
        done = self._image_rm((name,))
        return done.words if done.status != 0 and _UNKNOWN not in done.words else ""

    def _end_builds(self) -> None:
        """What builds that were interrupted or killed did not end and remove themselves.

        What stays is for the next run; how a build ended is what is to be told.
        """
        if self._connection.endpoint is not None:
            return
        with contextlib.suppress(RbuildError, OSError):
            for layer in self._left_layers:
                kill_containing(layer, mounted_at="/")
            for made in (*self._storage.own_containers(), *self._states.of_own_builds()):
                self.remove(made)
            for name in self._left_bundles:
                self._states.remove(name)

    def import_root(self, archive: Path, reference: str, labels: Pairs) -> Image:
        """Make an image of a root file system in a tar archive."""
        changes = ['CMD ["bash"]', *(f"LABEL {name}={value}" for name, value in labels)]
        words = ("import", "--quiet", *(w for change in changes for w in ("--change", change)))
        # The archive goes to a service by whatever way there is: that may take any time.
        done = programs.capture(
            self._connection.command(*words, str(archive), reference),
            environment=self._connection.environment,
        )
        image = self.find_image(reference) if done.status == 0 else None
        if image is None:
            raise StepFailedError(
                f"podman could not import {archive} as {reference}", engine_words=done.words
            )
        return image

    # --- containers and volumes -----------------------------------------------------------------

    def copy_size(self, step: RunContainer, image: Image) -> int | None:
        """See `rootless_build.backend.api.Engine.copy_size`."""
        if step.caller_ids is None or self._connection.endpoint is not None:
            return None
        return mapped_images.copy_size(
            self._storage, image.id, id_maps(step.caller_ids, self._settings)
        )

    def container(self, step: RunContainer, image: Image) -> AbstractContextManager[Container]:
        """Make a container of `image`."""
        return self._containers.make(step, image)

    def remove_volume(self, name: str) -> bool:
        """Remove a named volume; False when there was none."""
        return self._containers.remove_volume(name)

    @functools.cached_property
    def _containers(self) -> Containers:
        # A run that changes nothing has none.
        from rbuild_podman.container import Containers  # noqa: PLC0415

        return Containers(self._connection, self._settings)

    @property
    def user_namespace(self) -> UserNamespace | None:
        """The user namespace of this user's podman; None where it is another user's."""
        if self.remote or self.rootless != self._settings.rootless:
            return None
        return self._connection.user_namespace if self.rootless else UserNamespace(())

    def give_back(self, directory: Path) -> None:
        """Make `directory` and everything in it the property of the user who runs rbuild."""
        # A run that changes nothing has no container.
        from rootless_build.backend import ownership  # noqa: PLC0415

        namespace = self.user_namespace
        if namespace is not None:
            ownership.give_back(directory, namespace)

    def leftovers(self, kinds: Collection[LeftoverKind] = ALL_KINDS) -> tuple[Leftover, ...]:
        """Everything of these kinds in podman's storage that carries rbuild's labels."""
        with engine_errors("podman's list of what is in its storage can't be read"):
            return tuple(self._labelled(kinds))

    def remove(self, leftover: Leftover) -> None:
        """Remove one of them, by force."""
        words = ""
        match leftover.kind:
            case LeftoverKind.CONTAINER:
                words = self._remove_container(leftover)
            case LeftoverKind.VOLUME:
                self.remove_volume(leftover.id)
            case LeftoverKind.BROKEN_IMAGE:
                done = self._capture("image", "rm", "--force", leftover.id)
                words = done.words if done.status != 0 else ""
            case _:
                assert_never(leftover.kind)
        if words:
            message = f"the {leftover.kind} {leftover.name} could not be removed"
            raise StepFailedError(message, engine_words=words)

    def _remove_container(self, leftover: Leftover) -> str:
        if self._connection.endpoint is not None:
            return self._containers.remove(leftover.id)
        if leftover.id in {state.id for state in self._states.of_builds()}:
            self._states.remove(leftover.id)
            return ""
        self._storage.end_processes(leftover.id)
        for directory in bundle_directories(leftover.id):
            # podman's pause process keeps the mount namespace of the build.
            self._as_owner("umount", "--lazy", str(directory / "mnt" / "rootfs"))
            self._remove_tree(directory)
            self._states.remove(directory.name)
        if self._storage.is_of_build(leftover.id):
            done = self._capture("rm", "--force", leftover.id)
            return done.words if done.status != 0 else ""
        words = self._containers.remove(leftover.id)
        if not words:
            self._states.remove(leftover.id)
        return words

    def _labelled(self, kinds: Collection[LeftoverKind]) -> Iterator[Leftover]:
        local = self._connection.endpoint is None
        if LeftoverKind.CONTAINER in kinds:
            listed = self._list("/containers/json", {"all": True})
            known = {str(item["Id"]) for item in listed}
            for item in filter(_is_ours, listed):
                identity = str(item["Id"])
                names = cast("list[str]", item.get("Names") or [identity])
                own = self._storage.size(identity) if local else None
                yield _leftover(LeftoverKind.CONTAINER, identity, names[0], item, own)
            if local:
                yield from self._storage.unknown(own_names.PATTERN, known)
                yield from self._storage.working_containers()
                yield from self._states.of_builds()
        if LeftoverKind.VOLUME in kinds:
            for item in filter(_is_ours, self._list("/volumes/json", {})):
                name = str(item["Name"])
                own = size(Path(str(item["Mountpoint"]))) if local else None
                yield _leftover(LeftoverKind.VOLUME, name, name, item, own)
        if LeftoverKind.BROKEN_IMAGE in kinds and local:
            yield from self._storage.broken_images()

    @property
    def _states(self) -> RuntimeStates:
        return RuntimeStates(self._settings)

    @functools.cached_property
    def _storage(self) -> Storage:
        known = told_place.told(self._settings, "podman")
        if known is not None:
            return known
        try:
            log = self._log.read_text(errors="replace")
        except OSError:
            log = self._capture(*told_storage.QUESTION).words
        return told_storage.of_log(log) or self._asked_storage()

    def _asked_storage(self) -> Storage:
        found = self._capture(
            "info",
            "--format",
            "{{.Store.GraphRoot}}\n{{.Store.GraphDriverName}}\n{{.Store.RunRoot}}\n"
            "{{json .Store.GraphOptions}}",
        )
        if found.status != 0:
            raise StepFailedError(
                "podman did not say where its storage is", engine_words=found.words
            )
        root, driver, run_root, options = found.text.split("\n")[:4]
        return with_podmans(Storage(Path(root), driver, Path(run_root)), options)

    def _remove_tree(self, directory: Path) -> None:
        self._as_owner("rm", "-rf", "--one-file-system", "--", str(directory))

    def _as_owner(self, *argv: str) -> programs.Completed:
        """Run a program as root of the user's own namespace: subordinate uids are its files."""
        namespace = self.user_namespace or UserNamespace(())
        return programs.capture(
            [*namespace.command, *argv], environment=dict(namespace.environment)
        )

    def _list(self, path: str, params: Mapping[str, object]) -> list[dict[str, Json]]:
        # podman-py asks again for each of what it lists, and does not know `external`.
        with engine_errors("podman could not list what is in its storage"):
            answer = self._connection.client.api.get(path, params=params)
            for pause in _LIST_AGAIN:
                if answer.ok:
                    break
                # What a dying podman removes between the list and the look at each is an error.
                time.sleep(pause)
                answer = self._connection.client.api.get(path, params=params)
            answer.raise_for_status()
            listed = answer.json() or []
            key = "Name" if path.startswith("/volumes/") else "Id"
            named = isinstance(listed, list) and all(
                isinstance(one, dict) and isinstance(one.get(key), str) for one in listed
            )
            if not named:
                raise TypeError(f"a list of objects with {key} is wanted")
            return cast("list[dict[str, Json]]", listed)

    def _capture(self, *arguments: str) -> programs.Completed:
        """What podman's command answers. This host's own may wait for a lock on its storage; a
        service has ANSWER seconds. Raises BackendUnavailableError.
        """
        asked = self._connection.endpoint is not None
        try:
            return programs.capture(
                self._connection.command(*arguments),
                environment=self._connection.environment,
                timeout=connection.ANSWER if asked else None,
            )
        except subprocess.TimeoutExpired as error:
            raise BackendUnavailableError(
                f"the podman service said nothing for {connection.ANSWER:g} s",
                finding="podman-service",
                hint=f"is it the one that you mean? {self._connection.named_by} names it",
            ) from error


def _leftover(
    kind: LeftoverKind, identity: str, name: str, item: Mapping[str, Json], size: int | None
) -> Leftover:
    labels = cast("dict[str, str]", item.get("Labels") or {})
    return Leftover(kind, identity, name, tuple(labels.items()), size)


def _is_ours(item: Mapping[str, Json]) -> bool:
    labels = cast("dict[str, str]", item.get("Labels") or {})
    return any(label.startswith(LABEL_PREFIX) for label in labels)
