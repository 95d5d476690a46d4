"""The process that makes layers, started before anybody asks for one."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rootless_build.backend.api import Engine, UserNamespace
from rootless_build.images.layers.ahead import maker_ahead
from rootless_build.images.layers.request import LayersRequest
from rootless_build.model.plan import BuildImage

PATIENCE = 60.0
HERE = UserNamespace(())
STORE = SimpleNamespace(archives=False, mount_program="")


def engine(store: object = STORE, namespace: UserNamespace | None = HERE) -> Engine:
    return cast("Engine", SimpleNamespace(image_store=store, user_namespace=namespace))


def step(context: Path, text: str) -> BuildImage:
    (context / "Dockerfile").write_text(text)
    return BuildImage(context)


def test_it_begins_before_it_is_asked_and_answers_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    begun = threading.Event()

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            started.append(args)
            begun.set()

    monkeypatch.setattr(subprocess, "Popen", Noted)
    with maker_ahead(step(tmp_path, "FROM x\n copy a /b\n"), engine()) as maker:
        assert maker is not None
        assert begun.wait(PATIENCE)
        assert maker.make(LayersRequest((), (), tmp_path)) == ()
    assert len(started) == 1


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("FROM x\nRUN copy a b\nENV COPY=1\n", engine()),
        ("FROM x\nCOPY a b\n", engine(store=None)),
        ("FROM x\nCOPY a b\n", engine(store=SimpleNamespace(archives=True))),
        ("FROM x\nCOPY a b\n", engine(namespace=None)),
    ],
    ids=["RUN", "no-store", "archives", "no-namespace"],
)
def test_it_does_not_begin_where_nobody_will_ask(tmp_path: Path, text: str, on: Engine) -> None:
    with maker_ahead(step(tmp_path, text), on) as maker:
        assert maker is None


def test_a_file_that_is_not_there_is_for_the_build_to_tell(tmp_path: Path) -> None:
    with maker_ahead(BuildImage(tmp_path), engine()) as maker:
        assert maker is None
