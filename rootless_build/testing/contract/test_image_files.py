"""The files of an image, and an image that is not to stay."""

from __future__ import annotations

import os
from pathlib import Path

from rootless_build.backend.api import Engine, Image
from rootless_build.model.plan import BuildImage
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder

CONTAINERFILE = f"""\
FROM {BASE} AS made
RUN mkdir -p /out/sub/empty /out/closed && echo one > /out/sub/one && chmod 0750 /out/sub/one \\
    && ln -s sub/one /out/link && ln -s /nowhere /out/broken && ln /out/sub/one /out/hard \\
    && echo gone > /out/gone && echo old > /out/replaced && : > '/out/ünï code' \\
    && chown 1000:1000 /out/sub/one && touch -d '2020-01-02 03:04:05' /out/sub/one \\
    && echo inside > /out/closed/inside && chmod 0555 /out/closed
FROM scratch
COPY --from=made /out /
"""


def build(engine: Engine, directory: Path, text: str, *tags: str) -> Image:
    (directory / "Containerfile").write_text(text)
    step = BuildImage(directory, directory / "Containerfile", tags=tags)
    return engine.build_image(step, Recorder().reporter)


def test_the_files_of_an_image_come_out_as_they_are(
    engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    (tmp_path / "context").mkdir()
    image = build(engine, tmp_path / "context", CONTAINERFILE)
    out = tmp_path / "out"
    out.mkdir()
    engine.copy_image(image, (("io.rbuild.build", "x"),), out)
    names = sorted(str(path.relative_to(out)) for path in out.rglob("*"))
    assert names == sorted(
        [
            "broken",
            "closed",
            "closed/inside",
            "gone",
            "hard",
            "link",
            "replaced",
            "sub",
            "sub/empty",
            "sub/one",
            "ünï code",
        ]
    )
    one = out / "sub/one"
    assert one.stat().st_mode & 0o777 == 0o750
    assert one.stat().st_mtime == 1577934245
    assert str((out / "broken").readlink()) == "/nowhere"
    assert (out / "closed").stat().st_mode & 0o777 == 0o555
    assert {path.lstat().st_uid for path in out.rglob("*")} == {os.getuid()}
    assert [item for item in engine.leftovers() if item.kind == "container"] == []
    (out / "closed").chmod(0o755)


def test_what_a_later_layer_removes_is_not_there(
    engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "file").write_text("new")
    text = f"FROM {BASE}\nRUN mkdir /d && echo x > /d/gone && echo x > /d/kept\n"
    text += "RUN rm -r /d/gone /home && echo y > /d/kept\nCOPY file /d/file\n"
    image = build(engine, context, text)
    out = tmp_path / "out"
    out.mkdir()
    engine.copy_image(image, (), out)
    assert sorted(path.name for path in (out / "d").iterdir()) == ["file", "kept"]
    assert (out / "d/kept").read_text() == "y\n"
    assert not (out / "home").exists()


def test_an_image_with_a_name_is_not_discarded(
    engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    text = f"FROM {BASE}\nLABEL io.rbuild.project=discarded\nRUN echo one > /one\n"
    named = build(engine, tmp_path, text, "localhost/rbuild-test-named:latest")
    engine.discard_image(named)
    assert engine.find_image("localhost/rbuild-test-named:latest") is not None


def test_an_image_without_a_name_is_discarded(
    engine: Engine, base_image: Image, tmp_path: Path
) -> None:
    text = f"FROM {BASE}\nLABEL io.rbuild.project=discarded\nRUN echo two > /two\n"
    image = build(engine, tmp_path, text)
    engine.discard_image(image)
    assert engine.find_image(image.id) is None
