"""Decodes the readings of many ticks at a time; ``migrations/`` describes the bytes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import TYPE_CHECKING, Final

import numpy as np

from vpsbench.store.encode import DEPENDENT, DIGITS, RAW, is_of_floats, is_self_contained

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpsbench.model import Floats

    Numbers = NDArray[np.int64]
    Batch = tuple[Floats, Floats, Numbers]

_FOLLOWED: Final = bytes(range(0x80, 0x100))  # in a number: bytes after which more follow
_BATCH: Final = 512  # ticks decoded together: a few MB, and 100 times quicker than one by one
_ROOM: Final = 1 << 15  # readings of a series, at first; then twice as many as there are, again and again
_LONGEST: Final = 10  # B of a number of 64 bits, seven to a byte
_TENS: Final = np.array([10.0**digits for digits in range(max(DIGITS) + 2)])  # the last one stands for RAW


def count_readings(encoded: bytes, plain: bytes) -> int:
    """How many readings a decoded tick has."""
    if is_of_floats(encoded[0]):
        return len(plain) // 20
    return len(plain.translate(None, _FOLLOWED)) // 4


class Decoder:
    """Decodes the ticks of one run, in their order, from any self-contained one on."""

    def __init__(self) -> None:
        self._before = b""

    def decode(self, encoded: bytes, most: int = 0) -> bytes:
        """The columns as plain bytes; of more than ``most`` of them only so many and one (0: all).

        Raises:
            ValueError: it is cut off, something follows it, or the tick before it is another one.
        """
        if len(encoded) < 2:
            raise ValueError("readings are cut off")
        body = encoded if is_of_floats(encoded[0]) else encoded[1:]
        try:
            before = b"" if is_self_contained(encoded) else self._before
            stream = zlib.decompressobj(zdict=before) if before else zlib.decompressobj()
            plain = stream.decompress(body, most + 1 if most else 0)
        except zlib.error as error:
            raise ValueError(f"readings cannot be decoded: {error}") from error
        if most and len(plain) > most:
            return plain
        if not stream.eof or stream.unused_data:
            raise ValueError("readings are cut off, or something follows them")
        self._before = plain
        return plain


class _Column:
    """A growing column of values. A constant one takes no memory, nor does room that is not used."""

    def __init__(self) -> None:
        self._values = np.empty(_ROOM)
        self._size = 0
        self._constant = True

    def add(self, values: Floats) -> None:
        if self._constant:
            first = self._values[0] if self._size else values[0]
            if (values == first).all():
                self._values[0] = first
                self._size += values.size
                return
            self._constant = False
            values, self._size = np.concatenate((np.full(self._size, first), values)), 0
        size = self._size + values.size
        if size > self._values.size:
            larger = np.empty(2 * size)
            larger[: self._size] = self._values[: self._size]
            self._values = larger
        self._values[self._size : size] = values
        self._size = size

    @property
    def values(self) -> Floats:
        if self._constant and self._size:
            return np.broadcast_to(self._values[0], self._size)
        return self._values[: self._size]


def columns(ticks: Iterable[bytes], count: int) -> Iterator[tuple[Floats, Floats]]:
    """Times and values of each series, as of ``batches``. Those that were read together share their times."""
    found = [_Column() for _ in range(count)]
    times: list[list[Floats]] = [[] for _ in range(count)]
    for unsorted, values, series in batches(ticks, count):
        order = np.argsort(series.astype(np.min_scalar_type(count)), kind="stable")  # small ones are counted
        at = unsorted[order]
        present, first = np.unique(series[order], return_index=True)
        own = at[:0]
        for number, start, end in zip(present, first, np.append(first, at.size)[1:], strict=True):
            if not np.array_equal(own, at[start:end]):
                own = at[start:end].copy()
            times[number].append(own)
            found[number].add(values[order[start:end]])
    shared: dict[tuple[int, ...], Floats] = {}
    for column, parts in zip(found, times, strict=True):
        own = shared.setdefault(tuple(map(id, parts)), np.concatenate([np.empty(0), *parts]))
        own.flags.writeable = False
        yield own, column.values


def batches(ticks: Iterable[bytes], count: int) -> Iterator[Batch]:
    """Times in s, values and series (from 0 on) in the order of writing; a reading that failed is NaN.

    Args:
        ticks: of one run, as they are stored, in their order. Where some are left out, the next one must be
            self-contained.
        count: how many series the run has.

    Raises:
        ValueError: the bytes make no sense.
    """
    decoder, latest, left = Decoder(), _Latest(count), iter(ticks)
    while batch := list(islice(left, _BATCH)):
        plain = [(encoded[0], decoder.decode(encoded)) for encoded in batch]
        parts = [
            _of_floats(alike) if old else _of_numbers(list(alike), latest)
            for old, alike in groupby(plain, key=lambda one: is_of_floats(one[0]))
        ]
        times, values, series = (np.concatenate(column) for column in zip(*parts, strict=True))
        yield times, values, _checked(series, count) - 1


def _checked(series: Numbers, count: int) -> Numbers:
    if series.size and not 1 <= series.min() <= series.max() <= count:
        raise ValueError("there are readings of no series")
    return series


# --- formats up to 4: float64 times, float64 values, int32 steps of the series ---------------------


def _of_floats(ticks: Iterable[tuple[int, bytes]]) -> Batch:
    parts = [_alike(list(alike)) for _, alike in groupby((plain for _, plain in ticks), key=len)]
    times, values, series = (np.concatenate(column) for column in zip(*parts, strict=True))
    return times, values, series


def _alike(plain: list[bytes]) -> Batch:
    """Ticks with equally many readings."""
    n, rest = divmod(len(plain[0]), 20)
    if rest:
        raise ValueError("readings are cut off")
    rows = np.frombuffer(b"".join(plain), np.uint8).reshape(len(plain), 20 * n)
    times, values = (rows[:, start : start + 8 * n].copy().view("<f8").ravel() for start in (0, 8 * n))
    steps = rows[:, 16 * n :].copy().view("<i4").astype(np.int64)
    return times, values, np.cumsum(steps, axis=1).ravel()


# --- from format 5 on: numbers of one to ten bytes -------------------------------------------------


class _Latest:
    """What a dependent tick counts from: the first time of the tick before, and each series' last number."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.time = 0
        self.digits = np.zeros(count + 1, np.int64)
        self.numbers = np.zeros(count + 1, np.int64)

    def complete(
        self, series: Numbers, digits: Numbers, times: Numbers, numbers: Numbers, *, dependent: bool
    ) -> None:
        """Turns the differences of one tick into times and numbers, in place, and remembers those."""
        if dependent:
            times += self.time
            numbers += np.where((self.digits[series] == digits) & (digits != RAW), self.numbers[series], 0)
        else:
            self.digits[:] = self.numbers[:] = 0
        self.digits[series], self.numbers[series] = digits, numbers
        self.time = int(times[0]) if times.size else 0


