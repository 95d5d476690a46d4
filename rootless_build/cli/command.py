"""What every command is: a project, its configuration, options, and a way to speak and to end."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from plumbum import cli

import rootless_build
from rootless_build.cli import command_line, endings
from rootless_build.cli.application import Application
from rootless_build.cli.options import Everywhere
from rootless_build.cli.views import help as page
from rootless_build.cli.views import help_tables
from rootless_build.cli.views.choice import view
from rootless_build.cli.views.closing import Listener, MaskedView
from rootless_build.model.errors import (
    HostError,
    InterruptedByUserError,
    OutputClosedError,
    RbuildError,
    UsageError,
)
from rootless_build.model.events import Answer
from rootless_build.model.text import fit, shown
from rootless_build.recipes import config, config_file

if TYPE_CHECKING:
    from rootless_build.model.errors import ConfigError
    from rootless_build.model.plan import Plan
    from rootless_build.recipes.config import Config
    from rootless_build.runner.masking import Mask


class Keeping(Protocol):
    """Keeps a run (`rootless_build.cli.kept_runs`, `rootless_build.cli.metadata_file`)."""

    @property
    def listener(self) -> Listener:
        """What is told all that the run says."""

    def done(self, plan: Plan) -> None:
        """Keep the plan as it was done."""

    def name_log(self, error: RbuildError) -> None:
        """Have what ended the run say where its log is, if this keeps one."""

    def end(self, status: int) -> int:
        """The run has ended, with rbuild's exit status, which is given back. Raises RbuildError."""


