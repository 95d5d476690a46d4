"""What is signed, with which keys, and what a signature that can't be written leaves.

tests/trust/test_signatures.py has those who forge them.
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from rootless_build.bundles import provenance, signing
from rootless_build.bundles.staging import stage
from rootless_build.bundles.statement import NAME, SIGNED
from rootless_build.bundles.verification import verify
from rootless_build.model.errors import HostError, UsageError

Key = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
KEY = ed25519.Ed25519PrivateKey.generate()
MOST = 64 * 1024
PRIVATE = {
    "pem": serialization.PrivateFormat.PKCS8,
    "ssh": serialization.PrivateFormat.OpenSSH,
}
PUBLIC = {
    "pem": (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    "ssh": (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH),
}


def no_passphrase() -> str:
    pytest.fail("a passphrase was asked for")


def private(place: Path, key: Key = KEY, form: str = "pem") -> Path:
    file = place / "key"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            PRIVATE[form],
            serialization.NoEncryption(),
        )
    )
    return file


def public(place: Path, key: Key = KEY, form: str = "pem") -> Path:
    file = place / "key.pub"
    encoding, kind = PUBLIC[form]
    file.write_bytes(key.public_key().public_bytes(encoding, kind))
    return file


@pytest.fixture
def bundles(tmp_path: Path) -> Path:
    """Two bundles with provenance."""
    directory = tmp_path / "bundles"
    with stage(directory) as staging:
        for name in ("binary/dockerd", "cross/docker"):
            (staging.path / name).parent.mkdir()
            (staging.path / name).write_text(name)
        staging.publish(provenance.Attestation("p", {}, None))
    return directory


def sign(bundles: Path, key: Path, *, dry_run: bool = False) -> list[str]:
    return [*signing.sign(bundles, signing.private_key(key, no_passphrase), dry_run=dry_run)]


def told(bundles: Path, key: Path) -> list[str]:
    return [
        str(problem)
        for problem in verify(bundles, signing.source(signing.public_key(key))).problems
    ]


@pytest.mark.parametrize("form", ["pem", "ssh"])
@pytest.mark.parametrize("form_of_private", ["pem", "ssh"])
@pytest.mark.parametrize(
    "key",
    [KEY, ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())],
    ids=["ed25519", "P-256", "P-384"],
)
def test_what_is_signed_with_a_key_is_checked_with_its_public_one_and_no_other(
    bundles: Path, tmp_path: Path, key: Key, form: str, form_of_private: str
) -> None:
    assert sign(bundles, private(tmp_path, key, form_of_private)) == ["binary", "cross"]
    assert told(bundles, public(tmp_path, key, form)) == []
    other = public(tmp_path, ed25519.Ed25519PrivateKey.generate(), form)
    assert f"binary/{NAME}: {SIGNED} is not signed with this key" in told(bundles, other)


@pytest.mark.parametrize("curve", [ec.SECP521R1(), ec.SECP256K1()], ids=lambda curve: curve.name)
def test_a_key_of_another_kind_is_refused_by_name(tmp_path: Path, curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    words = "is no key of a kind that rbuild signs with"
    with pytest.raises(UsageError, match=words):
        signing.private_key(private(tmp_path, key), no_passphrase)
    with pytest.raises(UsageError, match=words):
        signing.public_key(public(tmp_path, key))


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True), (50_000, True)])
def test_a_key_is_at_most_so_large(tmp_path: Path, more: int, refused: bool) -> None:
    for file in (private(tmp_path), public(tmp_path)):
        content = file.read_bytes()
        file.write_bytes(content + b"\n" * (MOST - len(content) + more))
    if refused:
        with pytest.raises(UsageError, match=r"key is too large for a key"):
            signing.private_key(tmp_path / "key", no_passphrase)
        with pytest.raises(UsageError, match=r"key.pub is too large for a key"):
            signing.public_key(tmp_path / "key.pub")
    else:
        signing.private_key(tmp_path / "key", no_passphrase)
        signing.public_key(tmp_path / "key.pub")


def test_a_public_key_may_be_preceded_by_blank_lines(tmp_path: Path) -> None:
    file = public(tmp_path)
    file.write_bytes(b"\n \n" + file.read_bytes())
    signing.public_key(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"text", "is no public key in PEM or of ssh"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is no public key"),
        (b"-----BEGIN PRIVATE KEY-----\n", "is a private key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "is a private key"),
    ],
)
def test_what_is_no_public_key_is_told(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        signing.public_key(tmp_path / "x")
    with pytest.raises(UsageError, match="is no private key, or that was not its passphrase"):
        signing.private_key(tmp_path / "x", no_passphrase)


def test_a_dry_run_names_the_bundles_and_signs_none(bundles: Path, tmp_path: Path) -> None:
    assert sign(bundles, private(tmp_path), dry_run=True) == ["binary", "cross"]
    assert [*bundles.rglob(SIGNED)] == []


def test_bundles_without_provenance_are_not_signed(bundles: Path, tmp_path: Path) -> None:
    for bundle in ("binary", "cross"):
        (bundles / bundle / NAME).unlink()
    with pytest.raises(UsageError, match="is not there; nothing was signed"):
        sign(bundles, private(tmp_path))


def test_what_an_older_rbuild_said_is_not_signed(bundles: Path, tmp_path: Path) -> None:
    file = bundles / "binary" / NAME
    said = json.loads(file.read_text())
    del said["subject"][0]["annotations"]
    file.write_text(json.dumps(said))
    with pytest.raises(UsageError, match="says nothing of modes and links; nothing was signed"):
        sign(bundles, private(tmp_path))
    assert [*bundles.rglob(SIGNED)] == []


def test_a_signature_that_cannot_be_written_leaves_the_former_one_and_nothing_else(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the bundles before are written."""
    sign(bundles, private(tmp_path))
    other = ed25519.Ed25519PrivateKey.generate()
    rename = os.rename
    done: list[str] = []

    def fill(source: str, target: str, **at: int) -> None:
        if done:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done.append(target)
        rename(source, target, **at)

    monkeypatch.setattr(os, "rename", fill)
    key = signing.private_key(private(tmp_path, other), no_passphrase)
    signed = signing.sign(bundles, key)
    assert next(signed) == "binary"
    with pytest.raises(HostError, match=f"cross/{SIGNED} can't be written: No space") as caught:
        next(signed)
    assert caught.value.finding == "bundles-not-writable"
    words = f"{NAME}: {SIGNED} is not signed with this key"
    assert f"binary/{words}" in told(bundles, public(tmp_path))
    assert f"cross/{words}" in told(bundles, public(tmp_path, other))
    names = {path.name for path in bundles.rglob("*") if path.is_file()}
    assert names == {"dockerd", "docker", NAME, SIGNED}
