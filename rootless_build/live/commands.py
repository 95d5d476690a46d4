"""Docker's commands that are no steps: what does each, by the names of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import zip_longest
from pathlib import Path
from types import MappingProxyType
from typing import Final, NoReturn

from rootless_build.backend.api import docker_commands
from rootless_build.docker_cli import reading
from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.told import Told
from rootless_build.files.private_directories import private_directory
from rootless_build.live import (
    acting,
    detached,
    executing,
    inspecting,
    keeping,
    known,
    listing,
    metadata_files,
    passing,
    pushing,
    steps,
)
from rootless_build.live.daemon import Daemon
from rootless_build.live.doing import Act, Doing
from rootless_build.live.streams import tell
from rootless_build.live.surroundings import Work
from rootless_build.model.errors import RecipeError
from rootless_build.model.events import Level, Notice, StepFinished, StepStarted, Stopwatch
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.recipes.docker import argv
from rootless_build.recipes.docker.argv import Called

_KIND: Final = "docker-command"
_ON_REQUEST: Final = "--allow-push"


def _start(doing: Doing) -> Told:
    """`docker start`."""
    seen = doing.given.has("attach") or doing.given.has("interactive")
    return passing.start(doing) if seen else acting.start(doing)


_ACTS: Final[Mapping[str, Act]] = MappingProxyType(
    {
        "container attach": passing.attach,
        "container commit": acting.commit,
        "container cp": passing.copy,
        "container diff": acting.changes,
        "container exec": executing.execute,
        "container export": passing.export,
        "container inspect": inspecting.of_kind("container"),
        "container kill": acting.kill,
        "container logs": passing.logs,
        "container ls": listing.list_containers,
        "container pause": acting.pause,
        "container port": listing.ports,
        "container prune": keeping.prune_containers,
        "container rename": acting.rename,
        "container restart": acting.restart,
        "container rm": acting.remove,
        "container start": _start,
        "container stop": acting.stop,
        "container top": acting.processes,
        "container unpause": acting.unpause,
        "container wait": acting.wait,
        "image history": listing.history,
        "image import": passing.import_,
        "image inspect": inspecting.of_kind("image"),
        "image load": passing.load,
        "image ls": listing.list_images,
        "image prune": keeping.prune_images,
        "image push": pushing.push,
        "image rm": keeping.remove_images,
        "image save": passing.save,
        "inspect": inspecting.of_any_kind,
        "login": passing.log_in,
        "logout": passing.log_out,
        "manifest create": pushing.create_list,
        "manifest inspect": pushing.inspect_list,
        "manifest push": pushing.push_list,
        "manifest rm": pushing.remove_lists,
        "network connect": keeping.connect,
        "network create": keeping.create_network,
        "network disconnect": keeping.disconnect,
        "network inspect": inspecting.of_kind("network"),
        "network ls": listing.list_networks,
        "network prune": keeping.prune_networks,
        "network rm": keeping.remove_networks,
        "system df": listing.disk_usage,
        "system info": known.info,
        "system prune": keeping.prune_system,
        "version": known.version,
        "volume create": keeping.create_volume,
        "volume inspect": inspecting.of_kind("volume"),
        "volume ls": listing.list_volumes,
        "volume prune": keeping.prune_volumes,
        "buildx create": known.create_builder,
        "buildx inspect": known.inspect_builder,
        "buildx ls": known.list_builders,
        "buildx rm": known.remove_builders,
        "buildx use": known.use_builder,
    }
)


def build(work: Work) -> int:
    """`docker build`; docker's exit status. Its image is pushed where that is asked for."""
    called = argv.called(work.call.words, work.call.context)
    pushes = _pushes(called, work) if called.pushed else ()
    with ExitStack() as stack:
        told: list[Path] = []
        if pushes and called.metadata_file is not None:
            place = stack.enter_context(private_directory())
            told = [place / str(number) for number in range(len(pushes))]

        def build_and_push(called: Called, work: Work) -> int:
            status = steps.do_called(called, work)
            for push, file in zip_longest(pushes, told):
                # What is told of a build is its image.
                act = partial(pushing.push, digest_file=file)
                status = status or do(push, work, quiet=True, act=act)
            return status

        return metadata_files.with_file(called, work, build_and_push, lambda: _digest(told, work))


def bake(work: Work) -> int:
    """`docker buildx bake`; docker's exit status."""
    called = argv.called(work.call.words, work.call.context)
    return metadata_files.with_file(called, work, steps.do_called)


def _digest(files: Sequence[Path], work: Work) -> str | None:
    """The one digest of what an engine has pushed under each name, empty where it was nothing; None
    where the names have others, which BuildKit's never have: it makes the manifest once.
    """
    found = {file.read_text(encoding="ascii").strip() for file in files if file.exists()}
    if len(found) > 1:
        words = "the engine made another manifest for each name, and --metadata-file has none"
        work.emit(Notice(Level.WARNING, "digests", words))
        return None
    return next(iter(found), "")


def _pushes(called: Called, work: Work) -> Sequence[Given]:
    """The pushes of a build's image. Raises RecipeError where that is not done."""
    if not work.around.may_push:
        _refuse_push("docker build --push", _ON_REQUEST)
    commands = docker_commands(work.around.engine)
    if commands is not None and commands.is_docker:
        raise RecipeError("docker build --push is two commands on docker: build, then push")
    tags = [tag for step in called.steps if isinstance(step, BuildImage) for tag in step.tags]
    pushes = [reading.read(("push", "--quiet", tag)) for tag in tags if not steps.is_own(tag)]
    if not pushes:
        raise RecipeError("tag is needed when pushing to registry")
    return [push for push in pushes if isinstance(push, Given)]


def _refuse_push(shown: str, option: str) -> NoReturn:
    words = f"{shown} changes what others have, and is done with {option} alone"
    raise RecipeError(words, hint=f"rbuild {option} …")


def do(given: Given, work: Work, *, quiet: bool = False, act: Act | None = None) -> int:
    """Do a command, as `act` does it; docker's exit status. Raises RecipeError for one that is not
    done.
    """
    if given.row.on_request and not work.around.may_push:
        _refuse_push(given.shown, given.row.on_request)
    commands = docker_commands(work.around.engine)
    if commands is not None and commands.is_docker:
        if given.row.name == "container create":
            detached.check_power(given, work)
        passing.whole(commands, work, _title(given, work))
    if given.row.name == "container create":
        return detached.create(given, work)
    act = act or _ACTS.get(given.row.name)
    kept = commands is not None and (commands.keeps_containers or not given.row.needs)
    if act is None or commands is None or not kept:
        why = f": {work.around.choice.backend.name} has no {given.row.needs}" if act else ""
        raise RecipeError(
            f"rbuild does not do `{given.shown}` in docker's place{why}",
            hint="`--backend podman` does" if act else "",
        )
    work.emit(StepStarted(1, 1, _KIND, _title(given, work)))
    watch = Stopwatch()
    told = act(Doing(given, work, Daemon(commands)))
    status = tell(replace(told, out="") if quiet else told)
    work.emit(StepFinished(1, 1, _KIND, status, watch.seconds))
    return status


def _title(given: Given, work: Work) -> str:
    """What the run calls it: the line, but where a password may stand in that."""
    return given.shown if given.row.name == "login" else work.call.line
