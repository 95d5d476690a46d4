"""`rbuild matrix`: many builds, each of one commit in a worktree of its own."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from plumbum import cli

from rootless_build.backend import discovery
from rootless_build.cli.checkout import bundles_directory
from rootless_build.cli.command import Command
from rootless_build.cli.command_line import pairs
from rootless_build.cli.commands.make import split_words
from rootless_build.cli.node_option import configured
from rootless_build.cli.option_types import Number, Text
from rootless_build.cli.options import AXES, PLACES, RUN, Bundles, Showing, format_option
from rootless_build.cli.own_places import data_directory, state_directory
from rootless_build.cli.views import matrix as view
from rootless_build.matrix import cells as cells_of
from rootless_build.matrix import executors
from rootless_build.matrix.cells import TREE, Axes, Cell
from rootless_build.matrix.commits import Checkout, Commit, Commits, checkout_of, resolved
from rootless_build.matrix.placement import Factory, Needs
from rootless_build.matrix.records import VERSION, Kept, Matrix, Record
from rootless_build.matrix.runs import Listener, Run
from rootless_build.matrix.work import Job
from rootless_build.model import platforms
from rootless_build.model.errors import UsageError
from rootless_build.model.events import Answer, Level, Notice
from rootless_build.model.nearest import nearest
from rootless_build.model.nodes import is_url, parse
from rootless_build.model.plan import Pairs
from rootless_build.model.text import shell_joined, shown
from rootless_build.process import identities
from rootless_build.process.signals import signals_interrupt
from rootless_build.runner import journal

_OWN: Final = {
    *("C", "directory", "metadata-file", "bundles-dir", "log-format", "dry-run"),
    *("no-provenance", "h", "help", "version"),
}
"""Options that a cell has from the matrix, or without which what it made can't be verified."""
_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _axis(option: str, of: str) -> cli.SwitchAttr[str | list[str]]:
    return cli.SwitchAttr(
        option,
        Text(option),
        list=True,
        argname=f"{of}[,{of}...]",
        group=AXES,
        help=f"the axis that rbuild.toml calls {option[2:]}",
    )


