"""Audits of releases of a pipeline in miniature."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from miniature import Miniature

from flows.release.audit import Audit, audit
from flows.release.sources import sources_of

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def quick(release: Path, key: Ed25519PrivateKey | None = KEY) -> Audit:
    return audit(release, None if key is None else key.public_key(), None, 0.01, print)


def full(
    made: Miniature, tolerance: float = 0.01, data: Path | None = None, remote: Path | None = None
) -> Audit:
    sources = sources_of(made.release, str(made.code), data, None if remote is None else str(remote))
    return audit(made.release, KEY.public_key(), (sources, None), tolerance, print)


def resigned(made: Miniature, file: str, old: str, new: str) -> None:
    """Change a release as somebody with the key could."""
    path = made.release / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    made.release_again(KEY)
