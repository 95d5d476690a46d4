"""A script becomes a program of sh, and what the program left is read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypedDict

from rootless_build.testing.base_root import BASE
from tests.reference.contexts import write_context
from tests.reference.scripts.plain import Plain
from tests.reference.scripts.script import Script

_SHOWN = 2000
"""Bytes of a file, or of what is printed, that are shown; of more it is the digest."""


class Call(TypedDict):
    """What one call did."""

    status: int | None
    """None where the script ended before, or in it."""
    out: str
    err: str


class Outcome(TypedDict):
    """What a script did: its calls, and the files of its directory that are not as they were."""

    calls: list[Call]
    files: dict[str, str]


class Running:
    """A script in a place, which those who run it see under the name `seen`."""

    def __init__(self, script: Script, place: Path, prefix: str, seen: str = "") -> None:
        self._script = script
        self._place = place
        self._prefix = prefix
        self._seen = seen or str(place)
        write_context(place / "project", script.files)
        (place / "calls").mkdir()
        (place / "program").write_text(self._program())
        self._before = self._files()

    @property
    def directory(self) -> Path:
        """Where the program is to be started."""
        return self._place / "project"

    @property
    def words(self) -> tuple[str, ...]:
        """The command that runs it."""
        return ("sh", f"{self._seen}/program")

    def outcome(self) -> Outcome:
        """What came of it, after the program has ended."""
        rule = Plain({"DIR": f"{self._seen}/project", "PREFIX": self._prefix})
        calls = [self._call(number, rule) for number in range(len(self._script.calls))]
        after = self._files()
        changed = {name: row for name, row in after.items() if self._before.get(name) != row}
        gone = dict.fromkeys(self._before.keys() - after.keys(), "gone")
        files = {name: rule.plain(row) for name, row in sorted((changed | gone).items())}
        return {"calls": calls, "files": files}

    def _program(self) -> str:
        lines = ["umask 022", f"export BASE={BASE} P={self._prefix}"]
        for number, call in enumerate(self._script.calls):
            place = f"{self._seen}/calls/{number}"
            lines.append(f"{{\n{call}\n}} > {place}.out 2> {place}.err")
            lines.append(f"echo $? > {place}.status")
        return "\n".join(lines) + "\n"

    def _call(self, number: int, rule: Plain) -> Call:
        def said(kind: str) -> str:
            file = self._place / "calls" / f"{number}.{kind}"
            return file.read_bytes().decode(errors="backslashreplace") if file.exists() else ""

        status = said("status")
        out, err = rule.plain(said("out")), rule.plain(said("err"))
        return {"status": int(status) if status else None, "out": out, "err": err}

    def _files(self) -> dict[str, str]:
        paths = sorted(self.directory.rglob("*"))
        return {str(path.relative_to(self.directory)): _row(path) for path in paths}


def _row(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    mode = f"{path.stat().st_mode & 0o7777:o}"
    if path.is_dir():
        return f"{mode} directory"
    content = path.read_bytes()
    if len(content) > _SHOWN:
        return f"{mode} {hashlib.sha256(content).hexdigest()}"
    return f"{mode} {content.decode(errors='backslashreplace')}"
