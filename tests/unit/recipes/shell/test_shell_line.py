"""Lines of a recipe: which are docker's, and which words they have."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from rootless_build.recipes.shell import line as shell_line
from rootless_build.recipes.shell.parts import NotSimpleError, Part

HERE = Path("/")
SHELL = ("/bin/sh", "-c")
PATH = "/usr/local/bin:/usr/bin:/bin"


def parts(line: str, directory: Path = HERE, **environment: str) -> list[Part]:
    return shell_line.parts(line, directory, {"PATH": PATH, **environment}, SHELL)


def refusal(line: str, **environment: str) -> NotSimpleError:
    with pytest.raises(NotSimpleError) as caught:
        parts(line, HERE, **environment)
    return caught.value


def expanded(
    line: str, directory: Path = HERE, **environment: str
) -> tuple[tuple[str, ...], dict[str, str]]:
    (part,) = parts(line, directory, **environment)
    assert part.docker is not None
    return shell_line.expand(part.docker, directory, {"PATH": PATH, **environment}, SHELL)


def words(line: str, directory: Path = HERE, **environment: str) -> tuple[str, ...]:
    return expanded(line, directory, **environment)[0]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "make docker",
        "echo a | grep docker",
        "DOCKER=docker ./build.sh",
        "./docker.sh run",
        "docker-compose up",
        "mkdocker run",
        "echo '$(docker run i)' \\$\\(docker run\\)",
        "cat <docker",
        "echo a # docker run i; docker",
        "git log --grep 'docker run'",
        "command -v docker >/dev/null || exit 1",
        "command -V podman && echo yes",
        "which docker >/dev/null 2>&1 || (echo 'install docker'; exit 1)",
        "if ! type docker; then exit 1; fi",
        "hash docker || exit 1",
        "echo 'use `docker run`'",
        'echo "use \\`docker run\\`"',
        "echo >&2 docker is needed",
        "cat <<EOF\ndocker run i\nEOF",
        "cat <<'EOF'\n`docker run i` $(docker run i)\nEOF",
        "for docker in a b; do echo $docker; done",
        "bash -c 'echo docker'",
        "sh build.sh docker",
        "ssh host docker run i",
        "find . -name docker -prune",
        "${GO:-go} build -o bin/docker ./cmd/docker",
        "$(go env GOPATH)/bin/lint docker",
        "$GO build docker",
        "a && \\\nb docker \\\n  && c",
    ],
)
def test_lines_that_are_not_dockers(tmp_path: Path, line: str) -> None:
    for name in ("docker", "podman"):
        (tmp_path / name).symlink_to("/bin/true")
    assert parts(line, GO="go", PATH=f"{tmp_path}:{PATH}") == [Part(line, HERE)]


@pytest.mark.parametrize(
    "line",
    [
        "docker run i",
        "  docker run i  # and a comment",
        "A=1 B='2 3' docker run i",
        "'docker' run i",
        "do\\cker run i",
        "do\\\ncker run i",
        "docker-buildx run i",
        "docker \\\n\trun i",
        "docker run i;",
        "A=1 \\\n docker run \\\n i",
        "docker run i >/dev/null",
        "docker run i > /dev/null 2>&1",
        ">/dev/null docker run i",
        "docker run 2>/dev/null i",
        "docker 2>/dev/null run >/dev/null i 2>&1",
        "docker run i || exit 1",
        "docker run i 2>/dev/null || true",
        "$DOCKER run i",
        '"${DOCKER}" run i',
        "$NOTHING docker run i",
        "$RUN i",
        "$DO$CKER run i",
    ],
)
def test_lines_that_are_dockers_and_nothing_else(line: str) -> None:
    known = {"DOCKER": "docker", "RUN": "docker run", "DO": "do", "CKER": "cker"}
    assert words(line, HERE, **known)[1:] == ("run", "i")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("docker run i; true", "';'"),
        ("true; docker run i", "';'"),
        ("docker run i\ndocker run j", "new line"),
        ("true && docker run i || true", "'||'"),
        ("docker build . || docker run i", "'||'"),
        ("docker run i | cat", "a pipe"),
        ("cat f | docker run -i i", "a pipe"),
        ("docker run i 2>&1 | tee log", "a pipe"),
        ("docker run i &", "background"),
        ("docker run i >log", "'>'"),
        ("docker run i &>/dev/null", "'&>'"),
        ("docker run i >log j", "'>'"),
        ("docker run i 2>/dev/null $(docker ps)", "output of docker"),
        ("docker run i <file", "'<'"),
        ("docker run -i i </dev/null", "'<'"),
        ("docker run -i i <<<x", "reads from"),
        ("docker run -i i <<EOF\na\nEOF", "heredoc"),
        ("cat <<EOF && docker run i\na\nEOF", "heredoc"),
        ("cat <<EOF\n`docker run i`\nEOF", "heredoc"),
        ("cat <<EOF\n$(docker run i)\nEOF", "heredoc"),
        ("sh <<EOF\ndocker run i\nEOF", "sh reads"),
        ("echo docker run i | sh", "sh reads"),
        ("if true; then docker run i; fi", "('if')"),
        ("if true; then \\\n docker build . ; \\\nfi", "('if')"),
        ("while docker run i; do :; done", "a loop"),
        ("for a in b; do docker run $a; done", "('for')"),
        ("case a in a) docker run i;; esac", "('case')"),
        ("f() { docker run i; }; f", "a function"),
        ("docker() { :; }; true", "a function"),
        ("(docker run i)", "('(')"),
        ("((docker))", "a subshell in a subshell"),
        ("((docker run i))", "can't read it"),
        ("{ docker run i; }", "('{')"),
        ("! docker run i", "('!')"),
        ("exec docker run i", "'exec'"),
        ("command docker run i", "'command'"),
        ("sudo -E docker run i", "'sudo'"),
        ("sudo -u root docker run i", "'sudo'"),
        ("env -i docker run i", "'env'"),
        ("xargs -r docker rm", "'xargs'"),
        ("timeout 5 docker run i", "'timeout'"),
        ("find . -exec docker run i {} \\;", "'find'"),
        ("eval 'docker run i'", "'eval'"),
        ("trap 'docker rm i' EXIT", "'trap'"),
        ("sh -c 'docker run i'", "'sh -c'"),
        ('bash -ec "cd x; docker run $X"', "'bash -c'"),
        ("$X run i; for X in docker; do $X run i; done", "only the shell knows"),
        ("X=docker; $X run i", "only the shell knows"),
        ("${D:-docker} run i", "only the shell knows"),
        ("$(which docker) run i", "only the shell knows"),
        ('echo "$(docker run i)"', "output of docker"),
        ('echo "use `docker run`"', "output of docker"),
        ("docker run `podman build -q .`", "output of docker"),
        ('A="$(docker images -q)"', "output of docker"),
        ("diff <(docker run i) b", "output of docker"),
        ("A+=1 docker run i", "'A+=1'"),
        ("docker run 'i", "can't read it"),
        ("docker run i && `", "can't read it"),
        ('echo "`echo \\`docker run i\\``"', "can't read it"),
        ("docker run `id -u` `id -g`", "can't read it"),
        ('docker run "$(id -u)" - 2>&1', "can't read it"),
        ("a=dock b=er; $a$b run x", "only the shell knows"),
        ('f() { "$@"; }; f docker run x', "only the shell knows"),
        ("sh -c '\"$0\" run x' docker", "'sh -c'"),
        ("sh -c 'exec \"$@\"' - docker run x", "'sh -c'"),
        ("busybox sh -ec 'docker run x'", "'sh -c'"),
        ("bash -o pipefail <<EOF\ndocker run x\nEOF", "bash reads"),
        ("bash -s arg <<EOF\ndocker run x\nEOF", "bash reads"),
        ("cat <<EOF | bash -s arg\ndocker run x\nEOF", "'bash', which may run"),
        ("echo docker run x | bash --norc -", "bash reads"),
        ("bash /dev/stdin <<<'docker run x'", "bash reads"),
        ("echo docker run x | bash -eo pipefail /dev/stdin arg", "bash reads"),
        ("bash <(echo docker run x)", "'bash', which may run"),
        ("source <(echo docker run x)", "'source', which may run"),
        ("bash /dev/fd/3 3<<<'docker run x'", "can't read it"),
        ('echo docker run x | xargs -I{} sh -c "{}"', "'xargs', which may run"),
        ("script -qc 'docker run x' log", "'script', which may run"),
        ("flock F -c 'docker run x'", "'flock', which may run"),
        ("su -c 'docker run x'", "'su', which may run"),
        ("env -S 'docker run x'", "'env', which may run"),
        ("nsenter -t 1 docker run x", "'nsenter', which may run"),
        ("nsenter -t 1 $DR x", "'nsenter', which may run"),
        ("./wrapper docker --context a -D run x", "'wrapper', which may run"),
        ("python3 -c 'import os; os.system(\"docker run x\")'", "'python3', which may run"),
        ("python3 -c \"run(['docker', 'run', 'x'])\"", "'python3', which may run"),
        ("python3 /dev/stdin <<EOF\nos.system('docker build .')\nEOF", "'python3', which may run"),
        ("perl -e 'exec qw(docker run x)'", "'perl', which may run"),
        ("awk 'BEGIN { system(\"docker run x\") }'", "'awk', which may run"),
        ("./wrapper docker $SUB run x", "'wrapper', which may run"),
        ("./wrapper 'docker $SUB x'", "'wrapper', which may run"),
        ("X='docker run x'; eval \"$X\"", "'eval'"),
        ("X='docker run x'; bash -c \"$X\"", "'bash -c'"),
        ("X='docker run x'; script -c \"$X\"", "'script', which may run"),
        ("for X in a 'docker run x'; do su -c \"$X\"; done", "'su', which may run"),
        ('A=(docker run x); nsenter "${A[@]}"', "'nsenter', which may run"),
        ('A=(docker run x); "${A[@]}"', "only the shell knows"),
        ('while read l; do su -c "$l"; done <<EOF\ndocker run x\nEOF', "'su', which may run"),
        ("echo docker run x | tee >(sh)", "sh reads"),
        ("echo docker run x > >(bash -e)", "output of docker"),
        ("python3 -c 'subprocess.call([\"docker\"] + args)'", "'python3', which may run"),
        ("alias d=docker\nd run x", "'alias', which may run"),
        ("nsenter -t 1 docker-buildx build .", "'nsenter', which may run"),
        ("exec -a x docker run x", "'exec', which may run"),
        ("find . -exec ./wrapper docker run {} \\;", "'find'"),
        ('cat <<EOF | cat "${X#$(docker run x)}"\na\nEOF', "can't read it"),
        ("sh < <(echo docker run x)", "'sh', which may run"),
        ("exec 3< <(echo docker run x); sh <&3", "'exec', which may run"),
        ("./wrapper /usr/bin/docker run x", "'wrapper', which may run"),
        ("echo docker run x | bash -c sh", "'bash', which may run"),
        ("bash -c 'script -c \"$1\"' - 'docker run x'", "'bash', which may run"),
        ("sudo bash -c 'script -c \"docker run x\"'", "'sudo'"),
        ("ssh-agent sh -c 'docker run x'", "'ssh-agent', which may run"),
        ("git bisect run docker run x", "'git', which may run"),
        ("time sudo script -c 'docker run x'", "'time', which may run"),
        ('docker run x "${FOO#$(touch P)}"', "can't read it"),
        ('echo "${FOO#$(docker run --rm img)}"', "can't read it"),
        ("echo ${FOO:+`docker --version`}", "can't read it"),
        ("docker run ${FOO%%`touch P`}", "can't read it"),
        ("docker run ${FOO^^$(touch P)}", "can't read it"),
        ("docker run ${FOO#<(touch P)}", "can't read it"),
        ('docker run "${FOO@P}"', "can't read it"),
    ],
)
def test_lines_with_more_than_docker(line: str, why: str) -> None:
    assert why in str(refusal(line, DR="docker run"))


@pytest.mark.parametrize(
    "arguments",
    [
        *("-c", "-ec", "-euo pipefail -c", "-o pipefail -c", "-eu -o pipefail -c", "-O extglob -c"),
        *("--rcfile f -c", "--init-file f -c", "-ec --", "-c -e", "-c -", "-lc", "+e -c"),
        *("-oc pipefail", "-c -o pipefail", "-oO pipefail extglob -c", "--norc -c", "-sc", "-c -s"),
    ],
)
def test_a_script_of_a_shell_is_found_as_bash_finds_it(tmp_path: Path, arguments: str) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/ran\n')
    docker.chmod(0o755)
    (tmp_path / ".bash_profile").write_text(f"PATH={tmp_path}:$PATH\n")
    line = f"bash {arguments} 'docker run x'"
    environment = {"PATH": f"{tmp_path}:{PATH}", "HOME": str(tmp_path)}
    subprocess.run(["bash", "-c", line], check=True, env=environment, cwd=tmp_path)
    assert (tmp_path / "ran").read_text() == "run x\n"
    assert str(refusal(line)).endswith("docker is run through 'bash -c'")


def test_who_writes_sudo_is_told_to_leave_it_out() -> None:
    assert refusal("sudo docker run i").hint == "leave sudo out: rbuild needs none"


def test_words_are_the_shells() -> None:
    line = r"""docker run "a b" 'c $X' d\ e $X "$X" $NONE "$NONE" "${X#o}" $((1+2)) "#" a#b"""
    assert words(line, X="one two") == (
        *("docker", "run", "a b", "c $X", "d e", "one", "two", "one two", "", "ne two", "3"),
        *("#", "a#b"),
    )


