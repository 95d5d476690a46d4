"""The commands behind the names: each parses its words, calls the core, prints the answer."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from plumbum import cli

from rootless_build.backend import discovery
from rootless_build.backend.api import LABEL_BASE
from rootless_build.cli.checkout import bundles_directory, checkout, images_directory
from rootless_build.cli.choice import Choice, Text
from rootless_build.cli.command import Command
from rootless_build.cli.commands.make import build, split_words
from rootless_build.cli.engines import (
    EngineToCome,
    backend_name,
    check_backend,
    engine_for,
    settings_for,
)
from rootless_build.cli.looking import look, look_running
from rootless_build.cli.plans import show_plan
from rootless_build.cli.session import execute, read_running
from rootless_build.model.errors import (
    BackendUnavailableError,
    BundlesError,
    UsageError,
)
from rootless_build.model.events import Answer, Level, Notice, StepReporter
from rootless_build.model.nearest import nearest
from rootless_build.model.text import shown
from rootless_build.process import identity
from rootless_build.process.signals import signals_interrupt

if TYPE_CHECKING:
    from rootless_build.bundles import Report
    from rootless_build.bundles.attested import Source


def format_option() -> cli.SwitchAttr[str | list[str]]:
    """--format, for commands that print lists."""
    return cli.SwitchAttr(
        "--format",
        Choice("--format", "text", "json"),
        default="text",
        argname="FORMAT",
        help="text or json",
    )


class Plan(Command):
    """Show what would be done, as commands that can be pasted into a shell, or as JSON."""

    USAGE = "rbuild plan [options] [NAME=VALUE...] [TARGET...]"

    format = format_option()
    explain = cli.Flag("--explain", help="how containerfiles are rewritten for the engine, and why")

    def main(self, *words: str) -> int:
        """Print the plan of the targets."""
        return self.attempt(lambda: self._show(words))

    def _show(self, words: tuple[str, ...]) -> int:
        with signals_interrupt(self.view.stopping):
            looked = look(self, *split_words(words, self))
            return show_plan(self, looked, str(self.format), explain=self.flag("explain"))


class Make(Command):
    """Build the project's own targets, also those named like an rbuild command (install, run)."""

    USAGE = "rbuild make [options] [NAME=VALUE...] [TARGET...]"

    def main(self, *words: str) -> int:
        """Build the targets."""
        return self.attempt(lambda: build(self, words))


class Run(Command):
    """Run a command in the make container. Its exit status becomes rbuild's.

    Of a recipe that only builds images, such as a bake file, it is a container of the image that
    the target builds, as docker run makes one.
    """

    USAGE = "rbuild run [options] [--target TARGET] -- COMMAND [ARGUMENT...]"

    target: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--target",
        Text("--target"),
        argname="TARGET",
        help="whose container, or whose image (default: shell, else the recipe's own default)",
    )

    def main(self, *command: str) -> int:
        """Run it; its status becomes rbuild's."""
        return self.attempt(lambda: self._run(command))

    def _run(self, command: tuple[str, ...]) -> int:
        if not command:
            raise UsageError("no command given", hint="rbuild run -- COMMAND [ARGUMENT...]")
        variables = self.variables_before()
        if self.flag("dry_run"):
            with signals_interrupt(self.view.stopping):
                return show_plan(self, look_running(self, self.target, command, variables))
        with checkout(self, "rbuild run", alone=False) as run, EngineToCome(self) as engine:
            plan = read_running(self, self.target, command, variables)
            return execute(self, plan, run, engine, own_command=True, pass_status=True)


