"""Docker command lines, and the steps they stand for."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Final

import pytest

from rootless_build.model.errors import RecipeError
from rootless_build.model.plan import (
    BindMount,
    BuildImage,
    BuildOutput,
    Call,
    CheckContainerfile,
    Limits,
    Mount,
    Origin,
    PullImage,
    PullPolicy,
    RemoveVolume,
    RunContainer,
    Step,
    TagImage,
    TmpfsMount,
    VolumeMount,
)
from rootless_build.recipes.docker import argv
from rootless_build.recipes.docker import flags as docker_flags

DIRECTORY: Final = Path("/src/project")
ENVIRONMENT: Final = {"SET": "from make", "EMPTY": "", "ÜMLAUT": "ä"}
ORIGIN: Final = Origin("Makefile", 7, "docker …")


def parse(line: str, directory: Path = DIRECTORY) -> tuple[Step, tuple[str, ...]]:
    context = argv.Context(directory, ENVIRONMENT, ORIGIN)
    return argv.parse(shlex.split(line), context)


def build(**fields: object) -> BuildImage:
    return BuildImage(**{"context": DIRECTORY, "origin": ORIGIN} | fields)  # type: ignore[arg-type]


def run(**fields: object) -> RunContainer:
    return RunContainer(**{"image": "i", "origin": ORIGIN} | fields)  # type: ignore[arg-type]


def env(*pairs: tuple[str, str]) -> RunContainer:
    return run(environment=pairs)


def args(*pairs: tuple[str, str]) -> BuildImage:
    return build(build_args=pairs)


def mount(*mounts: Mount) -> RunContainer:
    return run(mounts=mounts)


def output(kind: str, *attributes: tuple[str, str]) -> BuildImage:
    return build(outputs=(BuildOutput(kind, attributes),))


UNDERSTOOD: Final[list[tuple[str, Step]]] = [
    # --- spellings of the commands
    ("build .", build()),
    ("image build .", build()),
    ("builder build .", build()),
    ("buildx build .", build()),
    ("buildx b .", build()),
    # --- what only asks for checks
    ("build --check .", CheckContainerfile(build(), ORIGIN)),
    ("build --check=false .", build()),
    ("buildx build --call check -t i .", CheckContainerfile(build(tags=("i",)), ORIGIN)),
    ("build --call=build .", build()),
    ("build --check --call= .", build()),
    ("build --call=outline .", CheckContainerfile(build(), ORIGIN, Call.OUTLINE)),
    ("build --call=format=json,targets .", CheckContainerfile(build(), ORIGIN, Call.TARGETS, True)),
    (
        "build --call=lint,format=text,ignorestatus=true .",
        CheckContainerfile(build(), ORIGIN, ignores_status=True),
    ),
    ("run i", run()),
    ("container run i", run()),
    ("-l debug build .", build()),
    ("--log-level=error -D run i", run()),
    ("--debug=false build .", build()),
    # --- the context
    ("build /elsewhere", build(context=Path("/elsewhere"))),
    ("build ./man", build(context=DIRECTORY / "man")),
    ("build ..", build(context=Path("/src"))),
    ("build 'a b/ü'", build(context=DIRECTORY / "a b" / "ü")),
    ("build -- .", build()),
    ("build -t a -- ./-odd", build(tags=("a",), context=DIRECTORY / "-odd")),
    ("build . -t a", build(tags=("a",))),
    ("build -t a . --no-cache", build(tags=("a",), no_cache=True)),
    # --- pflag's forms
    ("build -t a -t b .", build(tags=("a", "b"))),
    ("build -ta .", build(tags=("a",))),
    ("build -t=a .", build(tags=("a",))),
    ("build --tag a .", build(tags=("a",))),
    ("build --tag=a .", build(tags=("a",))),
    ("build --tag=a=b .", build(tags=("a=b",))),
    ('build -t "docker-dev:my-branch" .', build(tags=("docker-dev:my-branch",))),
    ("build -qt a .", build(tags=("a",))),
    ("build --no-cache=true .", build(no_cache=True)),
    ("build --no-cache=false .", build()),
    ("build --no-cache=0 .", build()),
    ("build --no-cache --no-cache=F .", build()),
    ("build --rm=false --force-rm .", build()),
    ("build -- ./x", build(context=DIRECTORY / "x")),
    # --- build
    ("build -f Dockerfile.arm .", build(containerfile=DIRECTORY / "Dockerfile.arm")),
    (
        "build -f man/Dockerfile ./man",
        build(containerfile=DIRECTORY / "man" / "Dockerfile", context=DIRECTORY / "man"),
    ),
    ("build -f /x/../D .", build(containerfile=Path("/D"))),
    ('build -f "" .', build()),
    ("build --build-arg A=1 .", args(("A", "1"))),
    ("build --build-arg=A=1=2 .", args(("A", "1=2"))),
    ("build --build-arg A= .", args(("A", ""))),
    ("build --build-arg SET .", args(("SET", "from make"))),
    ("build --build-arg=EMPTY .", args(("EMPTY", ""))),
    ("build --build-arg UNSET .", build()),
    ("build --build-arg 'A=x y' --build-arg A=z .", args(("A", "x y"), ("A", "z"))),
    ("build --build-arg ÜMLAUT .", args(("ÜMLAUT", "ä"))),
    ("build --target=final .", build(target="final")),
    ("build --target= .", build()),
    ("build --target a --target b .", build(target="b")),
    ("build --network host .", build(network="host")),
    ("build --network default .", build()),
    ("build --pull .", build(pull=PullPolicy.ALWAYS)),
    ("build --pull=false .", build()),
    ("build --label a=b --label c .", build(labels=(("a", "b"), ("c", "")))),
    ("build --platform linux/arm64 .", build(platforms=("linux/arm64",))),
    ("build --platform=linux/amd64,linux/arm .", build(platforms=("linux/amd64", "linux/arm/v7"))),
    ("build --platform armhf --platform linux/arm .", build(platforms=("linux/arm/v7",))),
    ("build --platform= .", build()),
    ("build --add-host a:1.2.3.4 .", build(add_hosts=("a:1.2.3.4",))),
    ("build --cache-from a --cache-from=b .", build(cache_from=("a", "b"))),
    (
        "build -t a --iidfile out/id .",
        build(tags=("a",), image_id_file=DIRECTORY / "out" / "id"),
    ),
    ("build --squash .", build(squash=True)),
    ("build --output=bundles/ .", output("local", ("dest", "/src/project/bundles"))),
    ("build -o bundles .", output("local", ("dest", "/src/project/bundles"))),
    ("build -o type=local,dest=../out .", output("local", ("dest", "/src/out"))),
    ("build -o 'type=tar,\"dest=a,b.tar\"' .", output("tar", ("dest", "/src/project/a,b.tar"))),
    ("build -o type=docker .", output("docker")),
    ("build -o type=docker,name=x .", output("docker", ("name", "x"))),
    ("build --secret id=a,src=s/a .", build(secrets=("id=a,src=/src/project/s/a",))),
    ("build --secret id=a,env=A .", build(secrets=("id=a,env=A",))),
    ("build --ssh default .", build(ssh=("default",))),
    ("build --ssh k=keys/id .", build(ssh=("k=/src/project/keys/id",))),
    ("build --build-context a=../a .", build(build_contexts=(("a", "/src/a"),))),
    (
        "build --build-context a=docker-image://b .",
        build(build_contexts=(("a", "docker-image://b"),)),
    ),
    ("build --memory 1g --cpu-shares 2 .", build(limits=Limits(memory="1g", cpu_shares=2))),
    ("build --ulimit nofile=1:2 .", build(limits=Limits(ulimits=("nofile=1:2",)))),
    ("build --load --progress=plain .", build()),
    ("build --provenance=false --sbom=false .", build()),
    ("build --no-cache-filter a .", build(no_cache=True)),
    ("build --isolation default .", build()),
    ("build --security-opt label=disable .", build(security_options=("label=disable",))),
    # --- run: where its flags end
    ("run i -v /a:/b --rm", run(command=("-v", "/a:/b", "--rm"))),
    ("run -- i -x", run(command=("-x",))),
    ("run -i i bash -c 'a b'", run(interactive=True, command=("bash", "-c", "a b"))),
    ("run i -- x", run(command=("--", "x"))),
    ("run i ''", run(command=("",))),
    # --- run: clusters and bools
    ("run -it i", run(interactive=True, tty=True)),
    ("run -ti --rm --privileged i", run(interactive=True, tty=True, privileged=True)),
    ("run -it=false i", run(interactive=True)),
    ("run -itw /x i", run(interactive=True, tty=True, working_directory="/x")),
    ("run -iu0 i", run(interactive=True, user="0")),
    ("run --privileged=false i", run()),
    ("run --rm=false i", run()),
    ("run --init --read-only i", run(init=True, read_only=True)),
    ("run --detach=false i", run()),
    # --- run: environment
    ("run -e A=b i", env(("A", "b"))),
    ("run -eA=b i", env(("A", "b"))),
    ("run -e=A=b i", env(("A", "b"))),
    ("run --env A='b c' i", env(("A", "b c"))),
    ("run -e SET -e EMPTY -e UNSET i", env(("SET", "from make"), ("EMPTY", ""))),
    ("run -e A= -e A=2 i", env(("A", ""), ("A", "2"))),
    ("run -e 'A=\"quoted\"' i", env(("A", '"quoted"'))),
    ("run -e ÜMLAUT -e 'x=日本 語' i", env(("ÜMLAUT", "ä"), ("x", "日本 語"))),
    # --- run: mounts
    ("run -v /a:/b i", mount(BindMount(Path("/a"), "/b"))),
    ("run -v=/a:/b i", mount(BindMount(Path("/a"), "/b"))),
    ("run -v/a:/b i", mount(BindMount(Path("/a"), "/b"))),
    ('run -v "/a b/ü:/c" i', mount(BindMount(Path("/a b/ü"), "/c"))),
    ("run -v ./x:/b i", mount(BindMount(DIRECTORY / "x", "/b"))),
    ("run -v .:/b/. i", mount(BindMount(DIRECTORY, "/b"))),
    ("run -v ../a:/b i", mount(BindMount(DIRECTORY.parent / "a", "/b"))),
    ("run -v ..:/b i", mount(BindMount(DIRECTORY.parent, "/b"))),
    ("run -v .git:/b/.git i", mount(BindMount(DIRECTORY / ".git", "/b/.git"))),
    ("run -v /src/project/.:/b i", mount(BindMount(DIRECTORY, "/b"))),
    ("run -v /a:/b:ro i", mount(BindMount(Path("/a"), "/b", read_only=True))),
    ("run -v /a:/b:rw,rshared i", mount(BindMount(Path("/a"), "/b", propagation="rshared"))),
    ("run -v /a:/b:delegated i", mount(BindMount(Path("/a"), "/b"))),
    ("run -v /a:/b:z i", mount(BindMount(Path("/a"), "/b"))),
    ("run -v cache:/b i", mount(VolumeMount("/b", "cache"))),
    ("run -v cache-1.x_y:/b:nocopy,ro i", mount(VolumeMount("/b", "cache-1.x_y", True, False))),
    ("run -v /b i", mount(VolumeMount("/b"))),
    ("run -v /b/ i", mount(VolumeMount("/b"))),
    ("run -v a1:/b -v a1:/c i", mount(VolumeMount("/b", "a1"), VolumeMount("/c", "a1"))),
    (
        "run --mount type=bind,src=/a,dst=/b,readonly i",
        mount(BindMount(Path("/a"), "/b", read_only=True, create_source=False)),
    ),
    (
        "run --mount type=bind,source=./a,target=/b,ro=false,bind-propagation=slave i",
        mount(BindMount(DIRECTORY / "a", "/b", create_source=False, propagation="slave")),
    ),
    (
        "run --mount type=bind,src=../.a,dst=/b i",
        mount(BindMount(DIRECTORY.parent / ".a", "/b", create_source=False)),
    ),
    (
        "run --mount 'type=bind,\"src=/a,b\",destination=/c' i",
        mount(BindMount(Path("/a,b"), "/c", create_source=False)),
    ),
    ("run --mount src=v1,dst=/b i", mount(VolumeMount("/b", "v1"))),
    ("run --mount dst=/b,volume-nocopy i", mount(VolumeMount("/b", copy=False))),
    (
        "run --mount type=tmpfs,dst=/t,tmpfs-size=64m,tmpfs-mode=1770 i",
        mount(TmpfsMount("/t", ("size=64m", "mode=1770"))),
    ),
    ("run --tmpfs /t i", mount(TmpfsMount("/t"))),
    ("run --tmpfs /t:exec,size=1g i", mount(TmpfsMount("/t", ("exec", "size=1g")))),
    # --- run: the rest
    ("run --entrypoint sh i -c x", run(entrypoint=("sh",), command=("-c", "x"))),
    ("run --entrypoint '' i x", run(entrypoint=(), command=("x",))),
    ("run --entrypoint= i x", run(entrypoint=(), command=("x",))),
    ("run -w /x -u 1:2 i", run(working_directory="/x", user="1:2")),
    ("run --user= i", run()),
    ("run --name a --hostname b i", run(name="a", hostname="b")),
    ("run -h b i", run(hostname="b")),
    ("run -p 80:80 -p 1-2 i", run(publish=("80:80", "1-2"))),
    ("run --network host i", run(network="host")),
    ("run --net=none i", run(network="none")),
    ("run --cap-add ALL --cap-drop=A --cap-drop B i", run(cap_add=("ALL",), cap_drop=("A", "B"))),
    (
        "run --security-opt seccomp=unconfined --security-opt no-new-privileges i",
        run(security_options=("seccomp=unconfined", "no-new-privileges")),
    ),
    (
        "run --security-opt seccomp=hack/s.json i",
        run(security_options=("seccomp=/src/project/hack/s.json",)),
    ),
    ("run --security-opt apparmor:x i", run(security_options=("apparmor=x",))),
    ("run --device /dev/fuse i", run(devices=("/dev/fuse",))),
    ("run --add-host a:1 --dns 1.1.1.1 i", run(add_hosts=("a:1",), dns=("1.1.1.1",))),
    ("run -l a=b -l c --label d= i", run(labels=(("a", "b"), ("c", ""), ("d", "")))),
    ("run --pid host --ipc=host --uts host i", run(pid="host", ipc="host", uts="host")),
    ("run --userns host --cgroupns private i", run(userns="host", cgroupns="private")),
    ("run --sysctl a.b=1 i", run(sysctls=(("a.b", "1"),))),
    ("run --group-add 5 i", run(group_add=("5",))),
    ("run --stop-signal KILL --stop-timeout 3 i", run(stop_signal="KILL", stop_timeout=3)),
    ("run --platform x86_64 i", run(platform="linux/amd64")),
    ("run --platform= i", run()),
    ("run --pull never i", run(pull=PullPolicy.NEVER)),
    ("run --pull=always i", run(pull=PullPolicy.ALWAYS)),
    (
        "run -m 1g --memory-swap -1 --cpus 1.5 --pids-limit -1 --shm-size=64m i",
        run(limits=Limits("1g", "-1", "1.5", pids_limit=-1, shm_size="64m")),
    ),
    ("run --ulimit core=0 --ulimit nofile=1 i", run(limits=Limits(ulimits=("core=0", "nofile=1")))),
    ("run --restart no --log-driver json-file --expose 80 i", run()),
    ("run --sig-proxy=false --detach-keys ctrl-x --no-healthcheck i", run()),
    ("run quay.io/a/b:1@sha256:c x", run(image="quay.io/a/b:1@sha256:c", command=("x",))),
    # --- names
    ("tag a b", TagImage("a", "b", ORIGIN)),
    ("image tag a:1 r.example/b:2", TagImage("a:1", "r.example/b:2", ORIGIN)),
    ("pull a", PullImage("a", origin=ORIGIN)),
    ("image pull -q a:1", PullImage("a:1", origin=ORIGIN)),
    # --- volumes
    ("volume rm a", RemoveVolume(("a",), ORIGIN)),
    ("volume rm -f a b", RemoveVolume(("a", "b"), ORIGIN)),
    ("volume remove --force=true a", RemoveVolume(("a",), ORIGIN)),
]

REFUSED: Final = [
    # --- commands
    ("", "docker"),
    ("tag a", "an image and its new name"),
    ("tag a b c", "an image and its new name"),
    ("tag a B", "lower case"),
    ("tag a 'b c'", "no image's name"),
    ("tag -f a b", "-f"),
    (f"tag a b@sha256:{'0' * 64}", "digest"),
    ("pull", "one image"),
    ("pull a b", "one image"),
    ("pull -a a", "-a"),
    ("pull --platform linux/arm64 a", "--platform"),
    ("push a", "docker push"),
    ("rmi a", "docker rmi"),
    ("version", "docker version"),
    ("info", "docker info"),
    ("ps -a", "docker ps"),
    ("images", "docker images"),
    ("image ls", "docker image ls"),
    ("compose up", "docker compose"),
    ("volume create a", "docker volume create"),
    # --- another daemon
    ("-H tcp://a build .", "-H"),
    ("--host=tcp://a run i", "--host"),
    ("-c other run i", "-c"),
    ("--context other build .", "--context"),
    ("--tlsverify build .", "--tlsverify"),
    ("--frobnicate build .", "--frobnicate"),
    # --- build
    ("build", "build context"),
    ("build . more", "build context"),
    ("build -", "context"),
    ("build https://example.com/a.git", "context"),
    ("build http://example.com/a.tar", "context"),
    ("build git@example.com:a", "context"),
    ("build git://example.com/a", "context"),
    ("build github.com/a/b", "context"),
    ("build -f - .", "standard input"),
    ("build -t '' .", "-t"),
    ("build -t", "-t needs a value"),
    ("build --frobnicate .", "--frobnicate"),
    ("build --no-such=1 .", "--no-such"),
    ("build -Z .", "-Z"),
    ("build --no-cache=maybe .", "maybe"),
    ("build --build-arg =1 .", "has no name"),
    ("build --build-arg '' .", "has no name"),
    ("build --cpu-shares many .", "many"),
    ("build -o - .", "standard output"),
    ("build -o 'type=local,\"dest=x' .", "--?o"),
    ("build -o dest=x .", "type"),
    ("build -o type=registry .", "registry"),
    ("build -o type=local .", "dest"),
    ("build --push .", "--push"),
    ("build --metadata-file m .", "--metadata-file"),
    ("build --call=nothing .", "--call"),
    ("build --call=outline,nothing=1 .", "invalid print field: nothing=1"),
    ("build --isolation hyperv .", "--isolation"),
    ("build --build-context a .", "--build-context"),
    # --- run
    ("run", "names no image"),
    ("run -i", "names no image"),
    ("run --", "names no image"),
    ("run -v", "-v needs a value"),
    ("run -e", "-e needs a value"),
    ("run -itx i", "-x"),
    ("run -d i", "-d"),
    ("run -itd i", "-d"),
    ("run --gpus all i", "--gpus"),
    ("run --runtime kata i", "--runtime"),
    ("run --device-cgroup-rule x i", "--device-cgroup-rule"),
    ("run --restart always i", "--restart"),
    ("run --volumes-from a i", "--volumes-from"),
    ("run --link a i", "--link"),
    ("run --cidfile f i", "--cidfile"),
    ("run -P i", "-P"),
    ("run -e =x i", "has no name"),
    ("run --env-file none i", "--env-file"),
    ("run -v a:b i", "absolute"),
    ("run -v /a:/b:/c:/d i", "TARGET"),
    ("run -v /a: i", "empty section between colons"),
    ("run -v :/b i", "empty section between colons"),
    ("run -v /a:/b:frob i", "frob"),
    ("run -v ~/a:/b i", "path"),
    ("run -v a/b:/c i", "path"),
    ("run -v a/../b:/c i", "path"),
    ("run -v 'a b:/c' i", "volume's name"),
    ("run -v '' i", "invalid empty volume spec"),
    ("run -v / i", "root"),
    ("run -v /a:/b:nocopy i", "nocopy"),
    ("run -v vol:/b:rshared i", "rshared"),
    ("run --mount type=bind,dst=/b i", "source"),
    ("run --mount type=bind,src=/a i", "target"),
    ("run --mount type=bind,src=a,dst=/b i", "path"),
    ("run --mount type=npipe,src=/a,dst=/b i", "npipe"),
    ("run --mount type=bind,src=/a,dst=/b,frob=1 i", "frob"),
    ("run --mount type=bind,src=/a,dst=/b,ro=maybe i", "maybe"),
    ("run --mount '' i", "target"),
    ("run --mount 'type=bind,\"src=/a' i", "--mount"),
    ("run --tmpfs t i", "absolute"),
    ("run --pull sometimes i", "sometimes"),
    ("run --ulimit nofile i", "nofile"),
    ("run --stop-timeout soon i", "soon"),
    ("run --init=2 i", "2"),
    ("run --platform amd46 i", "did you mean amd64"),
    ("run --platform linux/arm64,linux/386 i", "one platform"),
    ("build --platform linux/armv7l .", "did you mean linux/arm/v7"),
    ("build --platform linux/amd64, .", "empty word"),
    ("volume rm", "no volume"),
]


@pytest.mark.parametrize(("line", "step"), UNDERSTOOD, ids=[line for line, _ in UNDERSTOOD])
def test_a_command_line_becomes_the_step_docker_would_do(line: str, step: Step) -> None:
    assert parse(line)[0] == step


@pytest.mark.parametrize(("line", "named"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_cannot_be_honoured_is_refused_by_name_with_the_recipes_line(
    line: str, named: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(line)
    assert re.search(named, caught.value.message), caught.value.message
    assert caught.value.message.startswith("Makefile:7: ")
    assert caught.value.engine_words == ORIGIN.text
    assert caught.value.exit_code == 2


def test_a_misspelt_flag_is_met_with_the_right_one() -> None:
    with pytest.raises(RecipeError) as caught:
        parse("run --privilegd i")
    assert "--privileged" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("build --load .", "--load"),
        ("build --progress=plain .", "--progress"),
        ("build --compress .", "--compress"),
        ("run -v /a:/b:Z i", ":Z"),
        ("run --log-driver none i", "--log-driver"),
        ("--log-level debug run i", "--log-level"),
    ],
)
def test_a_flag_without_effect_here_is_noted_once(line: str, flag: str) -> None:
    _, notes = parse(line)
    assert [flag in note for note in notes] == [True]


def test_quiet_flags_of_every_build_leave_no_note() -> None:
    assert parse("build --rm --force-rm .")[1] == ()


def test_an_environment_file_is_read_as_docker_reads_it(tmp_path: Path) -> None:
    (tmp_path / "vars").write_text("# comment\n\nA=1 # kept\n  B=2\nSET\nUNSET\nC='x'\nE=\n")
    step, _ = parse("run -e A=flag --env-file vars i", tmp_path)
    assert isinstance(step, RunContainer)
    assert dict(step.environment) == {
        "A": "flag",
        "B": "2",
        "SET": "from make",
        "C": "'x'",
        "E": "",
    }


def test_a_label_file_is_read_as_docker_reads_it(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("a=1\nSET\n")
    step, _ = parse("run --label-file labels i", tmp_path)
    assert isinstance(step, RunContainer)
    assert step.labels == (("a", "1"), ("SET", ""))


def test_of_several_files_the_last_wins_and_a_flag_over_all(tmp_path: Path) -> None:
    """As docker's client reads them, wherever the flag stands (opts.ReadKVEnvStrings)."""
    (tmp_path / "one").write_text("a=1\n")
    (tmp_path / "two").write_text("a=2\n")
    words = "run -e a=3 -l a=3 --env-file one --env-file two --label-file one --label-file two i"
    step, _ = parse(words, tmp_path)
    assert isinstance(step, RunContainer)
    assert step.environment == step.labels == (("a", "1"), ("a", "2"), ("a", "3"))


