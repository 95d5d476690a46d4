"""The options of a storage that say how it keeps the files of images, as the engines tell them.

buildah lists `DRIVER.NAME=VALUE`, podman has a table, in which a program is one too
(`{"Executable": …}`; seen with podman 4.3.1 and buildah 1.28.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from rbuild_containers.working import Storage
from rootless_build.backend import Json, replace

_MASKS: Final = frozenset({"force_mask", "ignore_chown_errors"})
"""With these files have other modes or owners on disk than in the image."""


def with_podmans(storage: Storage, told: str) -> Storage:
    """The storage with what `podman info` says, as JSON."""
    table = json.loads(told or "null")
    found: dict[str, Json] = table if isinstance(table, dict) else {}
    return _with(storage, {name: _text(value) for name, value in found.items()})


def with_buildahs(storage: Storage, told: object) -> Storage:
    """The storage with what `buildah info` says."""
    rows: Iterable[object] = told if isinstance(told, list) else ()
    pairs = (str(row).partition("=") for row in rows)
    return _with(storage, {name: value for name, _, value in pairs})


def _with(storage: Storage, options: Mapping[str, str]) -> Storage:
    named = {name.rpartition(".")[2]: value for name, value in options.items()}
    masked = any(named.get(name, "false") not in {"", "false"} for name in _MASKS)
    return replace(storage, mount_program=named.get("mount_program", ""), masked=masked)


def _text(value: Json) -> str:
    return str(value.get("Executable") or "") if isinstance(value, dict) else str(value)
