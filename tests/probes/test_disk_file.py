"""The file under test: how big it may be, how it is laid out, and what its flushes cost."""

from __future__ import annotations

import math
import mmap
import os
from pathlib import Path

import numpy as np
import pytest

from vpsbench.probes.conduct.duty_cycle import DutyCycle
from vpsbench.probes.disk_file.flush import Flushes
from vpsbench.probes.disk_file.layout import BLOCK, Target, file_size, lay_out, make_way, resident

MIB = 1024**2
TARGET = Target(Path("/a:b/data"), 64 * MIB, direct=True)


@pytest.mark.parametrize(
    ("wanted", "memory", "free", "total", "budget", "size"),
    [
        (0, 100, 10_000, 10_000, 10_000, 200),  # twice the memory
        (0, 5000, 5500, 10_000, 10_000, 2000),  # half of what is free beyond 15 %
        (0, 5000, 5500, 10_000, 400, 400),  # the budget
        (3000, 100, 10_000, 10_000, 10_000, 3000),  # as asked for
        (3000, 100, 2500, 10_000, 10_000, 1000),  # as asked for, but 15 % stay free
        (3000, 100, 1400, 10_000, 10_000, 0),
    ],
)
def test_size_of_the_file(  # noqa: PLR0913, PLR0917  one row of the table
    wanted: int, memory: int, free: int, total: int, budget: int, size: int
) -> None:
    found = file_size(*(value * BLOCK for value in (wanted, memory, free, total, budget)))
    assert found == size * BLOCK


def test_size_is_in_whole_blocks() -> None:
    assert file_size(2 * BLOCK + 1, 0, 100 * BLOCK, 100 * BLOCK, 100 * BLOCK) == 2 * BLOCK


def left_by_others(monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    """From now on so much of each file system is free."""
    rest = round(1000 * share)
    found = os.statvfs_result((4096, 4096, 1000, rest, rest, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: found)


@pytest.mark.parametrize("share", [0.08, 0.5])
def test_room_enough_for_others(folder: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    left_by_others(monkeypatch, share)
    make_way(folder)


@pytest.mark.parametrize("kept", [True, False])
def test_direct_io_that_memory_keeps_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    """As on ext4 that journals data."""
    if kept:
        real = os.preadv

        def through_the_cache(descriptor: int, buffers: list[mmap.mmap], offset: int) -> int:
            (folder / "data").read_bytes()
            return real(descriptor, buffers, offset)

        monkeypatch.setattr(os, "preadv", through_the_cache)
    target = lay_out(folder / "data", BLOCK, math.inf, np.random.default_rng(1).bytes, DutyCycle(1.0))
    assert target.direct != kept


def test_what_cannot_be_mapped_lies_in_no_cache(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    assert not resident(descriptor)
    os.close(descriptor)


def test_the_free_part_of_the_file_system_stays_free(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def filling(_: int) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 1000, 150, 150, 0, 0, 0, 0, 255))

    monkeypatch.setattr(os, "fstatvfs", filling)
    written: list[int] = []
    random = np.random.default_rng(1)
    target = lay_out(folder / "data", 16 * BLOCK, math.inf, random.bytes, DutyCycle(1.0), written.append)
    assert target.size == sum(written) == BLOCK


@pytest.mark.parametrize(("budget", "largest"), [(500, 1), (300, 0), (16, 0)])
def test_flushes_of_all_sizes_heed_the_budget(
    monkeypatch: pytest.MonkeyPatch, budget: int, largest: int
) -> None:
    for name, answer in (("open", 9), ("close", None), ("fdatasync", None)):
        monkeypatch.setattr(os, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(os, "pwrite", lambda _descriptor, data, _offset: len(data))
    written: list[int] = []
    dirty: list[int] = []
    took = Flushes(TARGET, np.random.default_rng(1), written.append, lambda size, _: dirty.append(size))
    took.run(math.inf, budget * MIB)
    assert sum(written) <= budget * MIB
    assert dirty.count(256 * MIB) == largest
    assert 256 * MIB not in dirty[:20]  # it takes long: the others are known before it
    assert {0, 4096} <= set(dirty) or budget < 20


def test_no_page_that_is_flushed_is_like_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(bytes(8 * BLOCK))
    real = os.open
    monkeypatch.setattr(os, "open", lambda file, flags: real(file, flags & ~os.O_DIRECT))
    series = Flushes(
        Target(path, 8 * BLOCK, direct=True), np.random.default_rng(1), lambda _: None, lambda *_: None
    )
    series.run(math.inf, 8 * BLOCK)
    data = path.read_bytes()
    pages = [page for start in range(0, len(data), 4096) if any(page := data[start : start + 4096])]
    assert len(set(pages)) == len(pages) > 1000
