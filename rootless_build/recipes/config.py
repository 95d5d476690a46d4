"""rbuild.toml of the project and the user's config.toml, as data.

A key is a field's name below with `-` for `_`. The project's file may hold every section, the
user's only `[defaults]`; the command line comes before the project's file, that before the user's.
Relative paths belong to the directory of the file they stand in. What stands below a field is what
the reference says of the key (`python -m tests.docs`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import Struct, field

from rootless_build.model.plan import Pairs

FILE_NAME: Final = "rbuild.toml"

ValueLists = tuple[tuple[str, tuple[str, ...]], ...]
"""Names, each with several values."""

NO_KEY: Final = "no key"
"""Marks a field that no file can set."""
WORDS: Final = "words"
Words = Annotated[tuple[str, ...], WORDS]
"""A list of strings, or one string that is split into words as a shell does it."""


class Defaults(Struct, frozen=True):
    """`[defaults]`: values for options of the command line that are not given there.

    Of `build_args` and `environment` the project's come after the user's.
    """

    backend: str | None = None
    """`podman`, `buildah`, `docker`, another plug-in, or `auto`: as `--backend`."""
    network: str | None = None
    """As `--network`."""
    pull: Literal["always", "missing", "never"] | None = None
    """`always` is `--pull`, `never` is `--no-pull`; `missing` asks for what is not in storage."""
    build_args: Pairs = ()
    """For every image build."""
    environment: Pairs = ()
    """For every container."""
    bundles_dir: Path | None = None
    """As `--bundles-dir`."""
    log_format: Literal["text", "json"] | None = None
    """As `--log-format`."""
    color: Literal["auto", "always", "never"] | None = None
    """As `--color`."""
    progress: Literal["auto", "plain", "tty", "quiet"] | None = None
    """As `--progress`."""
    file: Path | None = None
    """As `--file`."""
    makefile: Path | None = None
    """As `--makefile`."""
    docker_socket: Path | None = None
    """As `--docker-socket`."""
    image: str | None = None
    """As `--image`."""
    keep_images: int | None = None
    """How many, as `--keep-images`."""
    incremental: bool | None = None
    """`false`: as `--no-incremental`."""
    incremental_share: float | None = None
    """How much of a tree may have changed where an image is made of the last one and what changed;
    without it 0.1."""
    jobs: int | None = None
    """How many, as `--jobs`."""
    keep_runs: int | None = None
    """How many runs of a project `rbuild log` has; without it 50, and 0 keeps none."""


class Image(Struct, frozen=True):
    """`[image]`: the image to build first."""

    containerfile: Path | None = None
    """Without it the context's own `Dockerfile`."""
    context: Path | None = None
    """The build context; without it the project."""
    target: str | None = None
    """The stage that is built."""
    tag: str | None = None
    """Without it `PROJECT-dev`."""
    build_args: Pairs = ()
    """For this build."""
    labels: Pairs = ()
    """Of the image."""
    platforms: tuple[str, ...] = ()
    """Such as `["linux/arm64"]`."""
    network: str | None = None
    """Of the build's own commands."""
    pull: Literal["always", "missing", "never"] = "missing"
    """When the registry is asked for base images; without it `missing`."""
    no_cache: bool = False
    """`true`: build every layer anew."""


class Container(Struct, frozen=True):
    """`[container]`: what runs in the image."""

    image: str | None = None
    """Only where there is no `[image]`."""
    command: Words = ()
    """Without it the image's own."""
    entrypoint: Words | None = None
    """Without it the image's own; `[]` takes that away."""
    environment: Pairs = ()
    """Variables of the container."""
    pass_environment: tuple[str, ...] = ()
    """Names of variables that the container gets if rbuild has them."""
    mounts: tuple[str, ...] = ()
    """In the words of docker's `-v`."""
    volumes: Pairs = ()
    """The volume's name, and the directory in the container."""
    tmpfs: tuple[str, ...] = ()
    """In the words of docker's `--tmpfs`."""
    working_directory: str | None = None
    """Without it the image's own."""
    user: str | None = None
    """Without it the image's own."""
    hostname: str | None = None
    """Without it the engine's choice."""
    privileged: bool = False
    """As docker's."""
    network: str | None = None
    """Without it the engine's choice."""
    publish: tuple[str, ...] = ()
    """In the words of docker's `-p`."""
    devices: tuple[str, ...] = ()
    """In the words of docker's `--device`."""
    cap_add: tuple[str, ...] = ()
    """In the words of docker's `--cap-add`."""
    security_options: tuple[str, ...] = ()
    """In the words of docker's `--security-opt`."""
    shm_size: str | None = None
    """Such as `"1g"`."""
    ulimits: tuple[str, ...] = ()
    """In the words of docker's `--ulimit`."""
    init: bool = False
    """As docker's."""
    tty: bool = False
    """`true`: the container gets the terminal, where rbuild has one."""
    caches: tuple[str, ...] = ()
    """Directories in the container that are kept from one run to the next, beside Go's."""


