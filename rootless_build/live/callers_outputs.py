"""What a build writes to its caller's standard output: `-o -`, `--output type=tar,dest=-`."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rootless_build.files.private_directories import large_directory
from rootless_build.live import streams
from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import BuildImage, BuildOutput
from rootless_build.model.structs import replace
from rootless_build.recipes.docker.argv import Called
from rootless_build.recipes.docker.values import CALLERS


@contextmanager
def in_files(called: Called) -> Iterator[tuple[Called, tuple[Path, ...]]]:
    """The call with a file in the place of standard output, and the files that go there then.

    Raises RecipeError for several.
    """
    wanted = [each for each in _outputs(called) if _is_callers(each)]
    if not wanted:
        yield called, ()
        return
    if len(wanted) > 1:
        raise RecipeError("several outputs can't be written to standard output")
    with large_directory() as place:
        file = place / "output"

        def moved(output: BuildOutput) -> BuildOutput:
            if not _is_callers(output):
                return output
            fields = {**dict(output.attributes), "dest": str(file)}
            return replace(output, attributes=tuple(fields.items()))

        steps = tuple(
            replace(step, outputs=tuple(map(moved, step.outputs)))
            if isinstance(step, BuildImage)
            else step
            for step in called.steps
        )
        yield replace(called, steps=steps), (file,)


def write(files: tuple[Path, ...]) -> None:
    """Write them to the caller, who may have stopped reading."""
    for file in files:
        with file.open("rb") as made, contextlib.suppress(BrokenPipeError):
            shutil.copyfileobj(made, streams.Output())


def _outputs(called: Called) -> list[BuildOutput]:
    builds = [step for step in called.steps if isinstance(step, BuildImage)]
    return [output for step in builds for output in step.outputs]


def _is_callers(output: BuildOutput) -> bool:
    return dict(output.attributes).get("dest") == CALLERS
