"""What a Makefile runs while one only looks at it does nothing to this host, and is told.

Every attack is tried without the sandbox too: there it works (Linux 6.18, as an ordinary user).
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import json
import os
import pty
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from rootless_build.cli import app
from rootless_build.process import identities, proc, programs
from rootless_build.process.sandbox import kernel, mounts
from rootless_build.process.sandbox.running import Sandbox

PYTHON: Final = sys.executable
CONNECTS: Final = "import socket,sys;s=socket.socket({family},{kind});{act}"


@dataclasses.dataclass(frozen=True)
class Project:
    """A project that is looked at, in a home of the user's."""

    directory: Path
    home: Path
    looking: Sandbox

    def look(self, script: str) -> programs.Completed:
        """What the script does inside."""
        return self.looking.run(["sh", "-c", script], environment={}, directory=self.directory)

    def do(self, script: str) -> programs.Completed:
        """The same without a sandbox."""
        return programs.capture(["sh", "-c", script], directory=self.directory, timeout=60)

    @property
    def kinds(self) -> str:
        """What was denied, in words."""
        return "; ".join(self.looking.denials)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    home, directory = tmp_path / "home", tmp_path / "project"
    (directory / "sub").mkdir(parents=True)
    home.mkdir()
    for place in (home, directory, directory / "sub"):
        (place / "file").write_text("as it was\n")
    monkeypatch.setenv("HOME", str(home))
    looking = Sandbox(directory, dict(os.environ))
    yield Project(directory, home, looking)
    assert not looking.problem, "this host has no sandbox: the tests need one"


def python(code: str) -> str:
    return f"{shlex.quote(PYTHON)} -I -S -c {shlex.quote(code)}"


# --- who one is -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        "id",
        "id -u",
        "id -un",
        "id -G",
        "id -Gn",
        "groups",
        "umask",
        "ulimit -a",
        "pwd",
        "pwd -P",
        "hostname",
        "uname -a",
        "env | sort",
        "ls -A",
        "stat -c %u.%g.%a.%s.%Y.%Z.%i file",
        "stat -c %i file",
        "find . | sort",
        "nproc",
        "cat /etc/os-release",
        "test -t 0; echo $?",
        "date +%Y",
        "[ -w . ]; echo $?",
        "[ -w file ]; echo $?",
        "cat sub/file",
        "command -v make sh git",
    ],
)
def test_who_asks_gets_the_same_answer(project: Project, asked: str) -> None:
    assert project.look(asked).stdout == project.do(asked).stdout
    assert project.looking.denials == ()


@pytest.mark.parametrize(
    "asked",
    [
        "hostname -I",
        python("import socket as s;s.socket(s.AF_NETLINK,s.SOCK_RAW,0).send(b'x')"),
        python("import socket as s;s.socket(s.AF_NETLINK,s.SOCK_RAW,4)"),
        python("import fcntl,socket as s;fcntl.ioctl(s.socket(),0x8915,b'lo'.ljust(40,b'\\0'))"),
    ],
)
def test_who_asks_for_addresses_gets_another_answer_and_it_is_told(
    project: Project, asked: str
) -> None:
    project.look(asked)
    assert project.looking.denials == (
        "it asked for network addresses, and saw none of this host's",
    )


@pytest.mark.parametrize(
    "used",
    [
        "hostname -f",
        "getent passwd root",
        "env -u PYTHONDONTWRITEBYTECODE python3 -c 'import module' && [ -e __pycache__ ]",
        "cd \"$HOME\" && env -u PYTHONDONTWRITEBYTECODE python3 -c 'import module'",
        python("import socket; socket.gethostbyname('127.0.0.1')"),
        "echo x > /dev/null",
        "head -c 9 /dev/zero /dev/urandom",
        "echo x 2>/dev/null >/dev/stdout",
        "f=$(mktemp) && echo x > $f && rm $f",
        "echo a | cat | (read x; echo $x)",
        "cat /dev/stdin",
        "cat <<'x'\nhere\nx",
        "sort file | uniq -c",
        "(sleep 0 & wait)",
        "kill -0 $$",
        python("import socket; a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))"),
    ],
)
def test_what_stays_inside_works_and_is_not_told(project: Project, used: str) -> None:
    for place in (project.directory, project.home):
        (place / "module.py").touch()
    assert project.look(used).status == 0
    assert project.looking.denials == ()


# --- files ----------------------------------------------------------------------------------------