def test_words_over_several_lines() -> None:
    assert words("docker run \\\n  i \\\n  'a\nb' c\\\nd \"e\\\nf\"") == (
        *("docker", "run", "i", "a\nb", "cd", "ef"),
    )


def test_patterns_are_matched_where_the_line_stands(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "with space.txt"):
        (tmp_path / name).touch()
    assert words("docker run i *.txt '*.txt' *.md", tmp_path) == (
        *("docker", "run", "i", "a.txt", "b.txt", "with space.txt", "*.txt", "*.md"),
    )


def test_what_a_login_shell_says_is_no_word(tmp_path: Path) -> None:
    (tmp_path / ".profile").write_text("echo welcome\n")
    (part,) = parts("docker run i")
    assert part.docker is not None
    environment = {"PATH": PATH, "HOME": str(tmp_path)}
    found, _ = shell_line.expand(part.docker, tmp_path, environment, ("/bin/sh", "-lc"))
    assert found == ("docker", "run", "i")


# --- what docker's words ask for ------------------------------------------------------------------


@pytest.mark.parametrize(
    "question",
    [
        "id -u",
        "id -un",
        "pwd",
        "uname -m",
        "uname -s | tr A-Z a-z",
        "nproc",
        "whoami",
        "dirname $(pwd)",
        "basename /a/b.c .c",
        "date -u +%Y",
        "date -d '1 Jan 2000' +%s",
        "id -u 2>/dev/null || echo 0",
        "printf %s a | cut -d, -f 1",
    ],
)
def test_the_shell_may_be_asked_what_runs_nothing_of_the_project(
    tmp_path: Path, question: str
) -> None:
    line = f'docker run -e A="$({question})":x i'
    said = subprocess.run(
        ["/bin/sh", "-c", f'printf %s "$({question})"'],
        cwd=tmp_path,
        env={"PATH": PATH},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert words(line, tmp_path)[3] == f"A={said}:x"
    assert words(line.replace("$(d", "$( d"), tmp_path)[4] == "i"


@pytest.mark.parametrize(
    "question",
    [
        "./version.sh",
        "cat VERSION",
        "make version",
        "go env GOOS",
        "git describe --dirty",
        "git log -1",
        "git -c alias.x=!sh x",
        "/project/bin/id -u",
        "id -u > out",
        "PATH=. id",
        "$X",
        "id -u; touch x",
        "sed s/a/b/ f",
        "printf -v A b",
        "hostname new",
        "date -s now",
        "[ -t 2 ] && echo -t",
        "[ -f x ] && echo -t",
        "[ -t 0 -o -f x ] && echo -t",
        "[[ -t 0 ]] && ./x",
        "test",
        "tty",
        "if true; then id; fi",
        " (id)",
        "id & id",
        "< VERSION",
        "command id",
    ],
)
@pytest.mark.parametrize("form", ["$({})", "`{}`", '"a$({})b"', "${{A:-$({})}}"])
def test_nothing_else_is_run_for_dockers_words(question: str, form: str) -> None:
    (part,) = parts(f"docker run i {form.format(question)}")
    assert part.docker is not None
    assert part.docker.of_then


def test_a_program_of_the_project_is_not_asked(tmp_path: Path) -> None:
    own = tmp_path / "bin/id"
    own.parent.mkdir()
    own.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    own.chmod(0o755)
    (part,) = parts("docker run -u $(id -u) i")
    assert part.docker is not None
    for path in (f"{own.parent}:{PATH}", f"bin:{PATH}"):
        assert shell_line.of_project(part.docker, tmp_path, {"PATH": path}, tmp_path) == ("id",)
    assert shell_line.of_project(part.docker, tmp_path, {"PATH": PATH}, tmp_path) == ()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "question",
    [
        "[ -t 0 ] && echo -it",
        "test -t 0 && echo -it || echo -i",
        "tty -s && echo -it",
        "[ -t 1 ] && echo -it",
        "[ ! -t 0 ] || echo -it",
    ],
)
@pytest.mark.parametrize("terminal", [True, False])
def test_the_terminal_is_rbuilds_own(question: str, terminal: bool) -> None:
    line = f"docker run $({question}) i"
    program = (
        "import sys; from pathlib import Path; from rootless_build.recipes.shell import line as s\n"
        "e = {'PATH': sys.argv[2]}\n"
        "(p,) = s.parts(sys.argv[1], Path('/'), e)\n"
        "print(*s.expand(p.docker, Path('/'), e, ('sh', '-c'))[0])"
    )
    controller, worker = pty.openpty()
    try:
        said = [
            subprocess.run(
                command,
                stdin=worker if terminal else subprocess.DEVNULL,
                env={"PATH": PATH},
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
            for command in (
                [sys.executable, "-c", program, line, PATH],
                ["sh", "-c", f"echo {line}"],
            )
        ]
    finally:
        os.close(controller)
        os.close(worker)
    assert said[0] == said[1]


# --- the environment ------------------------------------------------------------------------------


def test_the_environment_is_the_recipes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "1")
    assert words("docker run i $OURS $THEIRS", THEIRS="2") == ("docker", "run", "i", "2")


