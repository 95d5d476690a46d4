"""The program that stands for `$(MAKE)` while a Makefile is asked what it would do.

A make that a recipe starts is to say what it would do, and in which directory. One that a
`$(shell …)` starts is to answer: it is run as it would be on any other day, without the options of
the dry run, which GNU make 4.4 hands on to it by the environment (NEWS of 4.4; 4.3 below a make
that a recipe has started). Which of the two it is can be told by two things:

- Recipes have a variable (of the pattern `%`) in their environment, which `$(shell …)` has not, but
  for 4.4 while a recipe is expanded.
- What `$(shell …)` starts writes to a pipe of its own, and not where the make that starts it does.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

IN_RECIPE: Final = "RBUILD_IN_RECIPE"
NEAREST: Final = "RBUILD_NEAREST_MAKE"
"""The process of the make that a program is started by, however far above."""
VARIABLES: Final = (IN_RECIPE, NEAREST)
PLACE: Final = "rbuild-make"
"""The directory that the program is in: no Makefile has such a path."""

_SCRIPT: Final = """#!/bin/sh
make={make}
makefiles={makefiles}

# MAKEFLAGS without some letters, and without a word; what stands behind `--` are variables.
cleaned() {{
    flags=
    first=yes
    left=$MAKEFLAGS
    while [ -n "$left" ]; do
        word=${{left%% *}}
        case $left in *' '*) left=${{left#* }} ;; *) left= ;; esac
        [ "$word" != -- ] || {{ flags="$flags --${{left:+ $left}}"; break; }}
        case $first$word in
        yes-* | yes*=*) ;;
        yes*)
            for letter in $1; do
                while case $word in *"$letter"*) ;; *) false ;; esac; do
                    word=${{word%%"$letter"*}}${{word#*"$letter"}}
                done
            done ;;
        esac
        first=
        [ "$word" = "$2" ] || flags="$flags${{flags:+ }}$word"
    done
    MAKEFLAGS=$flags
}}

# Whether make reads what this one says.
asked() {{
    [ -n "${{{in_recipe}-}}" ] || return 0
    child=$$
    while :; do
        parent=
        while read -r key value; do
            [ "$key" != PPid: ] || parent=$value
        done < "/proc/$child/status"
        case $parent in ''|0|1) return 1 ;; "${{{nearest}-}}") break ;; esac
        child=$parent
    done
    [ -p "/proc/$child/fd/1" ] && ! [ "/proc/$child/fd/1" -ef "/proc/$parent/fd/1" ]
}}

if asked; then
    unset {in_recipe} {nearest} MFLAGS MAKEFILES
    if [ -n "${{MAKEFLAGS-}}" ]; then
        cleaned 'n w' --trace
    fi
    [ -z "$makefiles" ] || export MAKEFILES="$makefiles"
    exec "$make" "$@"
fi
{nearest}=$$
export {nearest}
unset {in_recipe}
# It has to say in which directory it works.
if [ -n "${{MAKEFLAGS-}}" ]; then
    cleaned '' --no-print-directory
fi
count=$#
while [ "$count" -gt 0 ]; do
    [ "$1" = --no-print-directory ] || set -- "$@" "$1"
    shift
    count=$((count - 1))
done
exec "$make" "$@"
"""


def script(make: str, makefiles: str) -> str:
    """The text of the program. `make` is the real one; `makefiles` is the user's MAKEFILES."""
    return _SCRIPT.format(
        make=shlex.quote(make),
        makefiles=shlex.quote(makefiles),
        in_recipe=IN_RECIPE,
        nearest=NEAREST,
    )


def install(place: Path, make: str, makefiles: str) -> Path:
    """Write the program below `place`: its path is in no Makefile."""
    program = place / PLACE / "make"
    program.parent.mkdir()
    program.write_text(script(make, makefiles), errors="surrogateescape")
    program.chmod(0o755)
    return program


def rules(program: Path) -> list[str]:
    """What has make call it by `$(MAKE)`, and tell it where it was called."""
    return [f"MAKE_COMMAND := {program}", "unexport MAKE_COMMAND", f"%: export {IN_RECIPE} := 1"]
