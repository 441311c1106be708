"""A neighbour on the same disk: reads through QEMU's NBD server, in the throttle group of the guest's disk.

The protocol is NBD's, as its public specification has it: the old export-name handshake and simple replies.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
from pathlib import Path
from typing import Final

from tests.lab.clock import now
from tests.lab.errors import LabError
from tests.lab.truth import Truth

_OPTION, _EXPORT_NAME = b"IHAVEOPT", 1
_NO_ZEROES: Final = 3  # fixed new style, and no padding after the handshake
_REQUEST, _REPLY = struct.Struct(">IHHQQI"), struct.Struct(">IIQ")
_REQUEST_MAGIC, _REPLY_MAGIC = 0x25609513, 0x67446698
_BLOCK: Final = 4096


class Neighbour:
    """Reads random blocks of 4 KiB until it is stopped, and counts them.

    Args:
        path: the NBD server's socket.
        export: the export's name.
        readers: reads under way at any time.
        pace: reads a second at most; None: as many as it is given.
        truth: the counter ``neighbour.reads`` goes there about once a second.
    """

    def __init__(self, path: Path, export: str, readers: int, pace: float | None, truth: Truth) -> None:
        self._socket, self._size = _connected(path, export)
        self._readers, self._pace, self._truth = readers, pace, truth
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        rng, count, told, began = random.Random(1), 0, 0.0, now()  # noqa: S311  no secret
        stream = self._socket.makefile("rb")
        for _ in range(self._readers):
            self._ask(rng)
        while not self._stop.is_set():
            head = stream.read(_REPLY.size)
            if len(head) < _REPLY.size or _REPLY.unpack(head)[:2] != (_REPLY_MAGIC, 0):
                break  # QEMU has ended
            stream.read(_BLOCK)
            count += 1
            if now() - told >= 1:
                told = now()
                self._truth.add("neighbour.reads", count, told)
            if self._pace:
                self._stop.wait(max(0.0, began + count / self._pace - now()))
            self._ask(rng)

    def _ask(self, rng: random.Random) -> None:
        offset = rng.randrange(self._size // _BLOCK) * _BLOCK
        try:
            self._socket.sendall(_REQUEST.pack(_REQUEST_MAGIC, 0, 0, 0, offset, _BLOCK))
        except OSError:
            self._stop.set()

    def stop(self) -> None:
        """Ends it."""
        self._stop.set()
        self._thread.join(timeout=5)
        self._socket.close()


def _connected(path: Path, export: str) -> tuple[socket.socket, int]:
    """A connection, and the export's size in B."""
    one = socket.socket(socket.AF_UNIX)
    one.settimeout(10)
    one.connect(str(path))
    greeting = _exactly(one, 18)
    if greeting[:16] != b"NBDMAGIC" + _OPTION:
        raise LabError(f"QEMU's NBD server greets strangely: {greeting!r}")
    name = export.encode()
    one.sendall(struct.pack(">I", _NO_ZEROES) + _OPTION + struct.pack(">II", _EXPORT_NAME, len(name)) + name)
    size, _ = struct.unpack(">QH", _exactly(one, 10))
    return one, size


def _exactly(one: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        part = one.recv(length - len(found))
        if not part:
            raise LabError("QEMU's NBD server hung up")
        found += part
    return found
