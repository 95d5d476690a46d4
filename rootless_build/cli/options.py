"""The options, in groups: a command's class has those groups among its bases that mean something
to it. What one command alone has is in its own class. `--help` has the options of the last base
first.
"""

from __future__ import annotations

from typing import Final

from plumbum import cli

from rootless_build.cli.command_line import LOG_FORMATS
from rootless_build.cli.option_types import Choice, Number, Progress, Text

PROJECT: Final = "Project and engine"
IMAGES: Final = "Images"
CONTAINERS: Final = "Containers"
RESULTS: Final = "Results"
RUN: Final = "This run"
OUTPUT: Final = "Output"
AXES: Final = "Axes of a matrix"
PLACES: Final = "Where cells are done"
GROUPS: Final = (RUN, AXES, PLACES, PROJECT, IMAGES, CONTAINERS, RESULTS, OUTPUT)
"""What `--help` has them below, in this order."""


class Everywhere:
    """Of all commands. The project also says, in its rbuild.toml, how rbuild is to speak."""

    directory = cli.SwitchAttr(
        ["-C", "--directory"],
        Text("--directory"),
        argname="DIR",
        group=PROJECT,
        help="the project (default: here)",
    )
    log_format = cli.SwitchAttr(
        "--log-format",
        Choice("--log-format", *LOG_FORMATS),
        argname="FORMAT",
        group=OUTPUT,
        help="text, or json: one object a line",
    )
    color = cli.SwitchAttr(
        "--color",
        Choice("--color", "auto", "always", "never"),
        argname="WHEN",
        group=OUTPUT,
        help="auto, always or never",
    )
    progress = cli.SwitchAttr(
        "--progress",
        Progress("--progress"),
        argname="HOW",
        group=OUTPUT,
        help="auto, plain (nothing changes on the screen), tty or quiet",
    )
    verbose = cli.CountOf(
        ["-v", "--verbose"],
        group=OUTPUT,
        help="settings that are new, reasons and times too; -vv: all settings",
    )
    quiet = cli.Flag(
        ["-q", "--quiet"], group=OUTPUT, help="only containers' output, new bundles and errors"
    )


class Engine:
    """Of commands that ask an engine."""

    backend = cli.SwitchAttr(
        "--backend",
        Text("--backend"),
        argname="NAME",
        group=PROJECT,
        help="podman, buildah, docker or auto",
    )


class Elsewhere:
    """Of commands whose steps another machine's engine can do."""

    on = cli.SwitchAttr(
        "--on",
        Text("--on"),
        argname="NODE",
        group=PROJECT,
        help="build there: a node of `rbuild nodes`, or ssh://USER@HOST:PORT",
    )


class Bundles:
    """Of commands that have to do with bundles."""

    bundles_dir = cli.SwitchAttr(
        "--bundles-dir",
        Text("--bundles-dir"),
        argname="DIR",
        group=RESULTS,
        help="where the results go",
    )


class Waiting:
    """Of commands that want a checkout for themselves."""

    no_wait = cli.Flag(
        "--no-wait", group=RUN, help="fail when another rbuild works in this checkout"
    )


class Showing:
    """Of commands that change something, and can be asked what that would be."""

    dry_run = cli.Flag("--dry-run", group=RUN, help="show what would be done, do nothing")


class Sandbox:
    """Of commands that can show a plan."""

    no_sandbox = cli.Flag(
        "--no-sandbox",
        group=RUN,
        help="let what a Makefile runs while a plan is shown do anything",
    )


class Live:
    """Of commands whose recipe may be run for what it does, where it can't be foreseen."""

    live = cli.Flag("--live", group=RUN, help="run make for real, with rbuild in docker's place")
    no_live = cli.Flag(
        "--no-live",
        group=RUN,
        help="refuse a Makefile that can't be planned, instead of running make",
        excludes=["--live"],
    )


class Pushing:
    """Of commands that are docker for a script."""

    allow_push = cli.Flag(
        "--allow-push",
        group=RUN,
        help="let a script push what it built: docker push, docker manifest",
    )


class Recipe:
    """Which recipe is read."""

    makefile = cli.SwitchAttr(
        "--makefile",
        Text("--makefile"),
        argname="FILE",
        group=PROJECT,
        help="another makefile, as make -f FILE",
    )


class Images:
    """What a recipe's images are built with."""

    files = cli.SwitchAttr(
        ["-f", "--file"],
        Text("--file"),
        list=True,
        argname="[IMAGE=]FILE",
        group=IMAGES,
        help="another containerfile, for the make container's image or the one named",
    )
    image = cli.SwitchAttr(
        "--image", Text("--image"), argname="IMAGE", group=IMAGES, help="use this image, build none"
    )
    pull = cli.Flag("--pull", group=IMAGES, help="ask the registry for newer base images")
    no_pull = cli.Flag("--no-pull", group=IMAGES, help="never ask a registry", excludes=["--pull"])
    no_cache = cli.Flag("--no-cache", group=IMAGES, help="build every layer anew")
    build_args = cli.SwitchAttr(
        "--build-arg",
        Text("--build-arg"),
        list=True,
        argname="NAME[=VALUE]",
        group=IMAGES,
        help="for the image build",
    )
    build_contexts = cli.SwitchAttr(
        "--build-context",
        str,
        list=True,
        argname="NAME=DIR",
        group=IMAGES,
        help="a directory (or docker-image://IMAGE) that stands for an image or a stage",
    )
    secrets = cli.SwitchAttr(
        "--secret",
        Text("--secret"),
        list=True,
        argname="id=ID,src=FILE|env=NAME",
        group=IMAGES,
        help="for RUN --mount=type=secret",
    )


