"""How `buildah run` says that a command has ended: on standard error, after what that one wrote.

Facts (buildah 1.28.2, runc 1.1.5, isolation rootless, oci and chroot, each tried): a command's
status is buildah's own, but 1 stands for a signal and for a command that could not be started, and
125 for buildah's own errors. The last lines tell them apart:

- `Error: while running runtime: exit status 7` (chroot: `subprocess exited with status 7` twice,
  `Error: exit status 7`);
- `container exited on killed` (chroot: `subprocess exited on killed`), then as for status 1;
- `error running container: …` (chroot: `process failed to start with error: …`), then the same; on
  a terminal the runtime's log (crun 1.21: its words), which else is in that line, stands before it;
- `Error: …` alone.

In a chroot on a terminal all but the last two lines come on the terminal itself; there the second
half of a failed start, `process exited with error: exec: not started`, is lost about once in 30
times on a loaded machine, and all that stands there less often: then the status is 1.

They follow what the command wrote last, on the same line if that had no newline.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from rootless_build.backend import LONGEST_LINE, Exit, ForwardingReporter, StepReporter, Stream

_LONGEST_ENDING: Final = 16 * 1024
_SIGNALS: Final = {(signal.strsignal(number) or "").lower(): number for number in range(1, 32)}
"""By what Go calls them, as the C library does (syscall, zerrors_linux); upper case is its own."""
_SIGNAL: Final = (
    b"(?i:" + b"|".join(re.escape(name).encode() for name in _SIGNALS) + rb"|signal \d+)"
)
_LINE: Final = re.compile(
    rb"(?:subprocess exited (?:with status \d+|on " + _SIGNAL + rb")"
    rb"|container exited on "
    + _SIGNAL
    + rb"|Error: (?:while running runtime: )?exit status \d+)\n\Z"
)
_NOT_STARTED: Final = (b"error running container: ", b"process failed to start with error: ")
_OWN: Final = b"Error: "
_STATUS: Final = (
    rb"(?:(?:subprocess exited with status \d+\n)*Error: (?:while running runtime: )?"
    rb"exit status (?P<status>\d+)\n)\Z"
)
_ENDED: Final = re.compile(_STATUS)
_SIGNALLED: Final = re.compile(
    rb"(?:subprocess|container) exited on (?P<signal>" + _SIGNAL + rb")\n" + _STATUS
)
_FAILED: Final = re.compile(
    rb"(?P<before>(?:(?:time=|executable file `|the path `|open executable: )[^\n]*\n)*)"
    rb"(?:error running container: (?:from \S+ creating container for )?"
    rb"|process failed to start with error: )(?P<why>.*?)(?:: exit status \d+\n|"
    rb"process exited with error: exec: not started)(?:time=[^\n]*\n)*" + _STATUS,
    re.DOTALL,
)
_LOGGED: Final = re.compile(r'level=(?:error|fatal) msg="((?:[^"\\]|\\.)*)"')
_ABSENT: Final = re.compile(
    r'exec: "(?:[^"\\]|\\.)*": .*(?:not found|no such file)'
    r"|fork/exec \S.*: no such file or directory"
    r"|executable file `.*` not found"  # crun 1.14.1 to 1.28
)
_REFUSED: Final = re.compile(
    r'(?:exec: "(?:[^"\\]|\\.)*"|fork/exec \S.*): '
    r"(?:permission denied|exec format error|is a directory)"
    # crun 1.14.1; 1.21 and 1.28
    r"|open executable: |the path `.*` (?:exists but it is not executable|is not a regular file)"
)
_NEVER_STARTED: Final = b"process exited with error: exec: not started"
_IN_CHROOT: Final = b"subprocess exited with status "
_SHOWN_LAST: Final = re.compile(
    rb"(?:^|\n)(?:subprocess exited on (?P<signal>" + _SIGNAL + rb")\n"
    rb"|process failed to start with error: (?:fork/)?exec[^\n]*?(?P<half>"
    + re.escape(_NEVER_STARTED)
    + rb")?\n?)\Z"
)
_NEVER_STARTED_LINE: Final = re.compile(rb"\n?" + re.escape(_NEVER_STARTED) + rb"\n?\Z")
"""buildah 1.39 ends each half of a failed start with a newline, 1.28 neither."""


class Ending(Struct, frozen=True):
    """How a command ended; `start` is where buildah's own words begin in the text given."""

    exit: Exit
    start: int


