"""`rbuild base`: base images without a registry."""

from __future__ import annotations

import tempfile
from pathlib import Path

from plumbum import cli

from rootless_build.backend.api import LABEL_BASE
from rootless_build.cli.command import Command
from rootless_build.cli.engines import engine_for
from rootless_build.cli.options import Engine, Showing
from rootless_build.cli.own_places import images_directory
from rootless_build.images import image_records
from rootless_build.images.bases import packages, substitutes
from rootless_build.model import references
from rootless_build.model.errors import UsageError
from rootless_build.model.events import Answer, Level, Notice, StepReporter
from rootless_build.process import identities
from rootless_build.process.signals import signals_interrupt


class Base(Engine, Showing, Command):
    """Make a base image, such as debian:bookworm, of the distribution's packages.

    Also buildpack-deps:bookworm, golang:1.21-bookworm, and tonistiigi/xx:1.6.1 of its repository;
    any other of its root file system. A build whose FROM names it, and can't pull it, then uses
    localhost/debian:bookworm.
    """

    USAGE = "rbuild base [--from FILE|DIR] IMAGE"

    source: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--from",
        str,
        argname="FILE|DIR",
        help="a root file system, as a tar archive or a directory; for tonistiigi/xx a copy of its "
        "repository",
    )

    force = cli.Flag("--force", help="make it anew, although it is there")

    def main(self, image: str) -> int:
        """Make the base image and put it into the backend's storage."""
        return self.attempt(lambda: self._make(image))

    def _make(self, image: str) -> int:
        source = Path(self.source).absolute() if self.source is not None else None
        references.check(image)
        what = packages.describe(image, source)
        local = references.local(image)
        with (
            signals_interrupt(self.view.stopping),
            engine_for(self) as (engine, choice),
            tempfile.TemporaryDirectory(prefix=identities.private_prefix()) as place,
        ):
            found = engine.find_image(local)
            if found is not None and not self.flag("force"):
                if not substitutes.stands_in_for(image, found):
                    raise UsageError(
                        f"there is an image {local}, and rbuild base did not make it",
                        hint="--force gives its name to a new one",
                    )
                text = (
                    f"{local} is there already; --force makes it anew, and all that is made of it"
                )
                self.view(Notice(Level.INFO, "base", text))
            elif self.flag("dry_run"):
                answer = Answer("base-made", {"image": local, "id": None, "dry_run": True})
                self.tell(f"would make {local} of {what}", answer)
                return 0
            else:
                labels = ((LABEL_BASE, references.canonical(image)),)
                reporter = StepReporter(self.view, 1)
                records = image_records.ImageRecords(images_directory(), choice.backend.name)
                step = image_records.of_base(local)
                with image_records.record_build(records, step, engine, reporter) as journal:
                    own = journal.reporter(reporter) if journal else reporter
                    found = packages.make(image, source, engine, labels, Path(place), own)
                    if journal:
                        journal.note_result(found.id)
        answer = Answer("base-made", {"image": local, "id": found.id, "dry_run": False})
        self.tell(f"{local} {found.id[:12]}", answer)
        return 0
