"""What every command shares: its options, before or after its name, and how errors end it."""

from __future__ import annotations

import errno
import os
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from plumbum import cli
from plumbum.cli import application

from rootless_build.errors import (
    HostError,
    InterruptedByUserError,
    OutputClosedError,
    RbuildError,
    UsageError,
)
from rootless_build.escaping import shown

if TYPE_CHECKING:
    from plumbum.cli.application import SwitchParseInfo

    from rootless_build.config import Config
    from rootless_build.plan import Pairs
    from rootless_build.ui.closing import View

_VARIABLE: Final = re.compile(r"[^=\s:+?!#]+=", re.DOTALL)
_BUILD: Final = "Build"
_OUTPUT: Final = "Output"
_WORDS: Final = re.compile(r"Expected at \w+ \d+ positional arguments?, got \[(?P<got>.*)\]")
_ASKED_FOR: Final = (application.ShowHelp, application.ShowVersion)


def is_variable(word: str) -> bool:
    """Whether make would take the word as NAME=VALUE."""
    return _VARIABLE.match(word) is not None


class Command(cli.Application):
    """An application with rbuild's options; a subcommand also has those given before its name."""

    CALL_MAIN_IF_NESTED_COMMAND = False
    SUBCOMMAND_HELPMSG = False

    directory = cli.SwitchAttr(
        ["-C", "--directory"], str, argname="DIR", group=_BUILD, help="the project (default: here)"
    )
    backend = cli.SwitchAttr(
        "--backend", str, argname="NAME", group=_BUILD, help="podman, buildah, docker or auto"
    )
    files = cli.SwitchAttr(
        ["-f", "--file"],
        str,
        list=True,
        argname="[IMAGE=]FILE",
        group=_BUILD,
        help="another containerfile, for the make container's image or the one named",
    )
    image = cli.SwitchAttr(
        "--image", str, argname="IMAGE", group=_BUILD, help="use this image, build none"
    )
    network = cli.SwitchAttr(
        "--network", str, argname="MODE", group=_BUILD, help="network of builds and containers"
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
        str,
        list=True,
        argname="NAME[=VALUE]",
        group=_BUILD,
        help="for the image build",
    )
    env = cli.SwitchAttr(
        "--env", str, list=True, argname="NAME[=VALUE]", group=_BUILD, help="for the container"
    )
    secrets = cli.SwitchAttr(
        "--secret",
        str,
        list=True,
        argname="id=ID,src=FILE|env=NAME",
        group=_BUILD,
        help="for RUN --mount=type=secret",
    )
    secret_env = cli.SwitchAttr(
        "--secret-env",
        str,
        list=True,
        argname="NAME",
        group=_BUILD,
        help="for the container, and shown nowhere",
    )
    bundles_dir = cli.SwitchAttr(
        "--bundles-dir", str, argname="DIR", group=_BUILD, help="where the results go"
    )
    force = cli.Flag("--force", group=_BUILD, help="build and run although nothing changed")
    explain = cli.Flag(
        "--explain", overridable=True, group=_BUILD, help="say why each step is done"
    )
    fresh = cli.Flag("--fresh", group=_BUILD, help="run the container, and give it no caches")
    cache_volumes = cli.SwitchAttr(
        "--cache-volume",
        str,
        list=True,
        argname="DIR",
        group=_BUILD,
        help="a directory in the container to keep for the next run",
    )
    checksums = cli.Flag(
        "--checksums", group=_BUILD, help="write .md5 and .sha256 beside binaries that have none"
    )
    rootful = cli.Flag(
        "--rootful", group=_BUILD, help="allow privileged containers with power over the host"
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
        "--unprivileged", group=_BUILD, help="run containers without their privileges"
    )
    dry_run = cli.Flag("--dry-run", group=_BUILD, help="show what would be done, do nothing")
    log_format = cli.SwitchAttr(
        "--log-format",
        cli.Set("text", "json"),
        argname="FORMAT",
        group=_OUTPUT,
        help="text, or json: one object a line",
    )
    color = cli.SwitchAttr(
        "--color",
        cli.Set("auto", "always", "never"),
        argname="WHEN",
        group=_OUTPUT,
        help="auto, always or never",
    )
    verbose = cli.Flag(["-v", "--verbose"], group=_OUTPUT, help="settings, reasons and times too")
    quiet = cli.Flag(["-q", "--quiet"], group=_OUTPUT, help="only containers' output and errors")

    _loaded: Config | None = None
    _view: View | None = None

    COMMANDS: Mapping[str, str] = MappingProxyType({})
    """Subcommands, with what they do in a line."""

    @cli.switch(["-h", "--help"], overridable=True, group="Meta-switches")
    def help(self) -> None:
        """Show this help."""
        # Only `--help` needs it.
        from rootless_build.cli import help as page  # noqa: PLC0415

        description = textwrap.dedent(self.DESCRIPTION or "")
        usage = self.USAGE or f"{self.PROGNAME} [options]"
        print(page.text(usage, description, self.COMMANDS, self._switches_by_name))

    # plumbum prints its whole help below a mistake; rbuild says what was wrong.

    def _parse_args(self, argv: list[str]) -> tuple[dict[Callable[..., None], Any], list[str]]:
        try:
            return super()._parse_args(argv)
        except cli.switches.SwitchError as error:
            raise self._misuse(error) from error

    def _validate_args(
        self, swfuncs: dict[Callable[..., Any], SwitchParseInfo], tailargs: Sequence[str]
    ) -> tuple[list[tuple[Callable[..., Any], tuple[Any, ...]]], list[str]]:
        try:
            return super()._validate_args(swfuncs, tailargs)
        except _ASKED_FOR:
            raise
        except cli.switches.SwitchError as error:
            raise self._misuse(error) from error

    def _misuse(self, error: Exception) -> UsageError:
        text = str(error).replace("Unknown switch", "unknown option").replace("Switch", "option")
        words = _WORDS.match(text)
        if words:
            usage = (self.USAGE or f"{self.PROGNAME} [options]").partition("\n")[0]
            what = f"this is too much: {words['got']}" if words["got"] else "a word is missing"
            return UsageError(f"{what}; it is {usage}", hint=f"see {self.PROGNAME} --help")
        hint = f"{self.PROGNAME} --help lists the options"
        unknown = re.search(r"unknown option (-\S+)", text)
        if unknown:
            # Only a typing mistake needs it.
            import difflib  # noqa: PLC0415

            known = [f"--{name}" for name in self._switches_by_name if len(name) > 1]
            near = difflib.get_close_matches(unknown[1], known, 1)
            hint = f"did you mean {near[0]}?" if near else hint
        return UsageError(text, hint=hint)

    # --- options, wherever they stand -----------------------------------------------------------

    def option(self, name: str) -> str | None:
        """An option's value, from this command or those before it; None when not given."""
        value = cast("str | None", getattr(self, name))
        if value is None and isinstance(self.parent, Command):
            return self.parent.option(name)
        return value

    def flag(self, name: str) -> bool:
        """Whether a flag is given, to this command or one before it."""
        here = bool(getattr(self, name))
        return here or (isinstance(self.parent, Command) and self.parent.flag(name))

    def values(self, name: str) -> tuple[str, ...]:
        """All values of an option that may be repeated, in order."""
        before = self.parent.values(name) if isinstance(self.parent, Command) else ()
        return (*before, *cast("list[str]", getattr(self, name)))

    @property
    def project(self) -> Path:
        """The project directory, absolute. Raises UsageError when it is none."""
        path = Path(self.option("directory") or ".").absolute()
        if not path.is_dir():
            raise UsageError(f"there is no directory {path}")
        return path.resolve()

    @property
    def config(self) -> Config:
        """rbuild.toml and the user's configuration file. Raises ConfigError."""
        if self._loaded is None:
            from rootless_build import config  # noqa: PLC0415 - see the package

            home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
            self._loaded = config.load(self.project, home / "rbuild" / "config.toml")
        return self._loaded

    @property
    def view(self) -> View:
        """Where events and errors go."""
        if self._view is None:
            from rootless_build.cli.views import view  # noqa: PLC0415 - see the package

            defaults = self._loaded.defaults if self._loaded else None
            self._view = view(
                self.option("log_format") or (defaults and defaults.log_format) or "text",
                self.option("color") or (defaults and defaults.color) or "auto",
                verbose=self.flag("verbose"),
                quiet=self.flag("quiet"),
            )
        return self._view

    def attempt(self, work: Callable[[], int]) -> int:
        """Do the work and return its status; an error is shown and becomes its exit status."""
        try:
            return work()
        except OutputClosedError as error:
            _discard_output()
            self.view.error(error)
            return error.exit_code
        except RbuildError as error:
            self.view.error(error)
            return error.exit_code
        except KeyboardInterrupt:
            interrupted = InterruptedByUserError("interrupted; the bundles are as they were")
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
