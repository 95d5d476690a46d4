"""`rbuild bundles`: what was built, listed or verified."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from plumbum import cli

from rootless_build import bundles
from rootless_build.bundles.leftovers import restore
from rootless_build.bundles.listing import list_bundles
from rootless_build.bundles.verification import AGAIN, verify
from rootless_build.cli.checkout import bundles_directory
from rootless_build.cli.command import Command
from rootless_build.cli.option_types import Text
from rootless_build.cli.options import Bundles as BundlesOption
from rootless_build.cli.options import format_option
from rootless_build.cli.views import tables
from rootless_build.model.errors import BundlesError, UsageError
from rootless_build.model.events import Answer, Level, Notice
from rootless_build.model.nearest import nearest
from rootless_build.model.text import shown

if TYPE_CHECKING:
    from rootless_build.bundles.attested import Source
    from rootless_build.bundles.verification import Report


class Bundles(BundlesOption, Command):
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
        directory = bundles_here(self)
        if not directory.is_dir() or not any(directory.iterdir()):
            raise UsageError(f"there are no bundles in {directory}", hint="build them: rbuild")
        if what == "verify":
            return self._verify(directory)

        files = list_bundles(directory)
        told = (Answer("bundle", msgspec.structs.asdict(file)) for file in files)
        as_json = self.format == "json"
        self.tell(tables.bundles_json(files) if as_json else tables.bundles(files), *told)
        return 0

    def _verify(self, directory: Path) -> int:

        source, keyid = signed_with(self.key)
        report = verify(directory, source)
        fields = {"directory": directory, **msgspec.to_builtins(report), "keyid": keyid}
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
                hint=f"{AGAIN}{signs}",
            )
        for warning in report.warnings:
            self.view(Notice(Level.WARNING, "bundles", warning))
        if not report.attested:
            text = "no provenance: what was added to these bundles, or taken away, is not told"
            self.view(Notice(Level.WARNING, "no-provenance", text))
        self.tell(_agreement(report, directory), answer)
        return 0


def signed_with(key: str | None) -> tuple[Source | None, str | None]:
    """What gives statements that are signed with a key, and the key's id. Raises UsageError."""
    if key is None:
        return None, None
    signing = bundles.signing
    public = signing.public_key(Path(key))
    return signing.source(public), public.keyid


def bundles_here(command: Command) -> Path:
    """The directory of the bundles; those that a killed run had set aside are put back."""
    directory = bundles_directory(command)
    if not directory.exists():
        restore(directory)
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