class Inexact:
    """Of commands that build images; a plan shows what would be inexact."""

    allow_inexact = cli.Flag(
        "--allow-inexact",
        group=IMAGES,
        help="build a containerfile whose rewriting for this engine differs",
    )


class Containers:
    """What a recipe's containers are started with."""

    env = cli.SwitchAttr(
        "--env",
        Text("--env"),
        list=True,
        argname="NAME[=VALUE]",
        group=CONTAINERS,
        help="for the container",
    )
    secret_env = cli.SwitchAttr(
        "--secret-env",
        Text("--secret-env"),
        list=True,
        argname="NAME",
        group=CONTAINERS,
        help="for the container, and shown nowhere",
    )
    network = cli.SwitchAttr(
        "--network",
        Text("--network"),
        argname="MODE",
        group=CONTAINERS,
        help="network of builds and containers",
    )
    cache_volumes = cli.SwitchAttr(
        "--cache-volume",
        Text("--cache-volume"),
        list=True,
        argname="DIR",
        group=CONTAINERS,
        help="a directory in the container to keep for the next run",
    )
    docker_socket = cli.SwitchAttr(
        "--docker-socket",
        Text("--docker-socket"),
        argname="SOCKET",
        group=CONTAINERS,
        help="stands for docker's own in containers that have that mounted, and for scripts",
    )
    unprivileged = cli.Flag(
        "--unprivileged",
        group=CONTAINERS,
        help="run containers without privileges, refuse power over the host",
    )
    rootful = cli.Flag(
        "--rootful", group=CONTAINERS, help="as root: allow what has power over the host"
    )


class Checksums:
    """Of commands that have bundles written, or compared."""

    checksums = cli.Flag(
        "--checksums", group=RESULTS, help="write .md5 and .sha256 beside binaries that have none"
    )


class Freshness:
    """What decides of which steps there is need."""

    force = cli.Flag("--force", group=RUN, help="build and run although nothing changed")
    fresh = cli.Flag("--fresh", group=CONTAINERS, help="run the container, and give it no caches")
    no_provenance = cli.Flag(
        "--no-provenance", group=RESULTS, help="write no provenance.intoto.json"
    )


class Parallel:
    """Of commands that may do several things at a time."""

    jobs = cli.SwitchAttr(
        ["-j", "--jobs"],
        Number("--jobs", least=1),
        argname="N",
        group=RUN,
        help="how many builds, and RUNs of them, go on at a time (default: what this host bears)",
    )


class Explaining:
    """Of commands that do a plan's steps where there is need."""

    explain = cli.Flag("--explain", group=RUN, help="say why each step is done")


class Increments:
    """Of commands that may make an image of the last one and what changed."""

    no_incremental = cli.Flag(
        "--no-incremental",
        group=IMAGES,
        help="build an image as a whole, whatever little changed",
    )


class Metadata:
    """Of commands that do steps, which programs may go on with."""

    metadata_file = cli.SwitchAttr(
        "--metadata-file",
        Text("--metadata-file"),
        argname="FILE",
        group=RESULTS,
        help="write what the run came to: steps, images, bundles with digests, as JSON",
    )


class Keeping:
    """Of commands whose new images take the place of those before."""

    keep_images = cli.SwitchAttr(
        "--keep-images",
        Number("--keep-images"),
        argname="N",
        group=IMAGES,
        help="how many images of a step that newer ones replaced stay (default: 0)",
    )


class Doing(Checksums, Bundles, Containers, Images, Engine):
    """Of commands that build images or run containers: what changes each of them."""


class Planning(Recipe, Doing):
    """Of commands that read a recipe: what changes the plan."""


class Building(
    Sandbox,
    Waiting,
    Showing,
    Metadata,
    Inexact,
    Keeping,
    Increments,
    Parallel,
    Explaining,
    Freshness,
    Planning,
):
    """Of commands that do what the recipe says."""


class Working(Waiting, Metadata, Inexact, Increments, Parallel, Explaining, Freshness, Doing):
    """Of commands that do what another program says."""


def format_option() -> cli.SwitchAttr[str | list[str]]:
    """--format, for commands that print lists."""
    return cli.SwitchAttr(
        "--format",
        Choice("--format", "text", "json"),
        default="text",
        argname="FORMAT",
        help="text or json",
    )
