"""Encodes the readings of a tick; ``migrations/`` describes the bytes, ``decode`` reads them.

What a kernel counts are decimal numbers that grow a little each second. So a reading is kept as a whole
number with so many digits behind the point. Of that number only its growth since the tick before is written,
in as few bytes as it needs. zlib does the rest, with the tick before as its dictionary. The result takes half
of what floats take.

Some ticks are self-contained, as they are encoded without the tick before. Those are:

- ticks that hold what a probe found, so that a long run can be read without decoding all of it,
- and one in 32 of the others, so that one that is lost takes few along.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

# The first byte of a tick. Older formats begin with zlib's own 0x78.
SELF_CONTAINED: Final = 1
DEPENDENT: Final = 2  # on the ticks before it
DIGITS: Final = (0, 2, 3, 6, 9)  # behind the point: whole numbers, USER_HZ, ms, µs, ns
RAW: Final = -1  # in their place: the number is the bits of the float64
_TENS: Final = {digits: 10.0**digits for digits in DIGITS}
_TRIED: Final = {first: tuple(dict.fromkeys((first, *DIGITS))) for first in DIGITS} | {RAW: DIGITS}
_WHOLE: Final = 2**53  # below it float64 holds each whole number
_NONE: Final = (0, 0)
_OFTEN: Final = 32  # ticks from one that is self-contained to the next
_WINDOW, _MEMORY = 12, 5  # zlib's, enough for two ticks; with its own settings it clears 256 kB for each
Reading = tuple[int, float, float]  # series, time, value


class Encoder:
    """Encodes the ticks of one run, in their order."""

    def __init__(self) -> None:
        self._before = b""
        self._time = 0  # of the tick before: its first time, as bits
        self._known: dict[int, tuple[int, int]] = {}  # series -> digits and number of its latest reading
        self._count = 0

    def encode(self, readings: Sequence[Reading], *, self_contained: bool = False) -> bytes:
        """The column ``ticks.samples``; ``self_contained``: so in any case."""
        if self_contained or self._count % _OFTEN == 0 or not self._before:
            mark, self._time, self._known = SELF_CONTAINED, 0, {}
            stream = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY)
        else:
            mark = DEPENDENT
            stream = zlib.compressobj(wbits=_WINDOW, memLevel=_MEMORY, zdict=self._before)
        self._count += 1
        self._before = plain = self._plain(readings)
        return bytes((mark,)) + stream.compress(plain) + stream.flush()

    def _plain(self, readings: Sequence[Reading]) -> bytes:
        steps: list[int] = []
        digits: list[int] = []
        times: list[int] = []
        growth: list[int] = []
        before, at, bits = 0, 0.0, self._time
        found: dict[int, tuple[int, int]] = {}
        for series, time, value in readings:
            steps.append(series - before)
            now = bits if time == at and times else _bits(time)
            times.append(_around(now - bits))
            before, at, bits = series, time, now
            kept, last = self._known.get(series, _NONE)
            exact = found[series] = _exact(value, kept)
            digits.append(exact[0])
            growth.append(exact[1] - last if RAW != kept == exact[0] else exact[1])
        self._known |= found
        self._time = _bits(readings[0][1]) if readings else 0
        return _often(tuple(steps)) + _often(tuple(digits)) + _numbers(times) + _numbers(growth)


def _exact(value: float, kept: int) -> tuple[int, int]:
    """Digits and number that give the value to the last bit; the digits of last time where they do."""
    if -_WHOLE < value < _WHOLE:  # and not NaN
        for digits in _TRIED[kept]:
            number = round(value * _TENS[digits])
            if number / _TENS[digits] == value and -_WHOLE < number < _WHOLE:
                return digits, number
    return RAW, _bits(value)


def _bits(value: float) -> int:
    (found,) = struct.unpack("<q", struct.pack("<d", value))
    return int(found)


def _around(step: int) -> int:
    """The step modulo 2^64, as the bits of a negative and a positive time are further apart."""
    return step if -_WHOLE < step < _WHOLE else (step + 2**63) % 2**64 - 2**63


def _numbers(values: Iterable[int]) -> bytes:
    """Seven bits a byte, the lowest first, 0x80 where more follow; the sign is the lowest bit of all."""
    out = bytearray()
    for value in values:
        left = value << 1 if value >= 0 else ~(value << 1)
        while left > 0x7F:
            out.append(left & 0x7F | 0x80)
            left >>= 7
        out.append(left)
    return bytes(out)


_often: Final = lru_cache(maxsize=8)(_numbers)  # for columns that are the same in many ticks


def is_self_contained(encoded: bytes) -> bool:
    """Whether a tick can be decoded without the one before it."""
    if is_of_floats(encoded[0]):
        return not encoded[1] & 0x20  # FDICT, RFC 1950
    return encoded[0] == SELF_CONTAINED


def is_of_floats(mark: int) -> bool:
    """Whether a tick's first byte is that of formats up to 4, which begin with zlib's header."""
    return mark not in {SELF_CONTAINED, DEPENDENT}
