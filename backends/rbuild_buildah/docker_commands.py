"""Docker's commands for images, done by buildah, which has no service to ask."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final, cast
from urllib.parse import unquote

from rbuild_buildah.command import PROGRAM, Buildah
from rootless_build.backend import Image, Json, RunContainer, UnsupportedError

_GONE: Final = 404
_CONFLICT: Final = 409
_UNKNOWN: Final = ("not known", "no such image", "not found")
_CURE: Final = "`--backend podman` does"
_PASSED: Final = ("login", "logout")


class BuildahCommands:
    """See `rootless_build.backend.api.DockerCommands`: images alone."""

    keeps_containers: Final = False
    is_docker: Final = False

    def __init__(self, buildah: Buildah) -> None:
        self._buildah = buildah

    def command(self, words: Sequence[str]) -> tuple[Sequence[str], Mapping[str, str | None]]:
        """buildah's command line, where it has the same command."""
        if words[0] not in _PASSED:
            raise UnsupportedError(f"buildah has no `{words[0]}` as docker's", hint=_CURE)
        return (PROGRAM, *words), dict(self._buildah.settings.environment)

    def create(self, step: RunContainer, image: Image) -> str:
        """Never: a container of buildah's has ended with its command."""
        raise UnsupportedError(
            f"buildah has no containers that outlive their command: {step.name or image.id}",
            hint=_CURE,
        )

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json = None,
    ) -> tuple[int, Json]:
        """What docker's interface would say of images; of all else that there is none."""
        if method == "POST":
            raise UnsupportedError(f"buildah does nothing like docker's {path}", hint=_CURE)
        if path == "/images/json":
            return 200, self._list()
        kind, _, name = path.lstrip("/").partition("/")
        if kind == "info":
            return 200, {}
        if kind != "images" or body is not None:
            return _GONE, {"message": f"no such {kind}"}
        name = unquote(name)
        if method == "DELETE":
            return self._remove(name, force=(query or {}).get("force") == "true")
        wanted = "history" if name.endswith("/history") else "json"
        return self._inspect(name.removesuffix(f"/{wanted}"), wanted)

    def _list(self) -> list[Json]:
        done = self._buildah.capture("images", "--json", "--no-trunc")
        found = cast("list[dict[str, Json]]", json.loads(done.text or "[]"))
        return [self._listed(each) for each in found]

    def _listed(self, said: dict[str, Json]) -> Json:
        identity = str(said.get("id")).removeprefix("sha256:")
        status, inspected = self._inspect(identity, "json")
        known = inspected if status == 200 and isinstance(inspected, dict) else {}
        config = known.get("Config")
        return {
            "Id": known.get("Id") or identity,
            "RepoTags": said.get("names"),
            "Created": said.get("created"),
            "Size": known.get("Size"),
            "Labels": config.get("Labels") if isinstance(config, dict) else None,
        }

    def _inspect(self, name: str, wanted: str) -> tuple[int, Json]:
        done = self._buildah.capture("inspect", "--type", "image", name.removeprefix("sha256:"))
        if done.status:
            return _GONE, {"message": done.words}
        said = cast("dict[str, Json]", json.loads(done.text))
        image = cast("dict[str, Json]", said.get("OCIv1") or {})
        history = cast("list[dict[str, Json]]", image.get("history") or [])
        if wanted == "history":
            return 200, [*reversed([_past(each) for each in history])]
        manifest = json.loads(str(said.get("Manifest") or "{}"))
        roots = cast("dict[str, Json]", image.get("rootfs") or {})
        identity = str(said.get("FromImageID"))
        return 200, {
            "Id": f"sha256:{identity}",
            "RepoTags": self._names(identity),
            "RepoDigests": [],
            "Comment": (history[-1].get("comment") if history else None) or "",
            "Author": image.get("author") or "",
            "Created": image.get("created"),
            "Config": image.get("config") or {},
            "Architecture": image.get("architecture"),
            "Os": image.get("os"),
            "Size": sum(layer["size"] for layer in manifest.get("layers", ())),
            "RootFS": {"Type": "layers", "Layers": roots.get("diff_ids") or []},
        }

    def _names(self, identity: str) -> list[Json]:
        done = self._buildah.capture("images", "--json", "--no-trunc")
        for each in cast("list[dict[str, Json]]", json.loads(done.text or "[]")):
            if str(each.get("id")).removeprefix("sha256:") == identity:
                return cast("list[Json]", each.get("names") or [])
        return []

    def _remove(self, name: str, *, force: bool) -> tuple[int, Json]:
        forced = ("--force",) if force else ()
        done = self._buildah.capture("rmi", *forced, name.removeprefix("sha256:"))
        if done.status:
            gone = any(words in done.words for words in _UNKNOWN)
            return (_GONE if gone else _CONFLICT), {"message": done.words}
        lines = done.text.strip().splitlines()
        reports: list[Json] = []
        for line in lines:
            head, _, name = line.partition(": ")
            reports.append({"Untagged": name} if head == "untagged" else {"Deleted": line})
        return 200, reports


def _past(step: Mapping[str, Json]) -> Json:
    return {
        "Id": "<missing>",
        "Created": step.get("created"),
        "CreatedBy": step.get("created_by"),
        "Size": 0,
        "Comment": step.get("comment"),
    }
