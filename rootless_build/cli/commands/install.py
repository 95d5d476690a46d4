"""`rbuild install`: the executables of the latest bundles, to where programs are."""

from __future__ import annotations

from pathlib import Path

from plumbum import cli

from rootless_build.bundles.installation import install
from rootless_build.cli.checkout import bundles_directory
from rootless_build.cli.command import Command
from rootless_build.cli.commands.bundles import signed_with
from rootless_build.cli.option_types import Text
from rootless_build.cli.options import Bundles as BundlesOption
from rootless_build.cli.options import Showing
from rootless_build.model.events import Answer, Level, Notice
from rootless_build.model.text import shown


class Install(BundlesOption, Showing, Command):
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
        dry = self.flag("dry_run")
        installation = install(
            bundles_directory(self),
            Path(self.prefix).absolute(),
            dry_run=dry,
            unverified=bool(self.unverified),
            project=self.project,
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
