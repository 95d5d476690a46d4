"""Ask docker what comes out of the cases, and write it down: `python -m tests.reference.record`.

Started by contrib/reference, beside a dockerd in the root file system that RBUILD_REFERENCE_ROOT
names. Arguments are names of cases, or parts of names; without any it is all cases. `--new` leaves
those out whose recording holds.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rootless_build.testing.base_root import BASE, write_base_root
from tests.reference import recordings
from tests.reference.case import Case, digest, on_base
from tests.reference.cases import FAMILIES, RANDOM_FAMILIES
from tests.reference.contexts import write_context
from tests.reference.images import Image, read_image
from tests.reference.recordings import Recording
from tests.reference.served import serving

_PLACE: Final = "/tmp/case"
"""Where a case is built, below the reference's root."""
_LINE: Final = re.compile(r"^[^\s:]+:(\d+)\n-{20}$", re.MULTILINE)
_NO_BUILD: Final = "ERROR: failed to build"


class Reference:
    """A dockerd in a root file system."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._base = Image({}, {}, ())
        self._began = time.time()

    def version(self) -> str:
        """Docker's."""
        return self._docker("version", "--format", "{{.Server.Version}}").stdout.strip()

    def buildkit(self) -> str:
        """BuildKit's."""
        said = self._docker("buildx", "inspect", "default").stdout
        found = re.search(r"^BuildKit version: *(\S+)", said, re.MULTILINE)
        return found[1] if found else ""

    def import_base(self) -> None:
        """Make the tests' base image; it is what trees are held against."""
        archive = self._root / "tmp" / "base.tar"
        write_base_root(archive)
        # The command that `Engine.import_root` gives an image.
        self._docker("import", '--change=CMD ["bash"]', "/tmp/base.tar", BASE)
        case = Case("", on_base())
        self._base = self._image(case) or self._base

    def record(self, case: Case) -> Recording:
        """What comes of a case."""
        with tempfile.TemporaryDirectory() as place, serving(case, Path(place)) as served:
            made = self._build(served)
        if made.returncode:
            line = _LINE.search(made.stderr)
            # What is no refusal (no memory, no daemon) must not become one.
            if _NO_BUILD not in made.stderr:
                raise SystemExit(f"{case.name}: {made.stderr}")
            print(f"{case.name}: {made.stderr.strip().splitlines()[-1]}")
            return {"input": digest(case), "refused": int(line[1]) if line else 0}
        recorded = recordings.made(self._read(), self._base, self._began)
        return {"input": digest(case), **recorded}

    def _image(self, case: Case) -> Image | None:
        done = self._build(case)
        if done.returncode:
            raise SystemExit(done.stderr)
        return self._read()

    def _read(self) -> Image:
        return read_image(self._inside(_PLACE) / "image.tar")

    def _build(self, case: Case) -> subprocess.CompletedProcess[str]:
        # What is left of another case would be found again: a layer whose files differ in their
        # times alone, and files of a context that have the size and the time of others.
        self._docker("buildx", "prune", "--all", "--force")
        place = self._inside(_PLACE)
        shutil.rmtree(place, ignore_errors=True)
        write_context(place / "context", case.files())
        for name, more in case.more.items():
            write_context(place / "more" / name, more)
        for name, secret in case.secrets.items():
            (place / name).write_text(secret)
        built = self._docker(*_arguments(case), check=False)
        if not case.then:
            return built
        shutil.rmtree(place / "context")
        write_context(place / "context", {**case.files(), **case.then})
        return self._docker(*_arguments(case), check=False)

    def _inside(self, path: str) -> Path:
        return self._root / path.lstrip("/")

    def _docker(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["chroot", self._root, "docker", *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=check,
        )


def _arguments(case: Case) -> Iterator[str]:
    yield from ("buildx", "build", "--progress=plain", "--provenance=false", "--network=host")
    yield f"--output=type=oci,dest={_PLACE}/image.tar"
    if case.named:
        yield f"--file={_PLACE}/context/{case.file}"
    for name, value in case.args:
        yield f"--build-arg={name}={value}"
    for name in case.more:
        yield f"--build-context={name}={_PLACE}/more/{name}"
    for name, address in case.elsewhere.items():
        yield f"--build-context={name}={address}"
    for name in case.secrets:
        yield f"--secret=id={name},src={_PLACE}/{name}"
    if case.target is not None:
        yield f"--target={case.target}"
    yield f"{_PLACE}/context"


def wanted(name: str, words: Sequence[str]) -> bool:
    """Whether a case of that name is asked for."""
    return not words or any(word in name for word in words)


def main() -> None:
    """Record the cases that are asked for; recordings of cases that are gone go."""
    parser = argparse.ArgumentParser(prog="contrib/reference", description=__doc__)
    parser.add_argument("--new", action="store_true", help="only what has no recording that holds")
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    reference = Reference(Path(os.environ["RBUILD_REFERENCE_ROOT"]))
    reference.import_base()
    docker, buildkit = reference.version(), reference.buildkit()
    for family, cases in (*FAMILIES.items(), *RANDOM_FAMILIES.items()):
        known = recordings.read(family)
        # One table is of one version.
        same = (known["docker"], known["buildkit"]) == (docker, buildkit)
        found: dict[str, Recording] = {}
        for case in cases:
            before = known["cases"].get(case.name)
            holds = before is not None and before["input"] == digest(case)
            if (
                before is not None
                and same
                and (not wanted(case.name, given.names) or (given.new and holds))
            ):
                found[case.name] = before
            else:
                found[case.name] = reference.record(case)
        recordings.write(family, {"docker": docker, "buildkit": buildkit, "cases": found})


if __name__ == "__main__":
    main()
