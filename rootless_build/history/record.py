"""What is kept of a run, as data: one JSON file beside the log of what it said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from rootless_build.files import plain
from rootless_build.files.replacing import replace_content
from rootless_build.history import lines
from rootless_build.model.structs import from_data

VERSION: Final = 1
NAME: Final = "run.json"


class StepRecord(msgspec.Struct, frozen=True):
    """A step: `status` is None while it goes on, and for one that an interrupt ended; `cached` says
    that nothing had to be done, `why` what had changed.
    """

    number: int
    kind: str
    title: str
    status: int | None = None
    seconds: float | None = None
    cached: bool = False
    why: str = ""


class ImageRecord(msgspec.Struct, frozen=True):
    """An image that a step has made or found: `id` is its full id in hex, `names` those that the
    recipe gives it, `platform` the one that was asked for.
    """

    step: int
    names: tuple[str, ...]
    id: str
    platform: str = ""


class BundleRecord(msgspec.Struct, frozen=True):
    """A file of the bundles after the run: `digest` is its sha256 in hex, `size` in bytes, `new`
    whether the run made or changed it.
    """

    path: str
    size: int
    digest: str
    new: bool


class Input(msgspec.Struct, frozen=True):
    """What the provenance of the run's bundles says that they were made of. `role` is `source`,
    `base image`, `image` or `substitute`; `digest` is `ALGORITHM:HEX`, `note` what else is said of
    it: where it comes from, or that its files were changed.
    """

    role: str
    name: str
    digest: str = ""
    note: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended. `status` is rbuild's exit status, `saved` the seconds that were not spent
    anew, `done` false where nothing had to be done; `error` is its message.
    """

    ended: str
    status: int
    seconds: float
    saved: float = 0.0
    done: bool = True
    error: str = ""


class FailureRecord(msgspec.Struct, frozen=True):
    """What failed, as far as it takes to go there (`rbuild debug`). `step` is the number in the
    plan. Of an image build `place` is FILE:LINE, and `instruction` stands there; of a container
    `image` is the id of its image. `status` is that of the command.
    """

    step: int
    place: str = ""
    instruction: str = ""
    image: str = ""
    status: int | None = None


class RunRecord(msgspec.Struct, frozen=True):
    """A run. `number` counts the runs of a checkout; times are ISO 8601, UTC. `facts` are the
    versions and the host that it had, by name. `outcome` is None until it ends. `plan` is the plan
    in JSON, empty where there was none, and `plan_digest` the sha256 that provenance has of it.
    """

    version: int
    number: int
    title: str
    project: Path
    started: str
    commit: str = ""
    words: tuple[str, ...] = ()
    facts: Mapping[str, str] = {}
    backend: str = ""
    steps: tuple[StepRecord, ...] = ()
    images: tuple[ImageRecord, ...] = ()
    bundles: tuple[BundleRecord, ...] = ()
    outcome: Outcome | None = None
    plan: str = ""
    failure: FailureRecord | None = None
    inputs: tuple[Input, ...] = ()
    plan_digest: str = ""

    @property
    def why(self) -> str:
        """Why something had to be done: of the first step of which that is known."""
        return next((step.why for step in self.steps if step.why), "")


class UnreadableRecordError(Exception):
    """A record is damaged, or of a later rbuild; says which."""


def write(place: Path, record: RunRecord) -> None:
    """Put a record into the directory of its run. Raises OSError."""
    replace_content(place / NAME, lines.encoded(record))


def read(place: Path) -> RunRecord:
    """The record in the directory of a run. Raises UnreadableRecordError."""
    try:
        data = json.loads(plain.content(place / NAME))
        version = data["version"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableRecordError(f"damaged: {error}") from error
    if not isinstance(version, int) or version > VERSION:
        raise UnreadableRecordError(f"of a later rbuild (version {version})")
    try:
        return from_data(data, RunRecord)
    except ValueError as error:
        raise UnreadableRecordError(f"damaged: {error}") from error
