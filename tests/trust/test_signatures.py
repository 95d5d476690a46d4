"""Signed provenance: what is believed with a public key, and what is not.

The authorities are the DSSE specification's own test vectors (tests/data/dsse) and openssl, which
signs and checks the bytes of PAE that are made by hand here.
"""

from __future__ import annotations

import base64
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from rootless_build.bundles import envelope, signing
from rootless_build.bundles.checksums import write_checksums
from rootless_build.bundles.listing import list_bundles
from rootless_build.bundles.statement import NAME, SIGNED, NoStatementError
from rootless_build.bundles.verification import Report, verify
from rootless_build.cli import app
from rootless_build.model.errors import UsageError
from tests.trust.built import build, docker, program

BUNDLE = Path("1.12.6/binary-daemon")
VECTORS = json.loads((Path(__file__).parents[1] / "data/dsse/vectors.json").read_text())
Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Json = dict[str, object]


def pae(kind: str, payload: bytes) -> bytes:
    """The bytes that are signed (DSSE, protocol.md), by hand."""
    name = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def keys(place: Path, name: str, key: Private | None = None, secret: bytes = b"") -> Path:
    """A key pair: `name`, and `name.pub` beside it."""
    made = key or ed25519.Ed25519PrivateKey.generate()
    pem = serialization.Encoding.PEM
    protection = (
        serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    )
    file = place / name
    file.write_bytes(made.private_bytes(pem, serialization.PrivateFormat.PKCS8, protection))
    subject = serialization.PublicFormat.SubjectPublicKeyInfo
    file.with_name(f"{name}.pub").write_bytes(made.public_key().public_bytes(pem, subject))
    return file


def no_passphrase() -> str:
    raise AssertionError


def told(bundles: Path, public: Path) -> list[str]:
    return [str(problem) for problem in report(bundles, public).problems]


def report(bundles: Path, public: Path) -> Report:
    return verify(bundles, signing.source(signing.public_key(public)))


