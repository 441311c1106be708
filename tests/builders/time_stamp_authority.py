"""A time-stamp authority of our own on loopback: ``openssl ts`` behind a small server."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """
[tsa]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.crt
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
_USE = (
    "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n"
)


@dataclass
class Authority:
    """What it was asked, and how it answers: "stamp", or with another answer altogether."""

    folder: Path
    url: str = ""
    answer: bytes | None = None
    asked: list[bytes] = field(default_factory=list)

    @property
    def root(self) -> bytes:
        """The certificate by which its stamps can be trusted, PEM."""
        return (self.folder / "ca.crt").read_bytes()

    def stamp(self, question: bytes) -> bytes:
        """A response, DER."""
        self.asked.append(question)
        if self.answer is not None:
            return self.answer
        (self.folder / "question").write_bytes(question)
        config: list[str | Path] = [
            "-config",
            self.folder / "tsa.conf",
            "-section",
            "tsa",
            "-queryfile",
            self.folder / "question",
        ]
        return _openssl("ts", "-reply", *config)


def _openssl(*words: str | Path) -> bytes:
    return subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=60).stdout


def _certificates(folder: Path) -> None:
    new = ("req", "-newkey", "rsa:2048", "-nodes", "-sha256")
    _openssl(
        *new,
        "-x509",
        "-days",
        "30",
        "-subj",
        "/CN=Test root",
        "-keyout",
        folder / "ca.key",
        "-out",
        folder / "ca.crt",
    )
    _openssl(*new, "-subj", "/CN=Test authority", "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr")
    (folder / "use").write_text(_USE)
    ca = ("-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-set_serial", "7", "-days", "30", "-sha256")
    _openssl(
        "x509", "-req", "-in", folder / "tsa.csr", *ca, "-extfile", folder / "use", "-out", folder / "tsa.crt"
    )
    (folder / "tsa.conf").write_text(_CONFIG.format(folder=folder))
    (folder / "serial").write_text("01\n")


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """Serves stamps while the context lasts."""
    _certificates(folder)
    found = Authority(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            answer = found.stamp(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}/tsa"
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
