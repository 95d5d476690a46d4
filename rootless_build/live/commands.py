"""Docker's commands that are no steps: what does each, by the names of their rows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from rootless_build.backend.api import docker_commands
from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.told import Told
from rootless_build.live import (
    acting,
    detached,
    inspecting,
    keeping,
    known,
    listing,
    passing,
    pushing,
)
from rootless_build.live.daemon import Daemon
from rootless_build.live.doing import Act, Doing
from rootless_build.live.streams import tell
from rootless_build.live.surroundings import Work
from rootless_build.model.errors import RecipeError
from rootless_build.model.events import StepFinished, StepStarted, Stopwatch

_KIND: Final = "docker-command"


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
        "container exec": passing.execute,
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


def do(given: Given, work: Work) -> int:
    """Do a command; docker's exit status. Raises RecipeError for one that is not done."""
    if given.row.on_request and not work.around.may_push:
        words = f"{given.shown} changes what others have, and is done with {given.row.on_request}"
        raise RecipeError(f"{words} alone", hint=f"rbuild {given.row.on_request} …")
    commands = docker_commands(work.around.engine)
    if commands is not None and commands.is_docker:
        if given.row.name == "container create":
            detached.check_power(given, work)
        passing.whole(commands, work, _title(given, work))
    if given.row.name == "container create":
        return detached.create(given, work)
    act = _ACTS.get(given.row.name)
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
    status = tell(told)
    work.emit(StepFinished(1, 1, _KIND, status, watch.seconds))
    return status


def _title(given: Given, work: Work) -> str:
    """What the run calls it: the line, but where a password may stand in that."""
    return given.shown if given.row.name == "login" else work.call.line