# --- the table ------------------------------------------------------------------------------------

TABLES: Final = {"build": docker_flags.BUILD, "run": docker_flags.RUN}
CLIENTS: Final = [
    path for path in (Path("/usr/bin/docker"), Path("/usr/local/bin/docker")) if path.exists()
]
_HELP: Final = re.compile(
    r"^ {2}(?:-(\w), | {4})--([\w-]+)(?: ([a-z]\S*))?(?: {2,}|$)", re.MULTILINE
)

# Names of the reference page of docker buildx build.
BUILDX: Final = """
add-host allow annotation attest build-arg build-context builder cache-from cache-to call
cgroup-parent check debug file iidfile label load metadata-file network no-cache no-cache-filter
output platform progress provenance pull push quiet sbom secret shm-size ssh tag target ulimit
"""


@pytest.mark.parametrize("command", ["build", "run"])
@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_every_flag_of_the_docker_client_is_known(client: Path, command: str) -> None:
    done = subprocess.run([client, command, "--help"], capture_output=True, text=True, check=True)
    flags = _HELP.findall(done.stdout)
    assert len(flags) > 20
    known = {flag.name: flag for flag in TABLES[command]}
    for short, name, value in flags:
        assert name in known, f"docker {command} --{name}"
        assert known[name].short == short
        assert known[name].takes == bool(value)


