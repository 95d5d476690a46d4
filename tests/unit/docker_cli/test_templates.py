"""Templates of `--format`, held against what docker 29 made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import pytest

from rootless_build.docker_cli.templates import inspecting
from rootless_build.docker_cli.templates.data import Json
from rootless_build.docker_cli.templates.printing import UnprintableError
from rootless_build.docker_cli.templates.tokens import TemplateError

DATA: Final = Path(__file__).parents[2] / "data" / "docker_cli"
CONTAINER: Final = cast("Json", json.loads((DATA / "container.json").read_text()))


def rows() -> Iterator[object]:
    """A template with docker's status, output and words."""
    for row in json.loads((DATA / "templates.json").read_text()):
        yield pytest.param(row["template"], (row["status"], row["stdout"], row["stderr"]))


def inspected(text: str) -> tuple[int, str, str]:
    """What `docker inspect --format` gives for the container: status, output, words."""
    if text == "json":
        return 0, f"{inspecting.in_one_line([CONTAINER])}\n", ""
    try:
        fill_in = inspecting.reader(text)
    except TemplateError as error:
        return inspecting.UNREADABLE, "", f"{error}\n"
    try:
        return 0, f"{fill_in(CONTAINER)}\n", ""
    except TemplateError as error:
        return 1, "\n", f"{error}\n"


@pytest.mark.parametrize(("text", "docker"), list(rows()))
def test_a_template_gives_what_docker_gives(text: str, docker: tuple[int, str, str]) -> None:
    assert inspected(text) == docker


@pytest.mark.parametrize(
    ("network", "address"), [("bridge", "10.88.0.7"), ("podman", "10.88.0.7"), ("other", "")]
)
def test_scripts_older_than_docker_29_are_told_the_address_in_the_default_network(
    network: str, address: str
) -> None:
    settings: Json = {"Ports": {}, "Networks": {network: {"IPAddress": "10.88.0.7"}}}
    fill_in = inspecting.reader("{{ .NetworkSettings.IPAddress }}|{{.NetworkSettings.MacAddress}}")
    assert fill_in({"NetworkSettings": settings}) == f"{address}|"


def test_what_neither_docker_29_nor_28_has_is_refused_in_the_words_of_29() -> None:
    with pytest.raises(TemplateError, match='map has no entry for key "Nothing"'):
        inspecting.reader("{{.NetworkSettings.Nothing}}")(CONTAINER)


@pytest.mark.parametrize("text", ["{{.}}", "{{$}}", "{{.State}}", "{{.Config}}", "{{.HostConfig}}"])
def test_a_whole_struct_is_refused_by_name(text: str) -> None:
    with pytest.raises(UnprintableError, match="name its fields"):
        inspecting.reader(text)(CONTAINER)