def read_ending(status: int, text: bytes, *, started: bool) -> Ending:
    """What the status of `buildah run` and the end of its standard error mean.

    `started`: the command has written something, so that it can't be buildah that failed first.
    """
    if status > 0:
        for pattern, meaning in _ENDINGS:
            if match := pattern.search(text):
                return Ending(meaning(match), match.start())
        words = text.decode(errors="replace").strip()
        if text.startswith(_OWN) and not started:
            return Ending(Exit(125, words.removeprefix("Error: ")), 0)
        if status == 125:
            return Ending(Exit(125, words or "buildah failed and said nothing"), len(text))
    if status < 0:
        return Ending(Exit(125, f"buildah was ended by signal {-status}"), len(text))
    return Ending(Exit(status), len(text))


def _not_started(match: re.Match[bytes]) -> Exit:
    why = match["why"].decode(errors="replace")
    # The command line, which may hold anything, stands in brackets before the runtime's log.
    before = match["before"].decode(errors="replace")
    logged = _LOGGED.findall(why) or _LOGGED.findall(before)
    words = why.rpartition("]: ")[2].strip() or before.strip()
    if logged:
        words = logged[-1].replace('\\"', '"').replace("\\\\", "\\")
    if _ABSENT.search(words):
        return Exit(127, words)
    return Exit(126 if _REFUSED.search(words) else 125, words)


def _after_signal(match: re.Match[bytes]) -> Exit:
    name = match["signal"].decode().lower()
    # Go writes `signal 35` for those that have no name.
    number = _SIGNALS.get(name) or int(name.removeprefix("signal "))
    return Exit(128 + number)


_ENDINGS: Final[tuple[tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], Exit]], ...]] = (
    (_FAILED, _not_started),
    (_SIGNALLED, _after_signal),
    (_ENDED, lambda match: Exit(int(match["status"]))),
)


class OnScreen(ForwardingReporter):
    """Hands on what a terminal shows, and remembers the end of it."""

    def __init__(self, inner: StepReporter) -> None:
        super().__init__(inner)
        self._last = b""

    def screen(self, data: bytes) -> None:
        """What the container, and buildah, wrote to rbuild's terminal."""
        self._last = (self._last + data)[-_LONGEST_ENDING:]
        super().screen(data)

    def end(self, status: int, said: bytes) -> Exit:
        """The command has ended with buildah's status `status`, and buildah said `said`."""
        # buildah begins with a NUL, which not every terminal's end passes on.
        shown = self._last.replace(b"\r\n", b"\n").replace(b"\0", b"")
        shown = _NEVER_STARTED_LINE.sub(_NEVER_STARTED, shown)
        # What a command wrote itself is followed by buildah's own line, whatever it says.
        if said.startswith(_IN_CHROOT) and (match := _SHOWN_LAST.search(shown)):
            lost = match["signal"] is None and match["half"] is None
            said = shown + (_NEVER_STARTED if lost else b"") + said
        return read_ending(status, said, started=False).exit


class Output:
    """Hands a command's output to a reporter and keeps what may be buildah's last words."""

    def __init__(self, reporter: StepReporter) -> None:
        self._reporter = reporter
        self._held = bytearray()
        self._started = False

    def feed(self, data: bytes, stream: Stream) -> None:
        """Take raw bytes, however they were cut."""
        if stream == "stdout":
            self._started = True
            self._reporter.output(data, stream)
            return
        self._held += data
        self._release(_possible_ending(self._held, started=self._started))

    def end(self, status: int) -> Exit:
        """The command has ended with buildah's status `status`."""
        ending = read_ending(status, bytes(self._held), started=self._started)
        self._release(ending.start)
        return ending.exit

    def _release(self, length: int) -> None:
        if length:
            self._started = True
            self._reporter.output(bytes(self._held[:length]), "stderr")
            del self._held[:length]


def _possible_ending(held: bytearray, *, started: bool) -> int:
    """Where in `held` buildah's last words could begin."""
    if not started and len(held) < _LONGEST_ENDING and held.startswith(_OWN):
        return 0
    end = held.rfind(b"\n") + 1
    cut = end
    while cut:
        line_start = held.rfind(b"\n", 0, cut - 1) + 1
        match = _LINE.search(held, line_start, cut)
        if match is None:
            break
        cut = match.start()
        if cut > line_start:
            break
    for words in _NOT_STARTED:
        found = held.rfind(words)
        if found >= 0 and len(held) - found < _LONGEST_ENDING:
            cut = min(cut, found)
    return len(held) if len(held) - cut >= LONGEST_LINE else cut