def sign(bundles: Path, private: Path) -> list[str]:
    return list(signing.sign(bundles, signing.private_key(private, no_passphrase)))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed bundles, and the keys."""
    place = tmp_path_factory.mktemp("made")
    keys(place, "key")
    keys(place, "other")
    build(place / "bundles", docker())
    assert sorted(sign(place / "bundles", place / "key")) == [
        "",
        "1.12.6/binary-client",
        "1.12.6/binary-daemon",
    ]
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    shutil.copytree(made, tmp_path / "made", symlinks=True)
    return tmp_path / "made"


@pytest.fixture
def bundles(place: Path) -> Path:
    return place / "bundles"


# --- what is right ------------------------------------------------------------------------------


def test_signed_bundles_are_checked_elsewhere_with_the_public_key_alone(
    place: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(place / "bundles", elsewhere / "bundles", symlinks=True)
    found = report(elsewhere / "bundles", place / "key.pub")
    assert (found.problems, found.warnings, found.attested) == ((), (), 3)
    assert verify(elsewhere / "bundles").problems == ()


@pytest.mark.parametrize(
    "kind", ["ed25519", "P-256", "P-384", "ssh-ed25519", "ssh-ecdsa", "ssh-384", "sec1"]
)
def test_keys_of_every_kind_sign_and_check(place: Path, kind: str) -> None:
    file, public = place / "mine", place / "mine.pub"
    words = {
        "ssh-ed25519": ("-t", "ed25519"),
        "ssh-ecdsa": ("-t", "ecdsa", "-b", "256"),
        "ssh-384": ("-t", "ecdsa", "-b", "384"),
        "sec1": ("-t", "ecdsa", "-b", "256", "-m", "PEM"),
    }
    if kind in words:
        command = ("ssh-keygen", "-q", "-N", "", "-C", "a b", "-f", str(file), *words[kind])
        subprocess.run(command, check=True)
    else:
        curves = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}
        keys(place, "mine", ec.generate_private_key(curves[kind]) if kind in curves else None)
    assert len(sign(place / "bundles", file)) == 3
    assert told(place / "bundles", public) == []
    assert told(place / "bundles", place / "key.pub")


@pytest.mark.parametrize("kind", ["ed25519", "ec"])
def test_openssl_checks_what_rbuild_signs(place: Path, kind: str) -> None:
    if kind == "ec":
        keys(place, "key", ec.generate_private_key(ec.SECP256R1()))
        sign(place / "bundles", place / "key")
    found = json.loads((place / "bundles" / BUNDLE / SIGNED).read_bytes())
    payload = base64.b64decode(found["payload"])
    assert payload == (place / "bundles" / BUNDLE / NAME).read_bytes()
    (place / "pae").write_bytes(pae("application/vnd.in-toto+json", payload))
    (place / "sig").write_bytes(base64.b64decode(found["signatures"][0]["sig"]))
    assert openssl(place, "-verify", "-pubin", "-inkey", "key.pub", "-sigfile", "sig") == 0
    (place / "pae").write_bytes(pae("application/vnd.in-toto", payload))
    assert openssl(place, "-verify", "-pubin", "-inkey", "key.pub", "-sigfile", "sig") != 0


@pytest.mark.parametrize("kind", ["ed25519", "ec"])
def test_rbuild_checks_what_openssl_signs(place: Path, kind: str) -> None:
    if kind == "ec":
        keys(place, "key", ec.generate_private_key(ec.SECP256R1()))
    for statement in (place / "bundles").rglob(NAME):
        payload = statement.read_bytes()
        (place / "pae").write_bytes(pae("application/vnd.in-toto+json", payload))
        assert openssl(place, "-sign", "-inkey", "key", "-out", "sig") == 0
        signature = (place / "sig").read_bytes()
        statement.with_name(SIGNED).write_bytes(envelope.compose(payload, "mine", signature))
    assert told(place / "bundles", place / "key.pub") == []


def openssl(place: Path, *words: str) -> int:
    digest = () if b"ED25519" in key_text(place) else ("-digest", "sha256")
    command = ("openssl", "pkeyutl", *words, "-rawin", *digest, "-in", "pae")
    return subprocess.run(command, cwd=place, check=False, capture_output=True).returncode


def key_text(place: Path) -> bytes:
    command = ("openssl", "pkey", "-in", "key", "-noout", "-text")
    return subprocess.run(command, cwd=place, check=True, capture_output=True).stdout


def vector_key(name: str) -> signing.PublicKey:
    raw = bytes.fromhex(VECTORS["keys"][name]["public"])
    key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
    return signing.PublicKey.from_crypto(key)


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: str(vector["id"]))
def test_the_vectors_of_the_specification(vector: Json) -> None:
    """Of those with a threshold of two rbuild takes none: it has one signer, and says so."""
    content = json.dumps(vector["envelope"]).encode()
    if vector["threshold"] == 2:
        with pytest.raises(NoStatementError, match="has 2 signatures"):
            envelope.parse(content)
        return
    found = envelope.parse(content)
    trusted, types = vector["trustedKeys"], vector["supportedPayloadTypes"]
    assert isinstance(trusted, list)
    assert isinstance(types, list)
    accepted = []
    for kind in types:
        try:
            accepted.append(signing.payload(found, vector_key(trusted[0]), kind))
        except NoStatementError:
            continue
    assert bool(accepted) == (vector["expect"] == "accept")
    for payload in accepted:
        assert pae(found.payload_type, payload).hex() == vector["pae"]


def test_the_example_of_the_protocol() -> None:
    """protocol.md, "Test Vectors": ECDSA on P-256, its signature as two numbers side by side."""
    signature = base64.b64decode(
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    )
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    both = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    kind = "http://example.com/HelloWorld"
    found = envelope.Envelope(b"hello world", kind, encode_dss_signature(*both))
    public = signing.PublicKey.from_crypto(key)
    assert signing.payload(found, public, kind) == b"hello world"
    with pytest.raises(NoStatementError):
        signing.payload(found, public)


# --- attacks ------------------------------------------------------------------------------------


def changed(change: Callable[[Json], object]) -> Callable[[Path], None]:
    """An attack that changes the envelope of one bundle."""

    def act(place: Path) -> None:
        file = place / "bundles" / BUNDLE / SIGNED
        found = json.loads(file.read_bytes())
        change(found)
        file.write_text(json.dumps(found) + "\n")

    return act


def signature(found: Json) -> Json:
    listed = found["signatures"]
    assert isinstance(listed, list)
    one = listed[0]
    assert isinstance(one, dict)
    return one


def text(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def act(place: Path) -> None:
        file = place / "bundles" / BUNDLE / SIGNED
        file.write_bytes(change(file.read_bytes()))

    return act


def forged(found: Json, **said: object) -> Json:
    """What an attacker signs with a key of his own."""
    key = ed25519.Ed25519PrivateKey.generate()
    payload = base64.b64decode(str(found["payload"]))
    sig = key.sign(pae(str(found["payloadType"]), payload))
    signature(found).update(sig=base64.b64encode(sig).decode(), **said)
    return found


def evil_payload(found: Json) -> None:
    said = json.loads(base64.b64decode(str(found["payload"])))
    said["subject"].append(said["subject"][0] | {"name": "evil"})
    found["payload"] = base64.b64encode(json.dumps(said).encode()).decode()


def signed_by_another(place: Path) -> None:
    sign(place / "bundles", place / "other")


def signed_raw(found: Json) -> None:
    """Not PAE, but the payload itself, by the right key."""
    key = ed25519.Ed25519PrivateKey.generate()
    sig = key.sign(base64.b64decode(str(found["payload"])))
    signature(found)["sig"] = base64.b64encode(sig).decode()


def of_another_type(found: Json) -> None:
    found["payloadType"] = "x"
    forged(found)


def of_another_bundle(place: Path) -> None:
    other = place / "bundles/1.12.6/binary-client" / SIGNED
    shutil.copy(other, place / "bundles" / BUNDLE / SIGNED)


def removed(place: Path) -> None:
    (place / "bundles" / BUNDLE / SIGNED).unlink()


def statement_rewritten(place: Path) -> None:
    """What lies beside the envelope says another thing, and that is how the file is now."""
    file = place / "bundles" / BUNDLE / NAME
    before = json.loads(file.read_bytes())
    program(place / "bundles" / BUNDLE / "dockerd-1.12.6", "evil", checksum=True)
    build(place / "again", docker())
    fresh = json.loads((place / "again" / BUNDLE / NAME).read_bytes())
    file.write_text(json.dumps(before | {"subject": fresh["subject"]}))


def everything_rewritten(place: Path) -> None:
    """A build of the attacker's, with provenance, and the old signatures beside it."""
    bundles = place / "bundles"
    kept = {path.relative_to(bundles): path.read_bytes() for path in bundles.rglob(SIGNED)}
    shutil.rmtree(bundles)

    def write(root: Path) -> None:
        docker()(root)
        program(root / BUNDLE / "dockerd-1.12.6", "evil", checksum=True)

    build(bundles, write)
    for path, content in kept.items():
        (bundles / path).write_bytes(content)


