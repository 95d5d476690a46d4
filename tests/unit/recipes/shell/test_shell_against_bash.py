"""Lines of a recipe against real shells: what rbuild makes of a line is what the shell does.

Each line is run by bash, or by sh, with a `docker` first on PATH that writes down what it is told.
rbuild either refuses the line, or its steps are the same docker calls, in the same order, with the
same words, assignments and directory. In planning no docker is called, nor in what is left to the
shell.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rootless_build.recipes.shell import line as shell_line
from rootless_build.recipes.shell.parts import NotSimpleError, Part

_RECORDS = """#!/bin/sh
{ printf '%s\\0' "$(pwd -P)" "A=${A-unset}" "B=${B-unset}" "$@"; printf '\\n\\0'; } >> "$RECORD"
"""
_PASSES_ON = '#!/bin/sh\nexec "$@"\n'


def table(text: str) -> list[str]:
    """Entries with two blanks or a line between them; ⏎ is a newline in them, ␣ a blank."""
    entries = [entry for row in text.splitlines() for entry in row.strip().split("  ") if entry]
    return [entry.strip().replace("⏎", "\n").replace("␣", " ") for entry in entries]


gaps = st.sampled_from(table(r"␣  ␣  ␣  ␣  ␣␣  ␣\⏎␣  \⏎␣  ␣\⏎  \⏎␣␣"))
plain = st.sampled_from(
    table(r"""
    run  i  -e  A=1  docker  a#b  #  {a,b}  *.txt  [ab]*  ~  \;  a\ b  \#x  fi  then  }  =  !  a\⏎b
    """)
)
quoted = st.sampled_from(
    table(r"""
    'a b'  'docker run'  'a;b && docker'  "$X"  '$(docker x)'  '`docker`'  "a\"b"  ''  "#"  'a\⏎b'
    "a\⏎b"  "it's"  $'a\nb'  "`id -u`"  "$(id -u)"
    """)
)
asked = st.sampled_from(
    table(r"""
    $X  ${X}  ${X#one}  ${NO:-d e}  ${NO:-docker}  $((1+2))  $E  $NO  $D  $(id -u)  `id -u`  $(pwd)
    $(uname -s | tr A-Z a-z)  $(id -u):$(id -g)  $?  $(docker ps)  `docker ps`  $(cat a.txt)  ${#X}
    $(true && echo y)  <(docker x)  $([ -t 0 ] && echo y || echo n)  2>/dev/null  >/dev/null
    """)
)
words = st.one_of(plain, quoted, asked, st.tuples(plain, quoted | asked).map("".join))
names = st.sampled_from(
    table(r"""
    docker  docker  docker  docker  docker  docker  docker  podman  "docker"  do\cker  do\⏎cker  $D
    "${D}"  $DR  $(echo docker)  `which docker`  ${D:-x}  ${NO:-docker}  $NO docker  sudo docker
    env docker  exec docker  command docker  ! docker  time docker  eval docker
    """)
)
assignments = st.sampled_from(
    table(r"""
    A=1  A="$X"  B='a b'  A=  A=$(id -u)  B=$A  A+=x  A=$(docker x)  B=*.txt  A=1\⏎  PATH=/x:$PATH
    A=~
    """)
)
ends = st.just("") | st.sampled_from(
    table(r"""
    ␣>/dev/null  ␣>/dev/null 2>&1  ␣&>/dev/null  ␣>out  ␣</dev/null  ␣|| true  ␣>/dev/null x  ;  ␣&
    ␣2>/dev/null $X *.txt
    ␣|| exit 1  ␣<<<x  ␣# docker x  ␣\  \⏎  ␣\␣
    """)
)
hosts = st.sampled_from(
    table(r"""
    true  :  [ -n "$X" ]  [[ -n $X ]]  cd sub  cd link  cd link/..  cd $NO  false  which docker
    command -v docker >/dev/null  echo docker run  echo 'a `docker` b'  echo "a \`docker\` b"
    echo "a `docker x` b"  A=1  export A=1  A=$(docker x)  set -e  X=docker  D=true  $X
    eval "docker run"  sh -c 'docker run x'  bash -c 'echo docker'  echo docker run | sh  cat a.txt
    echo x | xargs docker run  docker() { true; }  f() { docker run; }  f  : ${A:=docker}  exit 0
    true | true  find . -maxdepth 0 -exec docker {} \;  sh <<<'docker run'  echo a#docker  ! false
    read X < a.txt  echo >&2 docker  sh -c '$DR y'  cd sub || exit  unset X  shift
    """)
)
dockers = st.tuples(
    st.lists(assignments, max_size=2), names, st.lists(words, max_size=4), gaps, ends
).map(lambda drawn: drawn[3].join([*drawn[0], drawn[1], *drawn[2]]) + drawn[4])
frames = st.sampled_from(
    table(r"""
    @ && @  @&&@  @ && \⏎@  @ \⏎&& @  cd sub && @  @ || @  @ ; @  @⏎@  @ | @  (@)  { @; }  ! @  @ &
    if @; then @; fi  if @; then \⏎@; \⏎fi  for D in docker x; do @; done  while @; do break; done
    f() { @; }; f  case $X in one*) @;; esac  @ # @  # @\⏎@  X=$(@)  echo "`@`"  @ >out
    cat >/dev/null <<EOF⏎@⏎EOF⏎  cat >/dev/null <<'EOF'⏎@⏎EOF⏎  sh <<EOF⏎@⏎EOF⏎
    """)
)


def filled(drawn: tuple[str, str, str]) -> str:
    frame, first, second = drawn
    return second.join(frame.replace("@", first, 1).split("@"))


lines = st.recursive(
    dockers | hosts,
    lambda inner: st.tuples(frames, inner, inner).map(filled),
    max_leaves=3,
)
shells = st.sampled_from([("bash", "-c"), ("sh", "-c")])
Call = tuple[str, ...]


class Bench:
    """A directory with a few files, programs that write down how they are called, and shells."""

    def __init__(self, place: Path) -> None:
        programs = place / "bin"
        self.directory = place / "work"
        self._record = place / "record"
        programs.mkdir()
        (self.directory / "sub/deep").mkdir(parents=True)
        (self.directory / "link").symlink_to("sub/deep")
        for name in ("a.txt", "b c.txt"):
            (self.directory / name).touch()
        for name, text in {"docker": _RECORDS, "podman": _RECORDS, "sudo": _PASSES_ON}.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "RECORD": str(self._record),
            "HOME": str(place),
            "PWD": str(self.directory),
            "X": "one two",
            "E": "",
            "D": "docker",
            "DR": "docker run",
        }

    def forget(self) -> None:
        """There were no docker calls."""
        self._record.unlink(missing_ok=True)

    def run(
        self, text: str, shell: tuple[str, ...], part: Part | None = None
    ) -> tuple[int, list[Call]]:
        """What a shell's status is, and which docker calls it made."""
        self.forget()
        done = subprocess.run(
            [*shell, text],
            check=False,
            cwd=part.directory if part else self.directory,
            env=self.given(part),
            stdin=subprocess.DEVNULL,
            capture_output=True,
        )
        return done.returncode, list(self.calls())

    def given(self, part: Part | None) -> dict[str, str]:
        """The environment of a part."""
        moved = {"PWD": part.logical} if part and part.logical else {}
        return {**self.environment, **moved}

    def calls(self) -> Iterator[Call]:
        """The docker calls so far."""
        if not self._record.exists():
            return
        for call in self._record.read_bytes().decode(errors="surrogateescape").split("\n\0")[:-1]:
            yield tuple(call.split("\0")[:-1])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


def done_by_rbuild(bench: Bench, text: str, shell: tuple[str, ...]) -> list[Call]:
    """The docker calls of the steps. Raises NotSimpleError, in planning alone."""
    parts = shell_line.parts(text, bench.directory, bench.environment, shell)
    planned = [
        (
            part,
            shell_line.expand(part.docker, part.directory, bench.given(part), shell)
            if part.docker
            else None,
        )
        for part in parts
    ]
    calls: list[Call] = []
    for part, expanded in planned:
        if expanded is None:
            status, called = bench.run(part.text, shell, part)
            assert called == [], f"left to the shell: {part.text!r}"
            if status:
                break
            continue
        words, assigned = expanded
        variables = [f"{name}={assigned.get(name, 'unset')}" for name in ("A", "B")]
        calls.append((os.path.realpath(part.directory), *variables, *words[1:]))
    return calls


@settings(
    max_examples=int(os.environ.get("RBUILD_LINES", "250")),
    # Who changed nothing is not to be stopped by what chance finds.
    derandomize="RBUILD_LINES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@example("# true\\\ndocker \\", ("bash", "-c"))
@given(lines, shells)
def test_a_line_is_refused_or_does_what_the_shell_does(
    bench: Bench, line: str, shell: tuple[str, ...]
) -> None:
    bench.forget()
    try:
        found = done_by_rbuild(bench, line, shell)
    except NotSimpleError:
        found = None
    assert found is not None or list(bench.calls()) == []
    if found is not None:
        assert found == bench.run(line, shell)[1]
