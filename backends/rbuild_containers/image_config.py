"""An image's configuration, from what `inspect` prints to `backend.Image`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from rootless_build.backend import Image, Json, Pairs, references


def image_from_config(
    image_id: str,
    config: Mapping[str, Json],
    layers: Json = None,
    platform: tuple[Json, Json, Json] = (None, None, None),
) -> Image:
    """The image `image_id` (with or without `sha256:`) whose configuration is `config`.

    `config` is the image configuration's inner object, as in the OCI image specification (Config
    of `podman image inspect`, OCIv1.config or Docker.config of `buildah inspect`). `layers` are the
    digests of the root file system, `platform` is system, architecture and variant. A null stands
    for a missing value.
    """
    return Image(
        id=image_id.removeprefix("sha256:"),
        entrypoint=_strings(config.get("Entrypoint")),
        command=_strings(config.get("Cmd")),
        environment=_environment(config.get("Env")),
        working_directory=str(config.get("WorkingDir") or "/"),
        user=str(config.get("User") or ""),
        labels=_pairs(config.get("Labels")),
        volumes=tuple(name for name, _ in _pairs(config.get("Volumes"))),
        layers=_strings(layers),
        platform="/".join(str(part) for part in platform if part),
    )


def image_from_blob(image_id: str, configuration: bytes) -> Image:
    """The image whose configuration that is, as storage has it: docker's or OCI's."""
    whole = json.loads(configuration)
    platform = (whole.get("os"), whole.get("architecture"), whole.get("variant"))
    config, root = whole.get("config") or {}, whole.get("rootfs") or {}
    return image_from_config(image_id, config, root.get("diff_ids"), platform)


def _strings(value: Json) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _pairs(value: Json) -> Pairs:
    return tuple((str(k), str(v)) for k, v in value.items()) if isinstance(value, dict) else ()


def _environment(value: Json) -> Pairs:
    split = (variable.partition("=") for variable in _strings(value))
    return tuple((name, text) for name, _, text in split)


def image_from_inspect(inspected: Mapping[str, Json]) -> Image:
    """The image that `podman image inspect` or `docker image inspect` describes."""
    config = inspected.get("Config")
    root = inspected.get("RootFS")
    return image_from_config(
        str(inspected["Id"]),
        config if isinstance(config, dict) else {},
        root.get("Layers") if isinstance(root, dict) else None,
        (inspected.get("Os"), inspected.get("Architecture"), inspected.get("Variant")),
    )


def matched(
    wanted: Sequence[str],
    inspected: Sequence[Mapping[str, Json]],
    names_of: Callable[[str], set[str]],
) -> list[Mapping[str, Json] | None] | None:
    """Which answer of an inspect command is whose, in the order of `wanted`.

    The engines answer in order, and leave out what is not there (podman 4.3.1, docker 20.10).
    `names_of` are the names, in full, that an image may have which the engine finds by a reference.
    None when the names in the answers leave a doubt.
    """
    if len(inspected) == len(wanted):
        return list(inspected)
    found: list[Mapping[str, Json] | None] = []
    rest = list(inspected)
    for reference in wanted:
        if rest and names_of(reference) & {
            references.canonical(name) for name in _strings(rest[0].get("RepoTags"))
        }:
            found.append(rest.pop(0))
        else:
            found.append(None)
    return None if rest else found


def names_with_local(reference: str) -> set[str]:
    """Names by which podman finds an image: also localhost/x for x, where no registry is named."""
    full = references.canonical(reference)
    named = reference.startswith(f"{references.HUB}/") or not full.startswith(f"{references.HUB}/")
    return {full} if named else {full, references.canonical(f"{references.LOCAL}/{reference}")}


def names_in_full(reference: str) -> set[str]:
    """Names by which docker finds an image."""
    return {references.canonical(reference)}
