"""What an engine answers is what it does, and asking leaves nothing."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rootless_build.backend.api import Engine, Leftover
from rootless_build.images.asking.answers import answers_for
from rootless_build.images.asking.memory import Memory
from rootless_build.images.asking.questions import QUESTIONS
from rootless_build.images.rewrite.features import ASKED, Answer, Answers, Feature
from rootless_build.images.rewrite.options import RewriteOptions
from rootless_build.model.errors import ImageBuildError
from rootless_build.model.plan import BuildImage
from rootless_build.model.structs import replace
from rootless_build.testing.base_root import BASE
from rootless_build.testing.recorder import Recorder
from tests.containerfiles.conftest import ENGINES, LIKE, Build
from tests.containerfiles.trees import tree

pytestmark = ENGINES
OUT = "FROM scratch AS out\nCOPY --from=made /o/ /\n"
ALL = (
    f"FROM {BASE} AS made\n"
    "RUN --mount=target=/c,rw true\nRUN --network=none true\nRUN --network=host true\n"
    "RUN --mount=type=cache,target=/c,uid=1 true\nRUN --mount=type=tmpfs,target=/t,size=1m true\n"
    "RUN --mount=type=ssh,uid=1 true\n"
)
LEFT = {feature: Answer(exact=True, day="2026-11-30") for feature in ASKED}
"""Whatever it does."""


@dataclass(frozen=True)
class Asked:
    """What an engine answered, and what was left of it."""

    answers: Answers
    images: frozenset[str]
    leftovers: Sequence[Leftover]
    files: Sequence[Path]

    def exact(self, feature: Feature) -> bool:
        return self.answers[feature].exact


@pytest.fixture(scope="session")
def asked(engine: Engine, storage: Path) -> Asked:
    """The engine, asked for everything."""
    context = storage / "asked"
    context.mkdir()
    (context / "Dockerfile").write_text(ALL)
    memory, step = Memory(context / "engines", "this"), BuildImage(context)
    before, others = engine.image_ids(), engine.leftovers()
    # Engines put an agent's socket there, whose path has 107 bytes at most.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", temporary)
            answers = answers_for(step, engine, Recorder().reporter, memory)
        files = tuple(Path(temporary).iterdir())
    assert memory.answers() == answers
    left = tuple(each for each in engine.leftovers() if each not in others)
    return Asked(answers, engine.image_ids() - before, left, files)


def does_network(build: Build, left: RewriteOptions, place: Path, mode: str) -> bool:
    own = str(Path("/proc/self/ns/net").readlink())
    run = f"RUN --network={mode} mkdir /o; readlink /proc/self/ns/net > /o/f"
    text = f"FROM {BASE} AS made\n{run}\n{OUT}"
    # What the whole build has is left out.
    other = "none" if mode == "host" else "host"
    build(text, building=left, like=replace(LIKE, network=other))
    found = tree(place / "out")["f"].strip()
    return found == own if mode == "host" else found != own


def forgets_writes(build: Build, left: RewriteOptions, place: Path) -> bool:
    context, more = place / "context", place / "more"
    more.mkdir(exist_ok=True)
    for directory in (context, more):
        (directory / "f").write_text("1")
    mounts = "--mount=target=/c,rw --mount=from=more,target=/m,rw"
    text = (
        f"FROM {BASE} AS made\n"
        f"RUN {mounts} echo 2 > /c/f; touch /c/x /m/x; rm /m/f\n"
        f"RUN {mounts} mkdir /o; cat /c/f /m/f > /o/f; ls /c/x /m/x > /o/new || true\n"
        f"RUN echo /c/* /m/* > /o/left\n{OUT}"
    )
    try:
        build(text, building=left, build_contexts=(("more", str(more)),))
    except ImageBuildError:
        return False
    kept = (context / "f").read_text() == "1" and not (context / "x").exists()
    named = tree(more) == {"f": "1"}
    return kept and named and tree(place / "out") == {"f": "11", "new": "", "left": "/c/* /m/*\n"}


def keeps_owners(build: Build, left: RewriteOptions, place: Path) -> bool:
    (place / "secret").write_text("s")
    text = (
        f"FROM {BASE} AS made\n"
        "RUN --mount=type=cache,target=/c,id=rbuild-owners,uid=5,gid=6,mode=0750"
        " --mount=type=secret,target=/s,id=s,uid=5,gid=6,mode=0404"
        f" mkdir /o; stat -c '%a %u:%g' /c /s > /o/f\n{OUT}"
    )
    try:
        build(text, building=left, like=replace(LIKE, secrets=(f"id=s,src={place / 'secret'}",)))
    except ImageBuildError:
        return False
    return tree(place / "out") == {"f": "750 5:6\n404 5:6\n"}


def keeps_owner_of_agent(build: Build, left: RewriteOptions, place: Path) -> bool:
    mount = "--mount=type=ssh,target=/agent,id=a,uid=5,gid=6,mode=0604"
    text = f"FROM {BASE} AS made\nRUN {mount} mkdir /o; stat -c '%a %u:%g' /agent > /o/f\n{OUT}"
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as agent:
        path = Path(short, "agent")
        agent.bind(str(path))
        agent.listen()
        try:
            build(text, building=left, like=replace(LIKE, ssh=(f"a={path}",)))
        except ImageBuildError:
            return False
    return tree(place / "out") == {"f": "604 5:6\n"}


def limits_memory(build: Build, left: RewriteOptions, place: Path) -> bool:
    fill = "dd if=/dev/zero of=/t/f bs=1k count=80 2>/dev/null"
    text = (
        f"FROM {BASE} AS made\nRUN --mount=type=tmpfs,target=/t,size=64k"
        f" mkdir /o; {fill} && echo all > /o/f || echo part > /o/f\n{OUT}"
    )
    try:
        build(text, building=left)
    except ImageBuildError:
        return False
    return tree(place / "out") == {"f": "part\n"}


DOES = {
    Feature.MOUNT_OWNER: keeps_owners,
    Feature.MOUNT_AGENT_OWNER: keeps_owner_of_agent,
    Feature.MOUNT_TMPFS_SIZE: limits_memory,
    Feature.MOUNT_DISCARDS_WRITES: forgets_writes,
}


@pytest.mark.parametrize("feature", DOES, ids=lambda feature: feature.name.lower())
def test_an_engine_does_what_it_answers(
    build: Build, building: RewriteOptions, place: Path, asked: Asked, feature: Feature
) -> None:
    assert set(asked.answers) == set(QUESTIONS) == set(ASKED)
    does = DOES[feature](build, replace(building, memory=None, answers=LEFT), place)
    assert does == asked.exact(feature)


def test_asking_leaves_no_image_no_container_and_no_cache(asked: Asked) -> None:
    assert asked.images == frozenset()
    assert asked.leftovers == ()
    assert asked.files == ()


def test_writes_are_forgotten_whoever_does_it(
    build: Build, building: RewriteOptions, place: Path, asked: Asked
) -> None:
    assert forgets_writes(build, replace(building, memory=None, answers=asked.answers), place)


@pytest.mark.parametrize("mode", ["none", "host"])
def test_a_run_has_its_network_whatever_the_engine_has_shown(
    build: Build, building: RewriteOptions, place: Path, mode: str
) -> None:
    options = replace(building, memory=None, answers={})
    assert does_network(build, options, place, mode)
