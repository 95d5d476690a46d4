"""Asks GNU make what it would run, with a stand-in for docker first on PATH.

One `make --dry-run --trace`: the printed recipe lines with the place each comes from, and the
environment that make would give them (`probe`). Where targets may have variables of their
own, or make starts make, a second run asks for the environment of each target. The goals stay the
user's own.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rootless_build.files import plain
from rootless_build.files.private_directories import private_directory
from rootless_build.model.errors import HostError, RecipeError, UsageError, reason
from rootless_build.model.shared_directories import LASTING, TEMPORARY
from rootless_build.model.structs import replace
from rootless_build.process.locks import hold
from rootless_build.recipes.make import failure, leftovers, unanswered
from rootless_build.recipes.make import options as make_options
from rootless_build.recipes.make.asked import AskedMake
from rootless_build.recipes.make.failure import said_by
from rootless_build.recipes.make.lines import MakeRun, RecipeLine, of_group
from rootless_build.recipes.make.options import OwnOptions
from rootless_build.recipes.make.printed import Group, Printed
from rootless_build.recipes.make.probe import Setting
from rootless_build.recipes.make.source import Sources
from rootless_build.recipes.request import Request

_TOLD_ITSELF: Final = ("MAKEFLAGS", "MAKEFILES", "MAKELEVEL")
"""What make tells itself: given as a variable, they take away what rbuild asks make with."""
_NOTHING: Final = re.compile(r"Nothing to be done for '|' is up to date\.")
_AS_DRY_RUN: Final = (
    "what depends on make's own options here is planned as for a dry run: rbuild asks make with "
    "-n, -w and --trace"
)
_OURS: Final = "a directory that rbuild has while it asks make"


def ask(request: Request, makefile: Path) -> MakeRun:
    """Run make.

    Raises RecipeError with make's own words, process.ProgramNotFoundError without make, and
    UsageError for a variable that make keeps for itself.
    """
    own = next((name for name, _ in request.variables if name in _TOLD_ITSELF), None)
    if own is not None:
        raise UsageError(f"{own}= can't be given to rbuild: make has it for itself")
    if not os.access(makefile, os.R_OK):
        raise RecipeError(f"{makefile} can't be read by this user")
    _refuse_odd(makefile)
    leftovers.clear(dict.fromkeys(filter(None, _shared_places())))
    directory = directory_for_programs()
    with (
        private_directory(directory) as place,
        hold(place),
    ):
        return _Asking(AskedMake(request, makefile, place)).run()


def _shared_places() -> tuple[str, ...]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return (tempfile.gettempdir(), TEMPORARY, LASTING, runtime)


def _refuse_odd(makefile: Path) -> None:
    """make would wait for a pipe for ever, and take all memory for a file without an end."""
    try:
        found = makefile.stat()
    except OSError as error:
        raise RecipeError(f"{makefile} can't be read: {reason(error)}") from error
    if not stat.S_ISREG(found.st_mode) and str(makefile) != os.devnull:
        raise RecipeError(f"{makefile} is no regular file")
    if found.st_size > plain.LARGEST:
        raise RecipeError(f"{makefile} has more than {plain.LARGEST:,} bytes")


def directory_for_programs() -> str:
    """A shared directory, in which a private one can be made, whose files can be executed: the
    place for temporary files, or another where that is mounted noexec. Makefiles can't name a file
    with a space in its path. Raises HostError where there is none.
    """
    usual = tempfile.gettempdir()
    for directory in _shared_places():
        named = re.fullmatch(r"/[\w./+-]+", directory)
        if not named or not os.access(directory, os.W_OK | os.X_OK):
            continue
        if not os.statvfs(directory).f_flag & os.ST_NOEXEC:
            return directory
    raise HostError(
        f"{usual} is mounted noexec: what stands in for docker while make is asked can't be run",
        finding="noexec-temporary",
        hint="set TMPDIR to a directory whose programs may be executed",
    )


class _Asking:
    """The dry runs of one plan, and what is made of their answers."""

    def __init__(self, asked: AskedMake) -> None:
        self._asked = asked
        self._request = asked.request

    def run(self) -> MakeRun:
        probe = self._asked.probe("first")
        done = self._asked.dry_run(probe)
        if done.status != 0:
            raise failure.error(self._asked, done)
        setting = probe.setting()
        if setting is None:
            raise RecipeError(
                "make did not say which environment it gives to recipes",
                hint="rbuild needs GNU make 4.0 or newer, and /proc",
            )
        calls = self._asked.docker.calls()
        printed = Printed(self._request.project, probe, str(self._asked.program))
        printed.read(done.text)
        sources = Sources(probe.makefiles())
        options = OwnOptions(sources.options_in_use(), probe.version() < (4, 4))
        messages = [*printed.messages, *said_by(done.words)]
        messages += [f"{place}: {_AS_DRY_RUN}" for place in sources.asks_for_options()]
        if any(group.starts_make for group in printed.groups) or sources.has_target_variables():
            own, missing = self._own_settings(printed.groups)
            messages += missing
        else:
            own = {}
        # A make that is told to be silent does not even say that there is nothing to be done.
        silent = "s" in setting.environment.get("MAKEFLAGS", "").partition(" ")[0]
        if not (printed.groups or silent or any(map(_NOTHING.search, messages))):
            what = " ".join(self._request.targets) or "the default goal"
            raise RecipeError(
                f"make did not say what it would do for {what}",
                hint="rbuild needs GNU make 4.0 or newer; is `make` another program?",
                engine_words="\n".join(messages),
            )
        lines: list[tuple[int, RecipeLine]] = []
        recipes: dict[tuple[int, int, str], tuple[Setting, dict[str, str]]] = {}
        for group in printed.groups:
            given = own.get((group.directory, group.target), [])
            # Makes that ran in one directory one after the other, each with variables of its own.
            found = given.pop(0) if len(given) > 1 else given[0] if given else setting
            # Most recipes run in the same; where the target's name is in it, each in its own.
            named = any(found.asked_with in value for value in found.environment.values())
            key = (id(found), group.level, group.target if named else "")
            if key not in recipes:
                recipes[key] = self._recipe_setting(found, group, sources, options)
            kept, unknown = recipes[key]
            made, said = of_group(group, kept, sources)
            lines += [
                (place, self._cleaned(line, options, group.level, unknown)) for place, line in made
            ]
            messages += said
            messages += [
                f"{line.file.name}:{line.line}: {_AS_DRY_RUN}"
                for _, line in made
                if any(make_options.asked(line.written))
            ]
        # The lines of a make that a line has started come before the rest of that line's recipe.
        ordered = tuple(line for _, line in sorted(lines, key=lambda pair: pair[0]))
        if not all(call.answered for call in calls):
            self._refuse_holes(ordered, options)
        said_plainly = tuple(self._asked.unasked(text, options, 0) for text in messages)
        return MakeRun(ordered, said_plainly, calls, str(self._asked.program))

    def _recipe_setting(
        self, found: Setting, group: Group, sources: Sources, options: OwnOptions
    ) -> tuple[Setting, dict[str, str]]:
        """In what a recipe runs where make is not asked by rbuild, and what of it is not known."""
        environment = {
            name: options.without(value.replace(found.asked_with, group.target), group.level)
            for name, value in self._asked.restored(found.environment).items()
        }
        environment |= options.exported(found.environment, group.level)
        unknown = self._unknown(environment, sources.unknown_values, options)
        for name in unknown:
            del environment[name]
        if sources.exports("SHELL"):
            environment["SHELL"] = found.program
        elif environment.get("SHELL") != self._request.environment.get("SHELL"):
            # It is the shell that the environment was asked for with.
            environment.pop("SHELL", None)
        shell = tuple(map(self._asked.docker.plain, found.shell))
        return replace(found, environment=environment, shell=shell), unknown

    def _unknown(
        self,
        environment: Mapping[str, str],
        unknowable: Mapping[str, str],
        options: OwnOptions,
    ) -> dict[str, str]:
        """Which of the variables have no value that can be trusted, and what they are made of."""
        users = {**self._request.environment, **dict(self._request.variables)}
        found: dict[str, str] = {}
        for name, value in environment.items():
            # What the user has set may stand before what the Makefile says.
            if name in unknowable and not (value and value == users.get(name)):
                found[name] = unknowable[name]
            elif str(self._asked.place) in value:
                found[name] = _OURS
            elif options.left_in(value) and value != users.get(name):
                found[name] = "make's own options"
        return found

    def _cleaned(
        self, line: RecipeLine, options: OwnOptions, level: int, unknown: Mapping[str, str]
    ) -> RecipeLine:
        """The line without what is in it only because rbuild asks."""
        text = self._asked.unasked(line.text, options, level, line.written)
        doubt = ""
        if options.left_in(text) and not options.left_in(line.written):
            doubt = "it changes make's own options, among which rbuild's are while it asks make"
        elif str(self._asked.docker.directory) in text:
            doubt = f"it names {_OURS}"
        if text == line.text and not doubt and not unknown:
            return line
        return replace(line, text=text, doubt=doubt, unknown=unknown)

    def _refuse_holes(self, lines: Sequence[RecipeLine], options: OwnOptions) -> None:
        """Raises RecipeError for a line that lacks what docker would have answered."""
        self._asked.docker.mark_missing_answers()
        probe = self._asked.probe("third")
        done = self._asked.dry_run(probe)
        if done.status != 0:
            # With an answer it is another Makefile.
            return
        printed = Printed(self._request.project, probe, str(self._asked.program))
        printed.read(done.text)
        shown = [
            unanswered.Shown(
                group.file,
                group.line,
                group.target,
                self._asked.unasked(text, options, group.level),
            )
            for group in printed.groups
            for text in group.texts
        ]
        setting = probe.setting()
        given = setting.environment if setting else {}
        exported = {name: self._asked.unasked(value, options, 0) for name, value in given.items()}
        calls = self._asked.docker.calls()
        unanswered.check(lines, shown, exported, calls, self._request.project)

    def _own_settings(
        self, groups: Sequence[Group]
    ) -> tuple[dict[tuple[Path, str], list[Setting]], list[str]]:
        """What each target's recipe runs in, and a message where make did not say."""
        wanted = dict.fromkeys((group.directory, group.target) for group in groups)
        probe = self._asked.probe("second", list(dict.fromkeys(name for _, name in wanted)))
        done = self._asked.dry_run(probe)
        found = {key: list(settings) for key, settings in probe.of_targets().items()}
        missing = [name for directory, name in wanted if (directory, name) not in found]
        if not missing:
            return found, []
        why = f" ({done.words.splitlines()[-1]})" if done.status and done.words else ""
        names = ", ".join(missing)
        message = (
            f"the variables that only {names} may have could not be asked for{why}; the others of "
            "the Makefile hold"
        )
        return found, [message]
