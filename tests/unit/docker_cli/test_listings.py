"""Listings, held against lines that docker 29 printed; how long ago something was is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pytest

from rootless_build.docker_cli import filters, units
from rootless_build.docker_cli.filters import FilterError, Filters
from rootless_build.docker_cli.listed import Container, Image, Network, Past, Volume
from rootless_build.docker_cli.shapes.others import usages
from rootless_build.docker_cli.tables import containers, images, listing, others
from rootless_build.docker_cli.tables.columns import aligned
from rootless_build.docker_cli.templates.data import Json
from rootless_build.docker_cli.templates.tokens import TemplateError

NOW: Final = 1_764_547_200.0
"""Seconds since 1970 that are now to these tests."""
IMAGE: Final = Image(
    "d5930c7ea9ffeabe71da5194d2f05319b7d0192b971d2db9544fc0d5c6243793",
    ("b:1",),
    created=NOW - 630,
    size=3_060_000,
    containers=1,
)
CONTAINER: Final = Container(
    "b55e8cfbee23157ffc4e757ee05454f470c139e37c63a7cdd2b782a8535b2793",
    "ww",
    "b:1",
    command=("sh", "-c", "exec sleep 10000"),
    created=NOW - 65,
    state="running",
    started=NOW - 65,
    labels={"a.b": "c", "plain": "x"},
    volumes=("vol",),
    networks=("none",),
    size=(0, 1_990_000),
)
VOLUME: Final = Volume("vol", mountpoint="/m", labels={"x": "y"})
NETWORKS: Final = (
    Network("a4cdff612851" + "0" * 52, "none", "null"),
    Network("0168ce9c8cfd" + "0" * 52, "host", "host"),
)


@pytest.fixture(autouse=True)
def _it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rootless_build.docker_cli.units.time.time", lambda: NOW)


def ps(form: str = "", *, whole: bool = False, size: bool = False) -> str:
    """`docker ps`."""
    rows = containers.container_rows([CONTAINER], "linux/amd64", whole=whole, size=size)
    return listing.printed(containers.CONTAINERS, rows, form)


def docker_images(form: str = "", *, quiet: bool = False, whole: bool = False) -> str:
    """`docker images` with a format."""
    rows = images.image_rows([IMAGE], whole=whole, digests=False)
    return listing.printed(images.IMAGES, rows, form, quiet=quiet)


def test_ps_is_laid_out_as_dockers() -> None:
    assert ps() == (
        "CONTAINER ID   IMAGE     COMMAND                  CREATED              "
        "STATUS              PORTS     NAMES\n"
        'b55e8cfbee23   b:1       "sh -c \'exec sleep 1…"   About a minute ago   '
        "Up About a minute             ww\n"
    )
    assert "\"sh -c 'exec sleep 10000'\"" in ps(whole=True)


@pytest.mark.parametrize(
    ("form", "docker"),
    [
        ("table {{.Names}}\t{{.Status}}", "NAMES     STATUS\nww        Up About a minute\n"),
        ("table {{.Names}} {{upper .Image}}", "NAMES IMAGE\nww B:1\n"),
        ('{{.Label "a.b"}}|{{.Label "none"}}', "c|\n"),
        ("{{.Names}}\\n{{.ID}}", "ww\nb55e8cfbee23\n"),
        ("{{json .Names}}", '"ww"\n'),
        ("{{println .Names}}", "ww\n\n"),
        ("pretty", "pretty\n"),
        ("{{.Labels}} {{.Mounts}} {{.Networks}} {{.LocalVolumes}}", "a.b=c,plain=x vol none 1\n"),
    ],
)
def test_a_format_of_ps(form: str, docker: str) -> None:
    assert ps(form) == docker


def test_sizes_of_ps() -> None:
    assert ps("{{.Size}}", size=True) == "0B (virtual 1.99MB)\n"


@pytest.mark.parametrize(
    ("form", "docker"),
    [
        (
            "{{.Foo}}",
            (
                'failed to execute template: template: :1:2: executing "" at <.Foo>: '
                "can't evaluate field Foo in type *formatter.ContainerContext"
            ),
        ),
        ("{{.Names", "failed to parse template: template: :1: unclosed action"),
    ],
)
def test_a_format_of_ps_that_does_not_fit(form: str, docker: str) -> None:
    with pytest.raises(TemplateError) as error:
        ps(form)
    assert str(error.value) == docker


def test_images_as_a_table() -> None:
    assert docker_images("table") == (
        "REPOSITORY   TAG       IMAGE ID       CREATED          SIZE\n"
        "b            1         d5930c7ea9ff   10 minutes ago   3.06MB\n"
    )
    assert docker_images(quiet=True) == "d5930c7ea9ff\n"
    assert docker_images(quiet=True, whole=True) == f"sha256:{IMAGE.id}\n"
    assert docker_images("raw").startswith("repository: b\ntag: 1\nimage_id: d5930c7ea9ff\n")


def test_images_as_json_have_every_field_of_dockers() -> None:
    text = docker_images("json")
    assert text.startswith('{"Containers":"1","CreatedAt":"')
    assert '"Digest":"\\u003cnone\\u003e","ID":"d5930c7ea9ff","Repository":"b"' in text


def test_images_without_a_format_are_for_people() -> None:
    assert images.overview([IMAGE]) == (
        "IMAGE   ID             DISK USAGE   CONTENT SIZE   EXTRA\n"
        "b:1     d5930c7ea9ff       3.06MB         3.06MB   U    \n"
    )


def test_a_field_that_images_have_not() -> None:
    with pytest.raises(TemplateError, match=r"in type \*formatter\.imageContext"):
        docker_images("{{.VirtualSize}}")


def test_volumes_and_networks() -> None:
    rows = others.volume_rows([VOLUME])
    assert listing.printed(others.VOLUMES, rows) == "DRIVER    VOLUME NAME\nlocal     vol\n"
    assert listing.printed(others.VOLUMES, rows, "{{.Labels}}|{{.Size}}") == "x=y|N/A\n"
    rows = others.network_rows(NETWORKS, whole=False)
    assert listing.printed(others.NETWORKS, rows) == (
        "NETWORK ID     NAME      DRIVER    SCOPE\n"
        "0168ce9c8cfd   host      host      local\n"
        "a4cdff612851   none      null      local\n"
    )


def test_usage_of_the_disk() -> None:
    said: Json = {
        "LayersSize": 1000000,
        "Images": [
            {"Size": 600000, "SharedSize": 100000, "Containers": 1},
            {"Size": 500000, "SharedSize": 100000, "Containers": 0},
        ],
        "Containers": [{"State": "running", "SizeRw": 5000}, {"State": "exited", "SizeRw": 1000}],
        "Volumes": [
            {"UsageData": {"RefCount": 0, "Size": 2000}},
            {"UsageData": {"RefCount": 1, "Size": -1}},
        ],
    }
    assert listing.printed(others.USAGE, others.usage_rows(usages(said))).splitlines() == [
        "TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE",
        "Images          2         1         1MB       500kB (50%)",
        "Containers      2         1         6kB       1kB (16%)",
        "Local Volumes   2         1         2kB       2kB (100%)",
        "Build Cache     0         0         0B        0B",
    ]
    # As podman 4.3.1 has it.
    images: Json = [{"Size": 600000, "SharedSize": 0, "Containers": 0}]
    of_images = usages({"LayersSize": 0, "Images": images})[0]
    assert (of_images.size, of_images.reclaimable) == (600000, 600000)


def test_history() -> None:
    past = [Past(IMAGE.id, NOW - 630, "", 1_990_656, "Imported from -")]
    rows = images.history_rows(past, whole=False, human=True)
    assert listing.printed(images.HISTORY, rows) == (
        "IMAGE          CREATED          CREATED BY   SIZE      COMMENT\n"
        "d5930c7ea9ff   10 minutes ago                1.99MB    Imported from -\n"
    )


def test_what_has_no_rows_has_its_heads() -> None:
    assert listing.printed(others.VOLUMES, []) == "DRIVER    VOLUME NAME\n"
    assert listing.printed(others.VOLUMES, [], "{{.Name}}") == ""


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (Container("i", "n", "m", state="created"), "Created"),
        (Container("i", "n", "m", state="exited", code=137, ended=NOW), "Exited (137) "),
        (Container("i", "n", "m", state="paused", started=NOW), "(Paused)"),
        (
            Container("i", "n", "m", state="running", started=NOW, health="starting"),
            "(health: starting)",
        ),
    ],
)
def test_states_of_a_container(state: Container, status: str) -> None:
    assert status in containers.status(state)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (61, "About a minute"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (47 * 3600, "47 hours"),
        (3 * 86400, "3 days"),
        (20 * 86400, "2 weeks"),
        (90 * 86400, "3 months"),
        (800 * 86400, "2 years"),
    ],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    assert units.duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0B"), (4096, "4.1kB"), (3_060_000, "3.06MB"), (1.5e9, "1.5GB")]
)
def test_sizes(number: float, words: str) -> None:
    assert units.size(number) == words


def test_columns_of_rows_that_have_fewer_of_them() -> None:
    assert aligned("a\tb\nlonger one here\tc\nalone\nd\te") == (
        "a                 b\nlonger one here   c\nalone\nd         e"
    )


def _place(_: str) -> float:
    return IMAGE.created


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("dangling=true", False),
        ("dangling=false", True),
        ("reference=b", True),
        ("reference=b:1", True),
        ("reference=b:2", False),
        ("reference=*", True),
        ("reference=x/*", False),
        ("label=x", False),
        ("before=b:1", False),
        ("since=b:1", False),
    ],
)
def test_filters_of_images(word: str, kept: bool) -> None:
    assert bool(filters.images([IMAGE], Filters.read([word]), _place)) is kept


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["name=w"], True),
        (["name=^/ww$"], True),
        (["name=zz"], False),
        (["name=w", "name=zz"], True),
        (["status=running", "status=exited"], True),
        (["status=exited"], False),
        (["label=plain"], True),
        (["label=plain=y"], False),
        (["ancestor=b:1"], True),
        (["ancestor=c"], False),
        (["volume=vol"], True),
        (["network=none"], True),
        (["health=none"], True),
        (["exited=0"], False),
        (["id=b55e"], True),
    ],
)
def test_filters_of_containers(words: list[str], kept: bool) -> None:
    assert bool(filters.containers([CONTAINER], Filters.read(words), _place)) is kept


REFUSED: Final[Mapping[str, str]] = {
    "foo=bar": "invalid filter 'foo'",
    "status=foo": (
        "invalid filter 'status=foo': invalid value for state (foo): must be one of created, "
        "running, paused, restarting, removing, exited, dead"
    ),
    "exited=x": "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax",
}


@pytest.mark.parametrize("word", REFUSED)
def test_filters_that_docker_refuses(word: str) -> None:
    with pytest.raises(FilterError) as error:
        filters.containers([CONTAINER], Filters.read([word]), _place)
    assert str(error.value) == REFUSED[word]
    with pytest.raises(FilterError, match=r"invalid filter 'dangling=\[x\]'"):
        filters.images([IMAGE], Filters.read(["dangling=x"]), _place)
