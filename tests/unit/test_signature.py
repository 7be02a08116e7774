"""Signatures of releases: what fits is accepted, and whatever does not is refused in one sentence."""

import base64
import hashlib
import json
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import call
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from flows.release.manifest import differences, write_manifest
from flows.release.signature import (
    PASSPHRASE,
    fingerprint,
    load_private_key,
    load_public_key,
    sign,
    verify,
    write_key_pair,
)
from veribeat.errors import InputError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


@pytest.fixture(autouse=True)
def _no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE, raising=False)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release that KEY signed."""
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "card.json").write_text("{}")
    write_manifest(folder)
    sign(folder, KEY)
    return folder


# What fits


def test_a_signature_fits_and_is_trusted_only_by_the_key_given(release: Path) -> None:
    verified = verify(release, KEY.public_key())
    assert verified.trusted
    raw = KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert verified.fingerprint == hashlib.sha256(raw).hexdigest()
    anybody = verify(release, None)
    assert (anybody.trusted, anybody.fingerprint) == (False, verified.fingerprint)


def test_the_signature_is_plain_json_over_the_bytes_of_the_manifest(release: Path) -> None:
    """So that a few lines in any language can check it."""
    content = json.loads((release / "manifest.sig").read_text())
    assert set(content) == {"algorithm", "fingerprint", "public_key", "signature"}
    assert content["algorithm"] == "Ed25519"
    assert content["public_key"].startswith("-----BEGIN PUBLIC KEY-----\n")
    KEY.public_key().verify(base64.b64decode(content["signature"]), (release / "manifest.json").read_bytes())


def test_signing_again_gives_the_same_bytes_and_leaves_no_scratch_file(release: Path) -> None:
    before = (release / "manifest.sig").read_bytes()
    sign(release, KEY)
    assert (release / "manifest.sig").read_bytes() == before
    assert {file.name for file in release.iterdir()} == {"card.json", "manifest.json", "manifest.sig"}
    assert not differences(release)  # the signature is no file of the manifest


def test_a_signature_that_cannot_be_written_leaves_the_old_one(
    release: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (release / "manifest.sig").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        sign(release, OTHER)
    assert (release / "manifest.sig").read_bytes() == before


# What does not


def refused(release: Path, match: str, key: Ed25519PrivateKey | None = KEY) -> None:
    with pytest.raises(InputError, match=match) as caught:
        verify(release, None if key is None else key.public_key())
    assert "manifest.sig" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unsigned_release_is_refused(release: Path) -> None:
    (release / "manifest.sig").unlink()
    refused(release, "is missing: the release is not signed")


def test_another_key_is_named(release: Path) -> None:
    ours, theirs = (fingerprint(key.public_key())[:16] for key in (KEY, OTHER))
    refused(release, f"is by the key {ours}, not by the one given, {theirs}", OTHER)


@pytest.mark.parametrize("key", [KEY, None])
def test_a_changed_manifest_is_refused(release: Path, key: Ed25519PrivateKey | None) -> None:
    file = release / "manifest.json"
    file.write_text(file.read_text() + " ")  # JSON would not tell
    refused(release, r"does not fit manifest\.json", key)


def test_a_missing_manifest_is_refused(release: Path) -> None:
    (release / "manifest.json").unlink()
    refused(release, r"the manifest\.json that it signs is missing")


def test_every_changed_byte_of_the_signature_is_found(release: Path) -> None:
    file = release / "manifest.sig"
    content = json.loads(file.read_text())
    signature = base64.b64decode(content["signature"])
    for place in range(len(signature)):
        changed = bytearray(signature)
        changed[place] ^= 1 << place % 8
        file.write_text(json.dumps(content | {"signature": base64.b64encode(changed).decode()}))
        refused(release, "does not fit")


def other_public_key(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"signature": "!"}, "is damaged"),
        ({"signature": "ä"}, "is damaged"),
        ({"signature": 7}, "is damaged"),
        ({"signature": ""}, "does not fit"),
        ({"signature": base64.b64encode(b"short").decode()}, "does not fit"),
        ({"public_key": "no key"}, "is damaged"),
        ({"public_key": None}, "is damaged"),
        ({"public_key": other_public_key(X25519PrivateKey.from_private_bytes(bytes(32)))}, "another kind"),
        ({"algorithm": "none"}, "another kind"),
        ({"fingerprint": "0" * 64}, "its fingerprint is not that of its key"),
        ({"fingerprint": None}, "its fingerprint is not that of its key"),
    ],
)
def test_a_damaged_signature_is_refused(release: Path, change: dict[str, Any], match: str) -> None:
    file = release / "manifest.sig"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    refused(release, match, None)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7", b"null", b"{}", b'{"signature": "\xff"}'])
def test_a_signature_file_that_is_none_is_refused(release: Path, text: bytes) -> None:
    (release / "manifest.sig").write_bytes(text)
    refused(release, "is damaged: restore the release from a backup")


def test_a_key_of_an_attacker_with_the_fingerprint_of_the_owner_is_refused(release: Path) -> None:
    mine = json.loads((release / "manifest.sig").read_text())["fingerprint"]
    (release / "card.json").write_text('{"records": 1}')
    write_manifest(release)
    sign(release, OTHER)
    file = release / "manifest.sig"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"fingerprint": mine}))
    refused(release, "not by the one given", KEY)
    refused(release, "is damaged", None)


# Keys


def test_a_key_pair_signs_and_only_its_owner_reads_the_private_one(release: Path, tmp_path: Path) -> None:
    private, public = tmp_path / "new" / "key", tmp_path / "new" / "key.pub"
    written = write_key_pair(private, public)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    sign(release, load_private_key(private))
    assert verify(release, load_public_key(public)).fingerprint == written


@pytest.mark.parametrize("there", ["key", "key.pub"])
def test_a_key_is_never_written_over(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(InputError, match=f"{there} exists already"):
        write_key_pair(tmp_path / "key", tmp_path / "key.pub")
    assert [file.name for file in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


@pytest.mark.parametrize("there", ["key", "key.pub"])
def test_a_key_is_not_written_through_a_link(tmp_path: Path, there: str) -> None:
    (tmp_path / there).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="exists already"):
        write_key_pair(tmp_path / "key", tmp_path / "key.pub")
    assert not (tmp_path / "elsewhere").exists()


def test_a_passphrase_encrypts_the_key_and_is_needed_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = tmp_path / "key", tmp_path / "key.pub"
    monkeypatch.setenv(PASSPHRASE, "correct horse")
    write_key_pair(private, public)
    assert private.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert load_private_key(private).public_key() == load_public_key(public)
    monkeypatch.setenv(PASSPHRASE, "wrong")
    with pytest.raises(InputError, match=f"or {PASSPHRASE} is not its passphrase"):
        load_private_key(private)
    for nothing in (None, ""):
        monkeypatch.delenv(PASSPHRASE) if nothing is None else monkeypatch.setenv(PASSPHRASE, nothing)
        with pytest.raises(
            InputError, match=f"key has a passphrase: set the environment variable {PASSPHRASE}"
        ):
            load_private_key(private)


def test_a_passphrase_for_a_key_without_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who believes a key to be encrypted should know that it is not."""
    write_key_pair(tmp_path / "key", tmp_path / "key.pub")
    monkeypatch.setenv(PASSPHRASE, "any")
    with pytest.raises(InputError, match=f"has no passphrase: unset the environment variable {PASSPHRASE}"):
        load_private_key(tmp_path / "key")