def test_a_docker_client_is_there_to_compare_with() -> None:
    assert CLIENTS, "apt-get install docker.io"


@pytest.mark.parametrize("name", BUILDX.split())
def test_every_flag_of_buildx_is_known(name: str) -> None:
    assert name in {flag.name for flag in docker_flags.BUILD}


@pytest.mark.parametrize(
    "flag",
    [f for table in (docker_flags.BUILD, docker_flags.RUN, docker_flags.GLOBAL) for f in table],
    ids=lambda flag: flag.name,
)
def test_a_row_says_one_thing_of_a_flag(flag: docker_flags.Flag) -> None:
    assert sum(map(bool, (flag.fill, flag.ignored, flag.refused))) == 1


def test_an_image_whose_id_is_wanted_has_a_name_to_be_found_by() -> None:
    first, other = (parse(f"build --iidfile {name} .")[0] for name in ("id", "other"))
    assert isinstance(first, BuildImage)
    assert isinstance(other, BuildImage)
    assert first.tags[0].startswith("localhost/rbuild-built/")
    assert first.tags != other.tags


def test_nobody_waits_for_the_health_of_a_container_that_nobody_looks_at() -> None:
    context = argv.Context(DIRECTORY, ENVIRONMENT, ORIGIN, called=True)
    words = ("run", "--health-cmd", "true", "--health-interval=1s", "i")
    assert not argv.called(words, context).detached
    with pytest.raises(RecipeError, match="health of a container that stays"):
        argv.called((*words[:-1], "--detach", "i"), context)


def test_the_id_of_another_container_is_not_written_over(tmp_path: Path) -> None:
    context = argv.Context(tmp_path, ENVIRONMENT, ORIGIN, called=True)
    words = ("run", "--cidfile", "id", "image")
    assert argv.called(words, context).container_id_file == tmp_path / "id"
    (tmp_path / "id").write_text("0123")
    with pytest.raises(RecipeError, match=r"container ID file found, .* delete id$"):
        argv.called(words, context)