def _of_numbers(ticks: list[tuple[int, bytes]], latest: _Latest) -> Batch:
    ends = np.cumsum([len(plain) for _, plain in ticks])
    numbers, after = _numbers(b"".join(plain for _, plain in ticks), ends)
    sizes, odd = np.divmod(np.diff(after, prepend=0), 4)
    if odd.any():
        raise ValueError("readings are cut off")
    starts = np.cumsum(sizes) - sizes
    place = np.arange(sizes.sum()) + np.repeat(3 * starts, sizes)  # of the first column's; 4 columns a tick
    steps, digits, times, growth = (numbers[place + k * np.repeat(sizes, sizes)] for k in range(4))
    if digits.size and not RAW <= digits.min() <= digits.max() <= max(DIGITS):
        raise ValueError("there are readings of no known form")
    series, times = _checked(_sums(steps, starts, sizes), latest.count), _sums(times, starts, sizes)
    dependent = [mark == DEPENDENT for mark, _ in ticks]
    for k in range(len(ticks)) if any(dependent) else (len(ticks) - 1,):
        own = slice(starts[k], starts[k] + sizes[k])
        latest.complete(series[own], digits[own], times[own], growth[own], dependent=dependent[k])
    values = np.where(digits == RAW, growth.view(np.float64), growth / _TENS[digits])
    return times.view(np.float64), values, series


def _sums(steps: Numbers, starts: Numbers, sizes: Numbers) -> Numbers:
    """The sum of all steps so far, begun anew with each tick."""
    sums = np.concatenate(([0], np.cumsum(steps)))
    return np.asarray(sums[1:] - np.repeat(sums[starts], sizes))


def _numbers(data: bytes, ends: Numbers) -> tuple[Numbers, Numbers]:
    """The numbers that the bytes hold, and how many there are up to each of these ends."""
    found = np.frombuffer(data, np.uint8)
    last = np.flatnonzero(found < 0x80)
    after = np.searchsorted(last, ends)
    first = np.append(0, last + 1)[:-1]
    sizes = last + 1 - first
    longest = int(sizes.max(initial=0))
    whole = ends[ends > 0] - 1
    if longest > _LONGEST or (found[whole] >= 0x80).any():
        raise ValueError("readings are cut off")
    numbers = (found[first] & 0x7F).astype(np.uint64)
    more = np.flatnonzero(sizes > 1)
    for k in range(1, longest):
        numbers[more] |= (found[first[more] + k] & 0x7F).astype(np.uint64) << np.uint64(7 * k)
        more = more[sizes[more] > k + 1]
    return (numbers >> np.uint64(1)).view(np.int64) ^ -(numbers & 1).view(np.int64), after
