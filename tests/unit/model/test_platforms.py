"""Platforms, by the names that people and programs give them.

Each value is that of docker buildx 0.30.1 (`buildx create --platform WORD`, as `buildx inspect`
then shows it) where nothing else is said.
"""

from __future__ import annotations

import platform

import pytest

from rootless_build.model import platforms
from rootless_build.model.platforms import ARCHITECTURES, SYSTEMS, BadPlatformError


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a word leaves out is this machine's, and buildx was asked on this one."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


@pytest.mark.parametrize(
    ("word", "normal"),
    [
        ("amd64", "linux/amd64"),
        ("x86_64", "linux/amd64"),
        ("x86-64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v2", "linux/amd64/v2"),
        ("linux/x86_64/v3", "linux/amd64/v3"),
        ("LINUX/AMD64", "linux/amd64"),
        ("i386", "linux/386"),
        ("linux/i386/v1", "linux/386"),
        ("aarch64", "linux/arm64"),
        ("linux/aarch64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v8.0", "linux/arm64"),
        ("linux/arm64/v8.1", "linux/arm64/v8.1"),
        ("linux/arm64/9", "linux/arm64/v9"),
        ("linux/arm64/v9.0", "linux/arm64/v9"),
        ("arm", "linux/arm/v7"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/5", "linux/arm/v5"),
        ("linux/arm/8", "linux/arm/v8"),
        ("armhf", "linux/arm/v7"),
        ("armel", "linux/arm/v6"),
        ("linux/armhf/v6", "linux/arm/v7"),
        ("macos", "darwin/amd64"),
        ("macOS/arm64", "darwin/arm64"),
        ("netbsd/amd64", "netbsd/amd64"),
        ("openbsd/arm/v7", "openbsd/arm/v7"),
        ("freebsd/arm", "freebsd/arm/v7"),
        ("wasip1/wasm", "wasip1/wasm"),
        ("unknown/unknown", "unknown/unknown"),
        ("foo/bar", "foo/bar"),
        ("linux()/amd64", "linux/amd64"),
    ],
)
def test_one_name_for_each(word: str, normal: str) -> None:
    assert platforms.normal(word) == normal
    assert platforms.normal(normal) == normal
    assert platforms.directory(word) == normal.replace("/", "_")


@pytest.mark.parametrize(
    ("word", "normal"),
    [
        ("windows(10.0.17763)/amd64", "windows(10.0.17763)/amd64"),
        ("windows(10.0.17763)", "windows(10.0.17763)/amd64"),
        ("windows(10.0.17763+win32k)/amd64", "windows(10.0.17763+win32k)/amd64"),
        ("windows(+b+a)/arm64", "windows(+a+b)/arm64"),
    ],
)
def test_a_system_has_a_version_and_features(word: str, normal: str) -> None:
    """Source: Parse and FormatAll of github.com/containerd/platforms; buildx shows neither."""
    assert platforms.normal(word) == normal
    given = platforms.arguments(word)
    assert (given["TARGETPLATFORM"], given["TARGETOS"]) == (normal, "windows")


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_alone_is_for_this_machine(system: str) -> None:
    assert platforms.normal(system) == f"{system}/amd64"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_architecture_alone_is_linux(architecture: str) -> None:
    variant = "/v7" if architecture == "arm" else ""
    assert platforms.normal(architecture) == f"linux/{architecture}{variant}"


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("foo", "written linux/arm64"),
        ("", "written linux/arm64"),
        ("linux/", "written linux/arm64"),
        ("linux/arm/", "written linux/arm64"),
        ("linux/*", "written linux/arm64"),
        ("a/b/c/d", "written linux/arm64"),
        ("a.b/c", "written linux/arm64"),
        (" linux/amd64", "written linux/arm64"),
        ("linux/arm 64", "written linux/arm64"),
        ("linux(a b)/amd64", "written linux/arm64"),
        ("wasip1", "written linux/arm64"),
        ("amd46", "did you mean amd64?"),
        ("linx", "did you mean linux?"),
        ("armv7l", "did you mean linux/arm/v7?"),
        ("i686", "did you mean linux/386?"),
        ("x64", "did you mean linux/amd64?"),
    ],
)
def test_what_is_none_is_met_with_what_is_near(word: str, near: str) -> None:
    with pytest.raises(BadPlatformError) as caught:
        platforms.normal(word)
    assert near in caught.value.hint
    assert word in str(caught.value)


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("arm/v7", "did you mean linux/arm/v7?"),
        ("arm64/v8", "did you mean linux/arm64?"),
        ("x86_64/freebsd", "did you mean freebsd/amd64?"),
        ("linus/amd64", "did you mean linux/amd64?"),
        ("netbds/arm", "did you mean netbsd/arm/v7?"),
        ("linux/amd46", "did you mean linux/amd64?"),
        ("linux/armv6l", "did you mean linux/arm/v6?"),
        ("linux/ppc64el", "did you mean linux/ppc64le?"),
    ],
)
def test_slips_are_told_that_buildx_takes_for_systems_and_machines_of_that_name(
    word: str, near: str
) -> None:
    with pytest.raises(BadPlatformError) as caught:
        platforms.normal(word)
    assert caught.value.hint == near
    assert word in str(caught.value)


def test_lists_are_between_commas_or_several_and_each_is_there_once() -> None:
    words = ("linux/amd64,linux/arm64/v8", "amd64", "LOCAL", "armhf")
    assert platforms.several(words) == ("linux/amd64", "linux/arm64", "linux/arm/v7")
    with pytest.raises(BadPlatformError):
        platforms.several(("linux/amd64,",))
    with pytest.raises(BadPlatformError):
        platforms.normal("local")


@pytest.mark.parametrize(
    ("kernel", "host", "architecture"),
    [
        ("x86_64", "linux/amd64", "amd64"),
        ("aarch64", "linux/arm64", "arm64"),
        ("armv7l", "linux/arm/v7", "arm"),
        ("armv6l", "linux/arm/v6", "arm"),
        ("armv5tel", "linux/arm/v5", "arm"),
        ("i686", "linux/386", "386"),
        ("loongarch64", "linux/loong64", "loong64"),
        ("riscv64", "linux/riscv64", "riscv64"),
        ("s390x", "linux/s390x", "s390x"),
        ("ppc64le", "linux/ppc64le", "ppc64le"),
    ],
)
def test_this_machine(
    monkeypatch: pytest.MonkeyPatch, kernel: str, host: str, architecture: str
) -> None:
    """Source: `uname -m` and GOARCH, GOARM of Go's list of ports."""
    monkeypatch.setattr(platform, "machine", lambda: kernel)
    assert platforms.host() == host
    assert platforms.arguments(None)["BUILDARCH"] == architecture
    assert platforms.normal(host) == host
    assert platforms.arguments(None)["BUILDPLATFORM"] == host
    system = platforms.normal("linux")
    assert system == host


def test_arguments_of_a_build() -> None:
    """Source: docs.docker.com, "Automatic platform ARGs in the global scope"."""
    assert platforms.arguments("linux/arm/v7") == {
        "BUILDPLATFORM": "linux/amd64",
        "BUILDOS": "linux",
        "BUILDARCH": "amd64",
        "BUILDVARIANT": "",
        "TARGETPLATFORM": "linux/arm/v7",
        "TARGETOS": "linux",
        "TARGETARCH": "arm",
        "TARGETVARIANT": "v7",
    }
