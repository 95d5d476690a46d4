"""Gives files that a container's users left behind to the user who runs rbuild."""

from __future__ import annotations

import os
from pathlib import Path

from rbuild_docker.client import Client
from rootless_build.backend import LABEL_PROCESS, HostError, identities, text
from rootless_build.backend.ownership import all_ours


def give_back_in_container(
    client: Client, directory: Path, image: str | None, *, rootless: bool
) -> None:
    """Change the owner of everything below `directory`, in a container: only there one may.

    `image` is one that is at hand; `chown` has to be in it. Raises HostError.
    """
    if all_ours(directory):
        return
    words = "there is no image to run chown in"
    if image:
        # Rootless, the container's root is the caller. userns-remap would stand in between.
        owner = ["0:0"] if rootless else [f"{os.getuid()}:{os.getgid()}"]
        namespace = [] if rootless else ["--userns=host"]
        done = client.capture(
            *("run", "--rm", "--network=none", "--user=0", *namespace, "--cap-add=ALL"),
            *("--security-opt=label=disable", "--entrypoint=chown", "--pull=never"),
            *("--label", f"{LABEL_PROCESS}={identities.of_this()}"),
            *("--workdir=/", "--mount", f'type=bind,"source={_doubled(directory)}",target=/rbuild'),
            *(image, "--recursive", "--no-dereference", *owner, "/rbuild"),
        )
        if done.status == 0:
            return
        words = done.words
    raise HostError(
        f"files of other users in {directory} could not be given back",
        finding="foreign-files",
        hint=f"as root: chown -R {os.getuid()}:{os.getgid()} {text.shell_quoted(directory)}",
        engine_words=words,
    )


def _doubled(path: Path) -> str:
    return str(path).replace('"', '""')
