"""One step in a process of its own: `driver.py BACKEND STDIO PLAN`.

For what depends on a process's streams, terminal, environment and signals. With
RBUILD_TEST_SHOWS_WORDS its last line is what the engine said of the end. Its status is the
container's; 130 after Ctrl-C; 99 after an error, whose words are on standard error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rootless_build.backend import discovery
from rootless_build.backend.api import Engine, Stdio
from rootless_build.host.engine_settings import engine_settings
from rootless_build.model.errors import RbuildError
from rootless_build.model.events import Event, OutputLine, ScreenOutput, StepReporter
from rootless_build.model.plan import BuildImage, RunContainer, from_json
from rootless_build.model.structs import replace
from rootless_build.process.signals import signals_interrupt


def show(event: Event) -> None:
    """The step's output is this process's."""
    if isinstance(event, OutputLine):
        stream = sys.stdout if event.stream == "stdout" else sys.stderr
        stream.buffer.write(event.data)
        stream.buffer.flush()
    elif isinstance(event, ScreenOutput):
        sys.stdout.buffer.write(event.data)
        sys.stdout.buffer.flush()


def do(engine: Engine, step: object, stdio: Stdio) -> int:
    """Do one step; returns its status."""
    shows_words = "RBUILD_TEST_SHOWS_WORDS" in os.environ
    reporter = StepReporter(show, 1)
    if isinstance(step, BuildImage):
        engine.build_image(step, reporter)
        return 0
    assert isinstance(step, RunContainer)
    image = engine.find_image(step.image)
    assert image is not None, step.image
    with engine.container(step, image) as container:
        ended = container.run(reporter, stdio)
    if shows_words:
        print(f"engine: {ended.engine_words}")
    return ended.status


def main(backend: str, stdio: str, plan: str) -> int:
    """Open the engine, do the step, close it again."""
    (step,) = from_json(Path(plan).read_text()).steps
    try:
        with signals_interrupt(), engine_settings() as made:
            settings = replace(made, network="host")
            with discovery.load(backend).open(settings) as engine:
                return do(engine, step, Stdio(stdio))
    except KeyboardInterrupt:
        return 130
    except RbuildError as error:
        print(f"{error.message}\n{error.engine_words}", file=sys.stderr)
        return 99


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
