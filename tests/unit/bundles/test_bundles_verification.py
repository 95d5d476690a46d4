"""Verification: every bad bundle is named, and a real tree of Docker's is clean."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rootless_build.bundles import verification
from rootless_build.bundles.listing import list_bundles
from rootless_build.bundles.verification import verify
from rootless_build.cli import app
from rootless_build.model.errors import BundlesError, HostError

CONTENT = b"\x7fELF content"


def hashed(path: Path, content: bytes = CONTENT) -> None:
    """An executable and its checksums, as hash_files of hack/make.sh writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content + os.fsencode(path))
    path.chmod(0o755)
    for algorithm in ("md5", "sha256"):
        digest = hashlib.new(algorithm, path.read_bytes()).hexdigest()
        path.with_name(f"{path.name}.{algorithm}").write_text(
            f"{digest}  {path.name}\n", errors="surrogateescape"
        )


def linked(directory: Path, name: str, version: str) -> None:
    hashed(directory / f"{name}-{version}")
    (directory / name).symlink_to(f"{name}-{version}")


def docker_1_12(bundles: Path) -> None:
    """`make cross` of 1.12.6: what moby's own scripts leave in the bundles directory."""
    version = bundles / "1.12.6"
    linked(version / "binary-client", "docker", "1.12.6")
    linked(version / "binary-daemon", "dockerd", "1.12.6")
    linked(version / "binary-daemon", "docker-proxy", "1.12.6")
    for nested in ("containerd", "containerd-shim", "containerd-ctr", "runc"):
        hashed(version / "binary-daemon" / f"docker-{nested}")
    linked(version / "dynbinary-daemon", "dockerd", "1.12.6")
    cross = version / "cross" / "linux" / "amd64"
    cross.mkdir(parents=True)
    for part in ("binary-daemon", "binary-client"):
        for path in sorted((version / part).iterdir()):
            (cross / path.name).symlink_to(f"../../../{part}/{path.name}")
    hashed(version / "cross" / "windows" / "amd64" / "docker-1.12.6.exe")
    hashed(version / "tgz" / "linux" / "amd64" / "docker-1.12.6.tgz")
    (version / "test-unit").mkdir()
    (version / "test-unit" / "test.log").write_text("ok\n")
    (bundles / "latest").symlink_to("1.12.6")


def docker_17_05(bundles: Path) -> None:
    """17.05.0-ce: docker-proxy and docker-init are plain copies; a test binary without checksum."""
    version = bundles / "17.05.0-ce"
    linked(version / "binary-client", "docker", "17.05.0-ce")
    linked(version / "binary-daemon", "dockerd", "17.05.0-ce")
    for nested in ("containerd", "containerd-shim", "containerd-ctr", "runc", "init", "proxy"):
        hashed(version / "binary-daemon" / f"docker-{nested}")
    (version / "test-integration-cli").mkdir()
    (version / "test-integration-cli" / "test.main").write_bytes(CONTENT)
    (version / "test-integration-cli" / "test.main").chmod(0o755)
    (bundles / "latest").symlink_to("17.05.0-ce")


def docker_19_03(bundles: Path) -> None:
    """19.03: no version directory, `latest` is the directory itself (up to 19.03.2)."""
    daemon = bundles / "binary-daemon"
    linked(daemon, "dockerd", "dev")
    for nested in ("containerd", "ctr", "runc", "docker-init", "docker-proxy", "vpnkit"):
        hashed(daemon / nested)
    hashed(daemon / "dockerd-rootless.sh", b"#!/bin/sh\n")
    (bundles / "latest").symlink_to(".")


def docker_23_0(bundles: Path) -> None:
    """From 22.06 on nothing is hashed."""
    (bundles / "binary").mkdir(parents=True)
    for name in ("dockerd", "docker-proxy"):
        (bundles / "binary" / name).write_bytes(CONTENT)
        (bundles / "binary" / name).chmod(0o755)


@pytest.mark.parametrize(
    ("make", "checked"),
    [(docker_1_12, 34), (docker_17_05, 16), (docker_19_03, 16), (docker_23_0, 0)],
)
def test_the_trees_of_dockers_own_releases_are_clean(
    tmp_path: Path, make: object, checked: int
) -> None:
    assert callable(make)
    make(tmp_path / "bundles")
    report = verify(tmp_path / "bundles")
    assert report.problems == ()
    assert report.warnings == ()
    assert report.checked == checked


