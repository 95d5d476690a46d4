"""`rbuild sign`: the provenance of the bundles, signed with a local key."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

from plumbum import cli

from rootless_build import bundles
from rootless_build.bundles.statement import SIGNED
from rootless_build.cli.checkout import bundles_directory, checkout
from rootless_build.cli.command import Command
from rootless_build.cli.option_types import Text
from rootless_build.cli.options import Bundles, Showing, Waiting
from rootless_build.model.errors import UsageError
from rootless_build.model.events import Answer
from rootless_build.model.text import shown


class Sign(Bundles, Waiting, Showing, Command):
    """Sign the provenance of the bundles with a key of your own.

    The key is Ed25519, or ECDSA on P-256 or P-384; a passphrase is asked for on the terminal. What
    rbuild bundles verify refuses is not signed (exit 4). Whoever has the bundles and the public
    key checks them anywhere with rbuild bundles verify --key PUBLIC.
    """

    USAGE = "rbuild sign --key FILE [options]"

    key: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--key", Text("--key"), argname="FILE", help="the private key, in PEM or of ssh-keygen"
    )

    def main(self) -> int:
        """Sign, and print what was signed."""
        return self.attempt(self._sign)

    def _sign(self) -> int:
        if self.key is None:
            raise UsageError(
                "no key given",
                hint="rbuild sign --key FILE; make one: ssh-keygen -t ed25519 -f FILE",
            )
        file = Path(self.key)
        with checkout(self, "rbuild sign"):
            directory = bundles_directory(self)
            if not directory.is_dir():
                raise UsageError(
                    f"there are no bundles in {shown(directory)}", hint="build them: rbuild"
                )
            key = bundles.signing.private_key(file, lambda: _passphrase(file))
            dry = self.flag("dry_run")
            for bundle in bundles.signing.sign(directory, key, dry_run=dry):
                place = directory / bundle / SIGNED
                fields = {"file": place, "keyid": key.public_key.keyid, "dry_run": dry}
                verb = "would sign" if dry else "signed"
                self.tell(f"{verb} {shown(place)}", Answer("signed", fields))
        return 0


def _passphrase(file: Path) -> str:
    """Asked for on the terminal: never in arguments, where others see it, nor from a pipe."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError as error:
        raise UsageError(
            f"{shown(file)} is encrypted, and there is no terminal to ask for its passphrase",
            hint="sign on a terminal, or with a key that is not encrypted",
        ) from error
    return getpass.getpass(f"Passphrase of {shown(file)}: ")
