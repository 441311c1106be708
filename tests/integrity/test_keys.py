"""The key that seals runs: made once, for its owner only."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from vpsbench.errors import VpsbenchError
from vpsbench.integrity import keys


def test_key_is_made_at_first_use_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "deep/er/key.pem"
    with ThreadPoolExecutor() as pool:  # of several that come at once, one makes it
        found = {key.public for key in pool.map(keys.Key.load, [path] * 8)}
    assert found == {keys.Key.load(path).public}
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_signature_is_of_that_text_and_that_key(tmp_path: Path) -> None:
    one, two = (keys.Key.load(tmp_path / name) for name in ("one", "two"))
    signature = one.sign(b"text")
    assert keys.verifies(one.public, signature, b"text")
    assert not keys.verifies(one.public, signature, b"texT")
    assert not keys.verifies(two.public, signature, b"text")
    assert not keys.verifies(b"short", signature, b"text")
    assert keys.from_pem(keys.pem(one.public)) == one.public
    assert keys.from_pem(keys.pem(one.public) + b"\n") is None


def _other_kind(path: Path) -> None:
    path.write_bytes(
        X25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def test_file_that_is_no_such_key_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    with pytest.raises(VpsbenchError, match="holds no key"):
        keys.Key.load(path)
    _other_kind(path)
    before = path.read_bytes()
    with pytest.raises(VpsbenchError, match="not of the kind Ed25519"):
        keys.Key.load(path)
    assert path.read_bytes() == before


def test_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    keys.Key.load(path)
    path.chmod(0o640)
    with pytest.raises(VpsbenchError, match="Others may read") as caught:
        keys.Key.load(path)
    assert "chmod 600" in caught.value.hint


def test_place_where_no_key_can_be_made_is_told() -> None:
    with pytest.raises(VpsbenchError, match=r"No key at /proc/vpsbench/key\.pem"):
        keys.Key.load(Path("/proc/vpsbench/key.pem"))


def test_measuring_loads_no_cryptography() -> None:
    code = (
        "import sys, vpsbench.wiring.measure, vpsbench.store.writer, vpsbench.integrity.keys;"
        "import vpsbench.evidence.time_stamps;"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"cryptography", "rfc3161_client", "ssl"} & set(done.stdout.split())
