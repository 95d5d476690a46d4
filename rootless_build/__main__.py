"""`rbuild` and `python -m rootless_build`."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from types import ModuleType
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with its status."""
    status = run()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    # Everything is closed and written. To take the interpreter apart costs 20 ms.
    os._exit(status)


def run() -> int:
    """Run the command line and return its status."""
    _open_streams()
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
            setattr(sys, name, open(descriptor, "w" if descriptor else "r"))  # noqa: SIM115, PTH123


def _postpone(name: str) -> None:
    """Import a module when something of it is used: plumbum imports this one, and with it http,
    email and ssl, for remote paths alone; that is a quarter of what plumbum costs.

    (importlib.util.LazyLoader does not do: in Python 3.11 the import statement itself looks at
    the module, which loads it.)
    """
    if name in sys.modules:
        return
    stand_in = ModuleType(name)

    def load(attribute: str) -> object:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    stand_in.__getattr__ = load  # type: ignore[method-assign]  # PEP 562
    sys.modules[name] = stand_in
    package, _, child = name.rpartition(".")
    setattr(importlib.import_module(package), child, stand_in)


if __name__ == "__main__":
    main()
