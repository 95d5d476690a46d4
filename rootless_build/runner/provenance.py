"""What is said of a build in its provenance: the predicate slsa.dev/provenance/v1.

Nothing of this host or its user is in it but what the recipe itself asks for: paths below the
project are given as `${project}/…`, the environment of the host's commands is left out, and so are
values that are marked secret or whose name says that they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

import rootless_build
from rootless_build.backend.api import Engine, Image
from rootless_build.bundles.provenance import Attestation
from rootless_build.bundles.statement import Object
from rootless_build.files.repository import Source, read_source
from rootless_build.images.bases.executables import Substitute
from rootless_build.images.bases.substitutes import choose
from rootless_build.images.external import external_bases
from rootless_build.model.plan import BuildImage, Json, Plan, to_dict
from rootless_build.model.references import canonical, local
from rootless_build.model.secret_names import is_secret
from rootless_build.process.background import Background
from rootless_build.runner.masking import mask_for

PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:rootless-build:plan:v1"
BUILDER: Final = "urn:rootless-build:rbuild"
_EPOCH: Final = "SOURCE_DATE_EPOCH"
_HIDDEN: Final = "(secret)"


class Attestor:
    """Collects, while a plan is done, what its provenance says.

    Sources and base images are those that a build began with: both may be others when it ends.
    """

    def __init__(self, plan: Plan, backend: str, version: str) -> None:
        self._plan = plan
        self._versions: dict[str, Json] = {"rbuild": rootless_build.__version__, backend: version}
        self._backend = backend
        self._started = datetime.now(UTC)
        self._source: Source | None = None
        self._error: Exception | None = None
        # git is asked seven times.
        self._reading = Background(lambda: self._read(plan.project), "rbuild-source")
        self._reading.start()
        self._bases: dict[str, str] = {}
        self._images: dict[str, str] = {}

    def _read(self, project: Path) -> None:
        try:
            self._source = read_source(project)
        except Exception as error:
            self._error = error

    def settle(self) -> None:
        """Wait until the sources are known: from now on something may change them."""
        self._reading.wait()
        if self._error is not None:
            raise self._error

    def take(self, plan: Plan) -> None:
        """The plan is another one: more of its steps are known."""
        self._plan = plan

    def builds(self, step: BuildImage, engine: Engine) -> None:
        """An image is built now, or need not be, and the base images are in storage."""
        for wanted in external_bases(step):
            found = _base(wanted, engine)
            if found is not None:
                self._bases[wanted] = found.id

    def runs(self, reference: str, image: Image) -> None:
        """A container of that image is run."""
        self._images[reference] = image.id

    def attestation(self, foreign: Sequence[Substitute] = ()) -> Attestation:
        """What is known now, at the end of the container that wrote the bundles.

        `foreign` are files of them that are not made by the project's own build.
        """
        self.settle()
        source = self._source
        given = source_date_epoch()
        finished = datetime.now(UTC)
        plan = portable(self._plan)
        metadata: Object
        if given is None:
            metadata = {
                "invocationId": secrets.token_hex(16),
                "startedOn": _iso(self._started),
                "finishedOn": _iso(finished),
            }
        else:
            # Whoever sets it wants the same bytes of the same sources.
            when = _iso(datetime.fromtimestamp(given, UTC))
            metadata = {"startedOn": when, "finishedOn": when}
        dependencies = [*self._dependencies(), *map(_substitute, foreign)]
        predicate: Object = {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "recipe": self._plan.recipe,
                    "targets": plan["targets"],
                    "plan": plan,
                },
                "internalParameters": {
                    "backend": self._backend,
                    "planDigest": {"sha256": plan_digest(plan)},
                },
                "resolvedDependencies": cast("list[Json]", mask_for(self._plan).data(dependencies)),
            },
            "runDetails": {
                "builder": {"id": BUILDER, "version": self._versions},
                "metadata": metadata,
            },
        }
        time = given if given is not None else source.date if source else None
        return Attestation(PREDICATE, predicate, time)

    def _dependencies(self) -> list[Json]:
        found: list[Json] = []
        source = self._source
        if source is not None:
            found.append(
                {
                    "name": "source",
                    **({"uri": f"git+{source.origin}"} if source.origin else {}),
                    "digest": {"gitCommit": source.commit},
                    **({} if source.clean is None else {"annotations": {"clean": source.clean}}),
                }
            )
        for role, images in (("base image", self._bases), ("image", self._images)):
            for reference, identity in sorted(images.items()):
                found.append(
                    {
                        "name": reference,
                        "digest": {"sha256": identity.removeprefix("sha256:")},
                        "annotations": {"role": role, "digestOf": "image configuration"},
                    }
                )
        return found


def _substitute(foreign: Substitute) -> Json:
    return {
        "name": foreign.name,
        "uri": foreign.package,
        "annotations": {"role": "substitute"},
    }


def portable(plan: Plan) -> Object:
    """The plan as JSON data that says the same on another host, without secrets."""
    project = str(plan.project)

    def cleaned(value: Json) -> Json:
        if isinstance(value, str):
            if value == project or value.startswith(project + "/"):
                return "${project}" + value[len(project) :]
            return value
        if isinstance(value, list):
            return [cleaned(item) for item in value]
        if isinstance(value, dict):
            return {key: cleaned(item) for key, item in value.items() if key != "origin"}
        return value

    mask = mask_for(plan)
    data = cast("Object", mask.data(cleaned(cast("Json", to_dict(plan)))))
    data.pop("notes", None)
    for step in cast("list[Object]", data["steps"]):
        if step["kind"] in {"host-command", "unexpanded"}:
            step.pop("environment")
        for key in ("environment", "build_args"):
            if key in step:
                step[key] = [
                    _hidden(cast("list[str]", pair)) for pair in cast("list[Json]", step[key])
                ]
    return data


def plan_digest(plan: Object) -> str:
    """sha256, in hex, of a portable plan."""
    return hashlib.sha256(json.dumps(plan, sort_keys=True).encode()).hexdigest()


def source_date_epoch() -> int | None:
    """SOURCE_DATE_EPOCH (reproducible-builds.org), None when it is not a number of seconds."""
    text = os.environ.get(_EPOCH, "")
    return int(text) if re.fullmatch(r"\d{1,11}", text) else None


def _base(wanted: str, engine: Engine) -> Image | None:
    """The base image in storage, or the one that stands in for it (`bases.substitutes`)."""
    full = canonical(wanted)
    return choose(*engine.find_images((full, local(full))))


def _hidden(pair: list[str]) -> Json:
    name, value = pair
    secret = is_secret(name) and value
    return [name, _HIDDEN if secret else value]


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
