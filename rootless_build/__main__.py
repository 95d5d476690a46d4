"""`rbuild` and `python -m rootless_build`."""

from __future__ import annotations

import codecs
import contextlib
import gc
import importlib
import importlib.util
import io
import os
import signal
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Final, NoReturn

_ANY_BYTES: Final = "rbuild-any-bytes"
_HOST: Final = 3
"""The exit code of HostError, which few runs import."""
_COMPLETE: Final = "_RBUILD_COMPLETE"
"""With it a shell asks what the last word can be; nothing is done then."""


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    status = run()
    status = status or _write_out()
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    # Everything is closed and written. To take the interpreter apart costs 20 ms.
    os._exit(status)


def _write_out() -> int:
    """Write what is left for standard output; its status where that is not taken (exit code 3)."""
    try:
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        return 0
    except OSError as error:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"rbuild: standard output can't be written: {error.strerror}\n")
        return _HOST
    return 0


def run() -> int:
    """Run the command line and return its status."""
    _open_streams()
    _let_all_text_out()
    # All that is made while modules are imported stays: looking for garbage in it costs 10 ms.
    gc.set_threshold(50_000)
    _lighten_plumbum()
    with _ended_by_interrupts():
        if _COMPLETE in os.environ:
            from rootless_build.cli.completion import answer  # noqa: PLC0415 - no run needs it

            return answer.main(sys.argv[1:])
        from rootless_build.cli import app  # noqa: PLC0415 - after the interpreter's own start

    return app.run(sys.argv)


@contextlib.contextmanager
def _ended_by_interrupts() -> Iterator[None]:
    """Ctrl-C ends this process as it does any other: nothing is begun yet, and where in an import a
    KeyboardInterrupt strikes nobody can foresee. Where it is ignored (nohup), it stays so.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _open_streams() -> None:
    """Where one is closed (`rbuild >&-`), the next file that is opened would take its place."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, "w" if descriptor else "r"))


def _let_all_text_out() -> None:
    """No text, such as a path of any bytes, is one that can't be written, whatever the encoding.

    A person sees escapes; a file or a program gets the bytes that the path has, so that the script
    which `rbuild plan` writes finds it.
    """
    codecs.register_error(_ANY_BYTES, _bytes_or_escapes)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace" if stream.isatty() else _ANY_BYTES)


def _bytes_or_escapes(error: UnicodeError) -> tuple[str | bytes, int]:
    """What codecs.register_error wants: bytes that were none of the encoding (PEP 383) are given
    back, what the encoding has not is written as an escape.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return os.fsencode(character), error.start + 1
    return character.encode("ascii", "backslashreplace").decode(), error.start + 1


class _Plumbum(ModuleType):
    """Stands for the package plumbum, of which rbuild has its `cli` alone.

    What else the package imports (ssh, remote paths, ways to start a program) is a fifth of all
    that a run imports. Whoever wants more than `cli` does gets the package itself.
    """

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "colors":
            return importlib.import_module("plumbum.colorlib").ansicolors
        return _Later(self, name) if name == "local" else getattr(self.whole(), name)

    def whole(self) -> ModuleType:
        """The package, in this one's place from now on."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


class _Later:
    """Something of the package that is imported by those who may never use it."""

    def __init__(self, package: _Plumbum, name: str) -> None:
        self._package = package
        self._name = name

    def __getattr__(self, attribute: str) -> object:
        return getattr(getattr(self._package.whole(), self._name), attribute)


def _lighten_plumbum() -> None:
    """Where it is not imported yet."""
    found = None if "plumbum" in sys.modules else importlib.util.find_spec("plumbum")
    if found is None or found.submodule_search_locations is None:
        return
    stand_in = _Plumbum("plumbum")
    stand_in.__spec__, stand_in.__path__ = found, found.submodule_search_locations
    stand_in.__file__ = found.origin
    sys.modules["plumbum"] = stand_in


if __name__ == "__main__":
    main()
