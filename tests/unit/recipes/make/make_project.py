"""A small Makefile, and the plan that is made of it with real GNU make."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rootless_build.model.plan import BuildImage, HostCommand, Plan, RunContainer, Step
from rootless_build.recipes.make import makefile, recipe
from rootless_build.recipes.request import Request

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class MakeProject:
    """`directory` has a Makefile with `text`; its rules may be indented by four spaces."""

    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def write(self, text: str, name: str = "Makefile") -> MakeProject:
        """Write a makefile; four spaces at the beginning of a line stand for the tab."""
        rows = textwrap.dedent(text).split("\n")
        file = self.directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            "\n".join("\t" + row[4:] if row.startswith("    ") else row for row in rows)
        )
        return self

    def plan(self, *words: str, **environment: str) -> Plan:
        """The plan of targets and variables, as the command line has them."""
        found = makefile.makefile_of(self.directory)
        assert found is not None
        request = Request(
            project=self.directory,
            targets=tuple(word for word in words if "=" not in word),
            variables=tuple(
                (word.partition("=")[0], word.partition("=")[2]) for word in words if "=" in word
            ),
            environment={"PATH": PATH, "HOME": os.environ.get("HOME", "/")} | environment,
            terminal=False,
        )
        return recipe.read(request, found)

    def steps(self, *words: str, **environment: str) -> tuple[Step, ...]:
        """The plan's steps."""
        return self.plan(*words, **environment).steps

    def step(self, *words: str, **environment: str) -> Step:
        """The plan's only step."""
        (step,) = self.steps(*words, **environment)
        return step

    def run(self, *words: str, **environment: str) -> RunContainer:
        """The plan's only step, which is a container."""
        step = self.step(*words, **environment)
        assert isinstance(step, RunContainer)
        return step

    def build(self, *words: str, **environment: str) -> BuildImage:
        """The plan's only step, which is an image build."""
        step = self.step(*words, **environment)
        assert isinstance(step, BuildImage)
        return step

    def command(self, *words: str, **environment: str) -> HostCommand:
        """The plan's only step, which is left to the shell."""
        step = self.step(*words, **environment)
        assert isinstance(step, HostCommand)
        return step

    def scripts(self, *words: str, **environment: str) -> list[str]:
        """What is left to the shell, of a plan that has nothing else."""
        steps = self.steps(*words, **environment)
        assert all(isinstance(step, HostCommand) for step in steps)
        return [step.script for step in steps if isinstance(step, HostCommand)]
