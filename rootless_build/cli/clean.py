"""`rbuild clean`: what builds left, and what they keep, goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

from plumbum import cli

from rootless_build import image_removal, recovery, runs
from rootless_build.backend import Engine, LeftoverKind
from rootless_build.built_images import Built, BuiltImages
from rootless_build.cli import tables
from rootless_build.cli.checkout import (
    bundles_directory,
    checkout,
    data_directory,
    engine_of,
    images_directory,
)
from rootless_build.cli.command import Command
from rootless_build.cli.engines import engine_for
from rootless_build.data import dataclass
from rootless_build.escaping import shown
from rootless_build.events import Answer
from rootless_build.interruption import signals_interrupt
from rootless_build.recovery import Remains
from rootless_build.registry import Choice


class Clean(Command):
    """Remove what builds of this project left: containers and directories of dead runs, and with
    --images and --volumes those too. --everywhere: of all projects.

    Of images those go that rbuild built, by its own record, and that nothing else uses: no
    container, no name that the user gave, no other image.
    """

    images = cli.Flag("--images", help="also the images that rbuild built")
    volumes = cli.Flag("--volumes", help="also the named volumes that rbuild made")
    everywhere = cli.Flag("--everywhere", help="of every project, not this one alone")

    def main(self) -> int:
        """Remove and print each."""
        return self.attempt(self._clean)

    def _clean(self) -> int:
        if self.flag("dry_run"):
            with signals_interrupt():
                return self._remove(_Account(self, dry=True))
        with checkout(self, "rbuild clean"):
            return self._remove(_Account(self, dry=False))

    def _remove(self, account: _Account) -> int:
        with (
            engine_for(self) as (engine, choice),
            runs.others(data_directory(), self.project) as busy,
        ):
            for found in self._found(engine, choice, dry=account.dry):
                if found.what in account.seen:
                    continue
                if not account.dry:
                    found.remove()
                account.goes(found.what, found.size)
            if self.images:
                self._remove_images(engine, busy, account)
        account.close()
        return 0

    def _found(self, engine: Engine, choice: Choice, *, dry: bool) -> Iterator[Remains]:
        project = self._wanted_project
        before = runs.now()
        yield from recovery.dead_containers(engine, project)
        for record, place in runs.crashed(data_directory()):
            if project not in {None, record.project}:
                continue
            with engine_of(record, engine, choice) as its:
                yield from recovery.in_storage(its, record, before)
                yield from recovery.directories_of(record, its, [record.project / "bundles"])
            if not dry:
                recovery.end_programs(record)
                runs.discard(place)
        yield from recovery.abandoned(engine, bundles_directory(self))
        if self.volumes:
            yield from recovery.labelled(engine, project, {LeftoverKind.VOLUME})

    @property
    def _wanted_project(self) -> Path | None:
        return None if self.everywhere else self.project

    def _remove_images(self, engine: Engine, busy: Mapping[str, str], account: _Account) -> None:
        records = BuiltImages(images_directory())
        records.settle(engine)
        of_storage = [built for built in records.all() if built.storage == engine.storage]
        stored = engine.stored_images()
        wanted = str(self._wanted_project) if self._wanted_project else None

        def chosen(built: Built) -> bool:
            return not built.step.base and wanted in {None, built.step.project}

        def works(built: Built) -> str:
            return busy.get(runs.key(Path(built.step.project)), "") if built.step.project else ""

        removal = image_removal.of_record(stored, of_storage, chosen, works)
        sizes = engine.layer_sizes(removal.images)
        failed = {} if account.dry else engine.remove_images(removal.images)
        going = [image for image in removal.images if image.id not in failed]
        for image, size in image_removal.freed(stored, going, sizes):
            account.goes(f"image {image_removal.called(image)}", size)
        stays = {**removal.stays, **failed}
        for image in stored.images:
            if image.id in stays:
                account.stays(f"image {image_removal.called(image)}", stays[image.id])
        if not account.dry:
            there = engine.image_ids()
            known = {each for built in of_storage if not chosen(built) for each in built.ours}
            for built in of_storage:
                if chosen(built) and not (built.ours & there) - known:
                    records.forget(built)


@dataclass(slots=True)
class _Account:
    """What goes and what stays, told as it happens."""

    command: Command
    dry: bool
    seen: set[str] = field(default_factory=set)
    freed: int = 0
    kept: int = 0

    def goes(self, what: str, size: int | None) -> None:
        """It is gone, or would be."""
        self.seen.add(what)
        self.freed += size or 0
        known = "" if size is None else f" ({tables.size(size)})"
        verb = "would remove" if self.dry else "removed"
        fields = {"what": what, "size": size, "dry_run": self.dry}
        self.command.tell(f"{verb} {what}{known}", Answer("removed", fields))

    def stays(self, what: str, why: str) -> None:
        """It is there, and why."""
        self.kept += 1
        answer = Answer("kept", {"what": what, "why": why, "dry_run": self.dry})
        self.command.tell(f"{what} stays: {shown(why)}", answer)

    def close(self) -> None:
        """Nothing else is there."""
        said = "" if self.seen or self.kept else "nothing to remove"
        if self.freed:
            said = f"{tables.size(self.freed)} {'would come' if self.dry else 'came'} back"
        fields = {
            "count": len(self.seen),
            "size": self.freed,
            "kept": self.kept,
            "dry_run": self.dry,
        }
        if said or self.command.logs_json:
            self.command.tell(said, Answer("cleaned", fields))
