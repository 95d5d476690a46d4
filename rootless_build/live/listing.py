"""`docker ps`, `docker images` and the other listings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from rootless_build.docker_cli import filters, units
from rootless_build.docker_cli.filters import FilterError, Filters
from rootless_build.docker_cli.listed import Container, Image
from rootless_build.docker_cli.shapes import containers, images, others
from rootless_build.docker_cli.shapes.json import a_list, a_map, text, texts
from rootless_build.docker_cli.tables import containers as container_table
from rootless_build.docker_cli.tables import images as image_table
from rootless_build.docker_cli.tables import listing
from rootless_build.docker_cli.tables import others as other_tables
from rootless_build.docker_cli.tables.listing import Listing
from rootless_build.docker_cli.templates.data import Record
from rootless_build.docker_cli.templates.printing import UnprintableError
from rootless_build.docker_cli.templates.tokens import TemplateError
from rootless_build.docker_cli.told import Told
from rootless_build.live import health
from rootless_build.live.daemon import Daemon, DaemonError
from rootless_build.live.doing import Doing
from rootless_build.model import platforms
from rootless_build.model.structs import replace

ALL: Final = {"all": "true"}


def _told(make: Callable[[], Told]) -> Told:
    """What a listing prints, or why it can't."""
    try:
        return make()
    except DaemonError as error:
        return Told(err=error.line, status=1)
    except FilterError as error:
        return Told(err=f"Error response from daemon: {error}\n", status=1)
    except (TemplateError, UnprintableError) as error:
        return Told(err=f"{error}\n", status=1)


def _printed(doing: Doing, of: Listing, rows: Sequence[Record], form: str = "") -> str:
    form = doing.given.value("format") or form
    return listing.printed(of, rows, form, quiet=doing.given.has("quiet"))


def _filters(doing: Doing) -> Filters:
    return Filters.read(doing.given.values("filter"))


# --- images ---------------------------------------------------------------------------------------


def list_images(doing: Doing) -> Told:
    """`docker images`."""
    return _told(lambda: _images(doing))


def all_images(daemon: Daemon) -> list[Image]:
    """All images of the engine, those without a name included."""
    return [images.image_listed(each) for each in a_list(daemon.ask("GET", "/images/json"))]


def _images(doing: Doing) -> Told:
    given = doing.given
    wanted = _filters(doing)
    found = filters.images(
        all_images(doing.daemon),
        wanted,
        lambda name: units.read(text(a_map(doing.daemon.image(name)).get("Created"))),
    )
    if not given.has("all") and wanted.values.get("dangling", ("false",))[-1] != "true":
        found = [each for each in found if each.names]
    if given.operands:
        found = [filters.image_named(each, given.operands) for each in found]
        found = [each for each in found if each.names]
    for_people = not any(map(given.value, ("format", "quiet", "no-trunc", "digests")))
    if for_people:
        return Told(image_table.overview(found), image_table.READ_BY_PEOPLE)
    digests = given.has("digests")
    rows = image_table.image_rows(found, whole=given.has("no-trunc"), digests=digests)
    form = image_table.DIGESTS if digests and not given.has("quiet") else ""
    return Told(_printed(doing, image_table.IMAGES, rows, form))


def history(doing: Doing) -> Told:
    """`docker history`."""
    return _told(lambda: _history(doing))


def _history(doing: Doing) -> Told:
    given = doing.given
    human = given.value("human") != "false"
    name = given.operands[0]
    comment = text(a_map(doing.daemon.image(name)).get("Comment"))
    past = images.history_listed(doing.daemon.image(name, "/history"), comment)
    rows = image_table.history_rows(past, whole=given.has("no-trunc"), human=human)
    form = "" if human else image_table.MOMENTS
    return Told(_printed(doing, image_table.HISTORY, rows, "" if given.has("quiet") else form))


# --- containers -----------------------------------------------------------------------------------


def list_containers(doing: Doing) -> Told:
    """`docker ps`."""
    return _told(lambda: _containers(doing))


def all_containers(daemon: Daemon) -> list[Container]:
    """All containers of the engine."""
    own = a_list(daemon.ask("GET", "/libpod/containers/json", ALL))
    if health.look_at_listed(daemon, own):
        own = a_list(daemon.ask("GET", "/libpod/containers/json", ALL))
    same = {
        text(a_map(each).get("Id")): each
        for each in a_list(daemon.ask("GET", "/containers/json", ALL))
    }
    return [
        containers.container_listed(each, same.get(text(a_map(each).get("Id")))) for each in own
    ]