class Bundles(Command):
    """List the bundles, or verify them by checksums and provenance (exit 4 when one is bad)."""

    USAGE = "rbuild bundles [list|verify] [options]"

    format = format_option()
    key: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--key",
        Text("--key"),
        argname="PUBLIC",
        help="of verify: believe only provenance that is signed with this key (PEM or of ssh)",
    )

    def main(self, what: str = "list") -> int:
        """Print them; `verify` exits 4 when one is bad."""
        return self.attempt(lambda: self._show(what))

    def _show(self, what: str) -> int:
        if what not in {"list", "verify"}:
            near = nearest(what, ("list", "verify"))
            hint = f"did you mean {near}?" if near else ""
            raise UsageError(f"rbuild bundles {what}: it is list or verify", hint=hint)
        if self.key is not None and what != "verify":
            raise UsageError("--key is for rbuild bundles verify")
        directory = _bundles_here(self)
        if not directory.is_dir() or not any(directory.iterdir()):
            raise UsageError(f"there are no bundles in {directory}", hint="build them: rbuild")
        if what == "verify":
            return self._verify(directory)
        from rootless_build import bundles  # noqa: PLC0415 - the commands that build do without it
        from rootless_build.cli.views import tables  # noqa: PLC0415 - as above

        files = bundles.list_bundles(directory)
        told = (Answer("bundle", dataclasses.asdict(file)) for file in files)
        as_json = self.format == "json"
        self.tell(tables.bundles_json(files) if as_json else tables.bundles(files), *told)
        return 0

    def _verify(self, directory: Path) -> int:
        from rootless_build import bundles  # noqa: PLC0415 - as above
        from rootless_build.cli.views import tables  # noqa: PLC0415 - as above

        source, keyid = signed_with(self.key)
        report = bundles.verify(directory, source)
        fields = {"directory": directory, **dataclasses.asdict(report), "keyid": keyid}
        answer = Answer("verified", fields)
        if self.format == "json":
            self.tell(tables.report_json(report), answer)
            return BundlesError.exit_code if report.problems else 0
        if report.problems:
            problems = tuple(str(problem) for problem in report.problems)
            signs = "" if self.key is None else "; then sign them: rbuild sign --key FILE"
            raise BundlesError(
                f"bad bundles in {directory}",
                problems=problems,
                hint=f"{bundles.AGAIN}{signs}",
            )
        for warning in report.warnings:
            self.view(Notice(Level.WARNING, "bundles", warning))
        if not report.attested:
            text = "no provenance: what was added to these bundles, or taken away, is not told"
            self.view(Notice(Level.WARNING, "no-provenance", text))
        self.tell(_agreement(report, directory), answer)
        return 0


class Install(Command):
    """Copy the executables of the latest bundles to PREFIX/bin; needs no engine and no Go.

    What `rbuild bundles verify` refuses is not installed, nor what has no provenance (exit 4).
    """

    prefix = cli.SwitchAttr(
        "--prefix", str, argname="DIR", default="/usr/local", help="where bin is"
    )
    unverified = cli.Flag("--unverified", help="install them all the same, and say what is wrong")
    signature: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--require-signature",
        Text("--require-signature"),
        argname="PUBLIC",
        excludes=["--unverified"],
        help="install only what is signed with this key (PEM or of ssh)",
    )

    def main(self) -> int:
        """Install and print each."""
        return self.attempt(self._install)

    def _install(self) -> int:
        from rootless_build import bundles  # noqa: PLC0415 - as above
        from rootless_build.files import owner_rights  # noqa: PLC0415 - as above

        dry = self.flag("dry_run")
        owner = owner_rights.owner(self.project, bundles_directory(self))
        with owner_rights.rights_of(owner):
            directory = _bundles_here(self)
        installation = bundles.install(
            directory,
            Path(self.prefix).absolute(),
            dry_run=dry,
            unverified=bool(self.unverified),
            owner=owner,
            signed=signed_with(self.signature)[0],
        )
        for skipped in installation.skipped:
            self.view(Notice(Level.WARNING, "unverified", f"not verified: {skipped}"))
        for done in installation:
            verb = "would install" if dry else "replaced" if done.replaced else "installed"
            fields = {"target": done.target, "source": done.source, "replaced": done.replaced}
            self.tell(
                f"{verb} {shown(done.target)} (from {shown(done.source)})",
                Answer("installed", {**fields, "dry_run": dry}),
            )
        return 0


