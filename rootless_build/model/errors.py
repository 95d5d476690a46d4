"""Every way rbuild can fail, with its exit status and the words the user reads.

The command line is the only place that prints these or exits (`rootless_build.cli`). The exit
statuses are those that docs/reference/exit-codes.md documents, made of the classes here: 1 a step
failed, 2 usage or recipe, 3 this host can't, 4 bundles failed verification, 130 interrupted.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

__all__ = [
    "BackendUnavailableError",
    "BundlesError",
    "CheckoutBusyError",
    "ConfigError",
    "ContainerLeftError",
    "ContainerfileError",
    "FailedInstruction",
    "HostError",
    "ImageBuildError",
    "ImageNotFoundError",
    "InterruptedByUserError",
    "NoRecipeError",
    "NotPlannedError",
    "OutputClosedError",
    "RbuildError",
    "RecipeError",
    "StepFailedError",
    "UnknownTargetError",
    "UnsupportedError",
    "UsageError",
    "reason",
]

_LONGEST_INSTRUCTION = 160
"""Characters of an instruction in a message: the progress has shown it whole."""


def reason(error: Exception) -> str:
    """What an error says, for a message that names the file: an OSError names it too."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


class RbuildError(Exception):
    """A failure a person can act on.

    `message` says what failed, `engine_words` are the engine's own last lines (verbatim, may be
    empty), `hint` is what to do next (may be empty). The runner sets `where` (the step and the
    recipe's line it comes from), `step` (its number, from 1) and `seconds` (how long it took).
    `log` is the command that shows the run's log, and `log_file` the file, where it is kept.
    """

    exit_code: int = 1
    code: ClassVar[str] = "failed"
    """A stable word for the JSON log, one per class."""

    def __init__(self, message: str, *, hint: str = "", engine_words: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.engine_words = engine_words.strip("\n")
        self.where = ""
        self.step: int | None = None
        self.seconds: float | None = None
        self.log = ""
        self.log_file = ""


class UsageError(RbuildError):
    """The command line asks for something that does not exist or makes no sense."""

    exit_code = 2
    code = "usage"


class ConfigError(RbuildError):
    """rbuild.toml or the user's configuration file is not valid; names file, line and key."""

    exit_code = 2
    code = "bad-config"


class RecipeError(RbuildError):
    """The project's recipe can't be understood or has no such target; quotes the line."""

    exit_code = 2
    code = "bad-recipe"


class NotPlannedError(RecipeError):
    """A line of the recipe can't be known before it is run; it can be done as it runs. `tried` is
    what the project tried to do to this host while it was only looked at.
    """

    tried = ""


class UnknownTargetError(RecipeError):
    """The project has a recipe, and no target of that name in it."""

    def __init__(
        self, message: str, target: str, *, hint: str = "", engine_words: str = ""
    ) -> None:
        super().__init__(message, hint=hint, engine_words=engine_words)
        self.target = target


class NoRecipeError(RecipeError):
    """The directory has nothing that rbuild could build."""


class ContainerfileError(RecipeError):
    """A containerfile is not valid, or can't be built by the engine; names file, line, column."""

    code = "bad-containerfile"

    def __init__(
        self, message: str, file: str, line: int, column: int = 1, *, hint: str = ""
    ) -> None:
        super().__init__(f"{file}:{line}:{column}: {message}", hint=hint)
        self.line = line


class HostError(RbuildError):
    """This host can't do it as it is now. `finding` is the id of the cause."""

    exit_code = 3
    code = "host"

    def __init__(
        self, message: str, *, finding: str, hint: str = "", engine_words: str = ""
    ) -> None:
        super().__init__(message, hint=hint, engine_words=engine_words)
        self.finding = finding


class CheckoutBusyError(HostError):
    """Another run works in this checkout, and this one is not to wait for it."""

    code = "checkout-busy"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, finding=self.code, hint=hint)


class BackendUnavailableError(HostError):
    """The engine is not installed, too old, or its daemon does not answer."""

    code = "backend-unavailable"


class StepFailedError(RbuildError):
    """A step of the plan ended with a status other than 0.

    `status` is the container's or command's own exit status, None where there is none (an image
    build, an engine error before anything started). `last_words` is what the command wrote last,
    as far as rbuild saw it; None where only the engine has said something. `passed_on`: its status
    becomes rbuild's own, as docker run does it. `image` is the id of the image that the container
    was made of, empty where that is not known.
    """

    code = "step-failed"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        hint: str = "",
        engine_words: str = "",
        last_words: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, engine_words=engine_words)
        self.status = status
        self.last_words = last_words
        self.passed_on = False
        self.image = ""

    @property
    def told_itself(self) -> bool:
        """Whether a person needs to hear nothing of it: the command has said what there was."""
        return self.passed_on and not self.hint and not self.engine_words


class FailedInstruction(Struct, frozen=True):
    """The instruction of a containerfile that an image build ended at.

    `place` is `FILE:LINE` where that is known, else the engine's count (`STEP 3/4`). `status` is
    that of a RUN's command, None where the instruction failed otherwise. `why` goes on after the
    verb `failed`, such as `: the engine was ended by signal 9`.
    """

    text: str
    place: str
    status: int | None = None
    why: str = ""

    def __str__(self) -> str:
        """What a message says of it, on one line."""
        text = " ".join(self.text.split())
        if len(text) > _LONGEST_INSTRUCTION:
            text = f"{text[: _LONGEST_INSTRUCTION - 1]}…"
        how = "" if self.status is None else f" with status {self.status}"
        return f"{self.place}: {text} failed{how}{self.why}"


class ImageBuildError(StepFailedError):
    """The engine could not build the image. `failed` is the instruction it ended at, if known."""

    code = "image-build-failed"

    def __init__(
        self,
        message: str | FailedInstruction,
        *,
        hint: str = "",
        engine_words: str = "",
        last_words: str | None = None,
    ) -> None:
        super().__init__(str(message), hint=hint, engine_words=engine_words, last_words=last_words)
        self.failed = message if isinstance(message, FailedInstruction) else None

    def at(self, failed: FailedInstruction) -> None:
        """Name the instruction that failed, where more is known than the engine said."""
        self.failed = failed
        self.message = str(failed)
        self.args = (self.message,)


class ImageNotFoundError(StepFailedError):
    """An image is neither in the engine's storage nor could be pulled. `reference` names it."""

    exit_code = 3
    code = "image-not-found"

    def __init__(
        self, message: str, *, reference: str, hint: str = "", engine_words: str = ""
    ) -> None:
        super().__init__(message, hint=hint, engine_words=engine_words)
        self.reference = reference

    def at(self, place: str) -> None:
        """Name the instruction that wants the image."""
        self.message = f"{place}: {self.message}"
        self.args = (self.message,)


class ContainerLeftError(RbuildError):
    """A container has done its work, and the engine could not remove it after that."""

    code = "container-left"


class UnsupportedError(StepFailedError):
    """The step asks for something this backend cannot do; says what, and which backend can."""

    exit_code = 3
    code = "unsupported"


class BundlesError(RbuildError):
    """The bundles do not match their checksums, or can't stand beside what somebody else wrote.

    `problems` has one line for each bad file.
    """

    exit_code = 4
    code = "bad-bundles"

    def __init__(self, message: str, *, problems: tuple[str, ...], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class OutputClosedError(RbuildError):
    """Nobody reads what rbuild writes any more, or its disk is full."""

    code = "output-closed"


class InterruptedByUserError(RbuildError):
    """Ctrl-C, SIGTERM or SIGHUP ended the run."""

    exit_code = 130
    code = "interrupted"
