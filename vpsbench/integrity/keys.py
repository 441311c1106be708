"""The machine's Ed25519 key: made when it is first needed, readable by its owner only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from vpsbench.errors import FAILED, VpsbenchError
from vpsbench.files.replace import make_once

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_HINT: Final = "Name another file with --key."


def default_path() -> Path:
    """Where the key is kept unless the user says otherwise: with the user's own data (XDG)."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()) / "vpsbench/key.pem"


class Key:
    """A private key; loading it is what loads ``cryptography``."""

    def __init__(self, path: Path, private: Ed25519PrivateKey) -> None:
        self.path = path
        self._private = private
        self.public = private.public_key().public_bytes_raw()

    @classmethod
    def load(cls, path: Path) -> Self:
        """The key in a file, which is made where there is none.

        Raises:
            VpsbenchError: it cannot be made or read, is no such key, or others may read it.
        """
        try:
            if not path.exists():
                _make(path)
            if path.stat().st_mode & 0o077:
                raise VpsbenchError(f"Others may read the key {path}.", f"chmod 600 it, or {_HINT.lower()}")
            return cls(path, _private(path))
        except OSError as error:
            raise VpsbenchError(f"No key at {path}: {error.strerror}.", _HINT, FAILED) from error

    def sign(self, data: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(data)


def _make(path: Path) -> None:
    """Makes a new key. Where several processes do so at once, all use the first one's."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415  only who seals needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  likewise

    pem = Ed25519PrivateKey.generate().private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_once(path, pem)


def _private(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  only who seals needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  likewise
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  likewise

    try:
        found = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise VpsbenchError(f"{path} holds no key that can be read: {error}.", _HINT) from error
    if not isinstance(found, Ed25519PrivateKey):
        raise VpsbenchError(f"The key in {path} is not of the kind Ed25519.", _HINT)
    return found


def verifies(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the owner of a public key (32 bytes) signed this."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415  only who verifies needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  likewise

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def pem(public: bytes) -> bytes:
    """A public key as OpenSSL reads it."""
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415  only who seals needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  likewise

    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)


def from_pem(data: bytes) -> bytes | None:
    """The public key that ``pem`` wrote; None where it is none, or not written so."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  only who verifies needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415  likewise
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415  likewise

    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, Ed25519PublicKey) or pem(key.public_bytes_raw()) != data:
        return None
    return key.public_bytes_raw()


def fingerprint(public: bytes) -> str:
    """The short form by which people tell keys apart."""
    return f"SHA256:{hashlib.sha256(public).hexdigest()}"