SHA256 = hashlib.sha256(CONTENT).hexdigest()
SHA1 = hashlib.sha1(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.sha256", f"{SHA256}  x\n"),
        ("x.sha256", f"{SHA256} *x\n"),
        ("x.sha256", f"{SHA256.upper()}  x\r\n"),
        ("x.sha256", f"{SHA256}  ./x"),
        ("x.sha256", f"{SHA256}\n"),
        ("x.sha256", f"SHA256 (x) = {SHA256}\n"),
        ("x.sha256", f"SHA256(x)= {SHA256}\n"),
        ("x.sha1", f"{SHA1}  x\n"),
        ("x.sha512", f"{hashlib.sha512(CONTENT).hexdigest()}  x\n"),
        ("all.md5", f"{MD5}  x\n\n{MD5}  sub/y\n{MD5}  link\n"),
        ("odd.md5", f"\\{MD5}  new\\nline\\\\\n"),
    ],
)
def test_every_usual_form_of_checksum_is_understood(tmp_path: Path, name: str, text: str) -> None:
    for file in ("x", "sub/y", "new\nline\\"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_bytes(CONTENT)
    (tmp_path / "link").symlink_to("sub/y")
    (tmp_path / name).write_bytes(text.encode())
    report = verify(tmp_path)
    assert report.problems == ()
    assert report.checked == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{MD5[::-1]}  x\n", "x: does not match c.md5"),
        (f"{MD5}  gone\n", "c.md5: names gone, which is missing"),
        (f"{MD5}  dangling\n", "c.md5: names dangling, which is missing"),
        (f"{MD5}  folder\n", "c.md5: names folder, which is not a regular file"),
        (f"{MD5}  pipe\n", "c.md5: names pipe, which is not a regular file"),
        (f"{MD5}  loop\n", "c.md5: names loop, which "),
        (f"{MD5}  ../secret\n", "c.md5: names ../secret, outside its directory"),
        (f"{MD5}  folder/../../secret\n", "c.md5: names folder/../../secret, outside"),
        (f"{MD5}  /etc/passwd\n", "c.md5: names /etc/passwd, outside its directory"),
        (f"{MD5}  out\n", "c.md5: names out, which leads out of the bundles"),
        (f"{MD5}  outside/secret\n", "c.md5: names outside/secret, which leads out of"),
        (f"{MD5}  x\0y\n", "c.md5: names x\\x00y, which is missing"),
        (f"{MD5}x\n", "c.md5: line 1 is not a checksum: " + MD5),
        (f"{MD5[:-1]}  x\n", "c.md5: line 1 is not a checksum"),
        (f"{SHA256}  x\n", "c.md5: line 1 is not a checksum"),
        (f"SHA256 (x) = {MD5}\n", "c.md5: line 1 is not a checksum"),
        (f"{MD5}  x\nmd5sum: \x1b[31mred\n", "c.md5: line 2 is not a checksum: md5sum: \\x1b[31m"),
        ("", "c.md5: is empty"),
        (f"{MD5}  x\n" * 40_000, "c.md5: is too large for a checksum file"),
    ],
)
def test_each_bad_checksum_file_is_named_with_what_is_wrong(
    tmp_path: Path, text: str, problem: str
) -> None:
    (tmp_path / "secret").write_bytes(CONTENT)
    bundles = tmp_path / "bundles"
    (bundles / "folder").mkdir(parents=True)
    (bundles / "x").write_bytes(CONTENT)
    (bundles / "dangling").symlink_to("nowhere")
    (bundles / "loop").symlink_to("loop")
    (bundles / "out").symlink_to(tmp_path / "secret")
    (bundles / "outside").symlink_to("..")
    os.mkfifo(bundles / "pipe")
    (bundles / "c.md5").write_text(text)
    report = verify(bundles)
    (only,) = report.problems
    assert str(only).startswith(problem)
    assert report.checked == 0


