"""What is built: a project in the shape of Docker's own at three times, and edits of its files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ERAS: Final = {
    "A": "COPY into an image, then a container (1.12)",
    "D": "RUN mounts the sources (20.10)",
    "E": "RUN mounts the sources, bake (23.0)",
}
"""How Docker's own build took its sources, by the name of docs; a release that did so."""
SCENARIOS: Final = (
    *("cold", "nothing", "source", "ten", "added", "removed", "branch", "dockerfile"),
)
SAID: Final = {
    "cold": "cold, nothing kept",
    "nothing": "nothing changed",
    "source": "one file changed",
    "ten": "ten files changed",
    "added": "a file added",
    "removed": "a file removed",
    "branch": "branch switched (200 files)",
    "dockerfile": "one Dockerfile line changed late",
}
IN_DIRECTORY: Final = 20
"""Files of a directory."""
WORK: Final = "mkdir -p {0} && cat src/dir?/file0.go | md5sum > {0}/made && ls src/dir0 > {0}/names"
"""Reads of every edit something: a bundle that is out of date is found."""
_HEAD: Final = """\
FROM benchbase:latest AS base
{steps}
RUN echo {note} > /note
"""
_COPIES: Final = """\
WORKDIR /src
COPY . /src
"""
_MOUNTS: Final = f"""\
FROM base AS build
RUN --mount=type=bind,target=/src cd /src && {WORK.format("/out")} && cat /note > /out/note
FROM scratch AS binary
COPY --from=build /out /
"""
_RUN: Final = """\
binary: build
\tdocker run --rm --network host -v "$(CURDIR)/bundles:/src/bundles" $(IMAGE) sh -c '{work}'
build:
\tdocker build --network host $(BUILD_FLAGS) -t $(IMAGE) .
"""
_OUTPUT: Final = """\
binary:
\tDOCKER_BUILDKIT=1 docker build --network host $(BUILD_FLAGS) --target binary --output bundles .
"""
_BAKE: Final = """\
target "binary" {
  target = "binary"
  network = "host"
  output = ["bundles"]
}
"""


@dataclass(frozen=True)
class Shape:
    """How large projects are: KB of each file, and RUN steps of the image.

    8 KB is the average of Docker's own 13,000 files.
    """

    kilobytes: int = 8
    steps: int = 4


@dataclass
class Project:
    """A checkout of its own for each contender.

    No two have ever the same edits: engines that share a storage would find each other's layers.
    """

    root: Path
    shape: Shape
    files: int
    era: str = "A"
    edits: int = 0
    note: str = ""
    """What the Dockerfile's last edit put into the image."""

    @classmethod
    def make(cls, root: Path, files: int, shape: Shape, era: str = "A") -> Project:
        made = cls(root, shape, files, era)
        (root / "bundles").mkdir(parents=True)
        (root / "bundles").chmod(0o777)
        (root / ".dockerignore").write_text("bundles\n.git\n")
        match era:
            case "A":
                work = WORK.format("bundles") + " && cat /note > bundles/note"
                (root / "Makefile").write_text(_RUN.format(work=work))
            case "D":
                (root / "Makefile").write_text(_OUTPUT)
            case _:
                (root / "docker-bake.hcl").write_text(_BAKE)
        for number in range(files):
            made._write(number, f"// line of file {number}\n")
        made.dockerfile()
        return made

    def _path(self, number: int) -> Path:
        directory, file = divmod(number, IN_DIRECTORY)
        return self.root / f"src/dir{directory}/file{file}.go"

    def _write(self, number: int, line: str) -> None:
        """As git writes a file: it is a new one each time."""
        path = self._path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_text(f"package p{number}\n" + line * (44 * self.shape.kilobytes))

    def dockerfile(self) -> None:
        numbers = range(self.shape.steps)
        steps = "\n".join(f"RUN echo {number} > /step{number}" for number in numbers)
        self.note = self._edit()
        head = _HEAD.format(steps=steps, note=self.note)
        (self.root / "Dockerfile").write_text(head + (_COPIES if self.era == "A" else _MOUNTS))

    def source(self) -> None:
        """One file is another."""
        self._append(0)

    def ten(self) -> None:
        """Ten files in ten directories are others."""
        for number in range(10):
            self._append(number * IN_DIRECTORY)

    def added(self) -> None:
        """A file is new."""
        (self.root / f"src/dir0/added-{self._edit()}.go").write_text("package added\n")

    def removed(self) -> None:
        """A file is gone."""
        directory = self.root / "src/dir0"
        last = max(path for path in directory.iterdir() if path.name != "file0.go")
        last.unlink()

    def branch(self) -> None:
        """Another branch is checked out, on which 200 files are others."""
        note = self._edit()
        step = max(self.files // 200, 1)
        for number in range(0, min(self.files, 200 * step), step):
            self._write(number, f"// of branch {note}\n")

    def _append(self, number: int) -> None:
        with self._path(number).open("a") as file:
            file.write(f"// edit {self._edit()}\n")

    def _edit(self) -> str:
        self.edits += 1
        return f"{self.root.name}-{self.edits}"

    def wrong(self) -> str:
        """What in the bundle is not that of the sources as they are; empty where nothing is."""
        sources = sorted(self.root.glob("src/dir?/file0.go"))
        read = b"".join(path.read_bytes() for path in sources)
        # As md5sum prints what it read from a pipe.
        wanted = {
            "made": f"{hashlib.md5(read, usedforsecurity=False).hexdigest()}  -\n",
            "names": "".join(f"{name}\n" for name in self._names()),
            "note": f"{self.note}\n",
        }
        for name, text in wanted.items():
            file = self.root / "bundles" / name
            made = file.read_text() if file.is_file() else None
            if made != text:
                return f"{file}: {made!r}, not {text!r}"
        return ""

    def _names(self) -> list[str]:
        return sorted(path.name for path in (self.root / "src/dir0").iterdir())
