"""What a recipe line is taken apart into, as data."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Simple(Struct, frozen=True):
    """A simple docker command: the assignments before it, and its words, all as written. `asks`
    are the programs that the shell starts for its words; `line` is what it stands in. `of_files`
    is what in its words depends on files, `of_then` what only the moment tells at which it is run.
    `program` is the first word, empty where only the shell knows it, and `known` are the words,
    each as far as it can be told without a shell. `harmless`: what is asked for them changes
    nothing. `words` are there where none has to be asked.
    """

    assignments: tuple[str, ...]
    text: str
    line: str
    asks: tuple[str, ...] = ()
    of_files: tuple[str, ...] = ()
    of_then: tuple[str, ...] = ()
    program: str = ""
    known: tuple[str | None, ...] = ()
    harmless: bool = True
    words: tuple[str, ...] = ()

    @property
    def arguments(self) -> str:
        """What follows the program, as written."""
        return self.text.removeprefix(self.program)


class Part(Struct, frozen=True):
    """A part of a line that is a step of its own. `docker` None: `text` is left to the shell.

    `directory` is the real one; `logical` is what the shell calls it, None where that is what the
    environment says. `remark` is for the reader.
    """

    text: str
    directory: Path
    docker: Simple | None = None
    logical: str | None = None
    remark: str = ""


class NotSimpleError(ValueError):
    """The line has docker in it and is not a simple command; the text says what it has more, and
    `hint` what can be done.
    """

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


class AsOtherUserError(NotSimpleError):
    """Docker is run through sudo or doas, which look for it on a PATH of their own: what stands in
    its place is not found there.
    """
