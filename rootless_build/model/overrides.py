"""What the command line changes in a plan, whichever recipe it came from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from msgspec import Struct

from rootless_build.model import socket_mounts
from rootless_build.model.errors import UsageError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    BuildOutput,
    Bundles,
    Mount,
    Pairs,
    Plan,
    PullImage,
    PullPolicy,
    RunContainer,
    Step,
    TagImage,
    Unexpanded,
)
from rootless_build.model.privileges import without_privileges
from rootless_build.model.references import canonical, repository
from rootless_build.model.structs import replace


class Overrides(Struct, frozen=True):
    """None and empty mean that the recipe decides. Paths are absolute.

    `containerfile` is for the make container's image, `containerfiles` are for others, by name.
    """

    containerfile: Path | None = None
    containerfiles: tuple[tuple[str, Path], ...] = ()
    build_contexts: Pairs = ()
    network: str | None = None
    pull: PullPolicy | None = None
    no_cache: bool = False
    build_args: Pairs = ()
    environment: Pairs = ()
    image: str | None = None
    caches: tuple[str, ...] = ()
    bundles_directory: Path | None = None
    secrets: tuple[str, ...] = ()
    """For the image build, in the words of docker's `--secret`; sources are absolute paths."""
    secret_environment: Pairs = ()
    unprivileged: bool = False
    docker_socket: Path | None = None
    """Stands for docker's own in containers that have that mounted."""
    platform: str | None = None
    """For images that are built and containers, where the recipe names none."""


def apply(plan: Plan, overrides: Overrides) -> Plan:
    """The plan with the overrides in it.

    Raises UsageError for one that would change nothing, such as `-f` where no image is built.
    """
    if overrides.image is not None:
        plan = _with_image(plan, overrides.image)
    builds, runs = _may_build(plan), _may_run(plan)
    files = overrides.containerfile or overrides.containerfiles
    if not builds and (files or overrides.build_args or overrides.build_contexts):
        raise _vain("--file, --build-arg and --build-context are for an image build")
    if not builds and overrides.secrets:
        raise _vain("--secret is for an image build")
    if not builds and not runs and overrides.network is not None:
        raise _vain("--network is for an image build or a container")
    if not runs and overrides.environment:
        raise _vain("--env is for a container")
    if not runs and overrides.secret_environment:
        raise _vain("--secret-env is for a container")
    if not runs and overrides.caches:
        raise _vain("--cache-volume is for a container")
    if overrides.containerfile is not None:
        plan = _with_containerfile(plan, overrides.containerfile)
    for name, file in overrides.containerfiles:
        plan = _replaced(plan, _named(plan, name), file)
    if overrides.docker_socket is not None:
        plan = _with_socket(plan, overrides.docker_socket)
    plan = _mapped(plan, lambda step: _changed(step, overrides))
    if overrides.bundles_directory is not None:
        plan = _with_bundles(plan, overrides.bundles_directory)
    return plan


def _with_socket(plan: Plan, socket: Path) -> Plan:
    if not any(socket_mounts.mounted_in(plan)) and not _is_open(plan):
        raise UsageError(
            "--docker-socket is for a container that has docker's own mounted, and for scripts; "
            "there is none",
            hint="rbuild plan shows the steps",
        )
    return socket_mounts.replace_socket(plan, socket)


def _may_build(plan: Plan) -> bool:
    """Whether an image is built, as far as that is known."""
    return any(
        isinstance(step, BuildImage) or (isinstance(step, Unexpanded) and step.may_build)
        for step in plan.steps
    )


def _may_run(plan: Plan) -> bool:
    """Whether a container is run, as far as that is known."""
    return any(map(_is_container, plan.steps))


def _is_open(plan: Plan) -> bool:
    """Whether more is known of it later, when it is asked again what an option is for."""
    return any(isinstance(step, Unexpanded) for step in plan.steps)


def _is_container(step: Step) -> bool:
    return isinstance(step, RunContainer) or (isinstance(step, Unexpanded) and step.may_run)


def _is_sure_container(step: Step) -> bool:
    return isinstance(step, RunContainer) or (isinstance(step, Unexpanded) and step.does == "run")


