"""The options of a command become those of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from rootless_build.backend.discovery import Choice
from rootless_build.cli.checkout import bundles_directory
from rootless_build.cli.command import Command
from rootless_build.cli.overrides import named
from rootless_build.cli.own_places import engines_directory, failed_directory, images_directory
from rootless_build.freshness.plan_freshness import PlanFreshness
from rootless_build.freshness.snapshots import Snapshots
from rootless_build.images.at_once import AtOnce
from rootless_build.images.image_records import ImageRecords
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.structs import replace
from rootless_build.runner.options import (
    BundleOptions,
    ContainerOptions,
    ExpansionOptions,
    ImageOptions,
    Options,
    PrivilegeOptions,
)
from rootless_build.runner.results import Keep, Results

if TYPE_CHECKING:
    from rootless_build.backend.api import EngineSettings
    from rootless_build.images.asking.memory import Memory
    from rootless_build.images.own_files import OwnFiles
    from rootless_build.model.plan import Pairs, Plan
    from rootless_build.runner.journal import Run
    from rootless_build.runner.masking import Mask
    from rootless_build.runner.provenance import Attestor

_OWN_COMMAND: Final = "a command of your own is always run"
_USUAL_SHARE: Final = 0.1
"""More of a tree that changed is built as a whole."""


class Manner(Struct, frozen=True):
    """How a command has its plan done.

    `own_command`: the container runs what the user asked for (`rbuild run`). `pass_status`: a
    container's own status becomes rbuild's, as with `docker run`. `variables`: the NAME=VALUE words
    that the plan was read with. `anew`: every step is done, by nobody's hand and with empty caches,
    and nothing of a failed one is kept. `results` is what is done with what is made.
    """

    own_command: bool = False
    pass_status: bool = False
    variables: tuple[str, ...] = ()
    anew: bool = False
    results: Results = Keep()


def run_options(
    command: Command, plan: Plan, run: Run, manner: Manner, mask: Mask, expansion: ExpansionOptions
) -> Options:
    """What is known of them before there is an engine."""
    return Options(
        privileges=PrivilegeOptions(
            rootful=command.flag("rootful"),
            unprivileged=command.flag("unprivileged"),
            named=lambda: named(command),
        ),
        containers=ContainerOptions(
            terminal=not command.logs_json and not manner.anew,
            own_command=manner.own_command,
            fresh=command.flag("fresh") or manner.anew,
        ),
        bundles=BundleOptions(
            publishing=run.publishing,
            left=run.left,
            failed=None if manner.anew else failed_directory(plan.project),
            checksums=command.flag("checksums"),
        ),
        expansion=expansion,
        results=manner.results,
        explain=command.flag("explain"),
        mask=mask,
    )


def with_engine(
    options: Options, command: Command, plan: Plan, choice: Choice, images: ImageOptions
) -> Options:
    """The options, with what the engine that was chosen changes in them."""
    attest = None if command.flag("no_provenance") else lambda: _attestor(plan, choice)
    return replace(
        options,
        privileges=replace(options.privileges, isolated=is_isolated(choice.settings)),
        containers=replace(
            options.containers, check=lambda step: choice.backend.commands(step, choice.settings)
        ),
        bundles=replace(options.bundles, attest=attest, directory=bundles_directory(command)),
        node=choice.settings.node.name if choice.settings.node else "",
        images=images,
    )


def image_options(command: Command, choice: Choice, own: OwnFiles) -> ImageOptions:
    """How images are built; `own` are the places of rbuild's own files."""
    inexact = command.flag("allow_inexact")
    return ImageOptions(
        rewriting=RewriteOptions(
            choice.builder,
            choice.settings.data_directory,
            inexact,
            own,
            memory=lambda: memory_for(choice),
            explain=command.flag("explain"),
            at_once=AtOnce(_jobs(command)),
        ),
        records=lambda: _image_records(choice),
        keep=_keep_images(command),
        incremental=_incremental_share(command),
    )


def freshness_for(
    command: Command, plan: Plan, choice: Choice, snapshots: Snapshots, cache: Path
) -> PlanFreshness:
    """What tells which steps need not be done, with the engine and options of this run.

    `cache` is where records and indexes are.
    """
    given = (name for name in ("force", "fresh") if command.flag(name))
    about = (
        ("the engine", f"{choice.backend.name} {choice.version}"),
        *_place(choice),
        ("a setting of the engine", choice.settings.identity),
        *((f"--{name}", str(command.flag(name))) for name in ("checksums", "no_provenance")),
    )
    return PlanFreshness(
        plan,
        about,
        cache,
        builder=choice.builder,
        force=next((f"--{name}" for name in given), ""),
        always=_OWN_COMMAND if command.RUNS_OWN_COMMAND else "",
        snapshots=snapshots,
    )


def _place(choice: Choice) -> Pairs:
    """What stands for the machine that the engine is on, where that is another one."""
    node = choice.settings.node
    return (("the node", node.url),) if node is not None else ()


def is_isolated(settings: EngineSettings) -> bool:
    """Whether containers get namespaces of their own: not in a chroot."""
    isolation = settings.isolation or os.environ.get("BUILDAH_ISOLATION")
    return isolation != "chroot"


def _jobs(command: Command) -> int | None:
    """How much is done at a time; None for what the host bears."""
    given = command.number("jobs")
    usual = command.config.defaults.jobs
    if given is None and usual is not None and usual < 1:
        raise command.config_error(("defaults", "jobs"), "it is 1 or more")
    return given or usual


def _keep_images(command: Command) -> int:
    given = command.number("keep_images")
    if given is not None:
        return given
    usual = command.config.defaults.keep_images or 0
    if usual < 0:
        raise command.config_error(("defaults", "keep-images"), "it is 0 or more")
    return usual


def _incremental_share(command: Command) -> float:
    """Of how much of a tree an image is made that is the last one and what changed; 0 for none.

    Results with checksums are for others: they come of a build as a whole.
    """
    defaults = command.config.defaults
    share = _USUAL_SHARE if defaults.incremental_share is None else defaults.incremental_share
    if not 0 <= share <= 1:
        raise command.config_error(("defaults", "incremental-share"), "it is from 0 to 1")
    off = command.flag("no_incremental") or command.flag("checksums")
    return 0.0 if off or defaults.incremental is False else share


def _image_records(choice: Choice) -> ImageRecords:
    return ImageRecords(images_directory(), choice.backend.name)


def memory_for(choice: Choice) -> Memory:
    # A run that builds nothing asks nothing.
    from rootless_build.images.asking.memory import memory_of  # noqa: PLC0415

    return memory_of(engines_directory(), choice.backend.name, choice.builder, choice.settings)


def _attestor(plan: Plan, choice: Choice) -> Attestor:
    # A run that changes nothing makes no bundles: 30 ms.
    from rootless_build.runner.provenance import Attestor  # noqa: PLC0415

    return Attestor(plan, choice.backend.name, choice.version)