def a_text_added(place: Path) -> None:
    (place / "bundles/notes").mkdir()
    (place / "bundles/notes/README").write_text("do as I say\n")


def all_statements_removed(place: Path) -> None:
    for name in (NAME, SIGNED):
        for file in (place / "bundles").rglob(name):
            file.unlink()


def a_link_to_an_envelope(place: Path) -> None:
    file = place / "bundles" / BUNDLE / SIGNED
    file.rename(place / "outside")
    file.symlink_to(place / "outside")


def a_pipe(place: Path) -> None:
    file = place / "bundles" / BUNDLE / SIGNED
    file.unlink()
    os.mkfifo(file)


ATTACKS: dict[str, Callable[[Path], None]] = {
    "another key": signed_by_another,
    "another key, keyid of the right one": changed(forged),
    "another key, no keyid": changed(lambda found: forged(found, keyid="")),
    "signed without PAE": changed(signed_raw),
    "payload changed": changed(evil_payload),
    "payload empty": changed(lambda found: found.update(payload="")),
    "payload missing": changed(lambda found: found.pop("payload")),
    "payload no base64": changed(lambda found: found.update(payload="%%%")),
    "payload a number": changed(lambda found: found.update(payload=1)),
    "type changed": changed(lambda found: found.update(payloadType="application/json")),
    "type changed, signed so": changed(
        lambda found: (found.update(payloadType="x"), forged(found))
    ),
    "type empty": changed(lambda found: found.update(payloadType="")),
    "type missing": changed(lambda found: found.pop("payloadType")),
    "type a list": changed(lambda found: found.update(payloadType=[])),
    "no signatures": changed(lambda found: found.update(signatures=[])),
    "signatures missing": changed(lambda found: found.pop("signatures")),
    "signatures an object": changed(lambda found: found.update(signatures={})),
    "signature a string": changed(lambda found: found.update(signatures=["x"])),
    "signature null": changed(lambda found: signature(found).update(sig=None)),
    "signature empty": changed(lambda found: signature(found).update(sig="")),
    "signature short": changed(lambda found: signature(found).update(sig="AAAA")),
    "signature no base64": changed(lambda found: signature(found).update(sig="é")),
    "the same signature twice": changed(
        lambda found: found.update(signatures=[signature(found), signature(found)])
    ),
    "a second signature": changed(
        lambda found: found.update(signatures=[{"keyid": "x", "sig": "AAAA"}, signature(found)])
    ),
    "of another bundle": of_another_bundle,
    "removed": removed,
    "bytes behind it": text(lambda content: content + b"x"),
    "a second envelope": text(lambda content: content + content),
    "NUL behind it": text(lambda content: content + b"\0"),
    "a payload twice": text(lambda content: b'{"payload": "e30=", ' + content[1:]),
    "a list around it": text(lambda content: b"[" + content + b"]"),
    "cut": text(lambda content: content[:-20]),
    "empty": text(lambda _: b""),
    "no JSON": text(lambda _: b"-----BEGIN"),
    "deep": text(lambda _: b"[" * 100_000),
    "many values": text(lambda content: content[:-2] + b', "x": [' + b"0," * 5_000 + b"0]}"),
    "statement rewritten": statement_rewritten,
    "everything rewritten": everything_rewritten,
    "a text added": a_text_added,
    "all statements removed": all_statements_removed,
    "a link": a_link_to_an_envelope,
    "a pipe": a_pipe,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_not_signed_is_refused_and_not_installed(place: Path, attack: str) -> None:
    assert told(place / "bundles", place / "key.pub") == []
    ATTACKS[attack](place)
    assert told(place / "bundles", place / "key.pub")
    words = ("install", "--prefix", str(place / "usr"), "--require-signature")
    assert app.run(["rbuild", "-C", str(place), *words, str(place / "key.pub")]) == 4
    assert not (place / "usr").exists()


@pytest.mark.parametrize("words", ["bundles verify --key", "install --require-signature"])
def test_the_error_says_to_sign(place: Path, capfd: pytest.CaptureFixture[str], words: str) -> None:
    removed(place)
    assert app.run(["rbuild", "-C", str(place), *words.split(), str(place / "key.pub")]) == 4
    said = capfd.readouterr().err
    assert "rbuild sign --key FILE" in said
    assert "--unverified" not in said


def test_a_keyid_is_a_hint_and_decides_nothing(place: Path) -> None:
    """So the specification: it is optional, and not authenticated."""
    changed(lambda found: signature(found).update(keyid="of somebody else"))(place)
    changed(lambda found: found.update(unknown="field"))(place)
    assert told(place / "bundles", place / "key.pub") == []


def test_the_statement_beside_the_envelope_is_not_believed(place: Path) -> None:
    statement_rewritten(place)
    assert verify(place / "bundles").problems != ()
    problems = told(place / "bundles", place / "key.pub")
    assert f"{BUNDLE}/{NAME}: is not what was signed" in problems
    assert f"{BUNDLE}/dockerd-1.12.6: is not what {NAME} says" in problems


shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.just("e30="),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["payload", "payloadType", "signatures", "sig", "keyid"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=80) | shapes.map(lambda value: json.dumps(value).encode()))
def test_an_envelope_may_be_anything(content: bytes) -> None:
    try:
        found = envelope.parse(content)
    except NoStatementError:
        return
    with pytest.raises(NoStatementError):
        signing.payload(found, vector_key("A"), found.payload_type)


