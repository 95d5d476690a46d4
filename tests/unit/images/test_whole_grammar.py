"""The promise of docs/explanation/containerfiles.md, held against the whole grammar: what a
containerfile may say is made by rbuild, rewritten, done by an engine that does it as BuildKit does,
or refused with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Final

import pytest

from rootless_build.images.containerfile import mounts
from rootless_build.images.containerfile.grammar import FLAGS
from rootless_build.images.layers.client import LayerMaker
from rootless_build.images.layers.request import Layer, LayersRequest, Made
from rootless_build.images.rewrite.features import ASKED, Answer
from rootless_build.images.segments import filled_caches
from rootless_build.images.segments.remote import Fetching
from rootless_build.model.errors import ContainerfileError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from tests.unit.images.segments.storage import OPTIONS, Storage, build


class Fate(Enum):
    """What becomes of it."""

    RBUILD = "rbuild does it: the engine never hears of it"
    REWRITTEN = "the engine is told otherwise"
    ENGINE = "every engine does it"
    ASKED = "an engine does it that has shown that it does; else it is rewritten or refused"
    REFUSED = "no engine does it"


INSTRUCTIONS: Final[Mapping[tuple[str, str], tuple[str, Fate]]] = {
    ("ADD", ""): ("ADD f /x", Fate.RBUILD),
    ("ADD", "chown"): ("ADD --chown=1 f /x", Fate.RBUILD),
    ("ADD", "chmod"): ("ADD --chmod=u+x f /x", Fate.RBUILD),
    ("ADD", "link"): ("ADD --link f /x", Fate.RBUILD),
    ("ADD", "exclude"): ("ADD --exclude=*.o d /x", Fate.RBUILD),
    ("ADD", "keep-git-dir"): ("ADD --keep-git-dir=true f /x", Fate.RBUILD),
    ("ADD", "checksum"): (f"ADD --checksum=sha256:{'0' * 64} https://h/f /x", Fate.RBUILD),
    ("ADD", "unpack"): ("ADD --unpack=false f /x", Fate.RBUILD),
    ("ARG", ""): ("ARG A=1", Fate.RBUILD),
    ("CMD", ""): ('CMD ["a"]', Fate.RBUILD),
    ("COPY", ""): ("COPY f /x", Fate.RBUILD),
    ("COPY", "chown"): ("COPY --chown=1:2 f /x", Fate.RBUILD),
    ("COPY", "chmod"): ("COPY --chmod=u+x f /x", Fate.RBUILD),
    ("COPY", "link"): ("COPY --link f /x", Fate.RBUILD),
    ("COPY", "exclude"): ("COPY --exclude=*.o d /x", Fate.RBUILD),
    ("COPY", "from"): ("COPY --from=base / /x", Fate.RBUILD),
    ("COPY", "parents"): ("COPY --parents d/f /x/", Fate.RBUILD),
    ("ENTRYPOINT", ""): ("ENTRYPOINT a", Fate.RBUILD),
    ("ENV", ""): ("ENV A=1", Fate.RBUILD),
    ("EXPOSE", ""): ("EXPOSE 80", Fate.RBUILD),
    ("FROM", ""): ("FROM base", Fate.RBUILD),
    ("FROM", "platform"): ("FROM --platform=$TARGETPLATFORM base", Fate.RBUILD),
    ("HEALTHCHECK", ""): ("HEALTHCHECK CMD a", Fate.RBUILD),
    ("HEALTHCHECK", "interval"): ("HEALTHCHECK --interval=1s CMD a", Fate.RBUILD),
    ("HEALTHCHECK", "timeout"): ("HEALTHCHECK --timeout=1s CMD a", Fate.RBUILD),
    ("HEALTHCHECK", "start-period"): ("HEALTHCHECK --start-period=1s CMD a", Fate.RBUILD),
    ("HEALTHCHECK", "start-interval"): ("HEALTHCHECK --start-interval=1s CMD a", Fate.RBUILD),
    ("HEALTHCHECK", "retries"): ("HEALTHCHECK --retries=1 CMD a", Fate.RBUILD),
    ("LABEL", ""): ("LABEL a=b", Fate.RBUILD),
    ("MAINTAINER", ""): ("MAINTAINER a", Fate.RBUILD),
    ("ONBUILD", ""): ("ONBUILD RUN a", Fate.RBUILD),
    ("RUN", ""): ("RUN a", Fate.ENGINE),
    ("RUN", "mount"): ("RUN --mount=type=tmpfs,target=/t a", Fate.ENGINE),
    ("RUN", "network"): ("RUN --network=none a", Fate.REWRITTEN),
    ("RUN", "security"): ("RUN --security=insecure a", Fate.REFUSED),
    ("RUN", "device"): ("RUN --device=vendor.com/a=b a", Fate.REFUSED),
    ("SHELL", ""): ('SHELL ["/bin/b", "-c"]', Fate.RBUILD),
    ("STOPSIGNAL", ""): ("STOPSIGNAL INT", Fate.RBUILD),
    ("USER", ""): ("USER 1", Fate.RBUILD),
    ("VOLUME", ""): ("VOLUME /v", Fate.RBUILD),
    ("WORKDIR", ""): ("WORKDIR /w", Fate.RBUILD),
}
"""Every instruction, alone and with each of its flags."""
FORMS: Final = (
    ('RUN ["a", "b"]', Fate.ENGINE),
    ("RUN <<E\na\nE", Fate.REWRITTEN),
    ("RUN cat <<E\na\nE", Fate.REWRITTEN),
    ("RUN --network=default a", Fate.REWRITTEN),
    ("RUN --network=host a", Fate.REWRITTEN),
    ("RUN --security=sandbox a", Fate.REWRITTEN),
    ("COPY <<E /x\na\nE", Fate.RBUILD),
    ('COPY ["f", "/x"]', Fate.RBUILD),
    ("ADD https://h/f /x", Fate.RBUILD),
    ("ARG A=${B#c}", Fate.RBUILD),
    ("HEALTHCHECK NONE", Fate.RBUILD),
)
"""Other ways to write them."""
BIND, CACHE = "type=bind,target=/t", "type=cache,target=/t"
SECRET, SSH, TMPFS = "type=secret,id=s", "type=ssh", "type=tmpfs,target=/t"
MOUNTS: Final[Mapping[tuple[str, str], tuple[str, Fate]]] = {
    ("bind", "target"): (BIND, Fate.REWRITTEN),
    ("bind", "source"): (f"{BIND},source=d", Fate.REWRITTEN),
    ("bind", "from"): (f"{BIND},from=base", Fate.REWRITTEN),
    ("bind", "rw"): (f"{BIND},rw", Fate.ASKED),
    ("bind", "ro"): (f"{BIND},ro", Fate.REWRITTEN),
    ("cache", "target"): (CACHE, Fate.ENGINE),
    ("cache", "id"): (f"{CACHE},id=a", Fate.ENGINE),
    ("cache", "ro"): (f"{CACHE},ro", Fate.ENGINE),
    ("cache", "rw"): (f"{CACHE},rw=true", Fate.REWRITTEN),
    ("cache", "sharing"): (f"{CACHE},sharing=private", Fate.REWRITTEN),
    ("cache", "from"): (f"{CACHE},from=base", Fate.REWRITTEN),
    ("cache", "source"): (f"{CACHE},from=base,source=/s", Fate.REWRITTEN),
    ("cache", "mode"): (f"{CACHE},mode=0700", Fate.ASKED),
    ("cache", "uid"): (f"{CACHE},uid=1", Fate.ASKED),
    ("cache", "gid"): (f"{CACHE},gid=1", Fate.ASKED),
    ("tmpfs", "target"): ("type=tmpfs,target=t", Fate.REWRITTEN),
    ("tmpfs", "size"): (f"{TMPFS},size=1m", Fate.ASKED),
    ("secret", "id"): (SECRET, Fate.ENGINE),
    ("secret", "target"): (f"{SECRET},target=/t", Fate.ENGINE),
    ("secret", "required"): (f"{SECRET},required=true", Fate.ENGINE),
    ("secret", "env"): (f"{SECRET},env=S", Fate.ENGINE),
    ("secret", "mode"): (f"{SECRET},mode=0400", Fate.ASKED),
    ("secret", "uid"): (f"{SECRET},uid=1", Fate.ASKED),
    ("secret", "gid"): (f"{SECRET},gid=1", Fate.ASKED),
    ("ssh", "id"): (f"{SSH},id=a", Fate.ENGINE),
    ("ssh", "target"): (f"{SSH},target=/t", Fate.ENGINE),
    ("ssh", "required"): (f"{SSH},required=true", Fate.ENGINE),
    ("ssh", "mode"): (f"{SSH},mode=0600", Fate.ASKED),
    ("ssh", "uid"): (f"{SSH},uid=1", Fate.ASKED),
    ("ssh", "gid"): (f"{SSH},gid=1", Fate.ASKED),
}
"""Every type of mount, with each option that BuildKit's reference has for it."""
SHOWN: Final = {feature: Answer(exact=True, day="2026-11-30") for feature in ASKED}
CASES: Final = (
    *INSTRUCTIONS.values(),
    *FORMS,
    *((f"RUN --mount={mount} a", fate) for mount, fate in MOUNTS.values()),
)


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Storage:
    def answer(_self: LayerMaker, request: LayersRequest) -> Made:
        for number, _ in enumerate(request.operations):
            (request.output / f"{number}.tar").touch()
        return Made(
            tuple(Layer(f"{number:064}", 0, 0) for number, _ in enumerate(request.operations))
        )

    monkeypatch.setattr(LayerMaker, "answer", answer)
    monkeypatch.setattr(Fetching, "fetch", lambda *_: None)
    monkeypatch.setattr(filled_caches, "build_and_forget", lambda *_: ["rbuild-filled"])
    made = Storage()
    made.has("base")
    return made


