"""`docker exec` hands on what a program writes to standard error while it runs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

import pytest

from rootless_build.live import executing

_PATIENCE = 60
_ENGINES = b"Error: runc: exec failed: OCI: command not found\n"


def test_only_what_the_engine_may_say_waits_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    said: Queue[bytes] = Queue()
    monkeypatch.setattr(executing, "put", lambda _, data: said.put(data) if data else None)
    read, write = os.pipe()
    with ThreadPoolExecutor(1) as pool, os.fdopen(read, "rb") as errors:
        held = pool.submit(executing.hand_on, errors)
        try:
            for line in (b"Error: once more\n", b"Enter: "):
                os.write(write, line)
                assert said.get(timeout=_PATIENCE) == line
            os.write(write, b"\n" + _ENGINES)
            assert said.get(timeout=_PATIENCE) == b"\n"
        finally:
            os.close(write)
        assert held.result() == _ENGINES
        assert said.empty()
