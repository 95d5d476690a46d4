"""What a caller's own descriptors are written to."""

from __future__ import annotations

import os
import threading

from rootless_build.live.streams import put

LONG = bytes(range(256)) * 4096


def test_all_is_written_where_a_descriptor_does_not_wait() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def write() -> None:
        put(writer, LONG)
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == LONG
    thread.join()


def test_a_caller_that_reads_no_more_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    put(writer, LONG)
    os.close(writer)
