"""Statements of provenance signed with a local key, and signatures checked with the public key.

Keys are files: Ed25519, or ECDSA on P-256 or P-384, in PEM (PKCS #8, SEC 1) or as ssh-keygen writes
them. `securesystemslib`, the library of in-toto and TUF, signs and checks. Importing this module
takes 0.1 s.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib import dsse
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Signature, SSlibKey

from rootless_build.bundles import envelope
from rootless_build.bundles.attested import Source
from rootless_build.bundles.envelope import PAYLOAD_TYPE
from rootless_build.bundles.statement import SIGNED, NoStatementError
from rootless_build.bundles.verification import AGAIN, examine_bundles
from rootless_build.files import plain
from rootless_build.files.tree import joined, real, writable
from rootless_build.files.way import opened_directory
from rootless_build.model.errors import BundlesError, HostError, UsageError, reason
from rootless_build.model.text import shown

_LARGEST: Final = 64 * 1024
_KINDS: Final = "Ed25519, or ECDSA on P-256 or P-384"
_OPENSSH: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----"

PublicKey = SSlibKey
PrivateKey = CryptoSigner


def private_key(file: Path, passphrase: Callable[[], str]) -> PrivateKey:
    """The key to sign with; `passphrase` is called where the file is encrypted.

    Raises UsageError.
    """
    content = _content(file)
    load = (
        serialization.load_ssh_private_key
        if _OPENSSH in content
        else serialization.load_pem_private_key
    )
    try:
        try:
            key = load(content, None)
        except TypeError:  # it is encrypted
            key = load(content, passphrase().encode())
    except UnsupportedAlgorithm as error:
        raise UsageError(f"{shown(file)} can't be used: {error}") from error
    except ValueError as error:
        raise UsageError(
            f"{shown(file)} is no private key, or that was not its passphrase",
            hint="make one: ssh-keygen -t ed25519 -f FILE",
        ) from error
    if not isinstance(key, Ed25519PrivateKey | EllipticCurvePrivateKey):
        raise _wrong_kind(file)
    _check(key.public_key(), file)
    return CryptoSigner(key)


def public_key(file: Path) -> PublicKey:
    """The key to check with. Raises UsageError."""
    content = _content(file)
    if b"PRIVATE KEY-----" in content:
        raise UsageError(f"{shown(file)} is a private key", hint="name the public one")
    load = (
        serialization.load_pem_public_key
        if content.lstrip().startswith(b"-----BEGIN")
        else serialization.load_ssh_public_key
    )
    try:
        key = load(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{shown(file)} is no public key in PEM or of ssh") from error
    return _check(key, file)


def signed(payload: bytes, key: PrivateKey) -> bytes:
    """The file with the envelope of a statement."""
    made = dsse.Envelope(payload, PAYLOAD_TYPE, {}).sign(key)
    return envelope.compose(payload, made.keyid, bytes.fromhex(made.signature))


def payload(found: envelope.Envelope, key: PublicKey, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """What was signed with the key. Raises NoStatementError when this is not.

    An envelope's `keyid` is a hint that anybody can write, and decides nothing.
    """
    if found.payload_type != payload_type:
        raise NoStatementError(f"has a payload of type {shown(found.payload_type[:80])}")
    signature = Signature(key.keyid, found.signature.hex())
    try:
        dsse.Envelope(found.payload, payload_type, {key.keyid: signature}).verify([key], 1)
    except VerificationError as error:
        raise NoStatementError("is not signed with this key") from error
    return found.payload


def source(key: PublicKey) -> Source:
    """What gives the statement of a bundle as it was signed: that beside it is not believed."""

    def signed_statement(root: Path, where: str) -> bytes:
        try:
            found = envelope.read(root, joined(where, SIGNED))
            return payload(found, key)
        except NoStatementError as error:
            raise NoStatementError(f"{SIGNED} {error}") from error

    return signed_statement


def sign(directory: Path, key: PrivateKey, *, dry_run: bool = False) -> Iterator[str]:
    """Sign the statements of all bundles in a directory; yields the bundle of each.

    `dry_run` yields the same and writes nothing.

    Raises BundlesError when the bundles are not what they say, UsageError when there is nothing to
    sign: both before anything is written. HostError when something can't be written: what was
    yielded before is signed.
    """
    root = real(directory)
    findings = examine_bundles(root)
    report, known = findings.report(), findings.provenance
    if report.problems:
        raise BundlesError(
            f"the bundles in {shown(directory)} are not what they were; nothing was signed",
            problems=tuple(map(str, report.problems)),
            hint=AGAIN,
        )
    if known.older or not known.contents:
        old = "says nothing of modes and links" if known.older else "is not there"
        raise UsageError(
            f"the provenance of the bundles in {shown(directory)} {old}; nothing was signed",
            hint="build them again: rbuild --force",
        )
    if dry_run:
        return iter(known.contents)
    envelopes = {where: signed(content, key) for where, content in known.contents.items()}
    return _written(root, envelopes)


def _written(root: Path, envelopes: dict[str, bytes]) -> Iterator[str]:
    for where, content in envelopes.items():
        try:
            with opened_directory(root, where) as place, writable(_at(place)):
                _replace(place, content)
        except OSError as error:
            raise HostError(
                f"{shown(joined(where, SIGNED))} can't be written: {reason(error)}",
                finding="bundles-not-writable",
            ) from error
        yield where


def _at(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}")


def _replace(place: int, content: bytes) -> None:
    new = f".{SIGNED}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    descriptor = os.open(new, flags, 0o644, dir_fd=place)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.rename(new, SIGNED, src_dir_fd=place, dst_dir_fd=place)
    except BaseException:
        os.unlink(new, dir_fd=place)
        raise


def _content(file: Path) -> bytes:
    try:
        content = plain.beginning(file, _LARGEST + 1)
    except OSError as error:
        raise UsageError(f"the key {shown(file)} can't be read: {reason(error)}") from error
    if len(content) > _LARGEST:
        raise UsageError(f"{shown(file)} is too large for a key")
    return content


def _check(key: object, file: Path) -> PublicKey:
    curve = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1 | SECP384R1)
    if isinstance(key, Ed25519PublicKey) or (isinstance(key, EllipticCurvePublicKey) and curve):
        return SSlibKey.from_crypto(key)
    raise _wrong_kind(file)


def _wrong_kind(file: Path) -> UsageError:
    return UsageError(
        f"{shown(file)} is no key of a kind that rbuild signs with: {_KINDS}",
        hint="make one: ssh-keygen -t ed25519 -f FILE",
    )