def _vain(what: str) -> UsageError:
    return UsageError(f"{what}, and none is planned", hint="rbuild plan shows the steps")


def where_possible(plan: Plan, overrides: Overrides) -> Overrides:
    """The overrides without those that `apply` would refuse for this plan.

    For defaults of a configuration file, which are not meant for one target, and for the calls of a
    script, each of which is a plan: an option is for those among them that it fits.
    """
    builds, runs = _may_build(plan), _may_run(plan)
    image = overrides.image if runs else None
    builds = builds and image is None
    socket = overrides.docker_socket
    if socket is not None:
        socket = socket if any(socket_mounts.mounted_in(plan)) else None
    built = {name for step in _builds(plan) for name in image_names(step)}
    files = tuple((name, file) for name, file in overrides.containerfiles if name in built)
    return replace(
        overrides,
        containerfile=overrides.containerfile if builds and _of_make_container(plan) else None,
        containerfiles=files if builds else (),
        build_args=overrides.build_args if builds else (),
        build_contexts=overrides.build_contexts if builds else (),
        secrets=overrides.secrets if builds else (),
        network=overrides.network if builds or runs else None,
        environment=overrides.environment if runs else (),
        secret_environment=overrides.secret_environment if runs else (),
        caches=overrides.caches if runs else (),
        image=image,
        bundles_directory=overrides.bundles_directory if plan.bundles else None,
        docker_socket=socket,
    )


def make_container(plan: Plan, command: tuple[str, ...]) -> Plan:
    """The plan up to its last container, which runs `command` instead; no bundles are taken away.

    Raises UsageError when the plan runs no container.
    """
    last = max((n for n, step in enumerate(plan.steps) if _is_sure_container(step)), default=None)
    if last is None:
        raise UsageError("the recipe runs no container, so there is none to run a command in")
    step = plan.steps[last]
    steps = [s for s in plan.steps[:last] if not _is_sure_container(s)]
    replaced: Step
    if isinstance(step, Unexpanded):
        replaced = replace(step, instead=command)
    else:
        assert isinstance(step, RunContainer)  # `last` was chosen so
        replaced = replace(step, command=command, always=True)
    return replace(plan, steps=(*steps, replaced))


def _mapped(plan: Plan, change: Callable[[Step], Step]) -> Plan:
    return replace(plan, steps=tuple(change(step) for step in plan.steps))


def _changed(step: Step, overrides: Overrides) -> Step:
    if isinstance(step, BuildImage):
        return replace(
            step,
            network=overrides.network or step.network,
            pull=overrides.pull or step.pull,
            no_cache=overrides.no_cache or step.no_cache,
            build_args=step.build_args + overrides.build_args,
            build_contexts=_contexts(step.build_contexts, overrides.build_contexts),
            secrets=step.secrets + overrides.secrets,
            platforms=step.platforms or ((overrides.platform,) if overrides.platform else ()),
        )
    if isinstance(step, PullImage):
        return replace(step, pull=overrides.pull or step.pull)
    if isinstance(step, RunContainer):
        step = without_privileges(step) if overrides.unprivileged else step
        secret = overrides.secret_environment
        return replace(
            step,
            network=overrides.network or step.network,
            environment=step.environment + overrides.environment + secret,
            secret_environment=step.secret_environment + tuple(name for name, _ in secret),
            caches=step.caches + overrides.caches,
            platform=step.platform or overrides.platform,
        )
    return step


def _contexts(planned: Pairs, given: Pairs) -> Pairs:
    """Contexts, one of a name: what is given comes in the place of what is planned."""
    return tuple({**dict(planned), **dict(given)}.items())


def _with_containerfile(plan: Plan, file: Path) -> Plan:
    builds = _of_make_container(plan)
    if not _builds(plan) and _is_open(plan):
        return plan
    if not builds:
        raise UsageError(
            f"-f {file}: several images are built, each from a containerfile of its own, and no "
            "container is run in one of them",
            hint=f"say which is meant: {_choices(plan, file)}",
        )
    changed = _replaced(plan, builds, file)
    others = {_name(step) for step in _builds(plan) if step not in builds}
    if not others:
        return changed
    note = f"{file} is for {_name(builds[-1])}, not for {', '.join(sorted(others))}"
    return replace(changed, notes=(*plan.notes, f"{note} (-f IMAGE=FILE)"))


