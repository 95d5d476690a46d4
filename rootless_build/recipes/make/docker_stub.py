"""Stand-ins for docker and its like: they answer what Makefiles ask, and write down what they are
told to do.

Each is a shell script (`stub_script`) in a directory that is first on PATH while make is asked for
its plan, so that nothing which a Makefile runs meanwhile reaches a real engine.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.recipes.make import stub_script
from rootless_build.recipes.make.records import fields_of
from rootless_build.recipes.make.stub_script import REFUSAL, VERSION

__all__ = ("REFUSAL", "VERSION", "Call", "Stub", "install")

_ALWAYS: Final = ("docker", "docker-buildx")
_WHERE_INSTALLED: Final = (
    *("podman", "buildah", "nerdctl", "docker-compose", "podman-compose", "docker-machine"),
    *("sudo", "doas"),
)
"""A Makefile that looks for one finds it only where it is: it may take docker instead."""
_FIELDS: Final = 5
_PROCESS: Final = re.compile(r"[0-9]{1,10}")


class Call(Struct, frozen=True):
    """A command line that a stand-in was called with, in `directory`.

    `reading`: while makefiles were read, not when a recipe was expanded. `image`: the id that was
    answered, for a build, which is done when the plan is, or the word in the place of an answer
    (`Stub.mark_missing_answers`); `environment` is a build's.
    """

    program: str
    words: tuple[str, ...]
    directory: Path
    answered: bool
    reading: bool
    image: str = ""
    environment: Mapping[str, str] | None = None

    @property
    def line(self) -> str:
        """The command as a person would type it."""
        return shlex.join((self.program, *self.words))

    @property
    def builds(self) -> bool:
        """Whether the call is a build that the plan has to do."""
        return self.environment is not None


class Stub(Struct, frozen=True):
    """`directory` holds the stand-ins; `record` is what they were told, one call after the other,
    in a directory with nothing else in it: whoever calls them can write there.

    `read` leads to a file that has something in it once make has read all makefiles. `path` is the
    PATH that the stand-ins come before, and `found` are the real programs on it.
    """

    directory: Path
    record: Path
    read: Path
    path: str
    found: Mapping[str, str]

    def plain(self, text: str) -> str:
        """The text as it is where no stand-ins are: a Makefile may ask where docker is.

        A program that is not installed has no place, so its bare name is there.
        """
        place = str(self.directory)
        if place not in text:
            return text
        text = text.replace(f"{place}:{self.path}", self.path)
        program = re.compile(rf"{re.escape(place)}/([\w.-]*\w)")
        return program.sub(lambda match: self.found.get(match[1], match[1]), text)

    @property
    def variables(self) -> Mapping[str, str]:
        """What the stand-ins themselves need in their environment."""
        return {"RBUILD_STUB_RECORD": str(self.record), "RBUILD_STUB_READ": str(self.read)}

    def begin(self, read: Path) -> None:
        """A run of make begins, with a file of its own that says that all has been read."""
        self.read.unlink(missing_ok=True)
        self.read.symlink_to(read)

    def mark_missing_answers(self) -> None:
        """From now on a word stands in the place of each answer that is not known."""
        self.read.with_name(f"{self.read.name}.words").touch()
        self.record.unlink(missing_ok=True)

    def calls(self) -> tuple[Call, ...]:
        """What the stubs were called with."""
        found: list[Call] = []
        fields: list[str] = []
        for word in fields_of(self.record):
            if word == "\n":
                # Whatever else the project writes there is no call.
                if len(fields) >= _FIELDS:
                    found.append(self._call(fields))
                fields = []
            else:
                fields.append(word)
        return tuple(found)

    def _call(self, fields: list[str]) -> Call:
        known, phase, directory, image, program = fields[:_FIELDS]
        build, _, process = known.partition(" ")
        return Call(
            program,
            tuple(fields[_FIELDS:]),
            Path(directory),
            answered=known != "no",
            reading=phase == "reading",
            image=image,
            environment=self._environment(process) if build == "build" else None,
        )

    def _environment(self, process: str) -> dict[str, str]:
        number = process if _PROCESS.fullmatch(process) else "0"
        pairs = fields_of(self.record.with_name(f"{self.record.name}.{number}"))
        given = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
        for name in self.variables:
            given.pop(name, None)
        given["PATH"] = given.get("PATH", "").replace(f"{self.directory}:", "")
        return {name: self.plain(value) for name, value in given.items()}


def install(place: Path, path: str | None) -> Stub:
    """Write the stand-ins below `place`: for docker, and for what else is found on `path`."""
    directory = place / "bin"
    directory.mkdir()
    asked = {name: shutil.which(name, path=path) for name in (*_ALWAYS, *_WHERE_INSTALLED)}
    found = {name: where for name, where in asked.items() if where}
    for name in dict.fromkeys((*_ALWAYS, *found)):
        program = directory / name
        itself = found.get(name, "")
        program.write_text(stub_script.script(name, itself), errors="surrogateescape")
        program.chmod(0o755)
    told = place / "told"
    told.mkdir()
    return Stub(directory, told / "record", place / "read", path or "", found)