@pytest.mark.parametrize("size", [30 * 1024**2, 20 * 1024**3])
def test_an_envelope_of_any_size_is_refused(place: Path, size: int) -> None:
    with (place / "bundles" / BUNDLE / SIGNED).open("r+b") as file:
        file.truncate(size)
    assert told(place / "bundles", place / "key.pub")


# --- keys ---------------------------------------------------------------------------------------


def test_what_is_no_key_is_refused(place: Path) -> None:
    rsa_key = keys(place, "rsa", rsa.generate_private_key(65537, 2048))
    curve = keys(place, "curve", ec.generate_private_key(ec.SECP256K1()))
    (place / "text").write_text("no key")
    (place / "large").write_bytes(b"-----BEGIN PUBLIC KEY-----\n" + b"A" * 100_000)
    for file in (rsa_key, curve, place / "text", place / "large", place / "gone", place):
        with pytest.raises(UsageError):
            signing.private_key(file, no_passphrase)
        public = file.with_name(f"{file.name}.pub")
        with pytest.raises(UsageError):
            signing.public_key(public if public.exists() else file)
    with pytest.raises(UsageError, match="is a private key"):
        signing.public_key(place / "key")
    with pytest.raises(UsageError):
        signing.private_key(place / "key.pub", no_passphrase)


