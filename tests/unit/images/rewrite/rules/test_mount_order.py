"""The order of mounts."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.images.rewrite.rewriting import last, same


def test_a_bind_mount_never_stands_behind_another_type(tmp_path: Path) -> None:
    mounts = "--mount=type=cache,target=/c --mount=from=b,target=/f --mount=type=tmpfs,target=/t"
    made = last(tmp_path, f"RUN {mounts} a")[-1]
    assert re.findall(r"target=(/\w)", made) == ["/f", "/c", "/t"]


def test_what_is_in_order_stays_as_it_is(tmp_path: Path) -> None:
    assert same(tmp_path, "RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t a")
