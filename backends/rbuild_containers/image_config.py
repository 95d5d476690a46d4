"""An image's configuration, from what `inspect` prints to `backend.Image`."""

from __future__ import annotations

from collections.abc import Mapping

from rootless_build.backend import Image
from rootless_build.plan import Json, Pairs


def image_from_config(image_id: str, config: Mapping[str, Json]) -> Image:
    """The image `image_id` (with or without `sha256:`) whose configuration is `config`.

    `config` is the image configuration's inner object, as in the OCI image specification (Config
    of `podman image inspect`, OCIv1.config or Docker.config of `buildah inspect`). A null stands
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
    )


def _strings(value: Json) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _pairs(value: Json) -> Pairs:
    return tuple((str(k), str(v)) for k, v in value.items()) if isinstance(value, dict) else ()


def _environment(value: Json) -> Pairs:
    split = (variable.partition("=") for variable in _strings(value))
    return tuple((name, text) for name, _, text in split)
