"""Shells asked what they would offer on Tab: bash through its line editor, zsh through its
completion system, fish through `complete -C`.
"""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rootless_build.cli.completion import parser, table
from rootless_build.cli.completion.answer import Answer, answer_for

SCRIPTS: Final = Path(__file__).parents[3] / "rootless_build" / "cli" / "completion"
Offered = Mapping[str, list[str]]
Until = Callable[[Callable[[], bool]], None]
TypeLines = Callable[[Callable[[bytes], None], Until], None]
"""Types with the first; the second goes on when something holds."""
_PATIENCE: Final = 120
"""Seconds after which a shell is taken for stuck."""


def program(place: Path) -> Path:
    """A directory for PATH in which `rbuild` is this rbuild."""
    place.mkdir(exist_ok=True)
    rbuild = place / "rbuild"
    rbuild.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m rootless_build "$@"\n')
    rbuild.chmod(0o755)
    return place


def asked(directory: Path, *words: str) -> Answer:
    """What the last of the words can be, in a directory."""
    with chdir(directory):
        return answer_for(words, table.kept() or parser.table())


def completed(directory: Path, *words: str) -> list[str]:
    """The words that the last one can be."""
    return sorted(asked(directory, *words).words)


def told(directory: Path, *words: str) -> str:
    """What a shell gets from rbuild."""
    done = subprocess.run(
        [sys.executable, "-m", "rootless_build", *words],
        cwd=directory,
        env={**os.environ, "_RBUILD_COMPLETE": "bash"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def in_bash(directory: Path, lines: Sequence[str], scratch: Path) -> Offered:
    """What readline gets for each line; the files' names as they stand in bash's answer."""
    out, start = scratch / "bash.out", scratch / "bashrc"
    out.write_text("")
    start.write_text(
        f"PATH={program(scratch / 'bin')}:$PATH\n"
        f"source {SCRIPTS / 'rbuild.bash'}\n"
        f"_told() {{ _rbuild; printf '%s\\n' \"${{COMPREPLY[@]}}\" ';' >>{out}; }}\n"
        "complete -F _told rbuild\n"
        "bind 'set completion-query-items 0'; bind 'set page-completions off'\n"
        f"printf '%s\\n' ';' >>{out}\n"
    )

    def type_lines(write: Callable[[bytes], None], until: Until) -> None:
        for number, line in enumerate(lines, 1):
            until(partial(_has_parts, out, number))
            write(f"\x15{line}\t".encode())
        until(partial(_has_parts, out, len(lines) + 1))
        write(b"\x15exit\n")

    _at_terminal(["bash", "--rcfile", str(start), "-i"], directory, type_lines)
    parts = out.read_text().split(";\n")[1:-1]
    return {
        line: sorted(filter(None, part.split("\n")))
        for line, part in zip(lines, parts, strict=True)
    }


def _has_parts(out: Path, number: int) -> bool:
    return out.read_text().count(";\n") >= number


def in_zsh(directory: Path, lines: Sequence[str], scratch: Path) -> Offered:
    """What `compadd` gets for each line, whose function is found by its name, as zsh finds it."""
    functions, start = scratch / "functions", scratch / ".zshrc"
    functions.mkdir(exist_ok=True)
    shutil.copy(SCRIPTS / "rbuild.zsh", functions / "_rbuild")
    out = scratch / "zsh.out"
    out.write_text("")
    start.write_text(
        f"PATH={program(scratch / 'bin')}:$PATH; OUT={out}; fpath=({functions} $fpath)\n"
        "autoload -Uz compinit; compinit -u -D\n"
        'compadd() { local -a hits; (( ${argv[(I)-[ODA]]} )) || builtin compadd -O hits "$@"\n'
        '    (( ! $#hits )) || print -rl -- $hits >>$OUT; builtin compadd "$@"; }\n'
        "zle -C asked complete-word _main_complete\n"
        f"lines=({shlex.join(lines)})\n"
        "zle-line-init() {\n"
        "    for BUFFER in $lines; do CURSOR=$#BUFFER; zle asked; print -r -- ';' >>$OUT; done\n"
        "    BUFFER=exit; zle .accept-line\n"
        "}; zle -N zle-line-init\n"
    )
    environment = {"ZDOTDIR": str(scratch)}
    _at_terminal(["zsh", "-d", "-i"], directory, lambda _write, _until: None, environment)
    parts = out.read_text().split(";\n")[:-1]
    return {
        line: sorted(filter(None, part.split("\n")))
        for line, part in zip(lines, parts, strict=True)
    }


def in_fish(directory: Path, lines: Sequence[str], scratch: Path) -> Offered:
    """What `complete -C` says for each line."""
    asks = "; ".join(f"complete -C {shlex.quote(line)}; echo ';'" for line in lines)
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source {SCRIPTS / 'rbuild.fish'}; {asks}"],
        cwd=directory,
        env={**os.environ, "PATH": f"{program(scratch / 'bin')}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return _by_line(lines, done.stdout.split(";\n")[:-1])


def _by_line(lines: Sequence[str], parts: Sequence[str]) -> Offered:
    """Without what is said of each."""
    return {
        line: sorted({each.partition("\t")[0] for each in part.splitlines() if each})
        for line, part in zip(lines, parts, strict=True)
    }


def _at_terminal(
    argv: Sequence[str],
    directory: Path,
    type_lines: TypeLines,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Run a shell at a terminal of its own, until it ends."""
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *argv],
        cwd=directory,
        env={**os.environ, "TERM": "xterm", "HISTFILE": "/dev/null", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    deadline = time.monotonic() + _PATIENCE
    said = bytearray()

    def read() -> bool:
        """Take what it wrote, so that it can go on; whether it may write more."""
        assert time.monotonic() < deadline, bytes(said)
        if select.select([ours], [], [], 0.02)[0]:
            try:
                said.extend(os.read(ours, 65536))
            except OSError:
                return False
        return True

    def write(text: bytes) -> None:
        os.write(ours, text)

    def until(reached: Callable[[], bool]) -> None:
        while not reached():
            assert read(), bytes(said)

    try:
        type_lines(write, until)
        while read():
            pass
        assert shell.wait(_PATIENCE) == 0, bytes(said)
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)
