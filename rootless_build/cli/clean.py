"""`rbuild clean`: what builds left, and what they keep, goes."""

from __future__ import annotations

from collections.abc import Iterator

from plumbum import cli

from rootless_build import recovery, runs
from rootless_build.backend import Engine, LeftoverKind
from rootless_build.cli import tables
from rootless_build.cli.checkout import bundles_directory, checkout, data_directory, engine_of
from rootless_build.cli.command import Command
from rootless_build.cli.engines import engine_for
from rootless_build.events import Answer
from rootless_build.interruption import signals_interrupt
from rootless_build.recovery import Remains
from rootless_build.registry import Choice


class Clean(Command):
    """Remove what builds of this project left: containers and directories of dead runs, and with
    --images and --volumes those too. --everywhere: of all projects.
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
                return self._remove(dry=True)
        with checkout(self, "rbuild clean"):
            return self._remove(dry=False)

    def _remove(self, *, dry: bool) -> int:
        freed = 0
        seen: set[str] = set()
        verb = "would remove" if dry else "removed"
        with engine_for(self) as (engine, choice):
            for found in self._found(engine, choice, dry=dry):
                if found.what in seen:
                    continue
                seen.add(found.what)
                if not dry:
                    found.remove()
                freed += found.size or 0
                known = "" if found.size is None else f" ({tables.size(found.size)})"
                fields = {"what": found.what, "size": found.size, "dry_run": dry}
                self.tell(f"{verb} {found.what}{known}", Answer("removed", fields))
        said = "nothing to remove" if not seen else ""
        if freed:
            said = f"{tables.size(freed)} {'would come' if dry else 'came'} back, about"
        answer = Answer("cleaned", {"count": len(seen), "size": freed, "dry_run": dry})
        if said or self.logs_json:
            self.tell(said, answer)
        return 0

    def _found(self, engine: Engine, choice: Choice, *, dry: bool) -> Iterator[Remains]:
        project = None if self.everywhere else self.project
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
        wanted = {
            kind
            for kind, given in (
                (LeftoverKind.IMAGE, self.images),
                (LeftoverKind.VOLUME, self.volumes),
            )
            if given
        }
        if wanted:
            yield from recovery.labelled(engine, project, wanted)
