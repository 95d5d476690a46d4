"""Links in a build context lead to no file of this host, wherever rbuild itself reads a context.

What is right is what docker 29.1.3 (BuildKit 0.26) shows: a source that is a link is what the link
leads to with the context as the root, and is not found where that is not there.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rootless_build.backend.api import Image
from rootless_build.backend.build_files import own_ignore_file
from rootless_build.files import below
from rootless_build.freshness import fingerprints
from rootless_build.images.own_files import OwnFiles
from rootless_build.images.rewrite.build_context import BuildContext
from rootless_build.images.rewrite.session import explain
from rootless_build.model.errors import ContainerfileError, RbuildError
from rootless_build.model.events import StepReporter
from rootless_build.model.plan import BuildImage
from tests.unit.images.segments.storage import Storage, build

SECRET = "the host's own"
LEADING_OUT = {
    "absolute": "{outside}/key",
    "relative": "../outside/key",
    "climbing": "../../../../../../../../../../../../../../{outside}/key",
    "a directory": "{outside}",
    "a directory above": "..",
    "the root": "/",
    "a process": "/proc/self/root/{outside}/key",
    "itself": "lk",
    "a chain": "chain",
    "through a directory": "way/key",
    "what is not there": "nothing",
}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A context with files of its own, beside a directory that is none of its business."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "key").write_text(SECRET)
    made = tmp_path / "context"
    (made / "d/e").mkdir(parents=True)
    (made / "a").write_text("inside")
    (made / "d/e/f").write_text("deep")
    (made / "chain").symlink_to("way/key")
    (made / "way").symlink_to(outside)
    return made


@dataclass
class Seen(Storage):
    """Keeps what was in the layers that it was handed, and the ignore files of what it built."""

    files: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def build_image(self, step: BuildImage, reporter: StepReporter) -> Image:
        assert step.containerfile is not None
        self.ignored.append(own_ignore_file(step.containerfile).read_text())
        return super().build_image(step, reporter)

    def _take(self, layout: Path) -> Image:
        for file in filter(tarfile.is_tarfile, layout.iterdir()):
            with tarfile.open(file) as layer:
                for member in filter(tarfile.TarInfo.isreg, layer):
                    content = layer.extractfile(member)
                    assert content is not None
                    self.files[member.name] = content.read().decode()
        return super()._take(layout)


def built(context: Path, text: str, contexts: tuple[tuple[str, str], ...] = ()) -> Seen:
    """What an engine got and was handed for these lines."""
    storage = Seen()
    storage.has("base")
    build(storage, BuildImage(context, build_contexts=contexts), f"FROM base\n{text}\n")
    return storage


def refused(context: Path, text: str, contexts: tuple[tuple[str, str], ...] = ()) -> str:
    with pytest.raises(ContainerfileError) as error:
        pytest.fail(f"built with {built(context, text, contexts).files}")
    assert SECRET not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("link", LEADING_OUT)
@pytest.mark.parametrize(
    "line",
    [
        "COPY --exclude=zz lk /x/",
        "ADD --exclude=zz lk /x/",
        "COPY --exclude=zz a lk /x/",
        "COPY --exclude=zz lk* /x/",
        "RUN --mount=type=bind,source=lk,target=/k cat /k",
        "RUN --mount=type=bind,source=./d/../lk,target=/k,rw cat /k",
    ],
)
def test_a_link_leads_to_nothing_outside(context: Path, link: str, line: str) -> None:
    outside = str(context.parent / "outside")
    (context / "lk").symlink_to(LEADING_OUT[link].format(outside=outside))
    if link in {"a directory above", "the root"}:
        # In the context these are the context itself, and that is what is copied or mounted.
        for name in ("chain", "way"):
            (context / name).unlink()  # of a whole context a COPY with --exclude follows each link
        made = built(context, line)
        assert SECRET not in "".join(made.files.values())
        assert "outside" not in "".join(made.runs)
        return
    words = refused(context, line)
    assert "not there" in words or "too many links" in words


@pytest.mark.parametrize("source", ["way/key", "way", "d/../way/key", "chain", "d/up/key"])
def test_nor_does_a_link_on_the_way(context: Path, source: str) -> None:
    (context / "d/up").symlink_to("../../outside")
    line = f"RUN --mount=type=bind,source={source},target=/k true"
    words = refused(context, line)
    assert "not there" in words or "too many links" in words


@pytest.mark.parametrize(
    ("link", "target", "real"),
    [
        ("lk", "a", "a"),
        ("lk", "/a", "a"),
        ("lk", "../../../a", "a"),
        ("lk", "d/e/../e/f", "d/e/f"),
        ("d/lk", "../a", "a"),
        ("d/lk", "/d/e", "d/e"),
        ("lk", "d/deep", "d/e/f"),
    ],
)
def test_a_link_inside_is_what_it_leads_to(
    context: Path, link: str, target: str, real: str
) -> None:
    (context / "d/deep").symlink_to("/d/e/f")
    (context / link).symlink_to(target)
    line = f"RUN --mount=type=bind,source={link},target=/k true"
    assert f"source={real}," in built(context, line).runs[-1]
    wanted = (context / real).read_text() if (context / real).is_file() else "deep"
    assert list(built(context, f"COPY {link} /x/").files.values()) == [wanted]


def test_links_below_a_source_stay_links(context: Path) -> None:
    (context / "d/lk").symlink_to(context.parent / "outside/key")
    assert list(built(context, "COPY d /x/").files.values()) == ["deep"]


@pytest.mark.parametrize("source", ["lk", "way/key", "way"])
def test_a_named_context_is_no_way_out(context: Path, tmp_path: Path, source: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "lk").symlink_to("../outside/key")
    (other / "way").symlink_to("../outside")
    line = f"RUN --mount=type=bind,from=more,source={source},target=/k true"
    refused(context, line, contexts=(("more", str(other)),))


def test_what_an_ignored_target_holds_is_not_copied(context: Path) -> None:
    (context / "lk").symlink_to("a")
    (context / ".dockerignore").write_text("a\n")
    refused(context, "COPY lk /x/")


@pytest.mark.parametrize("name", [".dockerignore", "Dockerfile.dockerignore", ".containerignore"])
@pytest.mark.parametrize("target", ["{outside}/ignore", "../outside/ignore", "/dev/zero", "/"])
def test_an_ignore_file_is_read_from_the_context_alone(
    context: Path, name: str, target: str
) -> None:
    outside = context.parent / "outside"
    (outside / "ignore").write_text(f"d\n# {SECRET}\n")
    (context / name).symlink_to(target.format(outside=outside))
    made = built(context, "COPY d /x/\nRUN a")
    # BuildKit leaves out nothing then.
    assert list(made.files.values()) == ["deep"]
    assert made.ignored == [""]
    before = of(context)
    (context / "d/e/f").write_text("changed")
    assert of(context) != before


def of(context: Path) -> str:
    """What stands for a build of the context."""
    made = fingerprints.of_build(BuildImage(context), context.parent / "cache", OwnFiles())
    assert isinstance(made, fingerprints.Fingerprint)
    return made.digest


@pytest.mark.parametrize("kind", ["pipe", "socket", "directory", "too large"])
def test_an_ignore_file_that_is_none_is_not_waited_for(context: Path, kind: str) -> None:
    file = context / ".dockerignore"
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "directory":
        file.mkdir()
    elif kind == "socket":
        os.mknod(file, 0o140600)
    else:
        with file.open("wb") as sparse:
            sparse.truncate(20 * 1024**3)
    reason = {"directory": "", "too large": "is larger than"}.get(kind, "not a regular|No such dev")
    refusal = pytest.raises(RbuildError, match=reason) if reason else contextlib.nullcontext()
    with refusal:
        assert list(built(context, "COPY d /x/").files.values()) == ["deep"]


@pytest.mark.parametrize("target", ["{outside}/key", "../outside/key", "way/key"])
def test_a_containerfile_is_no_link_out_of_its_directory(context: Path, target: str) -> None:
    (context / "Dockerfile").symlink_to(target.format(outside=context.parent / "outside"))
    with pytest.raises(ContainerfileError) as error:
        explain(BuildImage(context), "podman 4.3.1")
    assert "it is a link that leads out of" in str(error.value)
    assert SECRET not in str(error.value)


def test_a_containerfile_may_be_a_link_in_its_directory(context: Path) -> None:
    (context / "d/real").write_text("FROM base\n")
    (context / "Dockerfile").symlink_to("d/real")
    assert explain(BuildImage(context), "podman 4.3.1") == ()


def test_what_is_exchanged_meanwhile_is_not_followed(context: Path) -> None:
    (context / "lk").symlink_to("/d/e/f")
    real = below.resolved(context, "lk")
    (context / "d/e/f").unlink()
    (context / "d/e/f").symlink_to(context.parent / "outside/key")
    with (
        pytest.raises(OSError, match=r"levels of symbolic links|Not a directory"),
        below.opened_file(context, real),
    ):
        pytest.fail("opened")
    (context / "d/e").rename(context / "d/was")
    (context / "d/e").symlink_to(context.parent / "outside")
    with (
        pytest.raises(OSError, match=r"levels of symbolic links|Not a directory"),
        below.opened_file(context, "d/e/key"),
    ):
        pytest.fail("opened")


def test_a_digest_reads_nothing_outside(context: Path) -> None:
    (context / "lk").symlink_to(context.parent / "outside/key")
    (context / "ld").symlink_to(context.parent / "outside")
    before = [BuildContext(context).digest(name) for name in ("lk", "ld", "ld/key", "way/key", "")]
    (context.parent / "outside/key").write_text("changed, and longer")
    assert [
        BuildContext(context).digest(n) for n in ("lk", "ld", "ld/key", "way/key", "")
    ] == before


def test_a_deep_context_is_read_whole(context: Path) -> None:
    deep = "/".join(["d"] * 1100)
    subprocess.run(["mkdir", "-p", deep], cwd=context, check=True)
    (context / deep / "f").write_text("x")
    before = BuildContext(context).digest("")
    (context / deep / "f").write_text("y")
    assert BuildContext(context).digest("") != before
    subprocess.run(["rm", "-r", "d"], cwd=context, check=True)
