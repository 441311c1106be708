"""Readings come out of encoded ticks as they went in, to the last bit, whichever format encoded them."""

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
from vpsbench.store.encode import Encoder, Reading, is_self_contained

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
    """As the formats 3 and 4 encoded them."""
    encoded, before = [], b""
    for place, readings in enumerate(ticks):
        steps = [b - a for a, b in pairwise([0, *(series for series, _, _ in readings)])]
        columns = [t for _, t, _ in readings] + [v for *_, v in readings]
        plain = struct.pack(f"<{len(columns)}d{len(steps)}i", *columns, *steps)
        stream = zlib.compressobj(zdict=before) if place % 4 and before else zlib.compressobj()
        encoded.append(stream.compress(plain) + stream.flush())
        before = plain
    return encoded


def same(one: list[Reading], other: list[Reading]) -> bool:
    return np.array_equal(np.array(one), np.array(other), equal_nan=True)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_packed_comes_out_again(seed: int) -> None:
    rng, encoder = random.Random(seed), Encoder()  # noqa: S311  no secret
    ticks = [drawn(rng, n + rng.random()) for n in range(400)]
    encoded = [encoder.encode(tick, self_contained=rng.random() < 0.1) for tick in ticks]
    assert same(taken_apart(encoded), [one for tick in ticks for one in tick])
    kept_whole = [(tick, p) for tick, p in zip(ticks, encoded, strict=True) if is_self_contained(p)]
    assert len(kept_whole) < len(ticks) / 2
    assert same(taken_apart(p for _, p in kept_whole), [one for tick, _ in kept_whole for one in tick])


def test_a_run_that_an_older_version_began_goes_on() -> None:
    rng, encoder = random.Random(1), Encoder()  # noqa: S311  no secret
    ticks = [drawn(rng, float(n)) for n in range(100)]
    encoded = [*of_floats(ticks[:60]), *map(encoder.encode, ticks[60:])]
    assert same(taken_apart(encoded), [one for tick in ticks for one in tick])
    kept = [p for p in encoded if is_self_contained(p)]
    assert len(kept) < len(encoded) / 2
    taken_apart(kept)


def test_a_tick_that_is_much_like_the_one_before_takes_few_bytes() -> None:
    encoder = Encoder()
    ticks = [[(series, n + 0.123456, (n * series) / 100) for series in range(1, 101)] for n in range(20)]
    assert max([len(encoder.encode(tick)) for tick in ticks][3:]) < 60


def test_series_that_were_read_together_share_their_times() -> None:
    encoder = Encoder()
    ticks = [
        [(series, float(n), float(series)) for series in range(1, 5) if n % 2 or series < 4]
        for n in range(3000)
    ]
    found = list(columns(map(encoder.encode, ticks), 5))
    assert [len(times) for times, _ in found] == [3000, 3000, 3000, 1500, 0]
    assert found[0][0] is found[1][0] is found[2][0]
    assert all((values == series).all() for series, (_, values) in enumerate(found, 1))


def test_columns_hold_what_the_batches_do() -> None:
    rng, encoder = random.Random(3), Encoder()  # noqa: S311  no secret
    ticks = [[(1, float(n), 7.0), (2, float(n), 7.0 if n < 900 else 8.0)] for n in range(1000)]
    ticks += [drawn(rng, float(n)) for n in range(1000, 1500)]
    encoded = [encoder.encode(tick) for tick in ticks]
    for series, (times, values) in enumerate(columns(encoded, SERIES), 1):
        own = [(n, t, v) for tick in ticks for n, t, v in tick if n == series]
        assert same([(series, t, v) for t, v in zip(times.tolist(), values.tolist(), strict=True)], own)


@pytest.mark.parametrize(
    "harm",
    [
        lambda encoded: encoded[:-1],
        lambda encoded: encoded + b"x",
        lambda encoded: encoded[:1] + zlib.compress(b"\x00\x00\x80"),  # the last number goes on
        lambda encoded: encoded[:1] + zlib.compress(b"\x02\x00\x00"),  # three columns
        lambda encoded: (
            encoded[:1] + zlib.compress(b"\x02\x00\x00" + b"\x80" * 10 + b"\x01")
        ),  # more than 64 bits
        lambda encoded: encoded[:1] + zlib.compress(b"\x00\x00\x00\x00"),  # there is no series 0
        lambda encoded: encoded[:1] + zlib.compress(b"\x14\x00\x00\x00"),  # nor a tenth
        lambda encoded: encoded[:1] + zlib.compress(b"\x02\x40\x00\x00"),  # 32 digits
        lambda _: b"\x01",
        lambda _: zlib.compress(b"21 bytes, not 20 each"),
    ],
)
def test_bytes_that_make_no_sense_are_refused(harm: Callable[[bytes], bytes]) -> None:
    encoded = Encoder().encode([(1, 0.5, 1.5)])
    with pytest.raises(ValueError, match="readings"):
        taken_apart([harm(encoded)])


def test_a_tick_that_leans_on_another_one_is_refused() -> None:
    encoder = Encoder()
    encoded = [encoder.encode([(1, float(n), n / 100)]) for n in range(4)]
    with pytest.raises(ValueError, match="cannot be decoded"):
        taken_apart([encoded[0], encoded[2]])
