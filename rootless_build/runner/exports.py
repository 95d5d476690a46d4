"""What a build leaves besides an image: `--output type=local` and `type=tar`.

Engines make the image, and its files are copied out: that is the same on every engine, for any
number of outputs, and over a remote connection (podman and buildah before 1.41 write one output,
and none of a remote engine; docker's classic builder none).
"""

from __future__ import annotations

import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rootless_build.files.private_directories import is_private_directory
from rootless_build.files.tree import remove, walk
from rootless_build.model import outputs
from rootless_build.model.errors import StepFailedError
from rootless_build.model.plan import BuildImage, BuildOutput
from rootless_build.model.shared_directories import TEMPORARY
from rootless_build.model.structs import replace
from rootless_build.model.text import script_joined, script_quoted
from rootless_build.process import identities
from rootless_build.process.proc import umask

_SHOWN_FILE: Final = f"{TEMPORARY}/Dockerfile.inline"
"""Where a person would put it."""
_OF_A_PROCESS: Final = re.compile(r"\.rbuild-(\d+\.\d+)-")


@contextmanager
def place_near(target: Path) -> Iterator[Path]:
    """An empty directory beside `target`, on its file system, that is gone afterwards."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(".rbuild-*"):
        named = _OF_A_PROCESS.match(left.name)
        if named and not identities.lives(named[1]) and is_private_directory(left):
            remove(left)  # by a run that was killed
    place = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{identities.private_prefix()}"))
    try:
        copied = place / "files"
        copied.mkdir()
        yield copied
    finally:
        remove(place)


def shell_lines(
    step: BuildImage, commands: Callable[[BuildImage], tuple[tuple[str, ...], ...]]
) -> list[str]:
    """Lines for a shell that do the same with the engine's own --output, one build for each."""
    plain = outputs.image_only(step)
    files = outputs.files(step) if len(step.platforms) < 2 else ()
    exports = [replace(plain, tags=(), outputs=(one,)) for one in files]
    several = [plain, *exports] if outputs.keeps_image(step) or not exports else exports
    text, before = step.containerfile_text, []
    if text is not None:
        file = Path(_SHOWN_FILE)
        several = [replace(one, containerfile=file, containerfile_text=None) for one in several]
        before = [f"printf %s {script_quoted(text)} > {file}"]
    written = [output for output in outputs.written(step) if output not in files]
    after = [f"# rbuild writes {outputs.destination(each)}, type={each.type}" for each in written]
    return [*before, *(script_joined(argv) for one in several for argv in commands(one)), *after]


@contextmanager
def with_containerfile(step: BuildImage) -> Iterator[BuildImage]:
    """The step with its containerfile's text in a file too, where it has one: messages name what
    that stands in, and not the file (`images.containerfile.file.display`).
    """
    if step.containerfile_text is None:
        yield step
        return
    with tempfile.TemporaryDirectory(prefix=identities.private_prefix()) as place:
        file = Path(place) / "Dockerfile"
        file.write_text(step.containerfile_text, encoding="utf-8")
        yield replace(step, containerfile=file)


def write(tree: Path, output: BuildOutput) -> None:
    """Write the files of an image, which stay in `tree`, to an output outside of the bundles.

    Files of the same names are replaced one by one, others in the directory stay, as BuildKit's
    exporter does it. Raises StepFailedError.
    """
    # Few builds write files outside of the bundles.
    from rootless_build.bundles.merging import merge_tree  # noqa: PLC0415

    target = outputs.destination(output)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        near = f".{identities.private_prefix()}"
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=near) as place:
            if output.type == "tar":
                archive = Path(place) / "out.tar"
                _archive(tree, archive)
                archive.replace(target)
                return
            target.mkdir(exist_ok=True)
            merge_tree(tree, target, Path(place))
    except OSError as error:
        message = f"the output {target} could not be written: {error.strerror or error}"
        raise StepFailedError(message) from error


def _archive(tree: Path, archive: Path) -> None:
    """An archive that belongs to root, as the files do in the image; the same bytes each time."""
    # Few builds write one.
    import tarfile  # noqa: PLC0415

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as made:
        # Its own recursion ends at a depth that a build can reach.
        for entry in walk(tree):
            made.add(tree / entry.path, entry.path, recursive=False, filter=owned)
    archive.chmod(stat.S_IMODE(0o666 & ~umask()))