def test_assignments_are_expanded_and_do_not_change_the_words() -> None:
    found = expanded('A="$B c" B=$B-2 docker run i $A', A="1", B="b")
    assert found == (("docker", "run", "i", "1"), {"A": "b c", "B": "b-2"})


def test_what_the_shell_cannot_expand_is_told_in_its_words() -> None:
    with pytest.raises(NotSimpleError, match="say what"):
        words("docker run i ${NONE:?say what}")


@pytest.mark.parametrize("rest", ["cat <<<x", "diff <(a) b", "((a=(1)))"])
def test_what_the_recipes_own_shell_cannot_read_is_refused(rest: str) -> None:
    docker, _ = parts(f"docker run i && {rest}")
    assert docker.docker is not None
    with pytest.raises(NotSimpleError, match="the shell can't expand it"):
        shell_line.expand(docker.docker, HERE, {"PATH": PATH}, ("dash", "-c"))


# --- lines with several commands ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a && docker build . && docker run i", ["a", "docker build .", "docker run i"]),
        ("a && \\\n docker build . \\\n&& docker run i", ["a", "docker build .", "docker run i"]),
        ("docker build . && echo 'a && b'", ["docker build .", "echo 'a && b'"]),
        ("docker build . # a && b", ["docker build ."]),
        ("docker build .#a && b", ["docker build .#a", "b"]),
        ("echo a && echo b", ["echo a && echo b"]),
        ("cd x && echo b", ["cd x && echo b"]),
        ("echo $(a && b) && docker build .", ["echo $(a && b)", "docker build ."]),
        ("docker build . && a | b 2>&1 > f", ["docker build .", "a | b 2>&1 > f"]),
        ("a > f && docker build .", ["a > f", "docker build ."]),
        ("if a; then b; fi && docker build .", ["if a; then b; fi", "docker build ."]),
        ("docker build . || true && docker run i", ["docker build .", "docker run i"]),
    ],
)
def test_what_and_joins(line: str, expected: list[str]) -> None:
    assert [part.text for part in parts(line)] == expected