def _builds(plan: Plan) -> list[BuildImage]:
    return [step for step in plan.steps if isinstance(step, BuildImage)]


def _of_make_container(plan: Plan) -> list[BuildImage]:
    """The builds of the image that the last container runs. Where it runs in none of them, those
    of the one containerfile that all are built from; empty where there are several.
    """
    builds = _builds(plan)
    runs = [step for step in plan.steps if isinstance(step, RunContainer)]
    wanted = canonical(runs[-1].image) if runs else ""
    made = [step for step in builds if wanted in map(canonical, step.tags)]
    files = {(step.context, step.containerfile, step.containerfile_text) for step in builds}
    return made or (builds if len(files) == 1 else [])


def _named(plan: Plan, name: str) -> list[BuildImage]:
    """The builds of an image: its reference, without the tag too, or the stage that is built."""
    found = [step for step in _builds(plan) if name in image_names(step)]
    if not found and not _is_open(plan):
        known = ", ".join(dict.fromkeys(_name(step) for step in _builds(plan)))
        raise UsageError(f"-f {name}=…: no image {name} is built; there is {known}")
    return found


def image_names(step: BuildImage) -> Iterator[str]:
    """What the image of a build can be called: its tags, each with and without the parts that may
    be left out, and the stage that is built.
    """
    for tag in step.tags:
        yield from (tag, canonical(tag), repository(tag))
    if step.target is not None:
        yield step.target


def _name(step: BuildImage) -> str:
    return step.tags[0] if step.tags else step.target or str(step.context)


def _choices(plan: Plan, file: Path) -> str:
    names = dict.fromkeys(_name(step) for step in _builds(plan))
    return ", or ".join(f"-f {name}={file}" for name in names)


def _replaced(plan: Plan, builds: Collection[BuildImage], file: Path) -> Plan:
    def change(step: Step) -> Step:
        if isinstance(step, BuildImage) and step in builds:
            return replace(step, containerfile=file, containerfile_text=None)
        return step

    return _mapped(plan, change)


def _with_image(plan: Plan, image: str) -> Plan:
    built = {tag for step in plan.steps if isinstance(step, BuildImage) for tag in step.tags}
    built |= {step.name for step in plan.steps if isinstance(step, TagImage)}
    without = BuildImage | TagImage | PullImage
    kept = [step for step in plan.steps if not isinstance(step, without)]
    if not any(map(_is_container, kept)):
        raise _vain("--image is for a container")

    def change(step: Step) -> Step:
        if isinstance(step, RunContainer) and (step.image in built or not built):
            return replace(step, image=image)
        return step

    return _mapped(replace(plan, steps=tuple(kept)), change)


def _with_bundles(plan: Plan, directory: Path) -> Plan:
    if plan.bundles is None and _is_open(plan):
        return plan
    if plan.bundles is None:
        raise UsageError("--bundles-dir: this target makes no bundles")
    was = plan.bundles.directory

    def moved(mount: Mount) -> Mount:
        if isinstance(mount, BindMount) and mount.source == was:
            return replace(mount, source=directory)
        return mount

    def redirected(output: BuildOutput) -> BuildOutput:
        attributes = dict(output.attributes)
        destination = Path(attributes.get("dest", ""))
        if not destination.is_relative_to(was):
            return output
        attributes["dest"] = str(directory / destination.relative_to(was))
        return BuildOutput(output.type, tuple(attributes.items()))

    def change(step: Step) -> Step:
        if isinstance(step, RunContainer):
            return replace(step, mounts=tuple(moved(m) for m in step.mounts))
        if isinstance(step, BuildImage):
            return replace(step, outputs=tuple(map(redirected, step.outputs)))
        return step

    bundles = Bundles(directory, plan.bundles.container_path)
    return replace(_mapped(plan, change), bundles=bundles)
