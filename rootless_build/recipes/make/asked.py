"""make as rbuild asks it, and what of its answers is there only because rbuild asks."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rootless_build.process import programs
from rootless_build.recipes.make import docker_stub, program
from rootless_build.recipes.make.makefile import name_of
from rootless_build.recipes.make.options import OwnOptions
from rootless_build.recipes.make.probe import Probe
from rootless_build.recipes.request import Request

_MADE_BY_MAKE: Final = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MAKE_TERMOUT")
_LOCALE: Final = ("LANG", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_NUMERIC", "LC_TIME")


class AskedMake:
    """GNU make with stand-ins before it on PATH; `program` stands for `$(MAKE)`."""

    def __init__(self, request: Request, makefile: Path, place: Path) -> None:
        self.request = request
        self.makefile = makefile
        self.name = name_of(makefile, request.project)
        self.place = place
        self.docker = docker_stub.install(place, request.environment.get("PATH"))
        found = shutil.which("make", path=request.environment.get("PATH"))
        if found is None:
            raise programs.ProgramNotFoundError("make")
        makefiles = request.environment.get("MAKEFILES", "")
        self.program = program.install(place, found, makefiles)
        # A plain `make` in `$(shell …)` is asked as one that is called $(MAKE).
        self._by_name = self.docker.directory / "make"
        self._by_name.symlink_to(self.program)
        self._found = found

    def probe(self, name: str, targets: Sequence[str] = ()) -> Probe:
        """A probe of that name, which asks for the variables of these targets."""
        return Probe(self.place / name, self.program, list(targets))

    def dry_run(self, probe: Probe) -> programs.Completed:
        """Ask what make would do. A probe tells what it printed apart."""
        argv = [str(self.program), "--dry-run", "--trace", "-w", "-f", self.name]
        argv += [f"{name}={value}" for name, value in self.request.variables]
        argv += ["--", *self.request.targets]
        self.docker.begin(probe.says_all_is_read)
        users = self.request.environment.get("MAKEFILES", "")
        exactly = programs.exactly({**self.request.environment, **self._changed()})
        environment = {
            **exactly,
            "MAKEFILES": f"{probe.file} {users}".rstrip(),
            program.IN_RECIPE: "1",
        }
        directory, looking = self.request.project, self.request.looking
        if looking is None:
            return programs.run_inheriting_input(
                argv,
                environment=environment,
                directory=directory,
                meanwhile=self.request.meanwhile,
            )
        return looking.run(
            argv,
            environment=environment,
            directory=directory,
            kept=(probe.file.parent, self.docker.record.parent),
            shown=(self.place,),
        )

    def _changed(self) -> dict[str, str | None]:
        """The environment of make, where it is not the request's own."""
        given = self.request.environment
        changed: dict[str, str | None] = {
            **self.docker.variables,
            "MAKEFILES": "",
            "PATH": f"{self.docker.directory}:{given.get('PATH', '')}",
            **dict.fromkeys((*_MADE_BY_MAKE, *program.VARIABLES)),
            # Messages must be make's own English ones to be told from recipe lines; the character
            # set stays the user's, for what the Makefile does with names.
            "LC_MESSAGES": "C",
            "LANGUAGE": None,
        }
        if given.get("LC_ALL"):
            changed |= {**dict.fromkeys(_LOCALE, given["LC_ALL"]), "LC_ALL": None}
        if not _is_directory(given.get("PWD"), self.request.project):
            changed["PWD"] = str(self.request.project)
        return changed

    def restored(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment without what was changed for make alone."""
        # A recipe would get the name that make was started by.
        kept = {name: self.plain(value) for name, value in environment.items()}
        changed = self._changed()
        if "PWD" in self.request.environment:
            # Where that is another directory's, a shell would say so too.
            changed.pop("PWD", None)
        for name in (*_MADE_BY_MAKE, *program.VARIABLES):
            kept.pop(name, None)
            changed.pop(name)
        changed.pop("PATH")
        path = kept.pop("PATH", None)
        if path is not None:
            path = path.replace(f"{self.docker.directory}:", "")
        if path or (path is not None and "PATH" in self.request.environment):
            kept["PATH"] = path
        changed["MAKEFILES"] = kept.get("MAKEFILES")
        for name, value in changed.items():
            # A name that the Makefile has given another value keeps that.
            if kept.get(name) == value:
                kept.pop(name, None)
                if name in self.request.environment:
                    kept[name] = self.request.environment[name]
        return kept

    def plain(self, text: str) -> str:
        """The text as it is where no program stands for make."""
        text = text.replace(str(self.program), "make").replace(str(self._by_name), self._found)
        return self.docker.plain(text)

    def unasked(self, text: str, options: OwnOptions, level: int, written: str = "") -> str:
        """The text of a recipe as it is where make isn't asked, its name aside."""
        text = text.replace(str(self._by_name), self._found)
        return options.without(self.docker.plain(text), level, written)


def _is_directory(name: str | None, directory: Path) -> bool:
    try:
        return name is not None and Path(name).samefile(directory)
    except OSError:
        return False
