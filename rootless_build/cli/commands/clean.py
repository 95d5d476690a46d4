"""`rbuild clean`: what builds left, and what they keep, goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from plumbum import cli

from rootless_build.backend import discovery
from rootless_build.backend.api import Engine
from rootless_build.backend.discovery import Choice
from rootless_build.cli import own_places
from rootless_build.cli.checkout import bundles_directory, checkout, engine_of
from rootless_build.cli.command import Command
from rootless_build.cli.commands import clean_images
from rootless_build.cli.commands.clean_account import Account
from rootless_build.cli.engines import engine_for
from rootless_build.cli.options import Bundles, Showing, Waiting
from rootless_build.cli.options import Engine as EngineOption
from rootless_build.cli.own_places import data_directory, images_directory
from rootless_build.host.engine_settings import lasting_directories
from rootless_build.images.image_records import ImageRecords
from rootless_build.model.errors import RbuildError
from rootless_build.model.text import shown
from rootless_build.process.signals import signals_interrupt
from rootless_build.runner import journal, own_directories, recovery
from rootless_build.runner.own_directories import OwnDirectories
from rootless_build.runner.recovery import Remains

_NEVER_FINISHED: Final = (
    "an engine was killed while it made it, and engines list no images as long as it is there. It "
    "is not known to be rbuild's"
)


class Clean(EngineOption, Bundles, Waiting, Showing, Command):
    """Remove what builds of this project left: containers and directories of dead runs, and with
    --images and --volumes those too. With both, also what rbuild knows of the project, and what it
    kept of failed containers. --everywhere: of all projects, on every engine.

    Of images those go that rbuild built, by its own record, and that nothing else uses: no
    container, no name that the user gave, no other image.
    """

    images = cli.Flag("--images", help="also the images that rbuild built")
    volumes = cli.Flag("--volumes", help="also the named volumes that rbuild made")
    bases = cli.Flag("--bases", help="also the base images that rbuild base made")
    everywhere = cli.Flag("--everywhere", help="of every project, not this one alone")
    everything = cli.Flag(
        "--all",
        help="all of these, as before rbuild is uninstalled: --everywhere --images --volumes "
        "--bases; --dry-run lists it",
    )
    yes = cli.Flag(
        "--yes", help="also images that are rbuild's by their label alone (those of 0.1.0)"
    )

    def main(self) -> int:
        """Remove and print each."""
        return self.attempt(self._clean)

    def _clean(self) -> int:
        account = Account(self, dry=self.flag("dry_run"))
        if account.dry:
            with signals_interrupt(self.view.stopping):
                self._remove(account)
        else:
            with checkout(self, "rbuild clean"):
                self._remove(account)
        if self._asks("images") and self._asks("volumes"):
            # Not before this run itself has left its directory.
            with signals_interrupt(self.view.stopping):
                self._remove_knowledge(account)
        account.close()
        return 0

    def _asks(self, name: str) -> bool:
        return self.everything or self.flag(name)

    def _remove(self, account: Account) -> None:
        storages: set[str] = set()
        with (
            engine_for(self) as (engine, choice),
            journal.others(data_directory(), self.project) as busy,
        ):
            self._remove_from(engine, choice, busy, account)
            for what, identity in recovery.never_finished(engine):
                if what not in account.seen:
                    rmi = f"{choice.backend.name} rmi --force {identity}"
                    account.stays(what, f"{_NEVER_FINISHED}: {rmi}")
            self._remove_images(engine, busy, account, storages)
            for name in discovery.names() if self._asks("everywhere") else ():
                if name != choice.backend.name:
                    self._remove_elsewhere(name, choice, busy, account, storages)
        if self._asks("images") or self._asks("bases"):
            self._tell_unreached(storages, account)

    def _remove_from(
        self, engine: Engine, choice: Choice, busy: Mapping[str, str], account: Account
    ) -> None:
        for found in self._found(engine, choice, busy, account):
            if found.what in account.seen:
                continue
            if not account.dry:
                try:
                    found.remove()
                except RbuildError as error:
                    account.stays(found.what, f"{error.message}: {error.engine_words}".rstrip(": "))
                    continue
            account.goes(found.what, found.size)

    def _remove_elsewhere(
        self,
        name: str,
        choice: Choice,
        busy: Mapping[str, str],
        account: Account,
        storages: set[str],
    ) -> None:
        """Remove what another engine keeps, where that engine can be used."""
        try:
            backend = discovery.load(name)
            if not backend.probe(choice.settings).usable:
                return  # what is on record of it is told
            with backend.open(choice.settings) as engine:
                for found in self._kept_by(engine, busy, account):
                    if found.what not in account.seen:
                        if not account.dry:
                            found.remove()
                        account.goes(found.what, found.size)
                self._remove_images(engine, busy, account, storages)
        except (RbuildError, ImportError) as error:
            account.stays(f"what {name} keeps", str(error))

    def _found(
        self, engine: Engine, choice: Choice, busy: Mapping[str, str], account: Account
    ) -> Iterator[Remains]:
        project = self._wanted_project
        before = journal.now()
        yield from recovery.dead_containers(engine, project)
        for record, place in journal.crashed(data_directory()):
            if project not in {None, record.project}:
                continue
            with engine_of(record, engine, choice) as its:
                yield from recovery.in_storage(its, record, before)
                # One that takes an image writes into the private directory for a while yet.
                ended = not account.dry and recovery.end_programs(record)
                # It may have made another container meanwhile; or that is somebody else's.
                new = tuple(recovery.in_storage(its, record, journal.now())) if ended else ()
                unsure = bool(new) and recovery.other_engines_work()
                yield from recovery.in_storage(its, record, before) if unsure else new
                yield from recovery.directories_of(record, its, [record.project / "bundles"])
            if not account.dry and not unsure:
                journal.discard(place)
        yield from recovery.abandoned(engine, bundles_directory(self))
        if self._asks("volumes"):
            yield from self._volumes(engine, busy, account)

    def _kept_by(
        self, engine: Engine, busy: Mapping[str, str], account: Account
    ) -> Iterator[Remains]:
        yield from recovery.dead_containers(engine, self._wanted_project)
        if self._asks("volumes"):
            yield from self._volumes(engine, busy, account)

    def _volumes(
        self, engine: Engine, busy: Mapping[str, str], account: Account
    ) -> Iterator[Remains]:
        def works(project: str) -> str:
            return busy.get(journal.key(Path(project)), "")

        for found, who in recovery.volumes(engine, self._wanted_project, works):
            if who:
                account.stays(found.what, f"rbuild works in its checkout: {who}")
            else:
                yield found

    @property
    def _wanted_project(self) -> Path | None:
        return None if self._asks("everywhere") else self.project

    @property
    def _wanted_images(self) -> clean_images.Wanted:
        everywhere, images = self._asks("everywhere"), self._asks("images")
        project = None if everywhere else str(self.project)
        return clean_images.Wanted(
            project, images, self._asks("bases"), self.yes, everywhere and images
        )

    def _remove_images(
        self, engine: Engine, busy: Mapping[str, str], account: Account, storages: set[str]
    ) -> None:
        if not (self._asks("images") or self._asks("bases")) or engine.storage in storages:
            return
        storages.add(engine.storage)
        records = ImageRecords(images_directory())
        clean_images.remove(engine, records, self._wanted_images, busy, account)

    def _tell_unreached(self, storages: set[str], account: Account) -> None:
        """Images on record in a storage that was not looked at."""
        records = ImageRecords(images_directory())
        wanted = self._wanted_images
        forgets = self.yes and self._asks("everywhere")
        unreached: dict[tuple[str, str], set[str]] = {}
        for built in records.all():
            if wanted.has(built) and built.storage not in storages:
                if forgets and not account.dry:
                    records.forget(built)
                unreached.setdefault((built.storage, built.backend), set()).update(built.ours)
        for (storage, backend), images in unreached.items():
            why = f"it is not what this engine uses: --backend {backend}, or --everywhere"
            if self._asks("everywhere"):
                why = (
                    "it is not there, or its engine does not answer; --yes takes it off the record"
                )
            if forgets:
                why = "it is not there, or its engine does not answer; it is off the record"
            account.stays(f"what rbuild built ({len(images)} images) in {storage}", why)

    def _remove_knowledge(self, account: Account) -> None:
        data, state, cache = own_places.own_directories()
        own = OwnDirectories(data, state, cache)
        if self._asks("everywhere"):
            for removed in own_directories.remove_all(own, account.forgotten, dry=account.dry):
                what = f"directory {shown(removed.directory)}"
                if removed.stays:
                    account.stays(what, removed.stays)
                elif removed.size or removed.directory != data:
                    # This run itself has made that one, too.
                    account.goes(what, removed.size)
            for lasting in lasting_directories():
                why = "engines keep sockets, locks or images in it, those of yours too"
                account.stays(f"directory {shown(lasting)}", why)
            return
        with journal.idle(data, journal.key(self.project)) as who:
            for path in () if who else own.of_checkout(journal.key(self.project)):
                account.goes(f"directory {shown(path)}", own_directories.size(path))
                if not account.dry:
                    own_directories.discard(path)