PLACES: Final = {
    "project": "{project}",
    "sub": "{project}/sub",
    "home": "{home}",
    "tmp": "/tmp",
    "vartmp": "/var/tmp",
    "shm": "/dev/shm",
}
WRITES: Final = {
    "create": "echo x > {place}/{name}",
    "mkdir": "mkdir {place}/{name}",
    "symlink": "ln -s / {place}/{name}",
    "fifo": "mkfifo {place}/{name}",
}
CHANGES: Final = {
    "append": "echo x >> {place}/file",
    "truncate": ": > {place}/file",
    "remove": "rm -f {place}/file",
    "rename": "mv {place}/file {place}/other",
    "link": "ln {place}/file {place}/other",
    "chmod": "chmod 4755 {place}/file",
    "touch": "touch -d @1 {place}/file",
    "xattr": "setfattr -n user.x -v x {place}/file",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_made(project: Project, place: str, write: str) -> None:
    name = f"attack-{uuid.uuid4().hex}"
    where = PLACES[place].format(project=project.directory, home=project.home)
    script = WRITES[write].format(place=where, name=name)
    project.look(script)
    assert not os.path.lexists(f"{where}/{name}")
    assert name in project.kinds
    project.do(script)
    made = Path(where, name)
    assert os.path.lexists(made)
    if made.is_dir() and not made.is_symlink():
        made.rmdir()
    else:
        made.unlink()


@pytest.mark.parametrize("place", ["project", "sub", "home"])
@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_changed(project: Project, place: str, change: str) -> None:
    where = PLACES[place].format(project=project.directory, home=project.home)
    before = seen(where)
    project.look(CHANGES[change].format(place=where))
    assert seen(where) == before
    if change == "xattr" and shutil.which("setfattr") is None:
        return
    assert f"{where}/" in project.kinds


def seen(directory: str) -> list[tuple[str, bytes, int, int, int]]:
    found = []
    for path in sorted(Path(directory).rglob("*")):
        now = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found.append((str(path), data, now.st_mode, now.st_mtime_ns, now.st_nlink))
    return found


def test_files_of_the_shared_places_are_not_seen(project: Project) -> None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as one, tempfile.TemporaryDirectory() as two:
        inner = Path(two, "file")
        inner.write_text("x")
        for path in (one.name, str(inner)):
            assert project.look(f"cat {path}").status != 0
            assert project.do(f"cat {path}").status == 0


def test_a_fifo_of_the_user_gets_nothing(project: Project) -> None:
    fifo = project.home / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        project.look(f"echo attack > {fifo}")
        assert os.read(reader, 9) == b""
        assert "fifo" in project.kinds
        project.do(f"echo attack > {fifo}")
        assert os.read(reader, 9) == b"attack\n"
    finally:
        os.close(reader)


def test_what_is_mounted_in_the_checkout_is_kept_as_well(project: Project) -> None:
    assert project.look("umount -l . ; umount sub; rmdir sub; cat file").stdout == b"as it was\n"
    assert (project.directory / "sub/file").is_file()


MOUNTS: Final = (
    "mount -o remount,rw /",
    "mount -o remount,bind,rw /",
    "umount -l /tmp",
    "umount -l {project}",
    "umount -l /proc",
    "mount -t tmpfs none {home}",
    "unshare -rm sh -c 'mount -o remount,bind,rw / ; mount -o remount,bind,rw {home}; {write}'",
    "unshare -rm sh -c 'umount -l /tmp; umount -l {project}; {write}'",
    "unshare -rm sh -c 'mount --bind {home} /mnt; {write}'",
    "unshare -rmpf --mount-proc sh -c '{write}'",
    "unshare -r chroot /proc/1/root sh -c '{write}'",
    "nsenter -t 1 -m sh -c '{write}'",
    "nsenter -a -t 1 sh -c '{write}'",
    "cd /proc/1/cwd && {write}",
    "cd /proc/$PPID/root && {write}",
    "(cd /proc/self/fd; for n in *; do (cd $n 2>/dev/null && {write}); done); {write}",
    "mknod {home}/attack b 254 0; {write}",
)


@pytest.mark.parametrize("attack", MOUNTS)
def test_no_mount_is_another_than_it_was_made(project: Project, attack: str) -> None:
    write = f"echo x > {project.home}/attack; echo x > {project.directory}/attack"
    script = attack.format(write=write, home=project.home, project=project.directory)
    project.look(f"{script}; {write}")
    assert not (project.home / "attack").exists()
    assert not (project.directory / "attack").exists()
    assert "/attack" in project.kinds


@pytest.mark.parametrize("device", ["/dev/fuse", "/dev/net/tun", "/dev/kvm", "/dev/ptmx"])
def test_no_device_can_be_opened(project: Project, device: str) -> None:
    done = project.look(python(f"import os; os.open({device!r}, os.O_RDWR)"))
    assert done.status != 0


def test_no_capability_is_left(project: Project) -> None:
    said = project.look("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status").text.split()
    rows = dict(zip(said[::2], said[1::2], strict=True))
    assert rows.pop("NoNewPrivs:") == "1"
    assert rows.pop("Seccomp:") == "2"
    left = "f" if os.geteuid() == 0 else "0"
    assert rows.pop("CapBnd:").lstrip("0") == left.lstrip("0")
    assert set(rows) == {"CapInh:", "CapPrm:", "CapEff:", "CapAmb:"}


# --- sockets --------------------------------------------------------------------------------------


@pytest.fixture
def listener(project: Project) -> Iterator[Callable[[int, int, object], socket.socket]]:
    with contextlib.ExitStack() as stack:

        def listening(family: int, kind: int, address: object) -> socket.socket:
            made = stack.enter_context(socket.socket(family, kind))
            made.bind(address)  # type: ignore[arg-type]  # any address that the family has
            if kind != socket.SOCK_DGRAM:
                made.listen()
            made.setblocking(False)
            return made

        yield listening


def reached(made: socket.socket) -> bool:
    return bool(select.select([made], [], [], 0.0)[0])


@pytest.mark.parametrize("place", ["project", "home", "vartmp", "shm", "abstract", "run"])
@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM", "SOCK_SEQPACKET"])
def test_no_socket_of_the_user_is_reached(
    project: Project,
    listener: Callable[[int, int, object], socket.socket],
    place: str,
    kind: str,
) -> None:
    where = {"abstract": "\0", "run": f"/run/user/{os.getuid()}"} | PLACES
    directory = where[place].format(project=project.directory, home=project.home)
    if place == "run" and not os.access(directory, os.W_OK):
        pytest.skip("this account has no /run/user")
    name = f"{directory}/{uuid.uuid4().hex[:8]}" if place != "abstract" else f"\0{uuid.uuid4().hex}"
    if place in {"project", "home"}:
        # A name of a socket has at most 107 characters.
        os.chdir(directory)
        name = os.path.relpath(name)
    made = listener(socket.AF_UNIX, getattr(socket, kind), name)
    target = f"os.chdir({directory!r});" if place in {"project", "home"} else ""
    code = (
        f"import socket,os;{target}s=socket.socket(socket.AF_UNIX,socket.{kind});"
        f"s.connect({name!r});s.send(b'x')"
    )
    try:
        assert project.look(python(code)).status != 0
        assert not reached(made)
        if place in {"project", "home", "abstract"}:
            assert "socket" in project.kinds
        assert project.do(python(code)).status == 0
        assert reached(made)
    finally:
        if not name.startswith("\0"):
            Path(name).unlink()


SENDS: Final = {
    "pair": "a,b=socket.socketpair(socket.AF_UNIX,socket.SOCK_DGRAM);a.sendto(b'x',{name!r})",
    "raw": "a=socket.socket(socket.AF_UNIX,socket.SOCK_RAW);a.sendto(b'x',{name!r})",
    "message": "a=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM);a.sendmsg([b'x'],[],0,{name!r})",
}


@pytest.mark.parametrize("way", SENDS)
def test_nothing_is_sent_without_a_connection(
    project: Project, listener: Callable[[int, int, object], socket.socket], way: str
) -> None:
    os.chdir(project.home)
    made = listener(socket.AF_UNIX, socket.SOCK_DGRAM, "datagrams")
    code = f"import os,socket;os.chdir({str(project.home)!r});" + SENDS[way].format(
        name="datagrams"
    )
    assert project.look(python(code)).status != 0
    assert not reached(made)
    assert project.do(python(code)).status == 0
    assert reached(made)


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6"])
@pytest.mark.parametrize("kind", ["SOCK_STREAM", "SOCK_DGRAM"])
@pytest.mark.parametrize("way", ["connect", "sendto"])
def test_no_listener_is_reached(
    project: Project,
    listener: Callable[[int, int, object], socket.socket],
    family: str,
    kind: str,
    way: str,
) -> None:
    if (kind, way) == ("SOCK_STREAM", "sendto"):
        pytest.skip("it has to be connected")
    host = "127.0.0.1" if family == "AF_INET" else "::1"
    try:
        made = listener(getattr(socket, family), getattr(socket, kind), (host, 0))
    except OSError as error:
        if error.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
            raise
        pytest.skip("this host has no IPv6")
    address = (host, made.getsockname()[1])
    act = f"s.connect({address});s.send(b'x')" if way == "connect" else f"s.sendto(b'x',{address})"
    code = f"import socket;s=socket.socket(socket.{family},socket.{kind});{act}"
    assert project.look(python(code)).status != 0
    assert not reached(made)
    assert "network" in project.kinds
    assert project.do(python(code)).status == 0
    assert reached(made)


@pytest.mark.parametrize("family", ["AF_VSOCK", "AF_PACKET", "AF_ALG", "AF_CAN", "AF_BLUETOOTH"])
def test_no_other_family_of_sockets_is_there(project: Project, family: str) -> None:
    code = f"import socket;socket.socket(socket.{family},socket.SOCK_SEQPACKET)"
    assert project.look(python(code)).status != 0
    assert "socket" in project.kinds


@pytest.mark.parametrize("number", [425, 248, 249, 250])
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of calls of x86-64")
def test_no_call_goes_round_the_filter(project: Project, number: int) -> None:
    code = (
        "import ctypes;c=ctypes.CDLL(None,use_errno=True);"
        f"assert c.syscall({number},0,0,0,0,0)<0;print(ctypes.get_errno())"
    )
    assert int(project.look(python(code)).text) == errno.ENOSYS
    assert int(project.do(python(code)).text) != errno.ENOSYS


# --- processes ------------------------------------------------------------------------------------


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as running:
        yield running
        running.kill()


KILLS: Final = (
    "kill -9 {pid}",
    "kill -9 -1",
    "kill -9 -{pid}",
    "pkill -9 sleep",
    "prlimit --pid {pid} --cpu=1:1",
    "renice 19 {pid}",
    "cat /proc/{pid}/environ",
    "ls /proc/{pid}/root/",
    "gdb -p {pid} -batch",
    "strace -p {pid}",
    python("import signal;signal.pidfd_send_signal(__import__('os').pidfd_open({pid}),9)"),
)


@pytest.mark.parametrize("attack", KILLS)
def test_no_process_outside_is_met(
    project: Project, victim: subprocess.Popen[bytes], attack: str
) -> None:
    before = Path(f"/proc/{victim.pid}/limits").read_text()
    done = project.look(attack.replace("{pid}", str(victim.pid)))
    assert victim.poll() is None
    assert Path(f"/proc/{victim.pid}/limits").read_text() == before
    assert done.status != 0 or "-1" in attack
    assert str(victim.pid) not in project.look("ps -e -o pid=").text.split()


def test_nobody_survives(project: Project) -> None:
    mark = f"9{uuid.uuid4().int % 10**7}"
    script = (
        f"setsid sleep {mark} & nohup sleep {mark} >/dev/null 2>&1 & (trap '' TERM HUP; "
        f"setsid sh -c 'trap \"\" TERM HUP INT; sleep {mark}; sleep {mark}') & "
        f"for n in 1 2 3 4 5 6 7 8 9; do (setsid setsid sleep {mark} &) & done; exit 7"
    )
    assert project.look(script).status == 7
    assert not running_with(mark)


def running_with(mark: str) -> list[int]:
    found = []
    for process in proc.processes():
        with contextlib.suppress(OSError):
            if mark.encode() in proc.command_line(process):
                found.append(process)
    return found


LOOKS: Final = """
import os, sys
from pathlib import Path
from rootless_build.process.sandbox.running import Sandbox
here = Path.cwd()
looking = Sandbox(here, dict(os.environ))
argv, kept = ["sh", "-c", sys.argv[1]], [Path("../kept")]
done = looking.run(argv, environment={}, directory=here, kept=kept)
assert not looking.problem, looking.problem
sys.stdout.write(done.text + done.words)
sys.exit(done.status)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_all_end_with_rbuild(project: Project, number: signal.Signals) -> None:
    mark = f"9{uuid.uuid4().int % 10**7}"
    kept = project.directory.parent / "kept"
    kept.mkdir()
    os.mkfifo(kept / "begun")
    bomb = f"for n in $(seq 99); do (setsid sh -c 'trap \"\" TERM INT HUP; sleep {mark}' &) done; "
    script = f"{bomb} trap '' TERM INT HUP; echo > {kept}/begun; sleep {mark}; sleep {mark}"
    argv = [PYTHON, "-c", LOOKS, script]
    with subprocess.Popen(argv, cwd=project.directory, stderr=subprocess.DEVNULL) as looking:
        (kept / "begun").read_text()
        looking.send_signal(number)
        looking.wait(30)
    # The kernel ends them one after the other.
    for _ in range(3):
        for pid in running_with(mark):
            identities.await_end(int(pid), 10)
    assert not running_with(mark)


def test_no_descriptor_is_handed_on(project: Project) -> None:
    with (project.home / "file").open("r+") as file, socket.socket() as other:
        os.set_inheritable(file.fileno(), True)
        os.set_inheritable(other.fileno(), True)
        said = project.look("ls /proc/self/fd; readlink /proc/self/fd/0").text.split()
    # ls has one for the directory itself.
    assert said == ["0", "1", "2", "3", "/dev/null"]


SETUID: Final = ("/usr/bin/newuidmap", "/usr/bin/sudo", "/usr/bin/su", "/bin/mount")


@pytest.mark.parametrize("program", [name for name in SETUID if Path(name).exists()])
def test_no_program_gets_rights(project: Project, program: str) -> None:
    if not Path(program).stat().st_mode & 0o4000 or os.geteuid() == 0:
        pytest.skip("it gives no rights here")
    project.look(f"{program} --version")
    assert program in project.kinds


# --- a terminal -----------------------------------------------------------------------------------


def on_terminal(project: Project, script: str) -> tuple[bytes, bytes]:
    """What rbuild says, and all that came to its terminal, by itself or as if it were typed."""
    reader, writer = os.pipe()
    (project.directory.parent / "kept").mkdir()
    pid, terminal = pty.fork()
    if pid == 0:
        os.dup2(writer, 1)
        os.chdir(project.directory)
        os.execv(PYTHON, [PYTHON, "-c", LOOKS, script])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, b"\x2a\x00\x63\x00\x00\x00\x00\x00")
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    shown = b""
    with contextlib.suppress(OSError):
        while select.select([terminal], [], [], 0)[0]:
            shown += os.read(terminal, 1024) or b""
    os.close(terminal)
    return said, shown


TYPES: Final = (
    "echo attack >&0",
    "echo attack > /dev/tty",
    "echo attack > /dev/stdin",
    "echo attack > /proc/self/fd/0",
    "for t in /dev/pts/* /dev/tty*; do echo attack > $t; done",
    python("import fcntl,termios;[fcntl.ioctl(0,termios.TIOCSTI,bytes([c])) for c in b'attack']"),
    python("import os;os.setsid() if 0 else 0;os.write(os.open('/dev/tty',2),b'attack')"),
    "stty -echo -icanon",
)


@pytest.mark.parametrize("attack", TYPES)
def test_the_terminal_is_left_alone(project: Project, attack: str) -> None:
    said, shown = on_terminal(project, f"[ -t 0 ] && echo terminal; {attack}")
    assert said.startswith(b"terminal")
    assert b"attack" not in shown


def test_nobody_types_on_that_terminal_and_nobody_is_waited_for(project: Project) -> None:
    said, _ = on_terminal(
        project, "[ -t 0 ] && echo terminal; exec 2>&1; cat; read -r w || echo nobody"
    )
    assert said.startswith(b"terminal\n")
    assert said.endswith(b"nobody\n")


def test_a_terminal_is_as_wide_as_the_real_one(project: Project) -> None:
    said, _ = on_terminal(project, "until [ \"$(stty size)\" != '0 0' ]; do exit; done; stty size")
    assert said in {b"42 99\n", b"", b"0 0\n"}


# --- plans ----------------------------------------------------------------------------------------

DENIED: Final = {
    "network": "$(shell curl -s http://192.0.2.1/)",
    "write": "$(shell echo x > $(HOME)/attack)",
    "left": "$(shell echo x > attack)",
    "deep": "$(shell mkdir -p a/b/c)",
    "tmp": "$(shell mktemp)",
    "cache": "$(shell mkdir __pycache__ && echo x > __pycache__/x)",
    "file": "$(file >attack,x)",
}


def makefile(project: Project, text: str) -> None:
    (project.directory / "Makefile").write_text(f"{text}\nall:\n\techo $(V)\n")


@pytest.mark.parametrize("way", ["plan", "--dry-run"])
@pytest.mark.parametrize("denied", DENIED)
def test_a_plan_is_not_certain_where_something_was_denied(
    project: Project, capfd: pytest.CaptureFixture[str], denied: str, way: str
) -> None:
    makefile(project, f"V := {DENIED[denied]}")
    before = seen(str(project.directory))
    assert app.run(["rbuild", "-C", str(project.directory), way, "all"]) == 0
    said = capfd.readouterr().out
    assert "nobody can tell: while the recipe was read" in said
    assert "would be done:" not in said.replace("which steps would be done:", "")
    assert seen(str(project.directory)) == before
    assert not (project.home / "attack").exists()


ROUND: Final = {
    "link": "$(shell echo x > link/attack)",
    "directory through a link": "$(shell mkdir link/attack)",
    "link and its parent": "$(shell echo x > $(CURDIR)/link/../{home}/attack)",
    "parent of the checkout": "$(shell echo x > $(CURDIR)/../attack)",
    "parent of a private directory": "$(shell echo x > /tmp/..$(HOME)/attack)",
    "root of a process": "$(shell echo x > /proc/self/root$(HOME)/attack)",
    "directory of a process": "$(shell cd / && echo x > /proc/self/cwd$(HOME)/attack)",
    "descriptor of a process": "$(shell exec 5<$(HOME)/there && echo x > /proc/self/fd/5)",
    "descriptor": "$(shell exec 5<$(HOME)/there && echo x > /dev/fd/5)",
    "removal": "$(shell rm -f link/there)",
    "mode": "$(shell chmod 600 link/there)",
    "moved in": "$(shell mv file link/attack)",
    "moved over": "$(shell mv link/there link/attack)",
    "mode of a descriptor": "$(shell {python} 'import os; os.fchmod({opened}, 0)')",
    "time of a descriptor": "$(shell {python} 'import os; os.utime({opened})')",
    "attribute": '$(shell {python} \'import os; os.setxattr("link/there", "user.x", b"")\')',
}


@pytest.mark.parametrize("way", ROUND)
def test_a_change_outside_is_told_whatever_its_path_looks_like(
    project: Project, capfd: pytest.CaptureFixture[str], way: str
) -> None:
    """A checkout may have links, `bundles` to another disk say: what is written there is denied."""
    (project.home / "there").write_text("x")
    (project.directory / "file").write_text("x")
    (project.directory / "link").symlink_to(project.home)
    words = ROUND[way].format(
        home=project.home.name, python=f"{PYTHON} -c", opened='os.open("link/there", 0)'
    )
    makefile(project, f"V := {words}")
    app.run(["rbuild", "-C", str(project.directory), "plan", "all"])
    said = capfd.readouterr().out
    assert "nobody can tell: while the recipe was read" in said
    assert "it tried to write" in said
    assert not (project.home / "attack").exists()


@pytest.mark.parametrize("used", ["cp -a link /tmp/x; rm /tmp/x", "touch -h link; rm link"])
def test_a_link_itself_is_not_what_it_leads_to(
    project: Project, capfd: pytest.CaptureFixture[str], used: str
) -> None:
    (project.directory / "link").symlink_to(project.home)
    makefile(project, f"V := $(shell {used})")
    assert app.run(["rbuild", "-C", str(project.directory), "plan", "all"]) == 0
    assert "it tried to write" not in capfd.readouterr().out


def test_the_data_of_a_plan_say_it(project: Project, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["rbuild", "-C", str(project.directory), "plan", "--format=json", "all"]
    makefile(project, f"V := {DENIED['left']}")
    assert app.run(words) == 0
    assert json.loads(capfd.readouterr().out)["notes"][-1].startswith("not certain: nobody can")
    assert app.run([*words, "--log-format=json"]) == 0
    assert json.loads(capfd.readouterr().out)["certain"] is False
    makefile(project, "V := $(shell uname -m)")
    assert app.run([*words, "--log-format=json"]) == 0
    assert json.loads(capfd.readouterr().out)["certain"] is True


REMAKES: Final = {
    "shell": "V := $(shell {write})",
    "assigned": "V != {write}",
    "include": "include made.mk\nmade.mk:\n\t{write}; touch made.mk",
    "optional": "-include made.mk\nmade.mk:\n\t{write}; touch made.mk",
    "plus": "all: plus\nplus:\n\t+{write}",
    "make": "all: other\nother:\n\t@: $(MAKE); {write}",
    "immediate": "SHELL = ./sh.sh\nV := $(shell true)",
    "eval": "$(eval V := $$(shell {write}))",
    "call": "f = $(shell {write})\nV = $(call f)",
    "target": "all: V = $(shell {write})",
    "export": "export X = $(shell {write})",
    "second": ".SECONDEXPANSION:\nall: $$(shell {write})",
}


@pytest.mark.parametrize("way", REMAKES)
def test_no_way_to_run_something_leads_out(
    project: Project, capfd: pytest.CaptureFixture[str], way: str
) -> None:
    mark = project.home / "attack"
    script = project.directory / "sh.sh"
    script.write_text(f"#!/bin/sh\necho x > {mark}\n")
    script.chmod(0o755)
    makefile(project, REMAKES[way].format(write=f"echo x > {mark}"))
    app.run(["rbuild", "-C", str(project.directory), "plan", "all"])
    said = capfd.readouterr()
    assert not mark.exists()
    assert f"it tried to write {mark}" in said.out + said.err
    app.run(["rbuild", "-C", str(project.directory), "plan", "--no-sandbox", "all"])
    assert mark.exists()


def test_a_recipe_that_fails_for_it_says_so(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    makefile(project, "V := $(or $(shell echo x > attack && rm attack; cat ~/attack),$(error no))")
    makefile(project, "V := $(shell echo x > ~/attack && echo y)\n$(if $(V),,$(error not there))")
    assert app.run(["rbuild", "-C", str(project.directory), "plan", "all"]) == 2
    said = capfd.readouterr().err
    assert "not there" in said
    assert "it tried to write" in said
    assert "--no-sandbox" in said


def test_a_build_plans_as_make_does(project: Project) -> None:
    """With the sandbox `V := $(shell curl …)` was planned as empty, exit 0, on a trial."""
    makefile(project, "V := $(shell echo x > $(HOME)/attack && cat $(HOME)/attack)")
    with (project.directory / "Makefile").open("a") as file:
        file.write("\techo $(V) > made\n")
    assert app.run(["rbuild", "-C", str(project.directory), "all"]) == 0
    assert (project.directory / "made").read_text() == "x\n"


# --- where it is made otherwise, or can't be -----------------------------------------------------


def test_a_host_without_a_sandbox_says_so(
    project: Project, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(flags: int) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", f"unshare {flags:x}")

    monkeypatch.setattr(kernel, "unshare", forbidden)
    makefile(project, "V := $(shell echo 12)")
    assert app.run(["rbuild", "-C", str(project.directory), "plan", "all"]) == 0
    said = capfd.readouterr().out
    assert said.count("no sandbox here (unshare") == 1
    assert "echo 12" in said


@pytest.mark.parametrize("write", ["echo x > attack", "mkdir attack", "echo x >> file"])
def test_a_checkout_without_an_overlay_is_read_only(
    project: Project, monkeypatch: pytest.MonkeyPatch, write: str
) -> None:
    def no_overlay(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument", "mount overlay")

    monkeypatch.setattr(mounts, "_overlay", no_overlay)
    before = seen(str(project.directory))
    assert project.look(f"cat file && {write}").stdout == b"as it was\n"
    assert not project.looking.problem
    assert "it tried to write" in project.kinds
    assert seen(str(project.directory)) == before


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("/tmp", "plain"),
        ("/var/tmp", "a b"),
        ("/dev/shm", "a,b:c"),
        ("home", "ä\\x"),
        ("/tmp", "-n"),
    ],
)
def test_a_checkout_can_be_anywhere(tmp_path: Path, place: str, name: str) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path if place == "home" else place) as directory:
        project = Path(directory, name)
        (project / "sub").mkdir(parents=True)
        (project.parent / "above").write_text("above\n")
        looking = Sandbox(project, dict(os.environ))
        done = looking.run(
            ["sh", "-c", "cat ../above; pwd; echo x > new; cat new; echo x > ../above"],
            environment={},
            directory=project / "sub/..",
        )
        assert not looking.problem
        assert done.stdout.decode().splitlines() == ["above", str(project), "x"]
        assert not (project / "new").exists()
        assert (project.parent / "above").read_text() == "above\n"
        assert any("it wrote" in text for text in looking.denials)
        assert any("it tried to write" in text for text in looking.denials)


def test_git_says_the_same_in_a_worktree(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "init.defaultBranch=m"]
    main, tree = tmp_path / "main", tmp_path / "tree"
    for argv in (
        [*git, "init", "-q", str(main)],
        [*git, "-C", str(main), "commit", "-q", "--allow-empty", "-m", "first"],
        [*git, "-C", str(main), "worktree", "add", "-q", str(tree)],
    ):
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    for place in (main, tree):
        (place / "f").write_text("x")
        subprocess.run([*git, "-C", str(place), "add", "f"], check=True)
        looking = Sandbox(place, dict(os.environ))
        ask = ["git", "describe", "--always", "--dirty"]
        said = looking.run(ask, environment={}, directory=place)
        plain = subprocess.run(ask, cwd=place, capture_output=True, check=True)
        assert said.stdout == plain.stdout
        assert looking.denials == ()


STARTUP: Final = {
    "BASH_ENV": ("/bin/bash", "export BASH_ENV := $(CURDIR)/evil"),
    "ENV": ("/bin/bash", "export BASH_ENV := $(CURDIR)/evil\nexport ENV := $(CURDIR)/evil"),
    "function": ("/bin/bash", "export BASH_FUNC_printf%% := () { . ./evil; }"),
    "PATH": ("/bin/bash", "export PATH := $(CURDIR)/bin:$(PATH)"),
}


@pytest.mark.parametrize("way", STARTUP)
def test_the_shell_that_is_asked_for_words_is_walled_in(
    project: Project, capfd: pytest.CaptureFixture[str], way: str
) -> None:
    mark = project.home / "attack"
    shell, export = STARTUP[way]
    for place in (project.directory / "evil", project.directory / "bin/id"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(f"#!/bin/sh\necho x > {mark}\n")
        place.chmod(0o755)
    text = f"SHELL := {shell}\n{export}\nall:\n\tdocker run x$$HOME $$(id -u)\n"
    (project.directory / "Makefile").write_text(text)
    app.run(["rbuild", "-C", str(project.directory), "plan", "all"])
    assert not mark.exists()
    said = capfd.readouterr()
    assert way == "PATH" or f"it tried to write {mark}" in said.out + said.err


@pytest.mark.parametrize("hidden", ["cd /tmp/{name} && docker run $$X", "echo x"])
def test_a_sandbox_that_ends_is_no_reason_to_go_without(
    project: Project, capfd: pytest.CaptureFixture[str], hidden: str
) -> None:
    """A project may see to it that it can't be made, or is killed, once it has begun."""
    mark = project.home / "attack"
    with tempfile.TemporaryDirectory(dir="/tmp") as other:
        line = hidden.format(name=Path(other).name)
        text = f"V := $(shell kill -9 1 -1 $$PPID)\nexport BASH_ENV := {mark}\nall:\n\t{line}\n"
        (project.directory / "Makefile").write_text(text)
        mark.write_text(f"echo ran > {mark}\n")
        app.run(["rbuild", "-C", str(project.directory), "plan", "all"])
    assert mark.read_text() == f"echo ran > {mark}\n"
    assert "can do anything" not in capfd.readouterr().out


def test_what_is_told_can_do_nothing_to_a_terminal(
    project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    makefile(project, "V := $(shell touch \"$$(printf 'a\\033]0;b\\007\\nc%0999d')\" x{1..99})")
    app.run(["rbuild", "-C", str(project.directory), "plan", "all"])
    said = capfd.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "nobody can tell" in said.out
    makefile(project, "V := $(shell touch $$(seq -f %0250.0f 500))\n$(error no)")
    app.run(["rbuild", "-C", str(project.directory), "plan", "all"])
    assert "it wrote" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["XDG_RUNTIME_DIR", "TMPDIR"])
def test_the_directories_of_a_session_are_empty(project: Project, name: str) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        Path(place, "bus").write_text("x")
        looking = Sandbox(project.directory, {**os.environ, name: place, "OTHER": place})
        script = f"ls {place}; stat -c %a {place}; echo x > {place}/new && cat {place}/new"
        done = looking.run(["sh", "-c", script], environment={}, directory=project.directory)
        assert done.text.split() == ["700", "x"]
        assert [path.name for path in Path(place).iterdir()] == ["bus"]
        assert any(f"{place}/new" in text for text in looking.denials)


PLANTS: Final = {
    "words": "ln -s {mark} $$RBUILD_STUB_READ.words; ln -s {mark} $$RBUILD_STUB_RECORD.words",
    "marker": "ln -sf {mark} $$RBUILD_STUB_RECORD.words",
    "second": "d=$$(dirname $$RBUILD_STUB_READ); ln -s {home} $$d/second; ln -s {home} $$d/third",
    "program": "d=$$(dirname $$RBUILD_STUB_READ); echo 'echo x > {mark}' > $$d/bin/docker",
    "probe": "d=$$(dirname $$RBUILD_STUB_READ); mv $$d/first $$d/moved; ln -s {home} $$d/first",
    "pipe": "rm -f $$RBUILD_STUB_RECORD; mkfifo $$RBUILD_STUB_RECORD",
    "link": "ln -sf {home}/file $$RBUILD_STUB_RECORD",
    "directory": "rm -f $$RBUILD_STUB_RECORD; mkdir $$RBUILD_STUB_RECORD",
    "environment": "ln -sf /dev/zero $$(readlink $$RBUILD_STUB_READ)",
    "build": "printf 'build ../x%b' '\\0reading\\0/\\0\\0docker\\0build\\0\\n\\0' "
    ">> $$RBUILD_STUB_RECORD",
}


@pytest.mark.parametrize("way", PLANTS)
def test_what_rbuild_reads_and_writes_beside_is_no_way_out(
    project: Project, capfd: pytest.CaptureFixture[str], way: str
) -> None:
    """It has a directory of its own there, which make writes to."""
    mark = project.home / "attack"
    plant = PLANTS[way].format(mark=mark, home=project.home)
    # A question without an answer has make asked again, a variable of a target too.
    asks = "" if way == "pipe" else "W := $(shell docker ps -q)\nall: Z := 1\n"
    makefile(project, f"V := $(shell {plant})\n{asks}")
    app.run(["rbuild", "-C", str(project.directory), "plan", "all"])
    # The engine has its own there.
    assert {path.name for path in project.home.iterdir()} - {".local", ".config"} == {"file"}
    assert (project.home / "file").read_text() == "as it was\n"
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["AF_UNIX", "AF_INET"])
def test_a_plan_reaches_no_listener_of_the_user(
    project: Project,
    listener: Callable[[int, int, object], socket.socket],
    capfd: pytest.CaptureFixture[str],
    kind: str,
) -> None:
    """As podman's socket, a bus or an agent would be asked, and a service of this host."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        path = f"{place}/engine.sock"
        if kind == "AF_UNIX":
            made = listener(socket.AF_UNIX, socket.SOCK_STREAM, path)
            ask = f"curl -s --max-time 1 --unix-socket {path} http://x/"
        else:
            made = listener(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
            ask = f"curl -s --max-time 1 http://127.0.0.1:{made.getsockname()[1]}/"
        makefile(project, f"V := $(shell {ask})")
        words = ["rbuild", "-C", str(project.directory), "plan", "all", f"SOCKETS={place}"]
        assert app.run(words) == 0
        assert not reached(made)
        said = capfd.readouterr().out
        assert "it tried to reach" in said
        assert app.run([*words, "--no-sandbox"]) == 0
        assert reached(made)


def test_a_directory_for_temporary_files_may_hold_the_home(project: Project) -> None:
    environment = {**os.environ, "TMPDIR": str(project.home)}
    looking = Sandbox(project.directory, environment)
    done = looking.run(["cat", f"{project.home}/file"], environment={}, directory=project.directory)
    assert done.text == "as it was\n"


@pytest.mark.parametrize("place", ["/", "/tmp", "/var", "/var/tmp", "/run", "/dev/shm", "/usr"])
def test_a_directory_of_the_system_can_be_looked_at(project: Project, place: str) -> None:
    looking = Sandbox(Path(place), dict(os.environ))
    script = (
        f"echo x > attack-{os.getpid()}; ls /usr /dev/null /proc/self/status > /dev/null && pwd"
    )
    done = looking.run(["sh", "-c", script], environment={}, directory=Path(place))
    assert not looking.problem
    assert done.text.strip() == place
    assert not Path(place, f"attack-{os.getpid()}").exists()


# --- what is left ---------------------------------------------------------------------------------

DEEP: Final = """
import os, sys
os.chdir(sys.argv[1])
for _ in range(2500):
    os.mkdir("d")
    os.chdir("d")