@pytest.mark.parametrize(
    "line",
    [
        "cd - && docker build .",
        "cd && docker build .",
        "cd a b && docker build .",
        "cd ~ && docker build .",
        'cd "${X:-a}" && docker build .',
        "cd *a && docker build .",
        "umask 0 && docker build .",
        ". ./env && docker build .",
        "A=1 && docker build .",
        "trap x EXIT && docker build .",
        "&& docker build .",
        "a; b && docker build .",
        "a && cd b && docker build .",
        "f() { a; } && docker build .",
        "unset A && docker build .",
        "exec >log && docker build .",
        "for i in 1; do a; done && docker build $i",
        ": ${A:=1} && docker build $A",
        ": $((A=1)) && docker build $A",
        "docker build -t a$$ . && docker run a$$",
        "$X && docker build .",
    ],
)
def test_what_cannot_be_taken_apart(line: str) -> None:
    refusal(line, X="umask 0")


def test_what_follows_a_failure_is_said_to_have_no_effect() -> None:
    assert [part.remark != "" for part in parts("docker build . || true")] == [True]
    assert [part.remark for part in parts("docker build . || exit 1")] == [""]


@pytest.mark.parametrize(
    ("words_of_cd", "directory", "logical"),
    [
        ("link", "real/sub", "link"),
        ("link/..", ".", "."),
        ("real && cd sub", "real/sub", "real/sub"),
        ("$WHERE", "real", "real"),
    ],
)
def test_cd_leads_where_the_shell_goes(
    tmp_path: Path, words_of_cd: str, directory: str, logical: str
) -> None:
    (tmp_path / "real/sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real/sub")
    (part,) = parts(f"cd {words_of_cd} && docker run i", tmp_path, PWD=str(tmp_path), WHERE="real")
    assert (part.directory, part.logical) == (tmp_path / directory, str(tmp_path / logical))


def test_cd_to_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (part,) = parts("cd none && docker build .", tmp_path)
    assert part.docker is not None
    with pytest.raises(NotSimpleError, match="none is not there"):
        shell_line.expand(part.docker, part.directory, {}, SHELL)


# --- make -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "starts", "only"),
    [
        ("make -C a", True, True),
        ("A=1 /x/make b", True, True),
        ("cd a && make b || exit 1", True, True),
        ("cd a && \\\n make b", True, True),
        ("for d in a b; do make -C $d; done", True, True),
        ("if [ -d a ]; then make -C a; fi", True, True),
        ("make a; echo b", True, False),
        ("make a | tee log", True, False),
        ("echo make", False, False),
        ("cmake .", False, False),
    ],
)
def test_lines_that_start_make(line: str, starts: bool, only: bool) -> None:
    assert shell_line.starts_make(line) is starts
    assert (starts and shell_line.only_starts_make(line)) is only
