"""Memory's bandwidth and latency: what is read, and what is not taken for a chase."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.builders.sign_records import build
from tests.probes.collected import Collected
from tests.probes.small_guest import meminfo, write
from vpsbench.probes import Request, Unavailable
from vpsbench.probes import bandwidth as probe
from vpsbench.probes.bandwidth import (
    BLOCK,
    LEAST,
    LINE,
    MIB,
    PARTS,
    Options,
    PointerChase,
    Triad,
    area,
    cache,
    is_chain,
    run,
)
from vpsbench.probes.conduct.memory_headroom import MemoryHeadroom

GIB = 1024 * MIB


def test_the_area_is_beyond_the_caches_and_within_what_can_be_spared() -> None:
    assert area(MemoryHeadroom(64 * GIB, 60 * GIB), 32 * MIB, Options()) == GIB
    assert area(MemoryHeadroom(64 * GIB, 60 * GIB), 512 * MIB, Options()) == 2 * GIB
    assert area(MemoryHeadroom(GIB, 800 * MIB), 0, Options()) == int(0.4 * 800 * MIB / PARTS)
    assert area(MemoryHeadroom(512 * MIB, 200 * MIB), 0, Options(share=0.8)) == int((200 - 96) * MIB / PARTS)
    with pytest.raises(Unavailable, match="too little"):
        area(MemoryHeadroom(512 * MIB, 110 * MIB), 0, Options())


def test_the_largest_cache_is_found_where_one_is_told(tmp_path: Path) -> None:
    folder = "sys/devices/system/cpu/cpu0/cache/index"
    files = {f"{folder}{n}/size": f"{size}\n" for n, size in enumerate(("48K", "1024K", "32768K", "odd"))}
    assert cache(write(tmp_path, files)) == 32 * MIB
    assert cache(write(tmp_path / "nothing", {})) == 0


def test_the_triad_adds_all_elements_up() -> None:
    triad = Triad(3 * 8 * (BLOCK + 100))
    assert triad.run() > 0
    assert (triad._a == 1 + 3 * 2).all()  # noqa: SLF001  the sum is the point
    assert triad.elements == BLOCK + 100


def test_the_chain_goes_through_each_cache_line_once() -> None:
    chase = PointerChase(64 * 5000, np.random.default_rng(1))
    assert (chase.run() or 0) > 0
    places = chase._walk  # noqa: SLF001  where it went
    assert is_chain(chase._next, places)  # noqa: SLF001  likewise
    assert len(np.unique(places[:5000])) == 5000
    assert not (places % LINE).any()
    last = places[-1]
    chase.run()
    assert places[0] == last


def test_steps_that_did_not_wait_for_each_other_are_no_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    chase = PointerChase(64 * 5000, np.random.default_rng(1))

    def copied(table: np.ndarray, places: np.ndarray, *, out: np.ndarray, mode: str) -> None:
        assert mode == "clip"
        out[:] = table[places.copy()]

    monkeypatch.setattr(np, "take", copied)
    assert chase.run() is None


def test_a_turn_reads_both_and_says_over_how_much(tmp_path: Path) -> None:
    emit = Collected()
    vcpus = tuple(sorted(os.sched_getaffinity(0)))
    files = write(tmp_path, {"proc/meminfo": meminfo(512 * MIB, 300 * MIB)})
    run(Request(0.2, Options(size=LEAST), 0, "", vcpus, 1), emit, files)
    assert emit.values(probe.AREA) == [pytest.approx(LEAST, rel=0.01)]
    assert min(emit.values(probe.TRIAD)) > 1e6
    assert min(emit.values(probe.LATENCY)) > 0
    assert emit.told() == set(probe.PROBE.metrics)
    assert not emit.events


def test_a_small_guest_has_nothing_beyond_its_caches() -> None:
    assert "too little" in (probe.missing(build({"guest": {"memory_total": 100 * MIB}}).run.guest) or "")
    assert probe.missing(build({}).run.guest) is None


@pytest.mark.parametrize("wrong", [{"share": 0.9}, {"size": -1}, {"floor": -1}])
def test_options_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        Options(**wrong)  # type: ignore[arg-type]  # wrong on purpose
