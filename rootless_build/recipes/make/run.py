"""Asks GNU make what it would run, with a stand-in for docker first on PATH.

One `make --dry-run --trace`: the printed recipe lines with the place each comes from, and the
environment that make would give them (`make_probe`). Where targets may have variables of their
own, or make starts make, a second run asks for the environment of each target. The goals stay the
user's own.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from rootless_build.files import plain
from rootless_build.files.private_directories import private_directory
from rootless_build.model.errors import (
    HostError,
    RecipeError,
    UnknownTargetError,
    UsageError,
    reason,
)
from rootless_build.model.plan import SHELL
from rootless_build.model.structs import replace
from rootless_build.process import programs
from rootless_build.process.locks import hold
from rootless_build.recipes.make import docker_stub, leftovers, matching, program
from rootless_build.recipes.make import options as make_options
from rootless_build.recipes.make.options import OwnOptions
from rootless_build.recipes.make.probe import Probe, Setting
from rootless_build.recipes.make.source import Sources
from rootless_build.recipes.request import Request

NAMES: Final = ("GNUmakefile", "makefile", "Makefile")
"""The names make looks for, in its order."""
_MADE_BY_MAKE: Final = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MAKE_TERMOUT")
_TOLD_ITSELF: Final = ("MAKEFLAGS", "MAKEFILES", "MAKELEVEL")
"""What make tells itself: given as a variable, they take away what rbuild asks make with."""
_LOCALE: Final = ("LANG", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_NUMERIC", "LC_TIME")
_TRACE: Final = re.compile(
    r"(?P<file>.+):(?P<line>\d+): "
    r"(?:target '(?P<new>.*)' does not exist|update target '(?P<old>.*)' due to: .*)"
)
_MAKE_ITSELF: Final = re.compile(r"g?make(\[\d+\])?: (?P<text>.*)")
_ENTERING: Final = re.compile(r"Entering directory '(?P<directory>.*)'")
_NOTHING: Final = re.compile(r"Nothing to be done for '|' is up to date\.")
_PLACE: Final = re.compile(r".+:\d+")
_STOPPED_AT: Final = re.compile(
    r"\[(?P<place>.+:\d+): .*\] (?:Error (?P<status>\d+)|(?P<signal>.+))"
)
_AS_DRY_RUN: Final = (
    "what depends on make's own options here is planned as for a dry run: rbuild asks make with "
    "-n, -w and --trace"
)
_OURS: Final = "a directory that rbuild has while it asks make"
_LEAVING: Final = re.compile(r"Leaving directory '.*'")


class RecipeLine(Struct, frozen=True):
    """One command of a recipe as make printed it, its continuation lines included.

    `file` is absolute; `line` is where the rule's recipe begins. `ran`: make started another make
    with it, whose own lines follow. `ignores_errors`: it has make's `-` prefix, `always_runs`: its
    `+` prefix, with which a dry run runs it. `written` is it as the makefile has it, where that is
    known; `doubt` says what in it can't be known. `unknown` are exported variables whose values
    can't be, each with what it is made of: its environment has none of them.
    """

    file: Path
    line: int
    target: str
    directory: Path
    text: str
    setting: Setting
    ran: bool = False
    ignores_errors: bool = False
    always_runs: bool = False
    written: str = ""
    doubt: str = ""
    unknown: Mapping[str, str] = {}


class MakeRun(Struct, frozen=True):
    """What make would run, what it said while it read the project, and what the stand-in for
    docker was told meanwhile. `make` is the program that stands for `$(MAKE)` in the lines.
    """

    lines: tuple[RecipeLine, ...]
    messages: tuple[str, ...]
    docker_calls: tuple[docker_stub.Call, ...]
    make: str


def makefile_of(project: Path) -> Path | None:
    """The project's Makefile, by the names make looks for."""
    return next((project / name for name in NAMES if (project / name).is_file()), None)


def name_of(makefile: Path, project: Path) -> str:
    """The makefile's name as it is given to make, which runs in the project."""
    below = makefile.is_relative_to(project)
    return str(makefile.relative_to(project)) if below else str(makefile)


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
        return _Asking(request, makefile, place).run()