class BundlesSection(Struct, frozen=True):
    """`[bundles]`: the results."""

    container_path: str
    """Where the command writes them."""
    directory: Path | None = None
    """Where they go on the host; without it `bundles`."""
    mount: bool = True
    """`false`: they are copied out when the command has ended well."""


class Target(Struct, frozen=True):
    """`[targets.NAME]`: a word of the command line; each key replaces the container's own.

    Without `always` a target's name decides (`rootless_build.recipes.always`).
    """

    description: str = ""
    """For people."""
    command: Words | None = None
    """As in `[container]`."""
    entrypoint: Words | None = None
    """As in `[container]`."""
    environment: Pairs = ()
    """Added to the container's."""
    working_directory: str | None = None
    """As in `[container]`."""
    user: str | None = None
    """As in `[container]`."""
    privileged: bool | None = None
    """As in `[container]`."""
    network: str | None = None
    """As in `[container]`."""
    tty: bool | None = None
    """As in `[container]`."""
    container: bool = True
    """`false`: build the image and run nothing."""
    bundles: bool = True
    """`false`: this target makes none."""
    always: bool | None = None
    """`true`: it is run although nothing changed; `false`: it is not. Also for a target of a
    Makefile, where it is the only key: without it the name decides."""


class Matrix(Struct, frozen=True):
    """`[matrix]`: what `rbuild matrix` combines; options of the command line come before it.

    Without `refs` it is the working tree.
    """

    targets: tuple[str, ...] = ()
    """Each is what one build is for: a target, or several with spaces between."""
    platforms: tuple[str, ...] = ()
    """Such as `["linux/amd64", "linux/arm64"]`: for images and containers of which the recipe does
    not say it."""
    refs: tuple[str, ...] = ()
    """Branches, tags or commits; `.` is the working tree, uncommitted changes included."""
    backends: tuple[str, ...] = ()
    """As `--backend`."""
    variables: ValueLists = ()
    """Of each variable (`NAME=VALUE`) its values."""
    exclude: tuple[Pairs, ...] = ()
    """What is no cell: `{ ref = "v1*", platform = "linux/arm64" }`. Keys are `ref`, `target`,
    `platform`, `backend` and names of variables; values are patterns, as of files."""


class Node(Struct, frozen=True):
    """`[nodes.NAME]`: another machine, for `--on NAME`."""

    url: str
    """How it is reached: `ssh://USER@HOST:PORT`. User and port may be left out."""
    backend: Literal["podman", "buildah"] = "podman"
    """The engine there. No build can go to `buildah` yet."""


class Config(Struct, frozen=True):
    """Both files, merged. `file` is the project's rbuild.toml, None when it has none."""

    defaults: Defaults = Defaults()
    image: Image | None = None
    container: Container | None = None
    bundles: BundlesSection | None = None
    targets: Mapping[str, Target] = field(default_factory=lambda: MappingProxyType({}))
    matrix: Matrix | None = None
    default_target: str | None = None
    """The target when the command line names none; without it the container's own command."""
    file: Annotated[Path | None, NO_KEY] = None
    nodes: Annotated[Mapping[str, Node], NO_KEY] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """The user's alone: a project does not say where builds go."""


class UserConfig(Struct, frozen=True):
    """The user's own file: `$XDG_CONFIG_HOME/rbuild/config.toml`."""

    defaults: Defaults = Defaults()
    nodes: Mapping[str, Node] = field(default_factory=lambda: MappingProxyType({}))
    """Other machines whose engine can build, by name."""
