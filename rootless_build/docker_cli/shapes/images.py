"""Images: what `docker inspect`, `docker images` and `docker history` are made of."""

from __future__ import annotations

from typing import Final

from rootless_build.docker_cli import units
from rootless_build.docker_cli.listed import Image, Past
from rootless_build.docker_cli.shapes.json import a_list, a_map, labels, text, texts, whole
from rootless_build.docker_cli.shapes.names import digest, familiar, familiar_names
from rootless_build.docker_cli.templates.data import Json
from rootless_build.model.structs import replace

_OWN_STEP: Final = "LABEL io.rbuild."

_CONFIG: Final = (
    *("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels"),
    *("OnBuild", "StopSignal", "Shell", "Healthcheck"),
)
"""Fields of an image's configuration, in docker's order; it leaves out what is empty."""


def inspected(said: Json) -> Json:
    """The object that `docker image inspect` prints."""
    image = a_map(said)
    identity = digest(text(image.get("Id")))
    tags = familiar_names(texts(image.get("RepoTags")))
    rest: dict[str, Json] = {
        "Id": identity,
        "RepoTags": [*tags],
        "RepoDigests": [familiar(each) for each in texts(image.get("RepoDigests"))],
    }
    for name in ("Comment", "Author"):
        if image.get(name):
            rest[name] = image[name]
    rest["Created"] = image.get("Created")
    rest["Config"] = _configuration(a_map(image.get("Config")))
    for name in ("Architecture", "Variant", "Os"):
        if image.get(name):
            rest[name] = image[name]
    rest["Size"] = whole(image.get("Size"))
    rest["RootFS"] = {
        "Type": "layers",
        "Layers": a_list(a_map(image.get("RootFS")).get("Layers")),
    }
    rest["Metadata"] = {"LastTagTime": text(a_map(image.get("Metadata")).get("LastTagTime"))}
    return rest


def _configuration(said: dict[str, Json]) -> dict[str, Json]:
    shown: dict[str, Json] = {**said, "Labels": {**labels(said.get("Labels"))}}
    return {name: shown[name] for name in _CONFIG if shown.get(name)}


def image_listed(said: Json) -> Image:
    """An image of `docker images`."""
    image = a_map(said)
    digests = texts(image.get("RepoDigests"))
    containers = image.get("Containers")
    return Image(
        text(image.get("Id")).removeprefix("sha256:"),
        familiar_names(texts(image.get("RepoTags"))),
        tuple(familiar(each) for each in digests),
        float(whole(image.get("Created"))),
        whole(image.get("Size")),
        labels(image.get("Labels")),
        whole(containers) if containers is not None else -1,
        text(image.get("Digest")),
    )


def history_listed(said: Json, comment: str = "") -> list[Past]:
    """The steps of `docker history`, without rbuild's own label; `comment` is the image's."""
    steps = [_step(a_map(each)) for each in a_list(said)]
    identity = steps[0].id if steps else ""
    steps = [each for each in steps if not each.made_by.startswith(_OWN_STEP)]
    if not steps:
        return []
    first = replace(steps[0], id=steps[0].id or identity, comment=comment or steps[0].comment)
    return [first, *steps[1:]]


def _step(step: dict[str, Json]) -> Past:
    identity = text(step.get("Id"))
    created = step.get("Created")
    return Past(
        "" if identity == "<missing>" else identity.removeprefix("sha256:"),
        units.read(created) if isinstance(created, str) else float(whole(created)),
        text(step.get("CreatedBy")),
        whole(step.get("Size")),
        text(step.get("Comment")),
    )
