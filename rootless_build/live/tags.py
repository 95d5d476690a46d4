"""`docker tag`: what docker refuses of it, before the step is done."""

from __future__ import annotations

from rootless_build.docker_cli.reading import Given
from rootless_build.docker_cli.shapes.names import in_full
from rootless_build.live import names, steps
from rootless_build.live.daemon import DaemonError
from rootless_build.live.streams import say
from rootless_build.live.surroundings import Work


def tag(given: Given, work: Work) -> int:
    """Do it; docker's exit status."""
    source, target = given.operands
    try:
        names.check_image(target)
    except ValueError as error:
        say(f'error parsing reference: "{target}" is not a valid repository/tag: {error}')
        return 1
    if work.around.engine.find_image(source) is None:
        say(DaemonError(f"No such image: {in_full(source)}").line.rstrip("\n"))
        return 1
    return steps.do(work)