class MatrixCommand(Bundles, Showing, Command):
    """Build every combination of targets, platforms, variables, git refs and backends.

    [matrix] in rbuild.toml has the axes; what is given here comes in the place of that one's. Each
    cell is an rbuild of one commit in a worktree of its own, and its bundles are in a directory of
    its own, bundles/CELL. Without --refs it is the working tree, uncommitted changes included.
    NAME=VALUE is for all cells. Exits 0 when all cells are done, 1 when one is not.
    """

    USAGE = "rbuild matrix [options] [NAME=VALUE...] [TARGET...]"

    refs = _axis("--refs", "REF")
    platforms = _axis("--platforms", "PLATFORM")
    backends = _axis("--backends", "BACKEND")
    variable = cli.SwitchAttr(
        "--variable",
        Text("--variable"),
        list=True,
        argname="NAME=VALUE",
        group=AXES,
        help="a value of a variable; given again, one more",
    )
    exclude = cli.SwitchAttr(
        "--exclude",
        Text("--exclude"),
        list=True,
        argname="KEY=PATTERN[,...]",
        group=AXES,
        help="leave out cells: ref, target, platform, backend or a variable, and what it is",
    )
    executor: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--executor",
        Text("--executor"),
        argname="NAME",
        group=PLACES,
        help="where cells are done: local, which is here (the default), nodes, or another's",
    )
    executor_option = cli.SwitchAttr(
        "--executor-option",
        Text("--executor-option"),
        list=True,
        argname="NAME=VALUE",
        group=PLACES,
        help="for the executor",
    )
    jobs: cli.SwitchAttr[int | None] = cli.SwitchAttr(
        ["-j", "--jobs"],
        Number("--jobs", least=1),
        argname="N",
        group=PLACES,
        help="how many cells go on at a time here, or on each node (default: 1)",
    )
    memory: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--memory",
        Text("--memory"),
        argname="SIZE",
        group=PLACES,
        help="what a cell has to have, such as 4g",
    )
    cores: cli.SwitchAttr[int | None] = cli.SwitchAttr(
        "--cores",
        Number("--cores", least=1),
        argname="N",
        group=PLACES,
        help="what a cell has to have",
    )
    options: cli.SwitchAttr[str | None] = cli.SwitchAttr(
        "--options",
        Text("--options"),
        argname="OPTIONS",
        group=RUN,
        help="options of rbuild for every cell, such as '--no-cache --unprivileged'",
    )
    resume = cli.Flag("--resume", group=RUN, help="go on with the last matrix: what is not done")
    fail_fast = cli.Flag("--fail-fast", group=RUN, help="end all when a cell fails")
    keep_going = cli.Flag(
        "--keep-going",
        group=RUN,
        help="do the other cells when one fails (the default)",
        excludes=["--fail-fast"],
    )
    format = format_option()

    def main(self, *words: str) -> int:
        """Do the cells, and print what became of each."""
        return self.attempt(lambda: self._build(words))

    def _build(self, words: tuple[str, ...]) -> int:
        kept = Kept(state_directory() / "matrix" / self._key)
        if self.flag("resume"):
            self._check_resumed(words)
            with kept.alone():
                matrix = kept.last()
                factory = executors.factory(matrix.executor, dict(matrix.options))
                return self._go(matrix, kept, factory)
        found = cells_of.cells(self._axes(words))
        options = self._executor_options()
        factory = executors.factory(self._executor, dict(options))
        try:
            checkout = checkout_of(self.project)
            commits = {
                cell.ref: resolved(checkout, "HEAD" if cell.ref == TREE else cell.ref)
                for cell in {cell.ref: cell for cell in found}.values()
            }
            self._check_places(kept, found)
            if self.flag("dry_run"):
                return self._list(words, found, commits, factory)
            with kept.alone():
                files = self._commits(kept, checkout, commits)
                place = kept.place if factory.shares_files else None
                jobs = self._jobs(words, place, checkout, found, files, options)
                bundles, needs = str(bundles_directory(self)), tuple(map(self._needs, found))
                run = jobs[0].run
                matrix = Matrix(VERSION, run, bundles, self._executor, jobs, needs, options)
                kept.begin(matrix)
                return self._go(matrix, kept, factory)
        finally:
            factory.close()

    @property
    def _key(self) -> str:
        return f"{self.project.name}-{journal.key(self.project)}"

    # --- what is asked for ----------------------------------------------------------------------

    def _axes(self, words: tuple[str, ...]) -> Axes:
        usual = self.config.matrix
        targets, _ = split_words(words, self)
        variables: dict[str, list[str]] = {}
        for name, value in pairs(self.values("variable"), "--variable"):
            variables.setdefault(name, []).append(value)
        axes = Axes(
            targets=targets or (usual.targets if usual else ()),
            platforms=self._split("platforms") or (usual.platforms if usual else ()),
            variables=tuple((name, tuple(values)) for name, values in variables.items())
            or (usual.variables if usual else ()),
            refs=self._split("refs") or (usual.refs if usual else ()),
            backends=self._split("backends") or (usual.backends if usual else ()),
            excludes=(*(usual.exclude if usual else ()), *self._excludes()),
        )
        for name in axes.backends:
            if name not in {discovery.AUTO, *discovery.names()}:
                known = (discovery.AUTO, *discovery.names())
                near = nearest(name, known)
                meant = f"did you mean {near}? " if near else ""
                raise UsageError(
                    f"the matrix: there is no backend {shown(name)}",
                    hint=f"{meant}known are: {', '.join(known)}",
                )
        return axes

    def _split(self, name: str) -> tuple[str, ...]:
        found = (each for value in self.values(name) for each in value.split(","))
        return tuple(dict.fromkeys(found))

    def _excludes(self) -> Iterator[Pairs]:
        for value in self.values("exclude"):
            yield pairs(value.split(","), "--exclude")

    def _executor_options(self) -> Pairs:
        given = pairs(self.values("executor_option"), "--executor-option")
        jobs = self.number("jobs")
        own = (("jobs", str(jobs)),) if jobs is not None else ()
        if self._executor == executors.NODES:
            return (*(each for each in given if each[0] != "nodes"), *own, *self._nodes(given))
        return (*given, *own)

    def _nodes(self, given: Pairs) -> Pairs:
        """The nodes that are named, or all of the user's. Raises UsageError for one unknown."""
        named = dict(given).get("nodes")
        found = named.split(",") if named is not None else sorted(self.config.nodes)
        for each in filter(None, found):
            if is_url(each):
                parse(each)
            else:
                configured(self, each)
        return (("nodes", ",".join(found)),)

    @property
    def _executor(self) -> str:
        return self.option("executor") or executors.LOCAL

    def _cell_options(self) -> tuple[str, ...]:
        """The words of --options. Raises UsageError for one that no cell can have."""
        given = self.option("options") or ""
        try:
            words = tuple(shlex.split(given))
        except ValueError as error:
            raise UsageError(f"--options {shown(given)}: {error}") from error
        assert isinstance(self.parent, Command)  # it is a command of rbuild
        known = self.parent.command_named("make").switches
        for word in words:
            name = word.lstrip("-").partition("=")[0]
            if not word.startswith("-"):
                continue
            if name in _OWN or (name not in known and word[1:2] not in known):
                what = "is the matrix's" if name in _OWN else "is no option of a build"
                raise UsageError(f"--options: {shown(word)} {what}")
        if words and not words[0].startswith("-"):
            raise UsageError(f"--options: {shown(words[0])} is no option")
        return words

    def _check_resumed(self, words: Sequence[str]) -> None:
        given = ("refs", "platforms", "backends", "variable", "exclude", "executor_option")
        named = [name for name in given if self.values(name)]
        more = ("executor", "jobs", "memory", "cores", "options", "bundles_dir", "dry_run")
        named += [name for name in more if getattr(self, name)]
        if words or named:
            what = words[0] if words else f"--{named[0].replace('_', '-')}"
            raise UsageError(
                f"--resume goes on with the last matrix as it was: without {shown(what)}"
            )

    def _check_places(self, kept: Kept, found: Sequence[Cell]) -> None:
        usual = self.config.defaults.bundles_dir
        if usual is not None and not usual.is_relative_to(self.project):
            raise self.config_error(
                ("defaults", "bundles-dir"),
                "all cells of a matrix would write there",
                "name a directory of the project",
            )
        kept.check_directories(bundles_directory(self), [cell.name for cell in found])

    def _needs(self, cell: Cell) -> Needs:
        return Needs(cell.platform, self._memory(), self.number("cores") or 0)

    def _memory(self) -> int:
        given = (self.option("memory") or "0").lower()
        number, unit = given.rstrip("kmgtib"), given.lstrip("0123456789").removesuffix("b")
        unit = unit.removesuffix("i")
        if not (number.isascii() and number.isdecimal() and unit in _UNITS):
            raise UsageError(f"--memory {shown(given)}: it is a size, such as 512m or 4g")
        return int(number) * _UNITS[unit]

    # --- what is done ---------------------------------------------------------------------------

    def _commits(
        self, kept: Kept, checkout: Checkout, resolved_refs: dict[str, str]
    ) -> dict[str, Commit]:
        commits = Commits(kept.place)
        with signals_interrupt(self.view.stopping):
            commits.take(checkout, tuple(resolved_refs.values()))
            found = {
                ref: commits.working_tree(checkout, commit, bundles_directory(self))
                if ref == TREE
                else commits.committed(commit)
                for ref, commit in resolved_refs.items()
            }
            for ref, commit in found.items():
                if inner := commits.submodules(commit):
                    raise UsageError(
                        f"{_of(ref)} has another repository in it, {shown(inner[0])}: the cells of"
                        " a matrix do not get its files",
                        hint="build it without a matrix",
                    )
        if TREE in found:
            number = found[TREE].changed
            files = "1 file that differs" if number == 1 else f"{number} files that differ"
            said = f"{files} from it" if number else "nothing that differs"
            text = f"the working tree: {found[TREE].commit[:12]}, and {said}"
            self.view(Notice(Level.INFO, "working-tree", text))
            commits.keep_tree(found[TREE])
        return found

    def _jobs(
        self,
        words: tuple[str, ...],
        place: Path | None,
        checkout: Checkout,
        found: Sequence[Cell],
        commits: dict[str, Commit],
        options: Pairs,
    ) -> tuple[Job, ...]:
        run = f"{journal.now()}.{identities.of_this()}"
        return tuple(
            Job(
                run=run,
                cell=cell.name,
                project=checkout.top.name,
                key=self._key,
                below=checkout.below,
                commit=commits[cell.ref],
                words=self._words(words, cell),
                environment=_environment(cell),
                place=str(place or ""),
                beside=place is None or dict(options).get("jobs", "1") != "1",
            )
            for cell in found
        )

    def _words(self, words: tuple[str, ...], cell: Cell) -> tuple[str, ...]:
        """The words after `rbuild make` that build a cell."""
        _, fixed = split_words(words, self)
        backend = ("--backend", cell.backend) if cell.backend else ()
        variables = (f"{name}={value}" for name, value in cell.variables)
        return (*self._cell_options(), *backend, *fixed, *variables, *cell.targets)

    def _go(self, matrix: Matrix, kept: Kept, factory: Factory) -> int:
        said = view.Progress(len(matrix.jobs), self.view)
        listener = Listener(said.begun, said.ended, said.again)

        def publishing() -> AbstractContextManager[object]:
            # A build of the checkout copies all of its bundles, and puts them back as a whole.
            return journal.begin(
                data_directory(),
                self.project,
                "rbuild matrix",
                alone=False,
                wait=True,
                say=lambda text: self.view(Notice(Level.WARNING, "checkout", text)),
            )

        run = Run(matrix, kept, factory, listener, publishing, lambda: _bundle(kept))
        with signals_interrupt(self.view.stopping):
            records = run.go(resume=self.flag("resume"), fail_fast=self.flag("fail_fast"))
        self._tell(records)
        if run.interrupted:
            text = "interrupted; rbuild matrix --resume does the cells that are left"
            self.view(Notice(Level.WARNING, "interrupted", text))
            return 130
        return 0 if all(record.is_done for record in records) else 1

    def _list(
        self,
        words: tuple[str, ...],
        found: Sequence[Cell],
        commits: dict[str, str],
        factory: Factory,
    ) -> int:
        rows = [
            view.Planned(
                cell.name,
                "the working tree" if cell.ref == TREE else cell.ref,
                commits[cell.ref],
                shell_joined(
                    (
                        *(f"{name}={value}" for name, value in _environment(cell)),
                        *("rbuild", "make", *self._words(words, cell)),
                    )
                ),
                factory.where(self._needs(cell)),
                str(bundles_directory(self) / cell.name),
            )
            for cell in found
        ]
        told = (Answer("planned-cell", view.as_row(row)) for row in rows)
        text = view.as_json(rows) if self.format == "json" else view.planned(rows)
        self.tell(text, *told)
        return 0

    def _tell(self, records: Sequence[Record]) -> None:
        told = (Answer("cell", view.as_row(record)) for record in records)
        room = os.get_terminal_size(1).columns or 80 if os.isatty(1) else None
        text = view.as_json(records) if self.format == "json" else view.table(records, room)
        self.tell(text, *told)


def _of(ref: str) -> str:
    return "the working tree" if ref == TREE else shown(ref)


def _environment(cell: Cell) -> Pairs:
    """What docker's own commands take for a platform where none is named."""
    if cell.platform in {"", platforms.host()}:
        return ()
    return (("DOCKER_DEFAULT_PLATFORM", cell.platform),)


def _bundle(kept: Kept) -> bytes:
    file = kept.place / "commits.bundle"
    Commits(kept.place).bundle(file)
    try:
        return Path(file).read_bytes()
    finally:
        file.unlink(missing_ok=True)