"""


def test_what_is_made_beside_the_stand_ins_goes_however_deep(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Deeper than Python removes: such a plan ended with an error, and every one after it."""
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    (project.directory / "deep.py").write_text(DEEP)
    makefile(project, f"V := $(shell {PYTHON} deep.py $(dir $(firstword $(MAKEFILES))))")
    words = ["rbuild", "-C", str(project.directory), "plan", "all"]
    assert [app.run(words), app.run(words)] == [0, 0], capfd.readouterr().err
    assert not any(shared.iterdir())


def test_what_a_killed_plan_left_goes_however_deep(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """It has the environment in it, and kept every later plan and build from beginning."""
    shared = tmp_path / "shared"
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    dead = shared / "rbuild-999999999.1-left"
    (dead / "bin").mkdir(parents=True)
    dead.chmod(0o700)
    subprocess.run([PYTHON, "-c", DEEP, str(dead)], check=True)
    makefile(project, "V := 1")
    assert app.run(["rbuild", "-C", str(project.directory), "plan", "all"]) == 0
    assert not dead.exists(), capfd.readouterr().err


FORGED: Final = {
    "no level": "$(info $(firstword $(MAKEFILES)) x /)",
    "a long level": f"$(info $(firstword $(MAKEFILES)) {'9' * 5000} /)",
    "a short call": "V := $(shell printf 'x\\000\\n\\000' >> {record})",
    "a long number": "V := $(shell printf 'build "
    + "9" * 5000
    + "\\000a\\000/\\000b\\000docker\\000\\n\\000' >> {record})",
    "much": "V := $(shell head -c 40M /dev/zero >> {record})",
    "a long environment": "V := $(shell head -c 40M /dev/zero >> {own}environments)",
    "many names": "V := $(shell yes a= | head -c 2M | tr '\\n' '\\000' >> {own}environments)",
    "a long shell": "V := $(shell head -c 40M /dev/zero >> {own}shells)",
    "a shell with NUL": "V := $(shell printf '-\\037/\\000\\037a\\037b\\0374.3\\037c\\000\\n'"
    " >> {own}shells)",
    "a long version": "V := $(shell printf -- '-\\037/\\037a\\037b\\037"
    + "9" * 5000
    + ".1\\037c\\n' > {own}shells)",
}


@pytest.mark.parametrize("forged", FORGED)
def test_what_a_project_writes_into_rbuilds_records_is_an_error_at_most(
    project: Project, forged: str
) -> None:
    """They lie where the stand-ins write, and so the project can: nothing it writes there is an
    internal error, or takes memory.
    """
    text = FORGED[forged].replace("{own}", "$(dir $(firstword $(MAKEFILES)))")
    makefile(project, text.replace("{record}", "$(RBUILD_STUB_RECORD)"))
    assert app.run(["rbuild", "-C", str(project.directory), "plan", "all"]) in {0, 2}