def test_a_checksum_file_that_is_a_link_is_read_inside_the_tree_only(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root:x:0:0\n")
    bundles = tmp_path / "bundles"
    (bundles / "a").mkdir(parents=True)
    (bundles / "b").mkdir()
    hashed(bundles / "a" / "dockerd")
    (bundles / "b" / "dockerd.md5").symlink_to("../a/dockerd.md5")
    (bundles / "out.md5").symlink_to("../secret")
    report = verify(bundles)
    assert [str(problem) for problem in report.problems] == [
        "b/dockerd.md5: names b/dockerd, which is missing"
    ]
    assert report.warnings == ("out.md5 is a link out of the bundles, to ../secret",)


def test_an_executable_without_a_checksum_beside_others_with_one_gets_a_warning(
    tmp_path: Path,
) -> None:
    hashed(tmp_path / "dockerd")
    (tmp_path / "containerutility.exe").write_bytes(CONTENT)
    (tmp_path / "containerutility.exe").chmod(0o755)
    (tmp_path / "README").write_text("no executable\n")
    report = verify(tmp_path)
    assert report.problems == ()
    assert report.warnings == ("containerutility.exe has no checksum; others beside it have one",)


def test_names_that_are_not_utf8_are_verified_and_shown_escaped(tmp_path: Path) -> None:
    good, bad = (tmp_path / os.fsdecode(name) for name in (b"good\xff", b"bad\xff"))
    hashed(good)
    hashed(bad)
    bad.write_bytes(b"changed")
    report = verify(tmp_path)
    assert [str(problem) for problem in report.problems] == [
        "bad\\xff: does not match bad\\xff.md5; does not match bad\\xff.sha256"
    ]
    assert report.checked == 2


def test_how_many_checksums_are_looked_at_is_limited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50,000 of them; fewer here."""
    monkeypatch.setattr(verification, "MOST", 3)
    (tmp_path / "x").write_bytes(CONTENT)
    (tmp_path / "one.md5").write_text(f"{MD5}  x\n" * 2)
    (tmp_path / "two.md5").write_text(f"{MD5}  x\n")
    assert verify(tmp_path).checked == 2
    (tmp_path / "two.md5").write_text(f"{MD5}  x\n" * 2)
    with pytest.raises(BundlesError, match="not looked at") as caught:
        verify(tmp_path)
    assert caught.value.problems == ("there are more than 3 checksums",)


def test_every_line_of_a_checksum_file_counts(tmp_path: Path) -> None:
    """Whatever is wrong with those before; a directory of such a name is none."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(CONTENT)
    wrong = "0" * 32
    (tmp_path / "c.md5").write_text(f"nonsense\n{MD5}  ../a\n{MD5}  gone\n\n{MD5}  a\n{wrong}  b\n")
    (tmp_path / "d.md5").mkdir()
    assert [str(problem) for problem in verify(tmp_path).problems] == [
        "b: does not match c.md5",
        (
            "c.md5: line 1 is not a checksum: nonsense;"
            " names ../a, outside its directory; names gone, which is missing"
        ),
    ]


def test_a_file_with_a_right_and_a_wrong_checksum_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    (tmp_path / "x.md5").write_text(f"{'0' * 32}  x\n")
    (tmp_path / "x.sha256").write_text(f"{SHA256}  x\n")
    report = verify(tmp_path)
    assert [str(problem) for problem in report.problems] == ["x: does not match x.md5"]
    assert report.checked == 1
    listed = {file.path: str(file.checksum) for file in list_bundles(tmp_path)}
    assert listed == {"x": "bad", "x.md5": "bad", "x.sha256": "is-checksum"}


@pytest.mark.parametrize("name", [".md5", "x.", "md5", "x.md5x", "x.MD5"])
def test_a_name_like_that_of_a_checksum_file_is_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("no checksum")
    assert (verify(tmp_path).problems, verify(tmp_path).checked) == ((), 0)


def test_a_checksum_file_is_as_large_as_a_mebibyte(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    line = f"{MD5}  x\n"
    text = line * (2**20 // len(line))
    (tmp_path / "c.md5").write_text(text + "\n" * (2**20 - len(text)))
    assert verify(tmp_path).problems == ()
    (tmp_path / "c.md5").write_text(text + "\n" * (2**20 - len(text) + 1))
    (problem,) = verify(tmp_path).problems
    assert str(problem) == "c.md5: is too large for a checksum file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_the_hosts_problem_and_not_a_bad_bundle(
    tmp_path: Path,
) -> None:
    hashed(tmp_path / "dockerd")
    (tmp_path / "dockerd").chmod(0o000)
    with pytest.raises(HostError, match=r"dockerd can't be read") as caught:
        verify(tmp_path)
    assert caught.value.finding == "bundles-not-readable"


@pytest.mark.parametrize(
    ("suffixes", "said"),
    [
        ((), "no checksum files in {}; rbuild --checksums writes them"),
        (("md5",), "1 checksum agrees in {}"),
        (("md5", "sha256"), "2 checksums agree in {}"),
    ],
)
def test_verify_says_how_much_it_compared(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], suffixes: tuple[str, ...], said: str
) -> None:
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    (bundles / "tool").write_bytes(b"tool")
    for suffix in suffixes:
        digest = hashlib.new(suffix, b"tool").hexdigest()
        (bundles / f"tool.{suffix}").write_text(f"{digest}  tool\n")
    assert app.run(["rbuild", "-C", str(tmp_path), "bundles", "verify"]) == 0
    assert capfd.readouterr().out == f"{said.format(bundles)}\n"
