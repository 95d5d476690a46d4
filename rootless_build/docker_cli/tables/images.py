"""`docker images` and `docker history`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rootless_build.docker_cli import units
from rootless_build.docker_cli.listed import Image, Past
from rootless_build.docker_cli.tables.listing import Listing, row
from rootless_build.docker_cli.templates.data import Record

_NONE: Final = "<none>"
_SHORT: Final = 12
IMAGES: Final = Listing(
    "*formatter.imageContext",
    {
        "ID": "IMAGE ID",
        "Repository": "REPOSITORY",
        "Tag": "TAG",
        "Digest": "DIGEST",
        "CreatedSince": "CREATED",
        "CreatedAt": "CREATED AT",
        "Size": "SIZE",
        "Containers": "CONTAINERS",
        "SharedSize": "SHARED SIZE",
        "UniqueSize": "UNIQUE SIZE",
    },
    "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    quiet="{{.ID}}",
    raw=(
        "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\n"
        "created_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n"
    ),
)
DIGESTS: Final = (
    "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
)
READ_BY_PEOPLE: Final = (
    "WARNING: This output is designed for human readability. "
    "For machine-readable output, please use --format.\n"
)
HISTORY: Final = Listing(
    "*image.historyContext",
    {
        "ID": "IMAGE",
        "CreatedSince": "CREATED",
        "CreatedAt": "CREATED AT",
        "CreatedBy": "CREATED BY",
        "Size": "SIZE",
        "Comment": "COMMENT",
    },
    "{{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    quiet="{{.ID}}",
)
MOMENTS: Final = "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}"
_LONGEST: Final = 45


def short(identity: str) -> str:
    """An id as docker shortens it."""
    return identity.removeprefix("sha256:")[:_SHORT]


def image_rows(images: Sequence[Image], *, whole: bool, digests: bool) -> list[Record]:
    """The rows of `docker images`: one for each name, `<none>` for one without."""
    found = sorted(images, key=lambda image: -image.created)
    return [_image(image, name, whole, digests) for image in found for name in image.names or ("",)]


def _image(image: Image, name: str, whole: bool, digests: bool) -> Record:
    repository, _, tag = name.rpartition(":")
    digest = image.digest or f"sha256:{image.id}"
    return row(
        IMAGES,
        {
            "ID": f"sha256:{image.id}" if whole else short(image.id),
            "Repository": repository or _NONE,
            "Tag": tag or _NONE,
            "Digest": digest if digests else _NONE,
            "CreatedSince": f"{units.since(image.created)} ago",
            "CreatedAt": units.shown(image.created),
            "Size": units.size(image.size),
            "Containers": str(image.containers) if image.containers >= 0 else "N/A",
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
        },
    )


def overview(images: Sequence[Image]) -> str:
    """`docker images` as it is without `--format`, for people."""
    rows = sorted(_overview_rows(images), key=lambda each: (each[0] == "<untagged>", each[0]))
    wide = max((len(name) for name, *_ in rows), default=0)
    wide = max(wide, len("IMAGE"))
    lines = [f"{'IMAGE'.ljust(wide)}   {'ID'.ljust(12)}   DISK USAGE   CONTENT SIZE   EXTRA"]
    lines += [
        f"{name.ljust(wide)}   {identity.ljust(12)}   {size:>10}   {size:>12}   {extra.ljust(5)}"
        for name, identity, size, extra in rows
    ]
    return "\n".join(lines) + "\n"


def _overview_rows(images: Sequence[Image]) -> Iterator[tuple[str, str, str, str]]:
    for image in images:
        for name in image.names or ("<untagged>",):
            used = "U" if image.containers > 0 else ""
            yield name, short(image.id), units.size(image.size), used


def history_rows(past: Sequence[Past], *, whole: bool, human: bool) -> list[Record]:
    """The rows of `docker history`, the last step first."""
    return [_step(step, whole, human) for step in past]


def _step(step: Past, whole: bool, human: bool) -> Record:
    made_by = step.made_by.replace("\t", " ")
    if not whole and len(made_by) > _LONGEST:
        made_by = f"{made_by[: _LONGEST - 1]}…"
    identity = (f"sha256:{step.id}" if whole else short(step.id)) if step.id else "<missing>"
    moment = units.in_rfc3339(step.created)
    return row(
        HISTORY,
        {
            "ID": identity,
            "CreatedSince": f"{units.since(step.created)} ago" if human else moment,
            "CreatedAt": moment,
            "CreatedBy": made_by,
            "Size": units.size(step.size) if human else str(step.size),
            "Comment": step.comment,
        },
    )