class Base(Command):
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

    def main(self, image: str) -> int:
        """Make it and put it into the backend's storage."""
        return self.attempt(lambda: self._make(image))

    def _make(self, image: str) -> int:
        # Only this command makes base images.
        from rootless_build.images import image_records  # noqa: PLC0415
        from rootless_build.images.bases import (  # noqa: PLC0415
            packages,
            substitutes,
        )
        from rootless_build.model import references  # noqa: PLC0415

        source = Path(self.source).absolute() if self.source is not None else None
        references.check(image)
        what = packages.describe(image, source)
        if source is not None and source.is_file():
            _check_archive(source)
        local = references.local(image)
        with (
            signals_interrupt(),
            engine_for(self) as (engine, choice),
            tempfile.TemporaryDirectory(prefix=identity.private_prefix()) as place,
        ):
            found = engine.find_image(local)
            if found is not None and not self.flag("force"):
                if not substitutes.stands_in(found):
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
                        journal.made(found.id)
        answer = Answer("base-made", {"image": local, "id": found.id, "dry_run": False})
        self.tell(f"{local} {found.id[:12]}", answer)
        return 0


def _check_archive(path: Path) -> None:
    """Raises UsageError for what engines would refuse with words of their own."""
    from rootless_build.files import archives  # noqa: PLC0415 - as above

    with path.open("rb") as file:
        zstandard = file.read(4) == b"\x28\xb5\x2f\xfd"
    if not zstandard and not archives.is_tar(path):
        raise UsageError(f"{path} is no tar archive")


class Backends(Command):
    """Which backends are here, their versions, which would be chosen and why."""

    format = format_option()

    def main(self) -> int:
        """Print them; exits 3 when none can run."""
        return self.attempt(self._show)

    def _show(self) -> int:
        from rootless_build.cli.views import tables  # noqa: PLC0415 - as above

        check_backend(self)
        with settings_for(self) as settings:
            found = discovery.survey(settings)
            try:
                choice = discovery.choose(backend_name(self), settings)
                chosen, reason = choice.backend.name, choice.reason
            except BackendUnavailableError as error:
                chosen, reason = "", error.message
        as_json = self.format == "json"
        show = tables.backends_json if as_json else tables.backends
        rows = tables.backend_rows(found, chosen, reason)
        self.tell(show(found, chosen, reason), *(Answer("backend", row) for row in rows))
        return 0 if chosen else BackendUnavailableError.exit_code


def signed_with(key: str | None) -> tuple[Source | None, str | None]:
    """What gives statements that are signed with a key, and the key's id. Raises UsageError."""
    if key is None:
        return None, None
    # The library of signatures takes 0.1 s.
    from rootless_build.bundles import signing  # noqa: PLC0415

    public = signing.public_key(Path(key))
    return signing.source(public), public.keyid


def _bundles_here(command: Command) -> Path:
    directory = bundles_directory(command)
    if not directory.exists():
        # A run that was killed while it replaced them: rare.
        from rootless_build import bundles  # noqa: PLC0415

        bundles.restore(directory)
    return directory


def _agreement(report: Report, directory: Path) -> str:
    statements = f"{report.attested} statement{'s' if report.attested > 1 else ''} of provenance"
    match report.checked:
        case 0 if report.attested:
            agree = "agree" if report.attested > 1 else "agrees"
            return f"{statements} {agree} in {shown(directory)}; there are no checksum files"
        case 0:
            return f"no checksum files in {shown(directory)}; rbuild --checksums writes them"
        case 1:
            text = f"1 checksum agrees in {shown(directory)}"
        case _:
            text = f"{report.checked} checksums agree in {shown(directory)}"
    return f"{text}, with {statements}" if report.attested else text
