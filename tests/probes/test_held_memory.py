"""Held pages: how they are filled, touched and verified, and the histogram of the touches."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from vpsbench.probes.held_memory.held import BATCH, BLOCK, PAGE, WORDS, Change, Held
from vpsbench.probes.held_memory.touch import BOUNDS, Arms, histogram, read


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def test_bins_are_quarters_of_octaves() -> None:
    assert BOUNDS[:6] == (64, 76, 91, 108, 128, 152)
    assert 10e9 < BOUNDS[-1] < 11e9  # 10 s
    assert all(1.15 < high / low < 1.23 for low, high in pairwise(BOUNDS))


def test_histogram_by_hand() -> None:
    found = histogram(np.array([0, 64, 65, 76, 77, 128, 2**31, 2**34]))
    assert found == {"64": 2, "76": 2, "91": 1, "128": 1, str(2**31): 1, "inf": 1}
    assert histogram(np.array([], dtype=np.int64)) == {}


def test_arms_share_the_pages() -> None:
    arms = Arms(100, 8)
    order = arms.order(1000, np.random.default_rng(1))
    assert sorted(order) == list(range(100))
    assert arms.hot().tolist() == [0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96]
    assert arms.is_hot(arms.hot()).all()
    assert arms.is_hot(order).sum() == 13


def test_a_sample_is_fresh_and_mixed() -> None:
    arms, rng = Arms(10_000, 10), np.random.default_rng(1)
    first, second = arms.order(500, rng), arms.order(500, rng)
    assert len(set(first)) == len(first) == 1500
    held = [{page for page in order if page % 10} for order in (first, second)]
    assert len(held[0] & held[1]) < 100
    assert 300 < arms.is_hot(first[:750]).sum() < 700


def test_words_are_read_in_their_order_and_each_is_timed() -> None:
    words = memoryview(np.arange(5000, dtype=np.uint64).tobytes()).cast("Q")
    began = time.perf_counter_ns()
    latencies = read(words, list(range(5000)))
    assert len(latencies) == 5000
    assert (latencies > 0).all()
    assert latencies.sum() < time.perf_counter_ns() - began
    assert len(read(words, [])) == 0
    with pytest.raises(IndexError):
        read(words, [0, 5000])


def filled(blocks: int) -> Held:
    held = Held(blocks * BLOCK, 8, np.random.default_rng(3))
    held.grow(blocks * BLOCK)
    return held


def batches(pages: int) -> Iterator[NDArray[np.int64]]:
    return (np.arange(first, first + BATCH) for first in range(0, pages, BATCH))


def test_pages_are_unique_verified_and_given_back() -> None:
    before = resident()
    held = Held(8 * BLOCK, 8, np.random.default_rng(3))
    assert 0 < held.grow(4 * BLOCK) < 1
    held.grow(4 * BLOCK)
    assert resident() - before > 7 * BLOCK
    pages = 8 * BLOCK // PAGE
    assert len(np.unique(held.pages[:, ::64])) == pages * WORDS // 64
    assert len(zlib.compress(held.pages[17].tobytes())) > PAGE
    assert not any(held.changed(batch).size for batch in batches(pages))
    assert len(held.touch(np.arange(100))) == 100
    assert [len(times) for times in held.keep_warm()] == [pages // 8] * 2
    held.give_back()
    assert resident() - before < 3 * BLOCK


@pytest.mark.parametrize("word", [0, 1, WORDS - 1])
def test_one_bit_anywhere_in_a_page_is_found_and_described(word: int) -> None:
    held = filled(1)
    held.pages[70, word] ^= np.uint64(1 << 40)
    found = [page for batch in batches(BLOCK // PAGE) for page in held.changed(batch).tolist()]
    assert found == [70]
    assert held.look_again(70) == Change(70, words=1, bits=1)
    held.pages[70, word] ^= np.uint64(1 << 40)
    assert held.look_again(70) == Change(70, words=0, bits=0)
    held.give_back()


def test_pages_that_are_zeroed_or_changed_places_are_found() -> None:
    held = filled(1)
    held.pages[3] = 0
    held.pages[[5, 6]] = held.pages[[6, 5]]
    assert held.changed(np.arange(BATCH)).tolist() == [3, 5, 6]
    assert held.look_again(3).words == WORDS
    held.give_back()


def test_no_page_is_blamed_for_a_pattern_that_changed_itself() -> None:
    held = filled(1)
    held.pattern[4] ^= np.uint64(1)
    with pytest.raises(RuntimeError, match="pattern"):
        held.look_again(3)
    held.give_back()