@pytest.mark.parametrize(
    "make",
    [lambda: rsa.generate_private_key(65537, 2048), X25519PrivateKey.generate],
    ids=["RSA", "X25519"],
)
def test_keys_of_another_kind_are_refused(tmp_path: Path, make: Callable[[], Any]) -> None:
    key = make()
    private, public = tmp_path / "key", tmp_path / "key.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_text(other_public_key(key))
    for load, file in ((load_private_key, private), (load_public_key, public)):
        with pytest.raises(InputError, match=f"{re.escape(str(file))} is a key of another kind than Ed25519"):
            load(file)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\x00", b"-----BEGIN PUBLIC KEY-----\n"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(InputError, match="is not a private key in PEM"):
        load_private_key(file)
    with pytest.raises(InputError, match="is not a public key in PEM"):
        load_public_key(file)


def test_the_two_files_of_a_pair_are_told_apart(tmp_path: Path) -> None:
    private, public = tmp_path / "key", tmp_path / "key.pub"
    write_key_pair(private, public)
    with pytest.raises(InputError, match="is not a private key"):
        load_private_key(public)
    with pytest.raises(InputError, match="is not a public key"):
        load_public_key(private)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    for load in (load_private_key, load_public_key):
        with pytest.raises(InputError, match=r"There is no key .*nowhere"):
            load(tmp_path / "nowhere")


def test_the_command_makes_a_pair_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    private = tmp_path / "release.key"
    assert call("keys", str(private)) == 0
    public = load_public_key(tmp_path / "release.key.pub")
    out = capsys.readouterr().out
    assert fingerprint(public) in out
    assert "PRIVATE KEY" not in out
    before = private.read_bytes()
    assert call("keys", str(private)) == 2
    assert "exists already" in capsys.readouterr().err
    assert private.read_bytes() == before
