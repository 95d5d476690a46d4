"""What every command shares: its options, before or after its name, and how errors end it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from plumbum import cli
from plumbum.cli import application

import rootless_build
from rootless_build.cli import command_line
from rootless_build.cli.choice import Choice, Number, Text
from rootless_build.model.errors import (
    HostError,
    InterruptedByUserError,
    OutputClosedError,
    RbuildError,
    RecipeError,
    UsageError,
)
from rootless_build.model.text import fit, shown

if TYPE_CHECKING:
    from plumbum.cli.application import SwitchParseInfo

    from rootless_build.cli.views.closing import View
    from rootless_build.model.errors import ConfigError
    from rootless_build.model.events import Answer
    from rootless_build.model.plan import Pairs, Plan
    from rootless_build.recipes.config import Config
    from rootless_build.runner.masking import Mask

_LOOP: Final = "Symlink loop"
_VARIABLE: Final = re.compile(r"[^=\s:+?!#]+=", re.DOTALL)
_BUILD: Final = "Build"
_OUTPUT: Final = "Output"
_ASKED_FOR: Final = (application.ShowHelp, application.ShowVersion)


def is_variable(word: str) -> bool:
    """Whether make would take the word as NAME=VALUE."""
    return _VARIABLE.match(word) is not None


class Command(cli.Application):
    """An application with rbuild's options; a subcommand also has those given before its name."""

    CALL_MAIN_IF_NESTED_COMMAND = False
    SUBCOMMAND_HELPMSG = False

    directory = cli.SwitchAttr(
        ["-C", "--directory"],
        Text("--directory"),
        argname="DIR",
        group=_BUILD,
        help="the project (default: here)",
    )
    backend = cli.SwitchAttr(
        "--backend",
        Text("--backend"),
        argname="NAME",
        group=_BUILD,
        help="podman, buildah, docker or auto",
    )
    files = cli.SwitchAttr(
        ["-f", "--file"],
        Text("--file"),
        list=True,
        argname="[IMAGE=]FILE",
        group=_BUILD,
        help="another containerfile, for the make container's image or the one named",
    )
    makefile = cli.SwitchAttr(
        "--makefile",
        Text("--makefile"),
        argname="FILE",
        group=_BUILD,
        help="another makefile, as make -f FILE",
    )
    image = cli.SwitchAttr(
        "--image", Text("--image"), argname="IMAGE", group=_BUILD, help="use this image, build none"
    )
    network = cli.SwitchAttr(
        "--network",
        Text("--network"),
        argname="MODE",
        group=_BUILD,
        help="network of builds and containers",
    )
    pull = cli.Flag("--pull", group=_BUILD, help="ask the registry for newer base images")
    no_pull = cli.Flag("--no-pull", group=_BUILD, help="never ask a registry", excludes=["--pull"])
    no_cache = cli.Flag("--no-cache", group=_BUILD, help="build every layer anew")
    build_contexts = cli.SwitchAttr(
        "--build-context",
        str,
        list=True,
        argname="NAME=DIR",
        group=_BUILD,
        help="a directory (or docker-image://IMAGE) that stands for an image or a stage",
    )
    build_args = cli.SwitchAttr(
        "--build-arg",
        Text("--build-arg"),
        list=True,
        argname="NAME[=VALUE]",
        group=_BUILD,
        help="for the image build",
    )
    env = cli.SwitchAttr(
        "--env",
        Text("--env"),
        list=True,
        argname="NAME[=VALUE]",
        group=_BUILD,
        help="for the container",
    )
    secrets = cli.SwitchAttr(
        "--secret",
        Text("--secret"),
        list=True,
        argname="id=ID,src=FILE|env=NAME",
        group=_BUILD,
        help="for RUN --mount=type=secret",
    )
    secret_env = cli.SwitchAttr(
        "--secret-env",
        Text("--secret-env"),
        list=True,
        argname="NAME",
        group=_BUILD,
        help="for the container, and shown nowhere",
    )
    bundles_dir = cli.SwitchAttr(
        "--bundles-dir",
        Text("--bundles-dir"),
        argname="DIR",
        group=_BUILD,
        help="where the results go",
    )
    docker_socket = cli.SwitchAttr(
        "--docker-socket",
        Text("--docker-socket"),
        argname="SOCKET",
        group=_BUILD,
        help="stands for docker's own in containers that have that mounted",
    )
    keep_images = cli.SwitchAttr(
        "--keep-images",
        Number("--keep-images"),
        argname="N",
        group=_BUILD,
        help="how many images of a step that newer ones replaced stay (default: 0)",
    )
    force = cli.Flag("--force", group=_BUILD, help="build and run although nothing changed")
    explain = cli.Flag(
        "--explain", overridable=True, group=_BUILD, help="say why each step is done"
    )
    fresh = cli.Flag("--fresh", group=_BUILD, help="run the container, and give it no caches")
    cache_volumes = cli.SwitchAttr(
        "--cache-volume",
        Text("--cache-volume"),
        list=True,
        argname="DIR",
        group=_BUILD,
        help="a directory in the container to keep for the next run",
    )
    checksums = cli.Flag(
        "--checksums", group=_BUILD, help="write .md5 and .sha256 beside binaries that have none"
    )
    rootful = cli.Flag(
        "--rootful", group=_BUILD, help="as root: allow what has power over the host"
    )
    allow_inexact = cli.Flag(
        "--allow-inexact",
        group=_BUILD,
        help="build a containerfile whose rewriting for this engine differs",
    )
    no_provenance = cli.Flag(
        "--no-provenance", group=_BUILD, help="write no provenance.intoto.json"
    )
    no_wait = cli.Flag(
        "--no-wait", group=_BUILD, help="fail when another rbuild works in this checkout"
    )
    unprivileged = cli.Flag(
        "--unprivileged",
        group=_BUILD,
        help="run containers without privileges, refuse power over the host",
    )
    dry_run = cli.Flag("--dry-run", group=_BUILD, help="show what would be done, do nothing")
    no_sandbox = cli.Flag(
        "--no-sandbox",
        group=_BUILD,
        help="let what a Makefile runs while a plan is shown do anything",
    )
    log_format = cli.SwitchAttr(
        "--log-format",
        Choice("--log-format", *command_line.LOG_FORMATS),
        argname="FORMAT",
        group=_OUTPUT,
        help="text, or json: one object a line",
    )
    color = cli.SwitchAttr(
        "--color",
        Choice("--color", "auto", "always", "never"),
        argname="WHEN",
        group=_OUTPUT,
        help="auto, always or never",
    )
    verbose = cli.CountOf(
        ["-v", "--verbose"],
        group=_OUTPUT,
        help="settings that are new, reasons and times too; -vv: all settings",
    )
    quiet = cli.Flag(
        ["-q", "--quiet"], group=_OUTPUT, help="only containers' output, new bundles and errors"
    )

    typed: tuple[str, ...] = ()
    """The words of the command line, of the first application of a run."""
    variables: tuple[str, ...] = ()
    """NAME=VALUE words before the name of a subcommand."""
    _loaded: Config | None = None
    _view: View | None = None
    _mask: Mask | None = None

    COMMANDS: Mapping[str, str] = MappingProxyType({})
    """Subcommands, with what they do in a line."""

    @cli.switch(["-h", "--help"], overridable=True, group="Meta-switches")
    def help(self) -> None:
        """Show this help."""
        # Only `--help` needs it.
        from rootless_build.cli import help_text as page  # noqa: PLC0415
        from rootless_build.model.events import Answer  # noqa: PLC0415

        description = textwrap.dedent(self.DESCRIPTION or "")
        usage = self.USAGE or f"{self.PROGNAME} [options]"
        columns = os.get_terminal_size(1).columns if os.isatty(1) else 0
        text = page.text(usage, description, self.COMMANDS, self._switches_by_name, columns)
        self.tell(text, Answer("help", {"text": text}))

    @cli.switch("--version", overridable=True, group="Meta-switches")
    def version(self) -> None:
        """Show the version."""
        from rootless_build.model.events import Answer  # noqa: PLC0415 - as above

        version = rootless_build.__version__
        self.tell(f"rbuild {version}", Answer("version", {"version": version}))

    # plumbum prints its whole help below a mistake; rbuild says what was wrong.

    def _parse_args(self, argv: list[str]) -> tuple[dict[Callable[..., None], Any], list[str]]:
        words = tuple(argv)
        if self.parent is None:
            self.typed = words
        try:
            return super()._parse_args(argv)
        except cli.switches.SwitchError as error:
            raise self._misuse(error, words) from error

    def _validate_args(
        self, swfuncs: dict[Callable[..., Any], SwitchParseInfo], tailargs: Sequence[str]
    ) -> tuple[list[tuple[Callable[..., Any], tuple[Any, ...]]], list[str]]:
        try:
            return super()._validate_args(swfuncs, tailargs)
        except _ASKED_FOR:
            raise
        except cli.switches.PositionalArgumentsError as error:
            # Only a mistake needs it.
            import inspect  # noqa: PLC0415

            from rootless_build.cli import misuse  # noqa: PLC0415

            most = len(inspect.signature(self.main).parameters)
            usage = (self.USAGE or f"{self.PROGNAME} [options]").partition("\n")[0]
            raise misuse.of_words(tailargs, most, usage, str(self.PROGNAME)) from error
        except cli.switches.SwitchError as error:
            raise self._misuse(error, ()) from error

    def _misuse(self, error: Exception, words: Sequence[str]) -> UsageError:
        # Only a mistake needs it.
        from rootless_build.cli import misuse  # noqa: PLC0415

        return misuse.of_options(error, words, self._switches_by_name, str(self.PROGNAME))

    def subcommand_named(self, name: str) -> Command:
        """The subcommand of that name, one of `COMMANDS`."""
        made = self._subcommands[name].get()(f"{self.PROGNAME} {name}")
        made.parent = self
        return cast("Command", made)

    # --- options, wherever they stand -----------------------------------------------------------

    def option(self, name: str) -> str | None:
        """An option's value, from this command or those before it; None when not given."""
        value = cast("str | None", getattr(self, name))
        if value is None and isinstance(self.parent, Command):
            return self.parent.option(name)
        return value

    def number(self, name: str) -> int | None:
        """The same of an option that is a number."""
        value = cast("int | None", getattr(self, name))
        if value is None and isinstance(self.parent, Command):
            return self.parent.number(name)
        return value

    def flag(self, name: str) -> bool:
        """Whether a flag is given, to this command or one before it."""
        here = bool(getattr(self, name))
        return here or (isinstance(self.parent, Command) and self.parent.flag(name))

    def count(self, name: str) -> int:
        """How often a flag that may be repeated is given."""
        before = self.parent.count(name) if isinstance(self.parent, Command) else 0
        return before + int(getattr(self, name))

    def values(self, name: str) -> tuple[str, ...]:
        """All values of an option that may be repeated, in order."""
        before = self.parent.values(name) if isinstance(self.parent, Command) else ()
        return (*before, *cast("list[str]", getattr(self, name)))

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
            from rootless_build.recipes import config  # noqa: PLC0415 - see the package

            loaded = config.load(self.project, command_line.user_file())
            named = self.option("makefile")
            makefile = self.project / named if named else None
            self._loaded = config.with_makefile(loaded, makefile)
        return self._loaded

    def config_error(self, keys: Sequence[str], message: str, hint: str = "") -> ConfigError:
        """A mistake in the value of a key: in the first of the files that has it."""
        # Only a mistake needs it.
        from rootless_build.recipes import (  # noqa: PLC0415
            config,
            config_file,
        )

        files = (self.project / config.FILE_NAME, command_line.user_file())
        return config_file.error_in(files, keys, message, hint)

    @property
    def view(self) -> View:
        """Where events and errors go."""
        if self._view is None:
            from rootless_build.cli.views.choice import view  # noqa: PLC0415 - see the package
            from rootless_build.cli.views.closing import MaskedView  # noqa: PLC0415 - as above

            defaults = self._loaded.defaults if self._loaded else command_line.defaults(self.words)
            if self._mask is None and (self.values("secret_env") or self.values("secrets")):
                self._mask = self._mask_of_options()
            shown_by = view(
                command_line.log_format(self.words),
                self.option("color") or defaults.color or "auto",
                verbose=self.flag("verbose"),
                quiet=self.flag("quiet"),
            )
            self._view = MaskedView(shown_by, lambda: self._mask)
        return self._view

    def _mask_of_options(self) -> Mask:
        """What hides the secrets that the command line names, before there is a plan."""
        from rootless_build.cli.secrets import values  # noqa: PLC0415 - few command lines name one
        from rootless_build.runner.masking import Mask  # noqa: PLC0415 - as above

        return Mask(values(self.values("secret_env"), self.values("secrets")))

    def hide(self, plan: Plan) -> Mask:
        """Hide the secrets of a plan too, in all that this command says from now on."""
        from rootless_build.runner.masking import Mask  # noqa: PLC0415 - commands without a plan

        if self._mask is None:
            given = self.values("secret_env") or self.values("secrets")
            self._mask = self._mask_of_options() if given else Mask()
        for step in plan.steps:
            self._mask.learn(step)
        return self._mask

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

    def attempt(self, work: Callable[[], int]) -> int:
        """Do the work and return its status; an error is shown and becomes its exit status."""
        try:
            with _bounded():
                return work()
        except OutputClosedError as error:
            _discard_output()
            self.view.error(error)
            return error.exit_code
        except RbuildError as error:
            self.view.error(error)
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
            self.view.error(disk_error(error))
            return HostError.exit_code

    def _nobody_reads(self) -> int:
        _discard_output()
        self.view.error(OutputClosedError("standard output was closed; stopped"))
        return OutputClosedError.exit_code


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """What others wrote may have more in it than can be held: that is an error as others are."""
    try:
        yield
    except RuntimeError as error:
        if str(error).startswith(_LOOP):
            # Path.resolve, before Python 3.13.
            raise HostError(str(error), finding="os-error") from error
        if not isinstance(error, RecursionError):
            raise
        message = "a file has more things in one another than rbuild reads"
        raise RecipeError(message) from error
    except MemoryError as error:
        raise HostError("there is not enough memory for this", finding="os-error") from error


def disk_error(error: OSError) -> HostError:
    """What the operating system refused, in words for a person."""
    where = f" ({shown(error.filename)})" if isinstance(error.filename, str) else ""
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    return HostError(
        f"{error.strerror or error}{where}",
        finding="no-space" if full else "os-error",
        hint="make room on that file system; rbuild clean frees what builds left" if full else "",
    )


def _discard_output() -> None:
    """Whatever is still buffered for standard output has no reader any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def pairs(words: tuple[str, ...], option: str) -> Pairs:
    """NAME=VALUE words; a bare NAME takes its value from rbuild's environment, as docker's does.

    A bare name that is not set there is left out.
    """
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        if not name:
            raise UsageError(f"{option} {word}: a name is missing")
        if equals:
            found.append((name, value))
        elif name in os.environ:
            found.append((name, os.environ[name]))
    return tuple(found)


Command.unbind_switches("--help-all", "--completions")
