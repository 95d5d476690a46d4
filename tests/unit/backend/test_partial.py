"""What helps a plug-in that does a part of what an engine does."""

from __future__ import annotations

from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.backend.copying import unpack_output
from rootless_build.backend.partial import PartialEngine, refuse_others
from rootless_build.model.errors import StepFailedError, UnsupportedError
from rootless_build.model.plan import BindMount, CallerIds, Limits, RunContainer


class OneImage(PartialEngine):
    """An engine that knows one image, and nothing else."""

    def find_image(self, reference: str) -> Image | None:
        return Image("1") if reference == "one" else None


def test_what_a_partial_engine_has_not_is_refused_with_a_way_out() -> None:
    engine = OneImage()
    assert engine.find_images(["one", "two"]) == [Image("1"), None]
    for name in ("build_image", "storage", "leftovers"):
        with pytest.raises(UnsupportedError, match=name.replace("_", " ")) as refused:
            getattr(engine, name)
        assert "podman" in refused.value.hint
    with pytest.raises(AttributeError):
        _ = engine.no_such_name


def test_a_step_that_asks_for_more_is_refused_by_dockers_flags() -> None:
    plain = RunContainer("i", ("true",), environment=(("A", "b"),), interactive=True, always=True)
    refuse_others(plain, {"command", "environment"}, "it")
    more = RunContainer(
        "i",
        mounts=(BindMount(Path("/a"), "/b"),),
        caller_ids=CallerIds(1, 1),
        security_options=("seccomp=unconfined",),
        limits=Limits(shm_size="1m", ulimits=("core=0",)),
    )
    with pytest.raises(UnsupportedError) as refused:
        refuse_others(more, {"command"}, "it")
    flags = "--mount, --user, --security-opt, --shm-size, --ulimit"
    assert refused.value.message == f"it can't do {flags}"


def test_what_a_program_packs_is_unpacked(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.mkdir()
    target.mkdir()
    (source / "file").write_text("x")
    assert unpack_output(("tar", "-c", "-C", str(source), "."), target, {}).status == 0
    assert [path.name for path in target.iterdir()] == ["file"]
    failed = unpack_output(("sh", "-c", "echo no such thing >&2; exit 3"), target, {})
    assert (failed.status, failed.words) == (3, "no such thing")
    with pytest.raises(StepFailedError):
        unpack_output(("echo", "no archive"), target, {})
