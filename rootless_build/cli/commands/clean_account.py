"""What `rbuild clean` says: what went, what stays and why, and how much came back."""

from __future__ import annotations

from msgspec import Struct

from rootless_build.cli.command import Command
from rootless_build.cli.views import tables
from rootless_build.model.events import Answer
from rootless_build.model.text import shown


class Account(Struct):
    """What a `clean` removes and what it leaves, told as it happens; with `dry` nothing happens."""

    command: Command
    dry: bool
    seen: set[str] = set()
    ids: set[str] = set()
    """Of images that went, or would."""
    forgotten: set[str] = set()
    """Names of builds that are off the record now, or would be."""
    freed: int = 0
    kept: int = 0

    def goes(self, what: str, size: int | None) -> None:
        """Tell that `what` is gone, or would be."""
        self.seen.add(what)
        self.freed += size or 0
        verb = "would remove" if self.dry else "removed"
        fields = {"what": what, "size": size, "dry_run": self.dry}
        self.command.tell(f"{verb} {what}{_known(size)}", Answer("removed", fields))

    def stays(self, what: str, why: str, size: int | None = None) -> None:
        """Tell that `what` stays, and why."""
        self.kept += 1
        fields = {"what": what, "why": why, "size": size, "dry_run": self.dry}
        self.command.tell(f"{what}{_known(size)} stays: {shown(why)}", Answer("kept", fields))

    def close(self) -> None:
        """Tell how much came back, or that there was nothing to remove."""
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


def _known(size: int | None) -> str:
    return "" if size is None else f" ({tables.size(size)})"