def rbuild(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "rootless_build", "-C", str(place), *words)
    return subprocess.run(
        command, capture_output=True, text=True, check=False, start_new_session=True
    )


def test_a_passphrase_is_asked_for_on_the_terminal_alone(place: Path) -> None:
    secret = "correct horse"
    file = keys(place, "locked", secret=secret.encode())
    ssh = place / "locked-ssh"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", secret, "-f", ssh), check=True)
    for each in (file, ssh):
        done = rbuild(place, "sign", "--key", str(each))
        assert done.returncode == 2
        assert "no terminal" in done.stderr
        for answer, status in (("wrong", 2), (secret, 0)):
            words = ("-C", str(place), "sign", "--key", str(each))
            ended, screen = typed((sys.executable, "-m", "rootless_build", *words), answer)
            assert ended == status, screen
            assert "Passphrase of" in screen
            assert secret not in screen
        assert told(place / "bundles", each.with_name(f"{each.name}.pub")) == []


def typed(command: tuple[str, ...], text: str) -> tuple[int, str]:
    """Run on a terminal; the text is typed when something is asked."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    screen = b""
    asked = False
    while True:
        try:
            read = os.read(terminal, 4096)
        except OSError:
            break
        screen += read
        if not read:
            break
        if b"Passphrase" in screen and screen.rstrip().endswith(b":") and not asked:
            asked = True
            os.write(terminal, text.encode() + b"\n")
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen.decode()


# --- commands -----------------------------------------------------------------------------------


def test_what_was_changed_is_not_signed(place: Path) -> None:
    program(place / "bundles" / BUNDLE / "evil")
    before = (place / "bundles" / BUNDLE / SIGNED).read_bytes()
    done = rbuild(place, "sign", "--key", str(place / "other"))
    assert done.returncode == 4
    assert "nothing was signed" in done.stderr
    assert (place / "bundles" / BUNDLE / SIGNED).read_bytes() == before


def test_a_bundle_is_signed_whose_directory_the_build_left_read_only(place: Path) -> None:
    bundle = place / "bundles" / BUNDLE
    (bundle / SIGNED).unlink()
    bundle.chmod(0o555)
    assert len(sign(place / "bundles", place / "key")) == 3
    assert bundle.stat().st_mode & 0o777 == 0o555
    assert told(place / "bundles", place / "key.pub") == []
    bundle.chmod(0o755)


def test_a_signature_is_not_written_through_a_link(place: Path) -> None:
    file = place / "bundles" / BUNDLE / SIGNED
    file.unlink()
    (place / "mine").write_text("mine")
    os.link(place / "mine", file)
    sign_anyway = list(signing._written(place / "bundles", {str(BUNDLE): b"x"}))
    assert sign_anyway == [str(BUNDLE)]
    assert (place / "mine").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("sign",), 2),
        (("sign", "--key", "gone"), 2),
        (("bundles", "list", "--key", "key.pub"), 2),
        (("bundles", "verify", "--key", "key"), 2),
        (("bundles", "verify", "--key", "other.pub"), 4),
        (("bundles", "verify", "--key", "key.pub"), 0),
        (("install", "--unverified", "--require-signature", "key.pub"), 2),
        (("sign", "--key", "other", "--dry-run"), 0),
        (("--bundles-dir", "nowhere", "sign", "--key", "key"), 2),
    ],
)
def test_statuses(
    place: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], status: int
) -> None:
    monkeypatch.chdir(place)
    monkeypatch.setenv("XDG_DATA_HOME", str(place / "data"))
    assert app.run(["rbuild", *words]) == status
    assert told(place / "bundles", place / "key.pub") == []


def test_each_signature_is_an_object_of_the_json_log(
    place: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(place / "data"))
    words = ("-C", str(place), "--log-format", "json")
    assert app.run(["rbuild", *words, "sign", "--key", str(place / "key")]) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["signed"] * 3
    assert {"file", "keyid", "dry_run"} <= lines[0].keys()
    public = ("--key", str(place / "key.pub"))
    assert app.run(["rbuild", *words, "bundles", "verify", *public]) == 0
    (line,) = (json.loads(line) for line in capfd.readouterr().out.splitlines())
    assert (line["event"], line["keyid"], line["attested"]) == ("verified", lines[0]["keyid"], 3)


def test_only_these_commands_load_the_library(place: Path) -> None:
    code = (
        "import sys; from rootless_build.cli import app; app.run(sys.argv);"
        "print([m for m in sys.modules if m.split('.')[0] in ('cryptography', 'securesystemslib')])"
    )
    for words in (("bundles", "verify"), ("bundles",), ("install", "--dry-run")):
        command = (sys.executable, "-c", code, "-C", str(place), *words)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.endswith("[]\n"), done.stdout


def test_a_list_says_what_they_are(bundles: Path) -> None:
    kinds = {file.path: file.kind for file in list_bundles(bundles)}
    assert kinds[f"{BUNDLE}/{NAME}"] == "provenance"
    assert kinds[f"{BUNDLE}/{SIGNED}"] == "signed provenance"


def test_they_get_no_checksums(bundles: Path) -> None:
    for name in (NAME, SIGNED):
        (bundles / BUNDLE / name).chmod(0o755)
    (bundles / BUNDLE / "docker-proxy-1.12.6.sha256").unlink()
    made = write_checksums(bundles)
    assert made
    assert not [path for path in made if "intoto" in path]


# --- builds -------------------------------------------------------------------------------------


def test_a_build_that_makes_the_same_keeps_the_signature(place: Path) -> None:
    before = (place / "bundles" / BUNDLE / SIGNED).read_bytes()
    build(place / "bundles", docker())
    assert (place / "bundles" / BUNDLE / SIGNED).read_bytes() == before
    assert told(place / "bundles", place / "key.pub") == []


def test_a_signature_stays_beside_no_other_statement(place: Path) -> None:
    bundles = place / "bundles"
    build(bundles, lambda root: program(root / BUNDLE / "new"))
    assert sorted(str(path.parent.relative_to(bundles)) for path in bundles.rglob(SIGNED)) == [
        ".",
        "1.12.6/binary-client",
    ]
    assert verify(bundles).problems == ()
    build(bundles, lambda root: shutil.rmtree(root / "1.12.6/binary-client"))
    assert [path.parent for path in bundles.rglob(SIGNED)] == [bundles]
    build(bundles, lambda root: program(root / "top"), attested=False)
    assert list(bundles.rglob(SIGNED)) == []


def test_a_container_does_not_see_signatures_and_forges_none(place: Path) -> None:
    def write(root: Path) -> None:
        assert not list(root.rglob(SIGNED))
        (root / BUNDLE / SIGNED).write_text("forged")

    before = (place / "bundles" / BUNDLE / SIGNED).read_bytes()
    build(place / "bundles", write)
    assert (place / "bundles" / BUNDLE / SIGNED).read_bytes() == before
    assert told(place / "bundles", place / "key.pub") == []
