"""What is answered without asking for anything that is: versions, builders, contexts."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rootless_build.docker_cli import usage
from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.shapes.json import a_list, a_map, text, whole
from rootless_build.docker_cli.templates import inspecting
from rootless_build.docker_cli.templates.data import Record, Value, in_json
from rootless_build.docker_cli.templates.execution import Rules, execute
from rootless_build.docker_cli.templates.functions import FUNCTIONS
from rootless_build.docker_cli.templates.parser import parse
from rootless_build.docker_cli.templates.printing import UnprintableError
from rootless_build.docker_cli.templates.tokens import TemplateError
from rootless_build.docker_cli.templates.typed import typed
from rootless_build.docker_cli.told import Told
from rootless_build.live.daemon import DaemonError
from rootless_build.live.doing import Doing
from rootless_build.model import platforms
from rootless_build.model.plan import Json

_MORE: Final = {"APIVersion": "ApiVersion"}
_GO: Final = "go1.24.4"
_BUILDERS: Final = "docker-builders.json"
_DEFAULT: Final = "default"


def _machine() -> tuple[str, str]:
    system, _, machine = platforms.host().partition("/")
    return system, machine.partition("/")[0]


def _filled(data: Record, form: str, name: str) -> Told:
    if form == "json":
        return Told(f"{in_json(data)}\n")
    try:
        template = parse(form, FUNCTIONS, name)
    except TemplateError as error:
        return Told(err=f"template parsing error: {error}\n", status=inspecting.UNREADABLE)
    try:
        return Told(f"{execute(template, data, Rules(name))}\n")
    except (TemplateError, UnprintableError) as error:
        return Told("\n", f"{error}\n", 1)


# --- version and info -----------------------------------------------------------------------------


def version(doing: Doing) -> Told:
    """`docker version`."""
    form = doing.given.value("format")
    if form:
        return _filled(_versions(), form, "version")
    system, machine = _machine()
    both = (
        f" Version:           {usage.VERSION}\n API version:       {usage.API}\n"
        f" OS/Arch:           {system}/{machine}\n"
    )
    engine = doing.work.around.choice.backend.name
    return Told(
        f"Client: rbuild\n{both} Context:           default\n\n"
        f"Server: rbuild ({engine})\n Engine:\n{both.replace(' V', '  V', 1)}"
    )


def _versions() -> Record:
    system, machine = _machine()
    client: dict[str, Value] = {
        "Version": usage.VERSION,
        "ApiVersion": usage.API,
        "DefaultAPIVersion": usage.API,
        "GitCommit": "rbuild",
        "GoVersion": _GO,
        "Os": system,
        "Arch": machine,
        "BuildTime": "",
        "Context": _DEFAULT,
    }
    server: dict[str, Value] = {
        "Platform": Record("struct", {"Name": "rbuild"}),
        "Version": usage.VERSION,
        "ApiVersion": usage.API,
        "MinAPIVersion": "1.44",
        "Os": system,
        "Arch": machine,
        "Components": [_component(system, machine)],
        "GitCommit": "rbuild",
        "GoVersion": _GO,
        "KernelVersion": platform.release(),
        "BuildTime": "",
    }
    of_client = Record("system.clientVersion", client, more=_MORE)
    of_server = Record("*system.serverVersion", server, {"Experimental": False}, _MORE)
    return Record("system.versionInfo", {"Client": of_client, "Server": of_server})


def _component(system: str, machine: str) -> Record:
    details: dict[str, Value] = {"ApiVersion": usage.API, "Arch": machine, "Os": system}
    fields: dict[str, Value] = {"Name": "Engine", "Version": usage.VERSION, "Details": details}
    return Record("types.ComponentVersion", fields)


def info(doing: Doing) -> Told:
    """`docker info`."""
    try:
        said = a_map(doing.daemon.ask("GET", "/info"))
    except DaemonError as error:
        return Told(err=error.line, status=1)
    form = doing.given.value("format")
    told = _info(said)
    if form:
        return _filled(told, form, "")
    lines = [
        *("Client:", f" Version:    {usage.VERSION}", " Context:    default", "", "Server:"),
        f" Containers: {whole(said.get('Containers'))}",
        f" Images: {whole(said.get('Images'))}",
        f" Server Version: {usage.VERSION}",
        f" Storage Driver: {text(said.get('Driver'))}",
        f" Kernel Version: {text(said.get('KernelVersion'))}",
        f" Operating System: {text(said.get('OperatingSystem'))}",
        f" OSType: {text(said.get('OSType'))}",
        f" Architecture: {platform.machine()}",
        f" CPUs: {whole(said.get('NCPU'))}",
        f" Docker Root Dir: {text(said.get('DockerRootDir'))}",
    ]
    return Told("\n".join(lines) + "\n")


def _info(said: Mapping[str, Json]) -> Record:
    changed: dict[str, Json] = {
        **said,
        "ServerVersion": usage.VERSION,
        "Architecture": platform.machine(),
        "Labels": a_list(said.get("Labels")),
        "ClientInfo": {"Debug": False, "Version": usage.VERSION, "Context": _DEFAULT},
    }
    fields = {name: typed(value, name) for name, value in changed.items()}
    return Record("system.dockerInfo", fields)


# --- contexts -------------------------------------------------------------------------------------

_ENDPOINT: Final = "unix:///var/run/docker.sock"


def show_context(_: Given) -> Told:
    """`docker context show`."""
    return Told(f"{_DEFAULT}\n")


def list_contexts(given: Given) -> Told:
    """`docker context ls`."""
    if given.has("quiet") or given.value("format") == "{{.Name}}":
        return Told(f"{_DEFAULT}\n")
    if given.value("format"):
        return Told(err="docker context ls: --format has the field .Name here\n", status=1)
    description = "Current DOCKER_HOST based configuration"
    return Told(
        f"NAME        {'DESCRIPTION':<39}   DOCKER ENDPOINT               ERROR\n"
        f"default *   {description}   {_ENDPOINT}   \n"
    )


def use_context(given: Given) -> Told:
    """`docker context use`."""
    name = given.operands[0]
    if name == _DEFAULT:
        return Told(f"{_DEFAULT}\n", f'Current context is now "{_DEFAULT}"\n')
    return Told(err=f'context "{name}": context not found\n', status=1)


def inspect_contexts(given: Given) -> Told:
    """`docker context inspect`."""
    other = next((name for name in given.operands if name != _DEFAULT), None)
    if other is not None:
        return Told("[]\n", f'context "{other}": context not found\n', 1)
    context: Json = {
        "Name": _DEFAULT,
        "Metadata": {},
        "Endpoints": {"docker": {"Host": _ENDPOINT, "SkipTLSVerify": False}},
        "TLSMaterial": {},
        "Storage": {"MetadataPath": "<IN MEMORY>", "TLSPath": "<IN MEMORY>"},
    }
    form = given.value("format")
    if not form:
        return Told(f"{inspecting.indented([context])}\n")
    try:
        return Told(f"{inspecting.reader(form)(context)}\n")
    except (TemplateError, UnprintableError) as error:
        return Told("\n", f"{error}\n", 1)


# --- builders -------------------------------------------------------------------------------------


class _Builders:
    """The names of builders that a script made: all are this one. They last as long as the run."""

    def __init__(self, doing: Doing) -> None:
        self._file = doing.work.around.choice.settings.runtime_directory / _BUILDERS

    def names(self) -> dict[str, bool]:
        """The names, and whether each is the one in use."""
        try:
            read: Json = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            read = {}
        found = {name: used is True for name, used in a_map(read).items()}
        return found if _DEFAULT in found else {_DEFAULT: not any(found.values()), **found}

    def keep(self, names: Mapping[str, bool]) -> None:
        """Keep them."""
        temporary = Path(f"{self._file}.new")
        temporary.write_text(json.dumps(names), encoding="utf-8")
        temporary.replace(self._file)

    def use(self, name: str) -> None:
        """Make one the one in use."""
        self.keep({each: each == name for each in (*self.names(), name)})


def create_builder(doing: Doing) -> Told:
    """`docker buildx create`: one more name for what builds anyway."""
    builders, given = _Builders(doing), doing.given
    names = builders.names()
    name = given.value("name") or f"builder{len(names)}"
    if name in names:
        words = "but no append mode, specify the node name to make changes for existing instances"
        return Told(err=f'ERROR: existing instance for "{name}" {words}\n', status=1)
    driver = given.value("driver")
    if driver not in {None, "docker", "docker-container"}:
        return Told(err=f'ERROR: failed to find driver "{driver}"\n', status=1)
    builders.keep({**names, name: False})
    if given.has("use"):
        builders.use(name)
    return Told(f"{name}\n")


def use_builder(doing: Doing) -> Told:
    """`docker buildx use`."""
    builders, name = _Builders(doing), doing.operands[0]
    if name not in builders.names():
        words = f'failed to find instance "{name}": no such file or directory'
        return Told(err=f"ERROR: {words}\n", status=1)
    builders.use(name)
    return Told()


def remove_builders(doing: Doing) -> Told:
    """`docker buildx rm`."""
    builders = _Builders(doing)
    names = builders.names()
    used = next(name for name, is_used in names.items() if is_used)
    err, status = "", 0
    for name in doing.operands or (used,):
        if name not in names or name == _DEFAULT:
            err += f'failed to remove {name}: no builder "{name}" found\n'
            status = 1
        else:
            del names[name]
            err += f"{name} removed\n"
    builders.keep(names)
    if status:
        err += "ERROR: failed to remove one or more builders\n"
    return Told(err=err, status=status)


def _the_platform() -> str:
    return "/".join(_machine())


def list_builders(doing: Doing) -> Told:
    """`docker buildx ls`."""
    names = _Builders(doing).names()
    form = doing.given.value("format")
    if form == "json":
        rows = (_builder_json(name, used) for name, used in names.items())
        return Told("".join(f"{row}\n" for row in rows))
    if form:
        data = [Record("builder", {"Name": name}) for name in names for _ in range(2)]
        try:
            template = parse(form, FUNCTIONS)
            return Told("".join(f"{execute(template, each)}\n" for each in data))
        except (TemplateError, UnprintableError) as error:
            return Told(err=f"ERROR: template parsing error: {error}\n", status=1)
    lines = ["NAME/NODE     DRIVER/ENDPOINT   STATUS    BUILDKIT   PLATFORMS"]
    for name, used in names.items():
        lines.append(f"{name + ('*' if used else ''):<14}docker{' ' * 34}")
        lines.append(f" \\_ {name:<10}\\_ {name:<15}running   rbuild     {_the_platform()}")
    return Told("\n".join(lines) + "\n")


def _builder_json(name: str, used: bool) -> str:
    node = {"Name": name, "Endpoint": name, "Status": "running", "Platforms": [_the_platform()]}
    row = {"Current": used, "Driver": "docker", "Dynamic": False, "Name": name, "Nodes": [node]}
    return json.dumps(row, separators=(",", ":"))


def inspect_builder(doing: Doing) -> Told:
    """`docker buildx inspect`."""
    names = _Builders(doing).names()
    used = next((each for each, is_used in names.items() if is_used), _DEFAULT)
    name = next(iter(doing.operands), doing.given.value("builder") or used)
    if name not in names:
        return Told(err=f'ERROR: no builder "{name}" found\n', status=1)
    return Told(
        f"Name:          {name}\nDriver:        docker\n\nNodes:\nName:             {name}\n"
        f"Endpoint:         {name}\nStatus:           running\nBuildKit version: rbuild\n"
        f"Platforms:        {_the_platform()}\n"
    )


def stop_builder(_: Given) -> Told:
    """`docker buildx stop`: there is nothing to stop."""
    return Told()


def builder_version(_: Given) -> Told:
    """`docker buildx version`."""
    return Told(f"github.com/docker/buildx {usage.BUILDX} rbuild\n")


def builder_usage(_: Given) -> Told:
    """`docker buildx du`: what is kept is the engine's."""
    return Told("ID        RECLAIMABLE   SIZE      LAST ACCESSED\nReclaimable:\t0B\nTotal:\t\t0B\n")


def prune_builder(_: Given) -> Told:
    """`docker buildx prune`: what the engine keeps of builds is not docker's to remove."""
    return Told("Total:\t0B\n")


AT_ONCE: Final[Mapping[str, Callable[[Given], Told]]] = {
    "context show": show_context,
    "context ls": list_contexts,
    "context use": use_context,
    "context inspect": inspect_contexts,
    "buildx stop": stop_builder,
    "buildx version": builder_version,
    "buildx du": builder_usage,
    "buildx prune": prune_builder,
}
"""What is answered in the run's own process."""
