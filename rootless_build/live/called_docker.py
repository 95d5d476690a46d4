"""Stands for docker: has the running rbuild do what it is called for (`rootless_build.live`).

It is copied into the directory that is first on PATH, with its own path and the socket's in it. It
imports what is built in, and _socket: 3 ms. By the name of sudo it asks what is meant, and becomes
the real one where that is nothing of docker's.
"""

import _signal
import _socket
import posix
import sys
import time

SOCKET = "@SOCKET@"
PROGRAM = "@PROGRAM@"
ENDED = "docker: the rbuild in whose place this stands has ended: nobody does what is called for\n"
OTHERS = "docker: the rbuild in whose place this stands is another user's, and his alone\n"


def main() -> int:
    """Have it done; docker's exit status."""
    # Before anything is opened that could take the place of one.
    streams = [stream(number) for number in (0, 1, 2)]
    peer = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    # Signals that come while the call is sent are not to come in the middle of it.
    came: list[int] = []
    waiting: list[int] | None = came

    def tell(number: int, _frame: object) -> None:
        if waiting is None:
            hand_on(peer, number)
        else:
            waiting.append(number)

    try:
        peer.connect(SOCKET)
        for number in (1, 2, 3, 10, 12, 15, 18, 28):
            if _signal.getsignal(number) != _signal.SIG_IGN:
                _signal.signal(number, tell)
        send(peer, streams)
    except OSError:
        return ended()
    waiting = None
    for number in came:
        hand_on(peer, number)
    return answer(peer)


def hand_on(peer: _socket.socket, number: int) -> None:
    """Tell of a signal; nobody need be there any more."""
    try:
        peer.send(bytes((number,)))
    except OSError:
        pass


def send(peer: _socket.socket, streams: list[int]) -> None:
    """Say what was called, where, and with which environment and streams."""
    try:
        place = posix.getcwdb()
    except OSError:
        place = b"/"
    # As they came, whatever the locale says of their bytes.
    encoding = sys.getfilesystemencoding()
    said = (PROGRAM, *sys.argv[1:])
    words = [word.encode(encoding, "surrogateescape") for word in said]
    environment = [name + b"=" + value for name, value in posix.environ.items()]
    told = [b"%d" % len(words), place, *words, *environment]
    text = b"\0".join(told)
    data = b"%d\n" % len(text) + text
    given = b"".join(stream.to_bytes(4, sys.byteorder) for stream in streams)
    sent = peer.sendmsg([data], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, given)])
    # Nothing is sent too, and fails where the answer was faster.
    if sent < len(data):
        peer.sendall(data[sent:])


def stream(number: int) -> int:
    """A standard stream, or nothing in the place of one that is closed."""
    try:
        posix.fstat(number)
    except OSError:
        return posix.open("/dev/null", posix.O_RDWR)
    return number


def answer(peer: _socket.socket) -> int:
    """Write what comes, until the status does."""
    while True:
        head = read(peer, 5)
        if head is None:
            return ended()
        data = read(peer, int.from_bytes(head[1:], "big"))
        if data is None:
            return ended()
        if head[:1] == b"x":
            return data[0]
        if head[:1] == b"p":
            return become(data)
        write(1 if head[:1] == b"o" else 2, data)


def read(peer: _socket.socket, size: int) -> "bytes | None":
    """So many bytes; None where there are no more."""
    data = b""
    while len(data) < size:
        try:
            more = peer.recv(size - len(data))
        except OSError:
            more = b""
        if not more:
            return None
        data += more
    return data


def write(number: int, data: bytes) -> None:
    """Write all of it; nobody need be there to read it."""
    try:
        while data:
            try:
                data = data[posix.write(number, data) :]
            except BlockingIOError:
                time.sleep(0.01)
    except OSError:
        pass


def become(data: bytes) -> int:
    """Become the program of which the words have come; sudo's own where none have."""
    # What Python ignores for itself alone.
    for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
        _signal.signal(number, _signal.SIG_DFL)
    if data:
        words = data.split(b"\0")
        posix.execve(words[0], words, posix.environ)
    own, _, name = PROGRAM.rpartition("/")
    path = posix.environ.get(b"PATH", b"/usr/bin:/bin").decode("utf-8", "surrogateescape")
    for place in path.split(":"):
        if place != own:
            try:
                posix.execve(f"{place or '.'}/{name}", [name, *sys.argv[1:]], posix.environ)
            except OSError:
                pass
    write(2, f"{name}: command not found\n".encode())
    return 127


def ended() -> int:
    """Say why nothing is done; sudo has more to do than what docker is called for."""
    if PROGRAM.endswith("/sudo") and "docker" not in sys.argv:
        return become(b"")
    try:
        is_own = posix.stat(SOCKET).st_uid == posix.geteuid()
    except OSError:
        is_own = True
    write(2, (ENDED if is_own else OTHERS).encode())
    return 125


if __name__ == "__main__":
    posix._exit(main())
