"""rbuild.toml of the project and the user's config.toml, as data.

A key is a field's name below with `-` for `_`. The project's file may hold every section, the
user's only `[defaults]`; the command line comes before the project's file, that before the user's.
Relative paths belong to the directory of the file they stand in.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import Struct, field

from rootless_build.model.plan import Pairs

FILE_NAME: Final = "rbuild.toml"

NO_KEY: Final = "no key"
"""Marks a field that no file can set."""
WORDS: Final = "words"
Words = Annotated[tuple[str, ...], WORDS]
"""A list of strings, or one string that is split into words as a shell does it."""


class Defaults(Struct, frozen=True):
    """`[defaults]`: values for options of the command line that are not given there.

    `backend`: podman, buildah, docker or auto. `network`, `pull`, `image`: as the options.
    `build_args`, `environment`: tables of strings, for every image build and every container; the
    project's come after the user's. `bundles_dir`, `file`, `makefile`,
    `docker_socket`: paths. `keep_images`, `keep_runs`, `jobs`: how many. `incremental` false:
    images are always built as a whole; `incremental_share`: the share of a tree that may have
    changed where they are not.
    """

    backend: str | None = None
    network: str | None = None
    pull: Literal["always", "missing", "never"] | None = None
    build_args: Pairs = ()
    environment: Pairs = ()
    bundles_dir: Path | None = None
    log_format: Literal["text", "json"] | None = None
    color: Literal["auto", "always", "never"] | None = None
    file: Path | None = None
    makefile: Path | None = None
    docker_socket: Path | None = None
    image: str | None = None
    keep_images: int | None = None
    incremental: bool | None = None
    incremental_share: float | None = None
    jobs: int | None = None
    keep_runs: int | None = None


class Image(Struct, frozen=True):
    """`[image]`: the image to build first.

    `context` is the build context, the project's directory if not given; `containerfile` is the
    context's own Dockerfile if not given. `target` is a stage. `tag` is made from the project's
    name if not given. `build_args` and `labels` are tables of strings.
    """

    containerfile: Path | None = None
    context: Path | None = None
    target: str | None = None
    tag: str | None = None
    build_args: Pairs = ()
    labels: Pairs = ()
    platforms: tuple[str, ...] = ()
    network: str | None = None
    pull: Literal["always", "missing", "never"] = "missing"
    no_cache: bool = False


class Container(Struct, frozen=True):
    """`[container]`: what runs in the image.

    `image` is needed only where no `[image]` is built. `command` and `entrypoint` are the image's
    own if not given. `pass_environment` names variables that the container gets if rbuild has
    them. `mounts` are in the syntax of docker's `-v`, `tmpfs` in that of `--tmpfs`, `publish` of
    `-p`, `ulimits` of `--ulimit`. `volumes` is a table: name of the volume, directory in the
    container. `tty` gives the container the terminal, where rbuild has one. `caches` are
    directories in the container that are kept from one run to the next, beside Go's.
    """

    image: str | None = None
    command: Words = ()
    entrypoint: Words | None = None
    environment: Pairs = ()
    pass_environment: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    volumes: Pairs = ()
    tmpfs: tuple[str, ...] = ()
    working_directory: str | None = None
    user: str | None = None
    hostname: str | None = None
    privileged: bool = False
    network: str | None = None
    publish: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    security_options: tuple[str, ...] = ()
    shm_size: str | None = None
    ulimits: tuple[str, ...] = ()
    init: bool = False
    tty: bool = False
    caches: tuple[str, ...] = ()


class BundlesSection(Struct, frozen=True):
    """`[bundles]`: the results.

    `container_path` is where the command writes them. With `mount` the host's `directory` is
    mounted there; without, they are copied out when the command has ended well.
    """

    container_path: str
    directory: Path | None = None
    mount: bool = True


class Target(Struct, frozen=True):
    """`[targets.NAME]`: a word of the command line; each key replaces the container's own.

    `environment` is added to the container's. `container` false: the image is built and nothing is
    run. `bundles` false: this target makes none. `description` is for people. `always` true: it is
    run although nothing changed; false: it is not. For a target of a Makefile that is the only
    key, and without it the target's name decides (`rootless_build.recipes.always`).
    """

    description: str = ""
    command: Words | None = None
    entrypoint: Words | None = None
    environment: Pairs = ()
    working_directory: str | None = None
    user: str | None = None
    privileged: bool | None = None
    network: str | None = None
    tty: bool | None = None
    container: bool = True
    bundles: bool = True
    always: bool | None = None


class Config(Struct, frozen=True):
    """Both files, merged. `file` is the project's rbuild.toml, None when it has none.

    `default_target` is the target when the command line names none; without it that is the
    container's own command.
    """

    defaults: Defaults = Defaults()
    image: Image | None = None
    container: Container | None = None
    bundles: BundlesSection | None = None
    targets: Mapping[str, Target] = field(default_factory=lambda: MappingProxyType({}))
    default_target: str | None = None
    file: Annotated[Path | None, NO_KEY] = None


class UserConfig(Struct, frozen=True):
    """The user's own file: `$XDG_CONFIG_HOME/rbuild/config.toml`."""

    defaults: Defaults = Defaults()
