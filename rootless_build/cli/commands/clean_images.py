"""The part of `rbuild clean` that has to do with images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from rootless_build.backend.api import Engine, ImageLabel, StoredImage, StoredImages
from rootless_build.cli.commands.clean_account import Account
from rootless_build.images import removal as image_removal
from rootless_build.images.image_records import BuildRecord, ImageRecords
from rootless_build.runner import journal

_NO_RECORD = (
    "no record says that rbuild built it, only a label, which what is made of it has too; "
    "--yes removes it"
)
_DOUBTFUL = (
    "only a label says that rbuild built it, and what you made of such an image has it too: it is "
    "yours to remove, with the engine's own rmi"
)


class Wanted(Struct, frozen=True):
    """Which images are to go: those built for a `project`, None for every one; those of `rbuild
    base`; those of which only a label says that they are rbuild's. `everywhere`: copies that
    engines made for containers of rbuild's are told too.
    """

    project: str | None
    built: bool
    bases: bool
    labelled: bool
    everywhere: bool

    def has(self, built: BuildRecord) -> bool:
        """Whether the images of that build are to go."""
        if built.step.base:
            return self.bases
        return self.built and self.project in {None, built.step.project}


def remove(
    engine: Engine,
    records: ImageRecords,
    wanted: Wanted,
    busy: Mapping[str, str],
    account: Account,
) -> None:
    """Remove what is wanted of one storage. `busy` are the checkouts where runs live."""
    records.settle(engine)
    record = [built for built in records.all() if built.storage == engine.storage]
    stored = engine.stored_images()

    def works(built: BuildRecord) -> str:
        return busy.get(journal.key(Path(built.step.project)), "") if built.step.project else ""

    needed = image_removal.needed_by_records(record, wanted.has, works)
    needed |= records.needed_by_builds(engine)
    removal = image_removal.decide_for_records(stored, record, wanted.has, needed)
    _remove(engine, stored, removal, account)
    if wanted.built:
        _remove_labelled(engine, record, wanted, _Uses(needed, busy), account)
    if wanted.everywhere:
        _tell_copies(engine, account)
        bases = {each for built in record if built.step.base for each in built.ours}
        for image in stored.images if not wanted.bases else ():
            if image.id in bases:
                account.stays(_called(image), "rbuild base made it; --bases removes it")
    there = engine.image_ids() - (account.ids if account.dry else set())
    known = {each for built in record if not wanted.has(built) for each in built.ours}
    for built in record:
        if wanted.has(built) and not (built.ours & there) - known:
            account.forgotten.add(built.name)
            if not account.dry:
                records.forget(built)


def _remove(
    engine: Engine, stored: StoredImages, removal: image_removal.Removal, account: Account
) -> None:
    sizes = engine.layer_sizes(removal.images) if removal.images else {}
    failed = engine.remove_images(removal.images) if removal.images and not account.dry else {}
    going = [image for image in removal.images if image.id not in failed]
    for image, size in image_removal.freed_bytes(stored, going, sizes):
        account.goes(_called(image), size)
        account.ids.add(image.id)
    stays = {**removal.stays, **failed}
    for image in stored.images:
        if image.id in stays:
            account.stays(_called(image), stays[image.id])


class _Uses(Struct, frozen=True):
    """Images that what is on record needs, and why; `busy` are the checkouts where runs live."""

    needed: Mapping[str, str]
    busy: Mapping[str, str]

    def of(self, images: Iterable[StoredImage]) -> dict[str, str]:
        """Why images stay, by their ids: they are needed, or their label is of a busy checkout."""
        found: dict[str, str] = {}
        for image in images:
            label = ImageLabel.of(image.labels)
            who = self.busy.get(journal.key(Path(label.project)), "") if label else ""
            if label and who:
                found[image.id] = f"rbuild works in {label.project}: {who}"
        return {**found, **self.needed}


def _remove_labelled(
    engine: Engine, record: Iterable[BuildRecord], wanted: Wanted, uses: _Uses, account: Account
) -> None:
    stored = engine.stored_images()
    found = image_removal.find_labelled(stored, tuple(record), wanted.project)
    for image in stored.images:
        if image.id in found.doubtful:
            account.stays(_called(image), _DOUBTFUL)
        elif image.id in found.proven and not wanted.labelled:
            account.stays(_called(image), _NO_RECORD)
    if wanted.labelled:
        names = {image.id: image.names[:1] for image in stored.images}
        needed = uses.of(stored.images)
        removal = image_removal.decide(stored, found.proven, names, needed)
        _remove(engine, stored, removal, account)


def _tell_copies(engine: Engine, account: Account) -> None:
    stored = engine.stored_images()
    copied = [image for image in stored.images if image.copies]
    sizes = engine.layer_sizes(copied) if copied else {}
    for image in copied:
        size = sum(sizes.get(layer, 0) for layer in image.copies)
        account.stays(
            f"a copy of the {_called(image)} with other owners",
            "it is for containers whose user is you, and goes with the image",
            size,
        )


def _called(image: StoredImage) -> str:
    return f"image {image_removal.display_name(image)}"
