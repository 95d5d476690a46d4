"""The engine in the place of docker's daemon: asked, and its errors told in docker's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from rootless_build.backend.api import DockerCommands
from rootless_build.docker_cli.shapes.json import a_map, text
from rootless_build.docker_cli.shapes.names import in_full
from rootless_build.docker_cli.told import Told
from rootless_build.model.plan import Json

Query = Mapping[str, str]
_GONE = 404
_FAILS = 300
_AS_IT_WAS = 304


class DaemonError(Exception):
    """What docker's daemon would say: its words, without `Error response from daemon: `.

    `status` is that of HTTP.
    """

    def __init__(self, words: str, status: int = 500) -> None:
        super().__init__(words)
        self.words = words
        self.status = status

    @property
    def line(self) -> str:
        """As the client prints it."""
        return f"Error response from daemon: {self.words}\n"


class Daemon:
    """See the module. What is asked for by a name that there is none of raises DaemonError."""

    def __init__(self, commands: DockerCommands) -> None:
        self.commands = commands

    def ask(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Json = None,
    ) -> Json:
        """An answer. Raises DaemonError with the engine's own words."""
        status, said = self.commands.ask(method, path, query or {}, body)
        if status >= _FAILS and status != _AS_IT_WAS:
            answer = a_map(said)
            words = text(answer.get("message")) or text(answer.get("cause")) or text(said)
            raise DaemonError(words or f"the engine answered {status}", status)
        return said

    def container(self, name: str, then: str = "json", query: Query | None = None) -> Json:
        """What a container is, or more of it."""
        return self.of_container("GET", name, f"/{then}", query)

    def of_container(self, method: str, name: str, then: str, query: Query | None = None) -> Json:
        """What concerns one container."""
        try:
            return self.ask(method, f"/containers/{quote(name, safe='')}{then}", query)
        except DaemonError as error:
            if error.status == _GONE:
                raise DaemonError(f"No such container: {name}", _GONE) from error
            raise

    def identity(self, name: str) -> str:
        """The id of a container."""
        return text(a_map(self.container(name)).get("Id"))

    def image(self, name: str, then: str = "/json") -> Json:
        """What an image is, or more of it."""
        try:
            return self.ask("GET", f"/images/{quote(name, safe='/:@')}{then}")
        except DaemonError as error:
            if error.status == _GONE:
                raise DaemonError(f"No such image: {in_full(name)}", _GONE) from error
            raise

    def volume(self, name: str) -> Json:
        """What a volume is."""
        try:
            return self.ask("GET", f"/volumes/{quote(name, safe='')}")
        except DaemonError as error:
            if error.status == _GONE:
                raise DaemonError(f"get {name}: no such volume", _GONE) from error
            raise

    def network(self, name: str) -> Json:
        """What a network is."""
        try:
            return self.ask("GET", f"/networks/{quote(name, safe='')}")
        except DaemonError as error:
            if error.status == _GONE:
                raise DaemonError(f"network {name} not found", _GONE) from error
            raise


def for_each(names: Sequence[str], act: Callable[[str], str]) -> Told:
    """Do something to one after another; what fails keeps no other from it."""
    out, err, status = "", "", 0
    for name in names:
        try:
            out += act(name)
        except DaemonError as error:
            err += error.line
            status = 1
    return Told(out, err, status)