def _shared_places() -> tuple[str, ...]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return (tempfile.gettempdir(), "/tmp", "/var/tmp", runtime)  # noqa: S108 - private ones in them


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
    def __init__(self, request: Request, makefile: Path, place: Path) -> None:
        self._request = request
        self._makefile = makefile
        self._name = name_of(makefile, request.project)
        self._place = place
        self._docker = docker_stub.install(place, request.environment.get("PATH"))
        found = shutil.which("make", path=request.environment.get("PATH"))
        if found is None:
            raise programs.ProgramNotFoundError("make")
        makefiles = request.environment.get("MAKEFILES", "")
        self._make = program.install(place, found, makefiles)
        # A plain `make` in `$(shell …)` is asked as one that is called $(MAKE).
        self._by_name = self._docker.directory / "make"
        self._by_name.symlink_to(self._make)
        self._found = found

    def run(self) -> MakeRun:
        probe = Probe(self._place / "first", self._make)
        done = self._dry_run(probe)
        if done.status != 0:
            raise self._refused(done)
        setting = probe.setting()
        if setting is None:
            raise RecipeError(
                "make did not say which environment it gives to recipes",
                hint="rbuild needs GNU make 4.0 or newer, and /proc",
            )
        calls = self._docker.calls()
        printed = _Printed(self._request.project, probe, str(self._make))
        printed.read(done.text)
        sources = Sources(probe.makefiles())
        options = OwnOptions(sources.options_in_use(), probe.version() < (4, 4))
        messages = [*printed.messages, *_said(done.words)]
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
            made, said = _lines(group, kept, sources)
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
        said_plainly = tuple(self._unasked(text, options, 0) for text in messages)
        return MakeRun(ordered, said_plainly, calls, str(self._make))

    def _recipe_setting(
        self, found: Setting, group: _Group, sources: Sources, options: OwnOptions
    ) -> tuple[Setting, dict[str, str]]:
        """In what a recipe runs where make is not asked by rbuild, and what of it is not known."""
        environment = {
            name: options.without(value.replace(found.asked_with, group.target), group.level)
            for name, value in self._restored(found.environment).items()
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
        shell = tuple(map(self._docker.plain, found.shell))
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
            elif str(self._place) in value:
                found[name] = _OURS
            elif options.left_in(value) and value != users.get(name):
                found[name] = "make's own options"
        return found

    def _unasked(self, text: str, options: OwnOptions, level: int, written: str = "") -> str:
        """The text of a recipe as it is where make isn't asked, its name aside."""
        text = text.replace(str(self._by_name), self._found)
        return options.without(self._docker.plain(text), level, written)

    def _cleaned(
        self, line: RecipeLine, options: OwnOptions, level: int, unknown: Mapping[str, str]
    ) -> RecipeLine:
        """The line without what is in it only because rbuild asks."""
        text = self._unasked(line.text, options, level, line.written)
        doubt = ""
        if options.left_in(text) and not options.left_in(line.written):
            doubt = "it changes make's own options, among which rbuild's are while it asks make"
        elif str(self._docker.directory) in text:
            doubt = f"it names {_OURS}"
        if text == line.text and not doubt and not unknown:
            return line
        return replace(line, text=text, doubt=doubt, unknown=unknown)

    def _refuse_holes(self, lines: Sequence[RecipeLine], options: OwnOptions) -> None:
        """Raises RecipeError for a line that lacks what docker would have answered."""
        # Few Makefiles ask what there is no answer to.
        from rootless_build.recipes.make import unanswered  # noqa: PLC0415

        self._docker.mark_missing_answers()
        probe = Probe(self._place / "third", self._make)
        done = self._dry_run(probe)
        if done.status != 0:
            # With an answer it is another Makefile.
            return
        printed = _Printed(self._request.project, probe, str(self._make))
        printed.read(done.text)
        shown = [
            unanswered.Shown(
                group.file,
                group.line,
                group.target,
                self._unasked(text, options, group.level),
            )
            for group in printed.groups
            for text in group.texts
        ]
        setting = probe.setting()
        given = setting.environment if setting else {}
        exported = {name: self._unasked(value, options, 0) for name, value in given.items()}
        calls = self._docker.calls()
        unanswered.check(lines, shown, exported, calls, self._request.project)

    def _own_settings(
        self, groups: Sequence[_Group]
    ) -> tuple[dict[tuple[Path, str], list[Setting]], list[str]]:
        """What each target's recipe runs in, and a message where make did not say."""
        wanted = dict.fromkeys((group.directory, group.target) for group in groups)
        probe = Probe(
            self._place / "second", self._make, list(dict.fromkeys(name for _, name in wanted))
        )
        done = self._dry_run(probe)
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

    def _dry_run(self, probe: Probe) -> programs.Completed:
        argv = [str(self._make), "--dry-run", "--trace", "-w", "-f", self._name]
        argv += [f"{name}={value}" for name, value in self._request.variables]
        argv += ["--", *self._request.targets]
        self._docker.begin(probe.says_all_is_read)
        users = self._request.environment.get("MAKEFILES", "")
        exactly = programs.exactly({**self._request.environment, **self._changed()})
        environment = {
            **exactly,
            "MAKEFILES": f"{probe.file} {users}".rstrip(),
            program.IN_RECIPE: "1",
        }
        directory, looking = self._request.project, self._request.looking
        if looking is None:
            return programs.run_inheriting_input(argv, environment=environment, directory=directory)
        return looking.run(
            argv,
            environment=environment,
            directory=directory,
            kept=(probe.file.parent, self._docker.record.parent),
            shown=(self._place,),
        )

    def _changed(self) -> dict[str, str | None]:
        """The environment of make, where it is not the request's own."""
        given = self._request.environment
        changed: dict[str, str | None] = {
            **self._docker.variables,
            "MAKEFILES": "",
            "PATH": f"{self._docker.directory}:{given.get('PATH', '')}",
            **dict.fromkeys((*_MADE_BY_MAKE, *program.VARIABLES)),
            # Messages must be make's own English ones to be told from recipe lines; the character
            # set stays the user's, for what the Makefile does with names.
            "LC_MESSAGES": "C",
            "LANGUAGE": None,
        }
        if given.get("LC_ALL"):
            changed |= {**dict.fromkeys(_LOCALE, given["LC_ALL"]), "LC_ALL": None}
        if not _is_directory(given.get("PWD"), self._request.project):
            changed["PWD"] = str(self._request.project)
        return changed

    def _restored(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment without what was changed for make alone."""
        # A recipe would get the name that make was started by.
        kept = {name: self._plain(value) for name, value in environment.items()}
        changed = self._changed()
        if "PWD" in self._request.environment:
            # Where that is another directory's, a shell would say so too.
            changed.pop("PWD", None)
        for name in (*_MADE_BY_MAKE, *program.VARIABLES):
            kept.pop(name, None)
            changed.pop(name)
        changed.pop("PATH")
        path = kept.pop("PATH", None)
        if path is not None:
            path = path.replace(f"{self._docker.directory}:", "")
        if path or (path is not None and "PATH" in self._request.environment):
            kept["PATH"] = path
        changed["MAKEFILES"] = kept.get("MAKEFILES")
        for name, value in changed.items():
            # A name that the Makefile has given another value keeps that.
            if kept.get(name) == value:
                kept.pop(name, None)
                if name in self._request.environment:
                    kept[name] = self._request.environment[name]
        return kept

    def _plain(self, text: str) -> str:
        """The text as it is where no program stands for make."""
        text = text.replace(str(self._make), "make").replace(str(self._by_name), self._found)
        return self._docker.plain(text)

    def _refused(self, done: programs.Completed) -> RecipeError:
        request, makefile = self._request, self._makefile
        words = _said(done.words)
        said = next((line for line in words if "***" in line), "")
        missing = re.search(r"No rule to make target '(.*?)'\.", said)
        if missing and missing[1] in request.targets:
            name = missing[1]
            message = f"{self._name} has no target {name}"
            return UnknownTargetError(message, name, hint=_near(name, makefile))
        place, _, text = said.removesuffix("  Stop.").rstrip(".").partition(": *** ")
        others = [line for line in words if not text or text not in line]
        stopped = _STOPPED_AT.fullmatch(text)
        asked = [call for call in self._docker.calls() if not call.answered and not call.reading]
        if stopped and asked:
            return RecipeError(
                f"{stopped['place']}: this line can't be turned into a step: make runs it even "
                f"while it is only asked what it would do (`+`, or $(MAKE) in it), and it runs "
                f"`{self._plain(asked[-1].line)}`",
                hint="take the `+` away, or give $(MAKE) a line of its own",
                engine_words="\n".join(others),
            )
        if stopped:
            # What the line says itself is among the lines of recipes.
            own = _after_last_trace(self._plain(done.text))
            status = stopped["status"]
            how = f"fails with status {status}" if status else f"is ended: {stopped['signal']}"
            return RecipeError(
                f"{stopped['place']}: this line {how}, and make runs it "
                "even while it is only asked what it would do (`+`, or $(MAKE) in it)",
                hint="what it asks for may have to be set or made first",
                engine_words="\n".join([*own, *others]),
            )
        if _PLACE.fullmatch(place):
            hint = "the lines of a recipe begin with a tab" if "missing separator" in text else ""
            words_left = "\n".join(others)
            return RecipeError(f"{place}: {text}", hint=hint, engine_words=words_left)
        text = text or f"make failed with status {done.status}"
        what = " ".join(request.targets) or "the default goal"
        old = any("unrecognized option" in line for line in words)
        return RecipeError(
            f"{self._name} can't make {what}: {text}",
            hint="rbuild needs GNU make 4.0 or newer" if old else "",
            engine_words="\n".join(others),
        )


def _after_last_trace(output: str) -> list[str]:
    lines = output.splitlines()
    traced = [number for number, line in enumerate(lines) if _TRACE.fullmatch(line)]
    after = lines[traced[-1] + 1 :] if traced else []
    return [line for line in after if line.strip() and not _MAKE_ITSELF.fullmatch(line)]


def _is_directory(name: str | None, directory: Path) -> bool:
    try:
        return name is not None and Path(name).samefile(directory)
    except OSError:
        return False


def _said(words: str) -> list[str]:
    return [line for line in words.splitlines() if line.strip() and docker_stub.REFUSAL not in line]


# --- what make printed ----------------------------------------------------------------------------


class _Group(Struct):
    """The recipe of one target as make printed it; `level` is 0 for the first make."""

    file: Path
    line: int
    target: str
    directory: Path
    level: int
    texts: list[str] = []
    places: list[int] = []
    ran: set[int] = set()

    @property
    def starts_make(self) -> bool:
        return bool(self.ran)


class _Printed:
    """make's output, taken apart."""

    def __init__(self, project: Path, probe: Probe, make: str) -> None:
        self.groups: list[_Group] = []
        self.messages: list[str] = []
        self._probe = probe
        self._make = make
        # Where the groups of each make that runs begin.
        self._begins = [0]
        self._count = 0
        self._directories = [project]
        # Below a make that was started by a line, the rest of that line's recipe waits.
        self._open: list[_Group | None] = [None]
        self._first = True

    def read(self, output: str) -> None:
        for text in _joined(output):
            own = _MAKE_ITSELF.fullmatch(text)
            trace = _TRACE.fullmatch(text)
            if own:
                self._of_make(own["text"], text)
            elif trace:
                group = _Group(
                    self._directories[-1] / trace["file"],
                    int(trace["line"]),
                    trace["new"] if trace["new"] is not None else trace["old"],
                    self._directories[-1],
                    len(self._directories) - 1,
                )
                self._open[-1] = group
                if self._probe.ends_remaking(group.target):
                    # So far makefiles were remade, for which make runs recipes in a dry run too.
                    del self.groups[self._begins[-1] :]
                elif group.file != self._probe.file:
                    self.groups.append(group)
            else:
                self._line(text)

    def _of_make(self, said: str, text: str) -> None:
        entering = _ENTERING.fullmatch(said)
        if entering:
            if self._first:
                self._directories[-1] = Path(entering["directory"])
                self._first = False
                return
            group = self._open[-1]
            if group is not None and group.texts:
                group.ran.add(len(group.texts) - 1)
            self._directories.append(Path(entering["directory"]))
            self._open.append(None)
            self._begins.append(len(self.groups))
        elif _LEAVING.fullmatch(said):
            if len(self._directories) > 1:
                self._directories.pop()
                self._open.pop()
                self._begins.pop()
        else:
            self.messages.append(text)

    def _line(self, text: str) -> None:
        group = self._open[-1]
        reader = self._probe.reader(text)
        if reader is not None:
            level, directory = reader
            if level >= len(self._directories):
                raise _unannounced(group, self._directories[0], self._make)
            # One that has something to say of its options says where it is before `-C` counts.
            self._directories[-1] = directory
            # make starts anew when it has remade a makefile.
            del self.groups[self._begins[-1] :]
            self._open[-1] = None
            return
        if group is None:
            self.messages.append(text)
        elif group.file != self._probe.file:
            group.texts.append(text)
            group.places.append(self._count)
            self._count += 1
        elif str(self._probe.file.parent) not in text:
            self.messages.append(text)


def _unannounced(group: _Group | None, project: Path, make: str) -> RecipeError:
    if group is None or not group.texts:
        return RecipeError("the Makefile starts make while it is read")
    file = group.file.relative_to(project) if group.file.is_relative_to(project) else group.file
    return RecipeError(
        f"{file}:{group.line}: this line can't be turned into a step: it starts a make that does "
        "not say in which directory",
        hint="take --no-print-directory out of the Makefile",
        engine_words=group.texts[-1].replace(make, "make"),
    )


def _lines(
    group: _Group, setting: Setting, sources: Sources
) -> tuple[list[tuple[int, RecipeLine]], list[str]]:
    """The group's commands, each with its place in all that was printed; and what the recipe after
    it said (`$(info …)`).
    """
    commands = sources.commands(group.file, group.line)
    texts, ran = group.texts, group.ran
    messages: list[str] = []
    found = matching.matched(texts, commands)
    # A recipe is expanded before make says that its turn has come, so what the next one says is
    # printed here.
    while commands and found and found[-1] is None and sources.says(texts[len(found) - 1]):
        found.pop()
        messages.insert(0, texts[len(found)])
    texts = texts[: len(found)]
    if sources.has_special(".ONESHELL") and texts:
        texts, ran = ["\n".join(texts)], {0} if ran else set()
        first = commands[0] if commands else None
        found = [first]
    if sources.has_special(".POSIX") and setting.shell[1:] == SHELL[1:]:
        strict = (setting.shell[0], "-ec")
        setting = replace(setting, shell=strict)
    lines = [
        (
            group.places[number],
            RecipeLine(
                group.file,
                group.line,
                group.target,
                group.directory,
                text,
                setting,
                number in ran,
                ignores_errors=command is not None and command.ignores_errors,
                always_runs=command is not None and command.always_runs,
                written=command.text if command is not None else "",
            ),
        )
        for number, (text, command) in enumerate(zip(texts, found, strict=True))
    ]
    return lines, messages


def _joined(output: str) -> Iterator[str]:
    """Lines, with those that end in a backslash joined to the next, as the shell reads them."""
    held: list[str] = []
    for line in output.split("\n"):
        held.append(line)
        if (len(line) - len(line.rstrip("\\"))) % 2 == 0:
            if len(held) > 1 or line.strip():
                yield "\n".join(held)
            held = []
    if held:
        yield "\n".join(held)


def _near(target: str, makefile: Path) -> str:
    # Only a typing mistake needs it.
    import difflib  # noqa: PLC0415

    names = target_names(makefile)
    near = difflib.get_close_matches(target, names, 3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"its targets are {', '.join(names)}" if names else ""


def target_names(makefile: Path) -> tuple[str, ...]:
    """Targets that the Makefile itself has a rule for, as far as they are written out."""
    text = plain.text(makefile, errors="replace")
    name = r"[A-Za-z0-9][\w./-]*"
    rules = re.findall(rf"^({name}(?:[ \t]+{name})*)[ \t]*::?(?!=)", text, re.MULTILINE)
    return tuple(dict.fromkeys(target for rule in rules for target in rule.split()))