class Command(Everywhere, Application):
    """A command: its project and configuration, its options, where it speaks, how errors end it.

    It also has the options that are given before its name. The groups of options that mean
    something to it (`rootless_build.cli.options`) are among the bases of its class.
    """

    variables: tuple[str, ...] = ()
    """NAME=VALUE words before the name of a subcommand."""
    _loaded: Config | None = None
    _view: MaskedView | None = None
    _keepings: tuple[Keeping, ...] = ()
    _last_times: Callable[[str], float | None] | None = None
    _mask: Mask | None = None

    RUNS_OWN_COMMAND: bool = False
    """Its container runs what stands on the command line, and not the recipe's own command."""
    COMMANDS: Mapping[str, str] = MappingProxyType({})
    """Subcommands, with what they do in a line."""

    @cli.switch(["-h", "--help"], overridable=True, group="Meta-switches")
    def help(self) -> None:
        """Show this help."""
        description = textwrap.dedent(self.DESCRIPTION or "")
        usage = self.USAGE or f"{self.PROGNAME} [options]"
        columns = os.get_terminal_size(1).columns if os.isatty(1) else 0
        tables = help_tables.TABLES if self.parent is None else ()
        text = page.text(usage, description, self.COMMANDS, self.switches, columns, tables)
        self.tell(text, Answer("help", {"text": text}))

    @cli.switch("--version", overridable=True, group="Meta-switches")
    def version(self) -> None:
        """Show the version."""
        version = rootless_build.__version__
        self.tell(f"rbuild {version}", Answer("version", {"version": version}))

    def _given(self, name: str) -> object:
        """What is given to this command for an option; None for an option that it does not have."""
        declared = isinstance(getattr(type(self), name, None), cli.SwitchAttr)
        return getattr(self, name) if declared else None

    def option(self, name: str) -> str | None:
        """An option's value, from this command or those before it; None when not given."""
        value = cast("str | None", self._given(name))
        if value is None and isinstance(self.parent, Command):
            return self.parent.option(name)
        return value

    def number(self, name: str) -> int | None:
        """The value of an option that is a number, as `option` has it."""
        value = cast("int | None", self._given(name))
        if value is None and isinstance(self.parent, Command):
            return self.parent.number(name)
        return value

    def flag(self, name: str) -> bool:
        """Whether a flag is given, to this command or one before it."""
        here = bool(self._given(name))
        return here or (isinstance(self.parent, Command) and self.parent.flag(name))

    def count(self, name: str) -> int:
        """How often a flag that may be repeated is given."""
        before = self.parent.count(name) if isinstance(self.parent, Command) else 0
        return before + cast("int", self._given(name) or 0)

    def values(self, name: str) -> tuple[str, ...]:
        """All values of an option that may be repeated, in order."""
        before = self.parent.values(name) if isinstance(self.parent, Command) else ()
        return (*before, *cast("list[str]", self._given(name) or ()))

    @property
    def project(self) -> Path:
        """The project directory, absolute. Raises UsageError when it is none."""
        try:
            path = Path(self.option("directory") or ".").absolute()
        except FileNotFoundError as error:
            raise UsageError("the current directory is gone", hint="go to another") from error
        if not path.is_dir():
            if path.exists():
                raise UsageError(f"{shown(path)} is not a directory")
            raise UsageError(f"there is no directory {shown(path)}")
        return path.resolve()

    @property
    def config(self) -> Config:
        """rbuild.toml and the user's configuration file, with the makefile that an option names: as
        make has it, relative to the project. Raises ConfigError.
        """
        if self._loaded is None:
            loaded = config_file.load(self.project, command_line.user_file())
            named = self.option("makefile")
            makefile = self.project / named if named else None
            self._loaded = config_file.with_makefile(loaded, makefile)
        return self._loaded

    def config_error(self, keys: Sequence[str], message: str, hint: str = "") -> ConfigError:
        """A mistake in the value of a key: in the first of the files that has it."""
        files = (self.project / config.FILE_NAME, command_line.user_file())
        return config_file.error_in(files, keys, message, hint)

    @property
    def view(self) -> MaskedView:
        """Where events and errors go."""
        if self._view is None:
            defaults = self._loaded.defaults if self._loaded else command_line.defaults(self.words)
            variables, secrets = self.values("secret_env"), self.values("secrets")
            if variables or secrets:
                self._hiding().learn_named(variables, secrets)
            shown_by = view(
                command_line.log_format(self.words),
                self.option("color") or defaults.color or "auto",
                verbose=self.flag("verbose"),
                quiet=self.flag("quiet"),
                progress=self.option("progress") or defaults.progress,
                project=Path(self.option("directory") or "."),
                expected=self._took_last_time,
            )
            self._view = MaskedView(shown_by, lambda: self._mask)
        return self._view

    def _took_last_time(self, title: str) -> float | None:
        """The seconds that a step of that title took when it was last done, if that is kept."""
        return self._last_times(title) if self._last_times is not None else None

    def know_last_times(self, last_times: Callable[[str], float | None]) -> None:
        """From now on it is known what steps took the last time, by their titles."""
        self._last_times = last_times

    def _hiding(self) -> Mask:
        if self._mask is None:
            from rootless_build.runner.masking import Mask  # noqa: PLC0415 - few commands hide any

            self._mask = Mask()
        return self._mask

    def hide(self, plan: Plan) -> Mask:
        """Hide the secrets of a plan too, in all that this command says from now on."""
        mask = self._hiding()
        mask.learn_named(self.values("secret_env"), self.values("secrets"))
        for step in plan.steps:
            mask.learn(step)
        return mask

    def variables_before(self) -> tuple[str, ...]:
        """NAME=VALUE words that stand before this command's name."""
        if not isinstance(self.parent, Command):
            return ()
        return (*self.parent.variables_before(), *self.parent.variables)

    @property
    def words(self) -> tuple[str, ...]:
        """The command line as it was typed, without the program's name."""
        return self.parent.words if isinstance(self.parent, Command) else self.typed

    @property
    def logs_json(self) -> bool:
        """Whether all that goes to standard output is an object on a line of its own."""
        return command_line.log_format(self.words) == "json"

    def tell(self, text: str, *answers: Answer, styled: bool = False) -> None:
        """Print what was asked for: the text for a person, or in the JSON log the same as data.

        `styled`: rbuild's own colours are in it.
        """
        if not self.logs_json:
            text = self._mask.text(text) if self._mask else text
            # A file or a program gets the bytes that a path has.
            # A full disk is to be known while there is somebody to say it.
            print(fit(text, styled=styled, any_bytes=not os.isatty(1)), flush=True)
            return
        for answer in answers:
            self.view(answer)

    def keep(self, keeping: Keeping) -> None:
        """Have this run kept from now on."""
        self.view.also(keeping.listener)
        self._keepings = (*self._keepings, keeping)

    @property
    def keepings(self) -> tuple[Keeping, ...]:
        """What keeps this run."""
        return self._keepings

    def planned(self, plan: Plan) -> None:
        """Tell what keeps this run the plan as it was done."""
        for keeping in self._keepings:
            keeping.done(plan)

    def attempt(self, work: Callable[[], int]) -> int:
        """Do the work and return its status; an error is shown and becomes its exit status."""
        try:
            status = self._status_of(work)
            for keeping in self._keepings:
                ended = self._status_of(partial(keeping.end, status))
                status = status or ended
        finally:
            if self._view is not None:
                self._view.close()
        return status

    def _status_of(self, work: Callable[[], int]) -> int:
        try:
            with endings.as_rbuild_errors():
                return work()
        except OutputClosedError as error:
            endings.discard_output()
            self.view.error(error)
            return error.exit_code
        except RbuildError as error:
            self._tell_end(error)
            return error.exit_code
        except KeyboardInterrupt as interrupt:
            # The runner knows what became of the bundles.
            words = ("interrupted", *getattr(interrupt, "__notes__", ()))
            interrupted = InterruptedByUserError("; ".join(words))
            self.view.error(interrupted)
            return interrupted.exit_code
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                return self._nobody_reads()
            # A full or failing disk can strike anywhere.
            self._tell_end(endings.disk_error(error))
            return HostError.exit_code

    def _tell_end(self, error: RbuildError) -> None:
        for keeping in self._keepings:
            keeping.name_log(error)
        self.view.error(error)

    def _nobody_reads(self) -> int:
        endings.discard_output()
        self.view.error(OutputClosedError("standard output was closed; stopped"))
        return OutputClosedError.exit_code