@pytest.fixture
def context(tmp_path: Path) -> BuildImage:
    for name in ("f", "d/f"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    return BuildImage(tmp_path)


def told(storage: Storage, step: BuildImage, line: str, *, shown: bool) -> str:
    """What the engine is told of the line."""
    options = replace(OPTIONS, answers=SHOWN if shown else {})
    begin = "" if line.startswith("FROM") else "FROM base\n"
    build(storage, step, f"{begin}{line}\n", options=options)
    texts = "".join(storage.runs)
    storage.runs.clear()
    return texts


def test_the_tables_have_the_whole_grammar() -> None:
    flags = {(name, flag) for name, known in FLAGS.items() for flag in ("", *known)}
    assert set(INSTRUCTIONS) == flags
    assert {kind for kind, _ in MOUNTS} == set(mounts.TYPES)


@pytest.mark.parametrize(("line", "fate"), CASES, ids=[line for line, _ in CASES])
def test_nothing_is_left_to_chance(
    storage: Storage, context: BuildImage, line: str, fate: Fate
) -> None:
    if fate is Fate.REFUSED:
        with pytest.raises(ContainerfileError) as refused:
            told(storage, context, line, shown=True)
        assert "as BuildKit does" in refused.value.message
        return
    left = told(storage, context, line, shown=True)
    words = [each.split(" ")[0] for each in left.splitlines()]
    if fate is Fate.RBUILD:
        assert words == []
        return
    assert set(words) - {"a", "E"} <= {"FROM", "SHELL", "RUN"}
    if fate is Fate.REWRITTEN:
        assert line not in left
    if fate is Fate.ASKED:
        assert _told_without_an_answer(storage, context, line) != left


def _told_without_an_answer(storage: Storage, step: BuildImage, line: str) -> str:
    """What the engine is told that has shown nothing; empty where the line is refused."""
    try:
        return told(storage, step, line, shown=False)
    except ContainerfileError as refused:
        if "has not shown that" in refused.message:
            return ""
        raise
