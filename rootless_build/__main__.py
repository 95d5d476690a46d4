"""`rbuild` and `python -m rootless_build`."""

from __future__ import annotations

import codecs
import contextlib
import gc
import importlib
import io
import os
import sys
from types import ModuleType
from typing import Final, NoReturn

_ANY_BYTES: Final = "rbuild-any-bytes"
_HOST: Final = 3
"""The exit code of HostError, which few runs import."""


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
    _postpone("urllib.request")
    from rootless_build.cli import app  # noqa: PLC0415 - after the interpreter's own start

    return app.run(sys.argv)


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


class _Postponed(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        name = self.__name__
        if sys.modules.get(name) is self:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)


def _postpone(name: str) -> None:
    """Import a module when something of it is used: plumbum imports this one, and with it http,
    email and ssl, for remote paths alone; that is a quarter of what plumbum costs.

    (importlib.util.LazyLoader does not do: in Python 3.11 the import statement itself looks at
    the module, which loads it.)
    """
    if name in sys.modules:
        return
    stand_in = _Postponed(name)
    sys.modules[name] = stand_in
    package, _, child = name.rpartition(".")
    setattr(importlib.import_module(package), child, stand_in)


if __name__ == "__main__":
    main()