def _containers(doing: Doing) -> Told:
    given, wanted = doing.given, _filters(doing)
    last = int(given.value("last") or "-1", 0)
    last = 1 if given.has("latest") else last
    every = given.has("all") or last > 0 or "status" in wanted.values or "exited" in wanted.values
    found = all_containers(doing.daemon)

    def made(name: str) -> float:
        return units.read(text(a_map(doing.daemon.container(name)).get("Created")))

    found = filters.containers(found, wanted, made)
    if not every:
        found = [each for each in found if each.state in {"running", "paused", "restarting"}]
    if last > 0:
        found = sorted(found, key=lambda each: -each.created)[:last]
    size = given.has("size")
    if _shows_commands(doing):
        found = [_with_entrypoint(doing.daemon, each) for each in found]
    rows = container_table.container_rows(
        found, _platform(), whole=given.has("no-trunc"), size=size
    )
    form = given.value("format")
    if given.has("quiet"):
        out = listing.printed(container_table.CONTAINERS, rows, quiet=True)
        return Told(out, container_table.IGNORED if form else "")
    return Told(
        listing.printed(
            container_table.CONTAINERS, rows, form or (container_table.WITH_SIZE if size else "")
        )
    )


def _shows_commands(doing: Doing) -> bool:
    form = doing.given.value("format") or "table"
    named = form.strip() in {"table", "json"} or "Command" in form or "json ." in form
    return named and not doing.given.has("quiet")


def _with_entrypoint(daemon: Daemon, container: Container) -> Container:
    """Of what runs in a container podman's listing leaves the entrypoint out."""
    try:
        said = a_map(daemon.container(container.id))
    except DaemonError:
        # It has gone meanwhile.
        return container
    words = (text(said.get("Path")), *texts(said.get("Args")))
    return replace(container, command=tuple(filter(None, words)) or container.command)


def _platform() -> str:
    return platforms.host()


def ports(doing: Doing) -> Told:
    """`docker port`."""
    name, *wanted = doing.operands
    try:
        found = containers.published(doing.daemon.container(name))
    except DaemonError as error:
        return Told(err=error.line, status=1)
    if not wanted:
        return Told("".join(f"{inside} -> {at}:{port}\n" for inside, at, port in found))
    port = wanted[0] if "/" in wanted[0] else f"{wanted[0]}/tcp"
    lines = "".join(f"{at}:{number}\n" for inside, at, number in found if inside == port)
    if lines:
        return Told(lines)
    return Told(err=f"no public port '{wanted[0]}' published for {name}\n", status=1)


# --- volumes and networks -------------------------------------------------------------------------


def list_volumes(doing: Doing) -> Told:
    """`docker volume ls`."""
    return _told(lambda: _volumes(doing))


def _volumes(doing: Doing) -> Told:
    used = frozenset[str]()
    if "dangling" in _filters(doing).values:
        used = frozenset(name for each in all_containers(doing.daemon) for name in each.volumes)
    found = others.volumes_listed(doing.daemon.ask("GET", "/volumes"), used)
    found = filters.volumes(found, _filters(doing))
    return Told(_printed(doing, other_tables.VOLUMES, other_tables.volume_rows(found)))


def disk_usage(doing: Doing) -> Told:
    """`docker system df`."""
    return _told(lambda: _usage(doing))


def _usage(doing: Doing) -> Told:
    rows = other_tables.usage_rows(others.usages(doing.daemon.ask("GET", "/system/df")))
    return Told(_printed(doing, other_tables.USAGE, rows))


def list_networks(doing: Doing) -> Told:
    """`docker network ls`."""
    return _told(lambda: _networks(doing))


def _networks(doing: Doing) -> Told:
    said = a_list(doing.daemon.ask("GET", "/networks"))
    said = [*said, *map(others.built_in_network, others.BUILT_IN)]
    found = filters.networks([others.network_listed(each) for each in said], _filters(doing))
    rows = other_tables.network_rows(found, whole=doing.given.has("no-trunc"))
    return Told(_printed(doing, other_tables.NETWORKS, rows))
