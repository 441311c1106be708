"""How the readings of a tick are packed; ``schema/`` describes the bytes.

A tick is much like the one before it: its bytes, unpacked, are the dictionary that zlib begins with. That
makes the database 40 % smaller. Packed by themselves are ticks that hold what a probe found, so that a long
run can be read without unpacking all of it, and one in 32, so that one that is lost takes few along.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

_ALONE: Final = 32  # ticks from one that is packed by itself to the next
_ROW: Final = 20  # B of a reading: time, value, series
Reading = tuple[int, float, float]  # series, time, value


class Packer:
    """Packs the ticks of one run, in their order."""

    def __init__(self) -> None:
        self._before = b""
        self._count = 0

    def pack(self, readings: Sequence[Reading], *, alone: bool = False) -> bytes:
        """The column ``ticks.samples``; ``alone``: packed by itself in any case."""
        alone = alone or self._count % _ALONE == 0 or not self._before
        plain = _plain(readings)
        stream = zlib.compressobj() if alone else zlib.compressobj(zdict=self._before)
        self._count += 1
        self._before = plain
        return stream.compress(plain) + stream.flush()


def _plain(readings: Sequence[Reading]) -> bytes:
    series = [0, *(s for s, _, _ in readings)]
    steps = (after - before for before, after in pairwise(series))
    n = len(readings)
    times, values = (t for _, t, _ in readings), (v for _, _, v in readings)
    return struct.pack(f"<{n}d{n}d{n}i", *times, *values, *steps)


def stands_alone(packed: bytes) -> bool:
    """Whether it was packed by itself."""
    return not packed[1] & 0x20  # FDICT, RFC 1950


class Unpacker:
    """Unpacks the ticks of one run, in their order, from any that was packed by itself."""

    def __init__(self) -> None:
        self._before = b""

    def unpack(self, packed: bytes, most: int = 0) -> bytes:
        """The columns as plain bytes; of more than ``most`` of them only so many and one (0: all).

        Raises:
            ValueError: it is cut off, something follows it, or the tick before it is another one.
        """
        try:
            alone = len(packed) < 2 or stands_alone(packed)
            stream = zlib.decompressobj() if alone else zlib.decompressobj(zdict=self._before)
            plain = stream.decompress(packed, most + 1 if most else 0)
        except zlib.error as error:
            raise ValueError(f"readings cannot be unpacked: {error}") from error
        if most and len(plain) > most:
            return plain
        if not stream.eof or stream.unused_data or len(plain) % _ROW:
            raise ValueError("readings are cut off, or something follows them")
        self._before = plain
        return plain
