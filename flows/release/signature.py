"""The signature of a release: Ed25519 over the bytes of its manifest."""

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from flows.folders import write_whole
from flows.json_text import json_text
from flows.release.manifest import MANIFEST, SIGNATURE
from veribeat.errors import InputError

ALGORITHM = "Ed25519"
PASSPHRASE = "VERIBEAT_KEY_PASSPHRASE"
"""Environment variable with the passphrase of an encrypted private key; an empty one counts as none."""


@dataclass(frozen=True)
class Verified:
    """A signature that fits, and whose it is."""

    fingerprint: str
    """SHA-256 of the public key's 32 bytes, in hexadecimal."""
    trusted: bool
    """Whether the key is the one that was asked for; otherwise anybody may have made it."""


def load_private_key(file: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file; InputError where there is none, or its passphrase is missing or wrong."""
    passphrase = _passphrase()
    try:
        key = load_pem_private_key(_read(file), passphrase)
    except TypeError as error:
        # With a passphrase for a key that has none, or none for one that has.
        what = "has no passphrase: unset" if passphrase is not None else "has a passphrase: set"
        raise InputError(f"{file} {what} the environment variable {PASSPHRASE}.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{file} is not a private key in PEM, or {PASSPHRASE} is not its passphrase: 'veribeat keys' makes one."
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{file} is a key of another kind than {ALGORITHM}: 'veribeat keys' makes one.")
    return key


def load_public_key(file: Path) -> Ed25519PublicKey:
    """The public key in a PEM file; InputError where there is none."""
    try:
        key = load_pem_public_key(_read(file))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{file} is not a public key in PEM: 'veribeat keys' writes one beside each private key."
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{file} is a key of another kind than {ALGORITHM}: 'veribeat keys' makes one.")
    return key


def write_key_pair(private: Path, public: Path) -> str:
    """Make a new key pair, the private file for its owner's eyes alone; the public key's fingerprint.

    The private key is encrypted where the environment variable PASSPHRASE is set. Raises InputError when one of the
    files exists.
    """
    for file in (private, public):
        if os.path.lexists(file):
            raise InputError(
                f"{file} exists already: a key that is lost cannot be made again; choose another name."
            )
    key, passphrase = Ed25519PrivateKey.generate(), _passphrase()
    protection = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    private.parent.mkdir(parents=True, exist_ok=True)
    _write_new(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection), 0o600)
    _write_new(public, _pem(key.public_key()), 0o644)
    return fingerprint(key.public_key())


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key's 32 bytes, in hexadecimal."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()


def sign(folder: Path, key: Ed25519PrivateKey) -> None:
    """Write manifest.sig for the manifest that is in `folder` now."""
    public = key.public_key()
    content = {
        "algorithm": ALGORITHM,
        "public_key": _pem(public).decode("ascii"),
        "fingerprint": fingerprint(public),
        "signature": base64.b64encode(key.sign((folder / MANIFEST).read_bytes())).decode("ascii"),
    }
    write_whole(folder / SIGNATURE, json_text(content))


def verify(folder: Path, key: Ed25519PublicKey | None) -> Verified:
    """Check the signature of a release.

    Args:
        folder: the release.
        key: the public key that must have signed it; None takes the one that the signature names.

    Raises InputError, which names manifest.sig, when it is missing or damaged, is by another key, or does not fit
    manifest.json.
    """
    file = folder / SIGNATURE
    signer, signature, named = _read_signature(file)
    if key is not None and fingerprint(key) != fingerprint(signer):
        raise InputError(
            f"{file} is by the key {fingerprint(signer)[:16]}, not by the one given, {fingerprint(key)[:16]}."
        )
    if named != fingerprint(signer):
        raise InputError(f"{file} is damaged: its fingerprint is not that of its key.")
    try:
        signer.verify(signature, (folder / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{file} is there, but the {MANIFEST} that it signs is missing.") from error
    except InvalidSignature as error:
        raise InputError(f"{file} does not fit {MANIFEST}: one of the two was changed.") from error
    return Verified(fingerprint(signer), trusted=key is not None)


def _read_signature(file: Path) -> tuple[Ed25519PublicKey, bytes, str]:
    """Whose signature it is, the signature, and the fingerprint as the file says it."""
    try:
        content = json.loads(file.read_bytes())
        pem, text, named, algorithm = (
            content[name] for name in ("public_key", "signature", "fingerprint", "algorithm")
        )
        signature = base64.b64decode(text, validate=True)
        key = load_pem_public_key(str(pem).encode())
    except FileNotFoundError as error:
        raise InputError(f"{file} is missing: the release is not signed.") from error
    except (ValueError, KeyError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(f"{file} is damaged: restore the release from a backup.") from error
    if algorithm != ALGORITHM or not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{file} is damaged: its key or algorithm is of another kind than {ALGORITHM}.")
    return key, signature, str(named)


def _passphrase() -> bytes | None:
    return os.environ.get(PASSPHRASE, "").encode() or None


def _write_new(file: Path, content: bytes, mode: int) -> None:
    """Write a file that must not exist, with these permissions from its first moment on."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)


def _pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"There is no key {file}: 'veribeat keys' makes a pair.") from error
