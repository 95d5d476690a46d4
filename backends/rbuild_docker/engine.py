"""An open docker: images, containers, volumes."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never, cast

from rbuild_containers.image_config import image_from_inspect, matched, names_in_full
from rbuild_containers.image_removal import remove_one_by_one
from rbuild_containers.pulling import of_platform, pull
from rbuild_docker import image_builds, image_files, stored_images
from rbuild_docker.build_arguments import Builder
from rbuild_docker.client import GONE, Client
from rbuild_docker.container import is_remote, new_container
from rbuild_docker.ownership import give_back_in_container
from rbuild_docker.storage import labelled
from rootless_build.backend import (
    ALL_KINDS,
    BuildImage,
    Container,
    DockerCommands,
    EngineSettings,
    Image,
    ImageBuildError,
    ImageSaver,
    Json,
    Leftover,
    LeftoverKind,
    Pairs,
    RunContainer,
    StepFailedError,
    StepReporter,
    StoredImage,
    StoredImages,
    UserNamespace,
    private_directories,
    programs,
)
from rootless_build.backend.ownership import give_back
from rootless_build.backend.partial import EngineDefaults

_NAMESPACE: Final = ("rootlesskit",)
if TYPE_CHECKING:
    from rbuild_containers.saved_images import SavedImages

_CONTAINERD: Final = "io.containerd.snapshotter.v1"


class DockerEngine(EngineDefaults):
    """See `rootless_build.backend.api.Engine`."""

    def __init__(
        self, client: Client, settings: EngineSettings, opened: contextlib.ExitStack
    ) -> None:
        self._opened = opened
        self._client = client
        self._settings = settings
        self._last_image: str | None = None

    def connect(self) -> None:
        """Ask the daemon who it is. Raises BackendUnavailableError."""
        _ = self._client.info

    @property
    def rootless(self) -> bool:
        """False when a privileged container has power over the host."""
        return self._client.rootless

    @property
    def docker_commands(self) -> DockerCommands:
        """See `rootless_build.backend.api.docker_commands`."""
        from rbuild_docker.docker_commands import DockerItself  # noqa: PLC0415 - for scripts

        return DockerItself(self._client)

    @property
    def remote(self) -> bool:
        """True when nothing of this host can be bind-mounted."""
        return is_remote(self._client.endpoint)

    @property
    def _network(self) -> str | None:
        """For steps that name none: a daemon without a bridge can't give them its default."""
        return self._settings.network or (None if self._client.has_bridge else "host")

    # --- images ---------------------------------------------------------------------------------

    def find_image(self, reference: str) -> Image | None:
        """The image of that name or id in storage."""
        found = self._client.capture("image", "inspect", "--format", "{{json .}}", reference)
        if found.status != 0:
            if GONE in found.words.lower():
                return None
            raise StepFailedError(
                f"docker could not look for the image {reference}", engine_words=found.words
            )
        image = image_from_inspect(cast("dict[str, Json]", json.loads(found.text)))
        self._last_image = image.id
        return image

    def find_images(self, references: Sequence[str]) -> Sequence[Image | None]:
        """See `rootless_build.backend.api.Engine.find_images`: one command."""
        if not references:
            return ()
        done = self._client.capture("image", "inspect", "--format", "{{json .}}", *references)
        # For what it does not know, the client writes an empty line beside its error (20.10).
        rows = filter(None, done.text.splitlines())
        inspected = [cast("dict[str, Json]", json.loads(row)) for row in rows]
        answers = matched(references, inspected, names_in_full)
        if answers is None or (done.status and GONE not in done.words.lower()):
            return [self.find_image(reference) for reference in references]
        return [image_from_inspect(found) if found else None for found in answers]

    def pull_image(
        self, reference: str, reporter: StepReporter, platform: str | None = None
    ) -> Image:
        """Fetch an image from its registry."""
        argv = ("docker", "pull", *of_platform(platform), reference)
        environment = self._client.environment
        return pull(
            reference,
            reporter,
            lambda take: programs.stream(argv, take, environment=environment),
            self.find_image,
            stdout_is_id=False,
        )

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        """Build and tag. A build whose output is files makes no image: one with an empty id."""
        made = image_builds.build(
            self._client,
            step,
            reporter,
            network=self._network,
            directory=self._settings.runtime_directory,
        )
        if not made:
            return Image(id="")
        image = next(filter(None, map(self.find_image, made)), None)
        if image is None:
            message = "docker built an image that is not in its storage"
            raise ImageBuildError(message)
        if step.image_id_file is not None and not made[0].endswith(image.id):
            # The containerd store (29.1.3) does not find an image by its configuration.
            step.image_id_file.write_text(f"sha256:{image.id}")
        return image

    def copy_image(self, image: Image, labels: Pairs, destination: Path) -> None:  # noqa: ARG002
        """Copy the files of an image into `destination`; no container is made for it."""
        image_files.copy_image(self._client, image, destination)

    def tag_image(self, image: Image, name: str) -> None:
        """Give an image one more name."""
        what = f"docker could not give the image the name {name}"
        self._client.answer(what, "tag", f"sha256:{image.id}", name)

    def discard_image(self, image: Image) -> None:
        """Remove an image that has no name; layers below it stay, for the next build."""
        format_ = "{{len .RepoTags}}"
        found = self._client.capture("image", "inspect", "--format", format_, image.id)
        if found.status == 0 and found.text.strip() == "0":
            self._client.capture("image", "rm", "--no-prune", image.id)

    @functools.cached_property
    def image_store(self) -> SavedImages | None:
        """See `rootless_build.backend.api.image_store`; BuildKit needs none, and containerd's store
        does not find an image by its configuration.
        """
        if ["driver-type", _CONTAINERD] in cast(
            "list[Json]", self._client.info.get("DriverStatus") or []
        ):
            return None
        if image_builds.builder_of(self._client) is not Builder.CLASSIC:
            return None
        from rbuild_docker.saved_images import saved_images  # noqa: PLC0415 - builds

        place = self._opened.enter_context(private_directories.large_directory())
        return saved_images(self._client, place, self.find_image)

    @property
    def image_saver(self) -> ImageSaver | None:
        """See `rootless_build.backend.api.image_saver`."""
        return self.image_store

    @property
    def storage(self) -> str:
        """See `rootless_build.backend.api.Engine.storage`: the daemon's own id."""
        return f"docker {self._client.info.get('ID') or self._client.endpoint}"

    def image_ids(self) -> frozenset[str]:
        """The ids of all images in storage."""
        return stored_images.image_ids(self._client)

    def stored_images(self) -> StoredImages:
        """All images in storage, and what keeps each."""
        return stored_images.stored_images(self._client)

    def layer_sizes(self, images: Collection[StoredImage]) -> Mapping[str, int]:
        """See `rootless_build.backend.api.Engine.layer_sizes`."""
        return stored_images.layer_sizes(self._client, images)

    def remove_images(self, images: Sequence[StoredImage]) -> Mapping[str, str]:
        """See `rootless_build.backend.api.Engine.remove_images`."""
        # Without --no-prune those that they were made from would go too, whoever's they are.
        return remove_one_by_one(
            images, self.stored_images(), lambda name: self._rm("image", "rm", "--no-prune", name)
        )

    def _rm(self, *words: str) -> str:
        """The daemon's words where something stays."""
        done = self._client.capture(*words)
        return done.words if done.status != 0 and GONE not in done.words.lower() else ""

    def import_root(self, archive: Path, reference: str, labels: Pairs) -> Image:
        """Make an image of a root file system in a tar archive."""
        changes = ['CMD ["bash"]', *(f"LABEL {_quoted(k)}={_quoted(v)}" for k, v in labels)]
        done = self._client.capture(
            "import", *(f"--change={change}" for change in changes), str(archive), reference
        )
        image = self.find_image(reference) if done.status == 0 else None
        if image is None:
            raise StepFailedError(
                f"docker could not import {archive} as {reference}", engine_words=done.words
            )
        return image

    # --- containers and volumes -----------------------------------------------------------------

    def container(self, step: RunContainer, image: Image) -> AbstractContextManager[Container]:
        """Make a container of `image`."""
        self._last_image = image.id
        return new_container(self._client, step, image, self._network)

    def remove_volume(self, name: str) -> bool:
        """Remove a named volume; False when there was none."""
        return self._client.remove(f"the volume {name}", "volume", "rm", name)

    @property
    def user_namespace(self) -> UserNamespace | None:
        """A user namespace like that of this user's rootless daemon, made by the same program."""
        if not self.rootless or self.remote or programs.which(_NAMESPACE[0]) is None:
            return None
        socket = Path(self._client.endpoint.removeprefix("unix://"))
        return UserNamespace(_NAMESPACE) if socket.stat().st_uid == os.getuid() else None

    def give_back(self, directory: Path) -> None:
        """Make `directory` and everything in it the property of the user who runs rbuild."""
        if self.remote:
            return
        namespace = self.user_namespace
        if namespace is not None:
            give_back(directory, namespace)
        else:
            give_back_in_container(
                self._client, directory, self._last_image, rootless=self.rootless
            )

    def leftovers(self, kinds: Collection[LeftoverKind] = ALL_KINDS) -> Sequence[Leftover]:
        """Everything of these kinds in docker's storage that carries rbuild's labels."""
        return tuple(labelled(self._client, kinds))

    def remove(self, leftover: Leftover) -> None:
        """Remove one of them, by force."""
        match leftover.kind:
            case LeftoverKind.CONTAINER:
                # What it left of other users can be given back in a container of its image.
                made_of = self._client.capture("inspect", "--format", "{{.Image}}", leftover.id)
                self._last_image = self._last_image or made_of.text.strip() or None
                words = ["container", "rm", "--force", "--volumes"]
            case LeftoverKind.VOLUME:
                words = ["volume", "rm"]
            case LeftoverKind.BROKEN_IMAGE:
                words = ["image", "rm"]
            case _:
                assert_never(leftover.kind)
        self._client.remove(f"the {leftover.kind} {leftover.name}", *words, leftover.id)


def _quoted(word: str) -> str:
    """A word of a Dockerfile's LABEL: in double quotes, with nothing left to expand."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
