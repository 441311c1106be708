"""Readings come out of packed ticks as they went in, to the last bit, whichever format packed them."""

from __future__ import annotations

import math
import random
import struct
import zlib
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest

from vpsbench.store.decode import batches, columns
from vpsbench.store.encode import Packer, Reading, stands_alone

SERIES = 9
VALUES: tuple[Callable[[random.Random], float], ...] = (
    lambda rng: float(rng.randrange(10**7)),
    lambda rng: rng.randrange(10**9) / 100,
    lambda rng: rng.randrange(10**9) / 1e6,
    lambda rng: rng.randrange(10**12) / 1e9,
    lambda rng: rng.random() - 0.5,
    lambda rng: rng.choice((1, -1)) * 2.0 ** rng.randrange(-1070, 1023),
    lambda rng: float(rng.randrange(2**52, 2**54)),
    lambda _: math.nan,
)


def drawn(rng: random.Random, t: float) -> list[Reading]:
    """A tick as monitors make them, or one as odd as can be."""
    if rng.random() < 0.7:
        return [(series, t, (1000 * series + round(t)) / 100) for series in range(1, SERIES)]
    many = rng.choice((0, 1, 3, 20))
    return [
        (rng.randrange(1, SERIES + 1), rng.choice((t, t + 0.25, -t)), rng.choice(VALUES)(rng))
        for _ in range(many)
    ]


def taken_apart(ticks: Iterable[bytes]) -> list[Reading]:
    parts = list(batches(ticks, SERIES))
    times, values, series = (np.concatenate(column).tolist() for column in zip(*parts, strict=True))
    return [(n + 1, t, v) for t, v, n in zip(times, values, series, strict=True)]


def of_floats(ticks: Iterable[list[Reading]]) -> list[bytes]:
    """As the formats 3 and 4 packed them."""
    packed, before = [], b""
    for place, readings in enumerate(ticks):
        steps = [b - a for a, b in pairwise([0, *(series for series, _, _ in readings)])]
        columns = [t for _, t, _ in readings] + [v for *_, v in readings]
        plain = struct.pack(f"<{len(columns)}d{len(steps)}i", *columns, *steps)
        stream = zlib.compressobj(zdict=before) if place % 4 and before else zlib.compressobj()
        packed.append(stream.compress(plain) + stream.flush())
        before = plain
    return packed


def same(one: list[Reading], other: list[Reading]) -> bool:
    return np.array_equal(np.array(one), np.array(other), equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_packed_comes_out_again(seed: int) -> None:
    rng, packer = random.Random(seed), Packer()  # noqa: S311  no secret
    ticks = [drawn(rng, n + rng.random()) for n in range(400)]
    packed = [packer.pack(tick, alone=rng.random() < 0.1) for tick in ticks]
    assert same(taken_apart(packed), [one for tick in ticks for one in tick])
    alone = [(tick, p) for tick, p in zip(ticks, packed, strict=True) if stands_alone(p)]
    assert len(alone) < len(ticks) / 2
    assert same(taken_apart(p for _, p in alone), [one for tick, _ in alone for one in tick])


def test_a_run_that_an_older_version_began_goes_on() -> None:
    rng, packer = random.Random(1), Packer()  # noqa: S311  no secret
    ticks = [drawn(rng, float(n)) for n in range(100)]
    packed = [*of_floats(ticks[:60]), *map(packer.pack, ticks[60:])]
    assert same(taken_apart(packed), [one for tick in ticks for one in tick])
    kept = [p for p in packed if stands_alone(p)]
    assert len(kept) < len(packed) / 2
    taken_apart(kept)


def test_a_tick_that_is_much_like_the_one_before_takes_few_bytes() -> None:
    packer = Packer()
    ticks = [[(series, n + 0.123456, (n * series) / 100) for series in range(1, 101)] for n in range(20)]
    assert max([len(packer.pack(tick)) for tick in ticks][3:]) < 60


def test_series_that_were_read_together_share_their_times() -> None:
    packer = Packer()
    ticks = [
        [(series, float(n), float(series)) for series in range(1, 5) if n % 2 or series < 4]
        for n in range(3000)
    ]
    found = list(columns(map(packer.pack, ticks), 5))
    assert [len(times) for times, _ in found] == [3000, 3000, 3000, 1500, 0]
    assert found[0][0] is found[1][0] is found[2][0]
    assert all((values == series).all() for series, (_, values) in enumerate(found, 1))


def test_columns_hold_what_the_batches_do() -> None:
    rng, packer = random.Random(3), Packer()  # noqa: S311  no secret
    ticks = [[(1, float(n), 7.0), (2, float(n), 7.0 if n < 900 else 8.0)] for n in range(1000)]
    ticks += [drawn(rng, float(n)) for n in range(1000, 1500)]
    packed = [packer.pack(tick) for tick in ticks]
    for series, (times, values) in enumerate(columns(packed, SERIES), 1):
        own = [(n, t, v) for tick in ticks for n, t, v in tick if n == series]
        assert same([(series, t, v) for t, v in zip(times.tolist(), values.tolist(), strict=True)], own)


@pytest.mark.parametrize(
    "harm",
    [
        lambda packed: packed[:-1],
        lambda packed: packed + b"x",
        lambda packed: packed[:1] + zlib.compress(b"\x00\x00\x80"),  # the last number goes on
        lambda packed: packed[:1] + zlib.compress(b"\x02\x00\x00"),  # three columns
        lambda packed: (
            packed[:1] + zlib.compress(b"\x02\x00\x00" + b"\x80" * 10 + b"\x01")
        ),  # more than 64 bits
        lambda packed: packed[:1] + zlib.compress(b"\x00\x00\x00\x00"),  # there is no series 0
        lambda packed: packed[:1] + zlib.compress(b"\x14\x00\x00\x00"),  # nor a tenth
        lambda packed: packed[:1] + zlib.compress(b"\x02\x40\x00\x00"),  # 32 digits
        lambda _: b"\x01",
        lambda _: zlib.compress(b"21 bytes, not 20 each"),
    ],
)
def test_bytes_that_make_no_sense_are_refused(harm: Callable[[bytes], bytes]) -> None:
    packed = Packer().pack([(1, 0.5, 1.5)])
    with pytest.raises(ValueError, match="readings"):
        taken_apart([harm(packed)])


def test_a_tick_that_leans_on_another_one_is_refused() -> None:
    packer = Packer()
    packed = [packer.pack([(1, float(n), n / 100)]) for n in range(4)]
    with pytest.raises(ValueError, match="cannot be unpacked"):
        taken_apart([packed[0], packed[2]])
